//! `_native.sendfile`, for socket.py's sendfile, which otherwise waits by a selector of its own.

use std::ffi::{c_int, c_longlong};
use std::os::fd::{BorrowedFd, RawFd};

use shotclock::Phase;
use shotclock::unstable::{Pause, Readiness, syscall};

use crate::ffi::capi::{Py_ssize_t, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::wait::expiry::Moved;
use crate::wait::lent::Call;
use crate::wait::timing::{First, Timing};

/// `_native.sendfile(sock, file, offset, count, before)`: how many bytes of the file's descriptor went out, 0 at its
/// end. An exception says how many did in all, with the `before` that had gone out before.
pub(crate) unsafe extern "C" fn sendfile(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(sendfile_checked(arguments))
}

fn sendfile_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let Part { socket, file, offset, count, before } = parse(arguments)?;
    let timing = Timing::of(socket, Phase::Send)?;
    let mut send = Call::new(Readiness::OUT, |fd| {
        let mut offset = offset;
        // SAFETY: not negative, and never bad memory; which file the number stands for is the program's business, as in
        // os.sendfile.
        let file = unsafe { BorrowedFd::borrow_raw(file) };
        // Would-block is waited out without a timeout, too: socket.py does so where somebody else has made the
        // descriptor non-blocking.
        syscall::sendfile(fd, file, &mut offset, count).map_err(Pause::from)
    });
    let sent = timing.run(&mut send, First::Try);
    Owned::size(sent.map_err(|stop| timing.raise_after(stop, Moved::Sent(before)))?)
}

struct Part {
    socket: SocketRef,
    /// The number of the file's descriptor, not negative.
    file: RawFd,
    offset: u64,
    count: usize,
    before: usize,
}

fn parse(arguments: *mut PyObject) -> PyResult<Part> {
    let (mut object, mut number): (*mut PyObject, c_int) = (std::ptr::null_mut(), -1);
    let (mut offset, mut count, mut before): (c_longlong, Py_ssize_t, Py_ssize_t) = (0, 0, 0);
    let format = c"OiLn|n:sendfile".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The socket's type is
    // checked before it is read.
    unsafe {
        let (a, b, c, d, e) = (&raw mut object, &raw mut number, &raw mut offset, &raw mut count, &raw mut before);
        if variadic!(PyArg_ParseTuple(arguments, format, a, b, c, d, e)) == 0 {
            return Err(Raised);
        }
        if !is_socket(object)? {
            return Err(exception::type_error("sendfile() takes a socket"));
        }
        let numbers = (u64::try_from(offset), usize::try_from(count), usize::try_from(before), number >= 0);
        let (Ok(offset), Ok(count), Ok(before), true) = numbers else {
            return Err(exception::value_error("sendfile() takes a descriptor, an offset and counts, none negative"));
        };
        Ok(Part { socket: SocketRef::new(object), file: number, offset, count, before })
    }
}
