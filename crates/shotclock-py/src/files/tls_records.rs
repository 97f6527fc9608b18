//! What files and `recv_exact` do over TLS: by OpenSSL's own calls, each byte counted, whatever a handler of a signal raises.
//!
//! `_ssl` runs signal handlers after each try, and if one raises, drops what the try gave. Since the waits are ours
//! here, that can happen only in the moment of a try; and after a read, what is left of the record tells what was
//! taken.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::ffi::arguments::Arguments;
use crate::ffi::call::call_method;
use crate::ffi::capi::{
    Py_None, PyBUF_WRITE, PyExc_OSError, PyLong_AsSize_t, PyMemoryView_FromMemory, PyObject, PyObject_GetAttrString,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::files::store::Store;
use crate::tls::guarded::Guarded;
use crate::tls::original::Passed;
use crate::tls::tls_call::TlsCall;
use crate::tls::tries;

/// The largest record. OpenSSL takes a write of no more than that as a whole or not at all, so that their number is the
/// count of bytes; of a larger one it does not tell, nor of one that has grown since it was begun.
pub(crate) const RECORD: usize = 16 << 10;

/// Stands where OpenSSL is to write a byte; if another value is there afterwards, the byte has come.
const MARK: u8 = 0xff;

/// A connection of OpenSSL's.
pub(crate) struct Records {
    object: Owned,
    guarded: &'static Guarded,
    /// A handler's exception came in the moment of a try, and nobody knows whether that has moved anything.
    pub(crate) is_unsure: Cell<bool>,
}

impl Records {
    /// The TLS connection beneath a socket, if it is `_ssl`'s.
    pub(crate) fn of(sock: &Owned) -> Option<Self> {
        // SAFETY: the interpreter is held, the object is alive, the name ends with a NUL; None lives for ever.
        unsafe {
            let object = Owned::new(PyObject_GetAttrString(sock.as_ptr(), c"_sslobj".as_ptr()));
            let object = object.map_err(exception::take).ok().filter(|object| object.as_ptr() != Py_None())?;
            Self::by(object).map_err(exception::take).ok()
        }
    }

    pub(crate) fn by(object: Owned) -> PyResult<Self> {
        let guarded = Guarded::by_object(object.as_ptr())?;
        Ok(Self { object, guarded, is_unsure: Cell::new(false) })
    }

    /// Receives until the store has so many bytes at least, or fewer at the end of the data. Takes no more of a record
    /// than makes `most` bytes in the store.
    pub(crate) fn receive(&self, store: &mut Store, least: usize, most: usize) -> PyResult<()> {
        tries::in_time(self.guarded, self.object.as_ptr(), TlsCall::Read, || {
            let count = self.read(store, most - store.len())?;
            Ok(count == 0 || store.len() >= least)
        })
    }

    /// Sends records, each whole. So many bytes of the data are the record that an earlier call may have begun, or 0: that
    /// goes on where it is offered again as it was.
    pub(crate) fn send(&self, data: &[u8], begun: usize, sent: &AtomicUsize) -> PyResult<()> {
        tries::in_time(self.guarded, self.object.as_ptr(), TlsCall::Write, || {
            let before = sent.load(Ordering::Relaxed);
            let most = if before == 0 && begun > 0 { begun.min(RECORD) } else { RECORD };
            let rest = &data[before..];
            let record = Owned::bytes(&rest[..rest.len().min(most)])?;
            let part = self.call(TlsCall::Write, &[record.as_ptr()]).map_err(|error| {
                self.is_unsure.set(!is_s_own(&error));
                error.raise()
            })?;
            sent.store(before + part, Ordering::Relaxed);
            Ok(before + part >= data.len())
        })
    }

    /// Reads one record: first its first byte alone, since the number of bytes left then shows that it was taken; then
    /// the rest.
    fn read(&self, store: &mut Store, most: usize) -> PyResult<usize> {
        let before = self.pending()?;
        if before > 0 {
            return self.read_rest(store, before, most);
        }
        match self.read_into(store, 1)? {
            Ok(0) => return Ok(0),
            Ok(count) => store.add(count),
            Err(error) => {
                if self.pending()? > 0 || store.room(1)?[0] != MARK {
                    store.add(1);
                } else {
                    self.is_unsure.set(!is_s_own(&error));
                }
                return Err(error.raise());
            }
        }
        match self.pending()? {
            left if left > 0 && most > 1 => Ok(1 + self.read_rest(store, left, most - 1)?),
            _ => Ok(1),
        }
    }

    fn read_rest(&self, store: &mut Store, left: usize, most: usize) -> PyResult<usize> {
        match self.read_into(store, left.min(most))? {
            Ok(count) => {
                store.add(count);
                Ok(count)
            }
            Err(error) => {
                store.add(left.saturating_sub(self.pending()?));
                Err(error.raise())
            }
        }
    }

    fn read_into(&self, store: &mut Store, len: usize) -> PyResult<Result<usize, Caught>> {
        let room = store.room(len)?;
        room[0] = MARK;
        let start = room.as_mut_ptr();
        // SAFETY: the interpreter is held. The view is released before the room can be freed or moved; where somebody has
        // taken a part of it, the room's object is kept for ever.
        unsafe {
            let view = Owned::new(PyMemoryView_FromMemory(start.cast(), len.cast_signed(), PyBUF_WRITE))?;
            let outcome = self.call(TlsCall::Read, &[Owned::size(len)?.as_ptr(), view.as_ptr()]);
            if call_method(&view, c"release").is_err() {
                store.keep_for_ever();
                return Err(Raised);
            }
            Ok(outcome.map(|count| count.min(len)))
        }
    }

    /// How many bytes of a record are left in OpenSSL.
    fn pending(&self) -> PyResult<usize> {
        count_of(&call_method(&self.object, c"pending")?)
    }

    /// The interpreter's own call, which says how many bytes it has moved.
    fn call(&self, call: TlsCall, arguments: &[*mut PyObject]) -> Result<usize, Caught> {
        // SAFETY: the caller's arguments are alive.
        let arguments = unsafe { Arguments::new(arguments.as_ptr().cast_mut(), arguments.len().cast_signed()) };
        let count = self.guarded.call_original(call, self.object.as_ptr(), Passed::Vector(arguments));
        count.and_then(|count| count_of(&count)).map_err(Caught::new)
    }
}

/// Whether an exception is the call's own. C code raises it, so that it has no traceback; a signal handler's has come
/// through a Python frame.
fn is_s_own(error: &Caught) -> bool {
    // SAFETY: a static of the interpreter.
    unsafe { error.is(PyExc_OSError) && !error.has_traceback() }
}

fn count_of(count: &Owned) -> PyResult<usize> {
    // SAFETY: the interpreter is held, the object is alive.
    let count = unsafe { PyLong_AsSize_t(count.as_ptr()) };
    if exception::is_raised() { Err(Raised) } else { Ok(count) }
}
