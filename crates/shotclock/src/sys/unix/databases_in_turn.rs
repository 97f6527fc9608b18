//! Services and protocols by calls that are not reentrant, one lookup at a time: musl has no other way to protocols, macOS
//! none to either.
//!
//! A call by other code of the program at the same time may spoil an answer: musl has one entry for all. macOS keeps one for
//! each thread, which no manual promises.

use std::ffi::CStr;
#[cfg(not(target_env = "musl"))]
use std::ffi::{CString, c_int};
use std::sync::{Mutex, PoisonError};

#[cfg(not(target_env = "musl"))]
use super::address_info::{pointer, port, text};
use super::fork::PerProcess;
use crate::sys::lookup::Failure;

/// A forked child has one of its own: the parent's may be held by a thread that is not there.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(|| Mutex::new(()), forget_turn);

extern "C" fn forget_turn() {
    TURN.forget();
}

/// Asks when nobody else does, and copies the answer before anybody does.
fn in_turn<T>(ask: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
    let _turn = TURN.get().lock().unwrap_or_else(PoisonError::into_inner);
    ask().ok_or(Failure::NotFound)
}

/// The protocol's number.
pub(crate) fn protocol_by_name(name: &CStr) -> Result<i32, Failure> {
    // SAFETY: a C string, and null or an entry that stays as it is until the next call, which waits for its turn.
    in_turn(|| unsafe { libc::getprotobyname(name.as_ptr()).as_ref() }.map(|entry| entry.p_proto))
}

/// The service's port, 0 to 65535. Source: getservbyname(3).
#[cfg(not(target_env = "musl"))]
pub(crate) fn service_by_name(name: &CStr, protocol: Option<&CStr>) -> Result<u16, Failure> {
    in_turn(|| {
        // SAFETY: C strings or null; the entry as in `protocol_by_name`.
        let entry = unsafe { libc::getservbyname(name.as_ptr(), pointer(protocol)).as_ref() };
        entry.map(|entry| port(entry.s_port))
    })
}

/// The service's name. Source: getservbyport(3).
#[cfg(not(target_env = "musl"))]
pub(crate) fn service_by_port(number: u16, protocol: Option<&CStr>) -> Result<CString, Failure> {
    in_turn(|| {
        // SAFETY: a C string or null; the entry as in `protocol_by_name`, and its name null or a C string as long.
        unsafe {
            let entry = getservbyport(c_int::from(number.to_be()), pointer(protocol)).as_ref()?;
            text(entry.s_name)
        }
    })
}

// The libc crate does not declare it; netdb.h.
#[cfg(not(target_env = "musl"))]
unsafe extern "C" {
    fn getservbyport(port: c_int, protocol: *const std::ffi::c_char) -> *mut libc::servent;
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

    #[test]
    #[cfg(not(target_env = "musl"))]
    fn so_it_is_with_services() {
        thread::scope(|scope| {
            for (name, number) in [(c"http", 80), (c"ssh", 22)] {
                scope.spawn(move || {
                    for _ in 0..200 {
                        assert_eq!(service_by_name(name, Some(c"tcp")), Ok(number));
                        assert_eq!(service_by_port(number, Some(c"tcp")), Ok(name.to_owned()));
                    }
                });
            }
        });
        assert_eq!(service_by_name(c"no such service", None), Err(Failure::NotFound));
    }
}
