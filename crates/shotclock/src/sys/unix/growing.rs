//! Buffers that grow until an answer fits.

use std::ffi::{c_char, c_int};

use super::{Errno, last_errno};
use crate::sys::lookup::Failure;

/// The longest answer that is read, in bytes: a hundred times what a name server can send.
const LARGEST_BUFFER: usize = 8 << 20;

/// Asks with ever larger buffers, as long as there is no answer.
pub(crate) fn growing<T>(mut ask: impl FnMut(&mut [c_char]) -> Option<Result<T, Failure>>) -> Result<T, Failure> {
    let mut size = 1 << 11;
    while size <= LARGEST_BUFFER {
        if let Some(result) = ask(&mut vec![0; size]) {
            return result;
        }
        size *= 4;
    }
    Err(Failure::System(Errno::RANGE))
}

/// The error number of a call that gives it, or leaves it in errno and gives -1: FreeBSD has calls of either sort, and no
/// manual tells which. Source: gethostnamadr.c and getservent.c of its C library.
pub(crate) fn errno_of(returned: c_int) -> c_int {
    if returned == -1 { last_errno().raw_os_error() } else { returned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_until_the_answer_fits_but_not_for_ever() {
        let mut sizes = Vec::new();
        let fits = growing(|buffer| {
            sizes.push(buffer.len());
            (buffer.len() > 10_000).then_some(Ok(7))
        });
        assert_eq!(fits, Ok(7));
        assert_eq!(sizes, [2048, 8192, 32768]);
        assert_eq!(growing::<()>(|_| None), Err(Failure::System(Errno::RANGE)));
    }
}
