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
