//! How a file receives: as its socket's `recv_into` does, into room of its own.

use std::cell::Cell;

use crate::ffi::call::{call, call_method};
use crate::ffi::capi::{
    PyBUF_WRITE, PyExc_BlockingIOError, PyImport_ImportModule, PyLong_AsSize_t, PyMemoryView_FromMemory,
    PyObject_GetAttrString, PyObject_IsTrue,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::exception::Kept;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::files::bound::Bound;
use crate::files::store::Store;
use crate::files::tls_records::{RECORD, Records};
use crate::methods::transfer;

/// Receives once; how many bytes have come, 0 at the end of the data, None where a socket that does not wait has none.
///
/// Through the method in Rust no signal handler runs once bytes have come. A call of OpenSSL's may leave unknown
/// whether it has taken a byte: then `is_spoilt` is set.
pub(crate) fn receive(
    sock: &Owned,
    store: &mut Store,
    wanted: usize,
    is_spoilt: &Cell<bool>,
) -> PyResult<Option<usize>> {
    // SAFETY: the interpreter is held, the object alive, the name ends with a NUL.
    let method = Owned::new(unsafe { PyObject_GetAttrString(sock.as_ptr(), c"recv_into".as_ptr()) })?;
    let outcome = if let Some(bound) = Bound::of(&method, (transfer::recv_into as *const ()).addr()) {
        transfer::receive(bound.socket(), store.room(wanted)?, 0)
    } else if let Some(records) = Records::of(sock) {
        return by_tls(sock, &records, store, is_spoilt);
    } else {
        by_method(&method, store, wanted)
    };
    match outcome {
        Ok(count) => {
            store.add(count);
            Ok(Some(count))
        }
        Err(raised) => {
            let error = Caught::new(raised);
            // SAFETY: a static of the interpreter.
            if unsafe { error.is(PyExc_BlockingIOError) } { Ok(None) } else { Err(error.raise()) }
        }
    }
}

/// By OpenSSL's own call, since a signal handler that ran around it could lose what has come.
fn by_tls(sock: &Owned, records: &Records, store: &mut Store, is_spoilt: &Cell<bool>) -> PyResult<Option<usize>> {
    let before = store.len();
    match records.receive(store, before + 1, before + RECORD) {
        Ok(()) => Ok(Some(store.len() - before)),
        Err(raised) => {
            let error = Caught::new(raised);
            is_spoilt.set(records.is_unsure.get());
            if ends_the_data(sock, &error)? { Ok(Some(0)) } else { Err(error.raise()) }
        }
    }
}

/// Whether the peer has ended the connection without TLS's goodbye, and the program takes that for the end of the data.
pub(crate) fn ends_the_data(sock: &Owned, error: &Caught) -> PyResult<bool> {
    // SAFETY: the interpreter is held, the objects are alive, names end with a NUL.
    unsafe {
        let module = Owned::new(PyImport_ImportModule(c"_ssl".as_ptr()))?;
        let ended = Owned::new(PyObject_GetAttrString(module.as_ptr(), c"SSLEOFError".as_ptr()))?;
        if !error.is(ended.as_ptr()) {
            return Ok(false);
        }
        let suppress = Owned::new(PyObject_GetAttrString(sock.as_ptr(), c"suppress_ragged_eofs".as_ptr()))?;
        Ok(PyObject_IsTrue(suppress.as_ptr()) == 1)
    }
}

fn by_method(method: &Owned, store: &mut Store, wanted: usize) -> PyResult<usize> {
    let room = store.room(wanted)?;
    let (start, len) = (room.as_mut_ptr(), room.len());
    // SAFETY: the interpreter is held. The view is released before the room can be freed or moved; where somebody has taken
    // a part of it, the room's object is kept for ever.
    unsafe {
        let view = Owned::new(PyMemoryView_FromMemory(start.cast(), len.cast_signed(), PyBUF_WRITE))?;
        let outcome =
            call(method.as_ptr(), Owned::tuple(std::iter::once(view.as_ptr()))?.as_ptr(), std::ptr::null_mut());
        let kept = outcome.is_err().then(Kept::take);
        if call_method(&view, c"release").is_err() {
            store.keep_for_ever();
            return Err(Raised);
        }
        if let Some(kept) = kept {
            kept.restore();
        }
        let count = PyLong_AsSize_t(outcome?.as_ptr());
        if exception::is_raised() { Err(Raised) } else { Ok(count.min(len)) }
    }
}
