//! OpenSSL objects whose last read had to wait: the next one is likely to wait as well, and does so before its first try,
//! which saves that, and the exception by which `_ssl` says that it would have to wait.
//!
//! It must not wait where a try would end: so neither before a handshake is over or after a failure, nor while OpenSSL has
//! something that was received, or knows of the connection's end. The last of these it does not tell. But it learns of it
//! by a read or a shutdown alone: after each that did not give bytes, or that was not tried here, objects are not known.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ffi::arguments::{Buffer, int};
use crate::ffi::capi::{PyErr_Clear, PyLong_CheckExact, PyObject, PyObject_IsTrue};
use crate::ffi::owned::Owned;
use crate::ffi::raised::Raised;
use crate::tls::guarded::Guarded;
use crate::tls::original::Passed;

/// The objects, by address, each where that says. Whoever comes later takes the place. Changed with the interpreter held.
static SILENT: [AtomicUsize; 64] = [const { AtomicUsize::new(NOBODY) }; 64];

const NOBODY: usize = 0;

/// Where a read that waits puts its bytes: memory of the program's, which stays in place meanwhile, or an object to come.
pub(crate) struct Room(pub(crate) Option<Buffer>);

/// For a read that is to wait before it tries.
#[inline]
pub(crate) fn room_to_wait(guarded: &Guarded, object: *mut PyObject, passed: Passed<'_>) -> Option<Room> {
    let is_known = place(object).load(Ordering::Relaxed) == object.addr();
    if is_known && guarded.is_idle(object) { room(passed) } else { None }
}

/// A read of the object that was tried here is done.
pub(crate) fn note(object: *mut PyObject, has_waited: bool, result: &Owned) {
    // SAFETY: the interpreter is held; bytes or a number, of which this runs no code.
    if has_waited && unsafe { PyObject_IsTrue(result.as_ptr()) } == 1 {
        place(object).store(object.addr(), Ordering::Relaxed);
    } else {
        forget(object);
    }
}

/// What may have been received is not known.
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

/// The room of a read that has to wait for bytes, whatever they are: `_ssl` finds fault with none of its arguments.
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
