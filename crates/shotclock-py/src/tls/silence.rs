//! OpenSSL objects whose last read had to wait: the next one is likely to wait as well. It waits before its first try,
//! which saves a try in vain and the exception by which `_ssl` says so.
//!
//! It must not wait where a try would end at once: before a handshake is over, after a failure, while OpenSSL still has
//! received bytes, or once it knows of the connection's end. OpenSSL does not tell the last of these, but learns of it
//! only by a read or a shutdown. So an object is forgotten after each of these that gave no bytes, or that was not
//! tried here.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ffi::arguments::{Buffer, int};
use crate::ffi::capi::{PyErr_Clear, PyLong_CheckExact, PyObject, PyObject_IsTrue};
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::tls::guarded::Guarded;
use crate::tls::original::Passed;

/// The objects, by address, each in the place that its address says. A later one takes the place of an earlier one.
/// Changed with the interpreter held.
static SILENT: [AtomicUsize; 64] = [const { AtomicUsize::new(NOBODY) }; 64];

const NOBODY: usize = 0;

/// Where a read that waits puts its bytes: memory of the program's, which stays in place meanwhile, or an object to come.
pub(crate) struct Room(pub(crate) Option<Buffer>);

/// The room of a read that is to wait before it tries; none if it is to try first.
#[inline]
pub(crate) fn room_to_wait(guarded: &Guarded, object: *mut PyObject, passed: Passed<'_>) -> Option<Room> {
    let is_known = place(object).load(Ordering::Relaxed) == object.addr();
    if is_known && guarded.is_idle(object) { room(passed) } else { None }
}

/// Notes that a read of the object, tried here, is done.
pub(crate) fn note(object: *mut PyObject, has_waited: bool, result: &Owned) {
    // SAFETY: the interpreter is held; bytes or a number, of which this runs no code.
    if has_waited && unsafe { PyObject_IsTrue(result.as_ptr()) } == 1 {
        place(object).store(object.addr(), Ordering::Relaxed);
    } else {
        forget(object);
    }
}

/// Forgets the object: OpenSSL may have received something.
#[inline]
pub(crate) fn forget(object: *mut PyObject) {
    let place = place(object);
    if place.load(Ordering::Relaxed) == object.addr() {
        place.store(NOBODY, Ordering::Relaxed);
    }
}

#[inline]
fn place(object: *mut PyObject) -> &'static AtomicUsize {
    &SILENT[(object.addr() >> 6) % SILENT.len()]
}

/// The room of a read, if `_ssl` would accept its arguments and have to wait for bytes.
fn room(passed: Passed<'_>) -> Option<Room> {
    let size = passed.get(0).filter(|_| passed.len() <= 2)?;
    // SAFETY: alive. Of other objects code might run.
    if unsafe { PyLong_CheckExact(size) } == 0 {
        return None;
    }
    let look = || {
        let buffer = passed.get(1).map(Buffer::writable).transpose()?;
        let takes = |buffer: &Buffer| (1..=i32::MAX as usize).contains(&buffer.len());
        Ok((int(size)? > 0 && buffer.as_ref().is_none_or(takes)).then_some(Room(buffer)))
    };
    look().unwrap_or_else(|Raised| {
        // SAFETY: the interpreter is held. `_ssl` says it itself.
        unsafe { PyErr_Clear() };
        None
    })
}
