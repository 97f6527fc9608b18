//! Protocols by getprotobyname(3), one lookup at a time: for systems that have no reentrant form, as musl.
//!
//! A call by other code of the program at the same time may spoil an answer: musl has one entry for all.

use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};

use super::fork::PerProcess;
use crate::sys::lookup::Failure;

/// A forked child has one of its own: the parent's may be held by a thread that is not there.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(|| Mutex::new(()), forget_turn);

extern "C" fn forget_turn() {
    TURN.forget();
}

/// The protocol's number.
pub(crate) fn protocol_by_name(name: &CStr) -> Result<i32, Failure> {
    let _turn = TURN.get().lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a C string, and null or an entry that stays as it is until the next call, which waits for its turn.
    let entry = unsafe { libc::getprotobyname(name.as_ptr()).as_ref() };
    entry.map(|entry| entry.p_proto).ok_or(Failure::NotFound)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn each_thread_has_the_answer_to_its_own_question() {
        let known = [(c"tcp", Ok(6)), (c"udp", Ok(17)), (c"icmp", Ok(1)), (c"no-such", Err(Failure::NotFound))];
        thread::scope(|scope| {
            for (name, number) in known {
                scope.spawn(move || (0..2000).for_each(|_| assert_eq!(protocol_by_name(name), number, "{name:?}")));
            }
        });
    }
}
