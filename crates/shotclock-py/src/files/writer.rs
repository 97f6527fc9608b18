//! The writing half of a file that survives: what it is given goes out once, in order, even if limits end calls in
//! between.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::sync::atomic::AtomicUsize;

use shotclock::unstable::Errno;

use crate::ffi::arguments::{Arguments, Buffer};
use crate::ffi::call::check_signals;
use crate::ffi::capi::{
    METH_NOARGS, METH_O, Py_ssize_t, PyBytes_CheckExact, PyExc_BlockingIOError, PyExc_OSError, PyLong_AsSsize_t,
    PyMethodDef, PyObject, PyTypeObject,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::own_object::{Value, method, object_with, value_of};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::gate::Gate;
use crate::files::send;
use crate::files::send::Way;
use crate::files::tls_records::RECORD;

pub(crate) struct Writer {
    sock: Owned,
    /// How much may wait before it is sent.
    size: usize,
    gate: Gate,
    queue: RefCell<Queue>,
    is_closed: Cell<bool>,
    /// A write was ended, and none has gone on with it since.
    has_ended: Cell<bool>,
    /// It is being closed: then a write that was ended once waits no more.
    is_closing: Cell<bool>,
    /// A signal handler raised in the middle of a try of OpenSSL's, or in a method of the socket's own class: nobody
    /// knows whether that had sent.
    is_spoilt: Cell<bool>,
}

/// What waits to be sent: large pieces as they were given, and then small ones in one.
#[derive(Default)]
struct Queue {
    pieces: VecDeque<(Owned, usize)>,
    tail: Vec<u8>,
    /// How much of the tail OpenSSL may have begun to send as one record, while no piece is before it.
    begun: usize,
    len: usize,
}

impl Queue {
    fn take_over(&mut self, whole: Option<&Owned>, bytes: &[u8], size: usize) -> PyResult<()> {
        if bytes.len() <= size {
            self.tail.extend_from_slice(bytes);
        } else {
            self.close_tail()?;
            // SAFETY: alive.
            let shared = whole.map(|whole| unsafe { Owned::borrowed(whole.as_ptr()) });
            self.pieces.push_back((shared.map_or_else(|| Owned::bytes(bytes), Ok)?, 0));
        }
        self.len += bytes.len();
        Ok(())
    }

    fn close_tail(&mut self) -> PyResult<()> {
        if !self.tail.is_empty() {
            let (begun, rest) = self.tail.split_at(self.begun);
            let parts = [begun, rest].into_iter().filter(|part| !part.is_empty()).map(Owned::bytes);
            let parts = parts.collect::<PyResult<Vec<_>>>()?;
            self.pieces.extend(parts.into_iter().map(|part| (part, 0)));
            self.tail.clear();
            self.begun = 0;
        }
        Ok(())
    }

    /// A call of OpenSSL's on the front has ended without having sent all of it.
    fn may_have_begun(&mut self) {
        if self.pieces.is_empty() && self.begun == 0 {
            self.begun = self.tail.len().min(RECORD);
        }
    }

    fn sent(&mut self, count: usize) {
        self.len -= count;
        let Some((piece, start)) = self.pieces.front_mut() else {
            self.tail.drain(..count);
            self.begun = self.begun.saturating_sub(count);
            return;
        };
        *start += count;
        if piece.as_bytes().is_ok_and(|bytes| bytes.len() <= *start) {
            self.pieces.pop_front();
        }
    }
}

/// `_native.file_writer(sock, size)`.
pub(crate) unsafe extern "C" fn file_writer(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let make = || unsafe {
        let [sock, size] = Arguments::new(arguments, count).exactly()?;
        let (size, sock) = (PyLong_AsSsize_t(size).max(1).unsigned_abs(), Owned::borrowed(sock));
        let (gate, queue) = (Gate::new()?, RefCell::default());
        let [is_closed, is_spoilt, has_ended, is_closing] = [const { Cell::new(false) }; 4];
        object_with(Writer { sock, size, gate, queue, is_closed, has_ended, is_closing, is_spoilt })
    };
    returned(make())
}

impl Writer {
    fn write(&self, data: *mut PyObject) -> PyResult<Owned> {
        self.check_open("write to closed file")?;
        // SAFETY: alive. Bytes never change, so that a large object of them need not be copied.
        let whole = unsafe { (PyBytes_CheckExact(data) != 0).then(|| Owned::borrowed(data)) };
        let buffer = Buffer::of(data)?;
        self.take(whole.as_ref(), buffer.bytes())?;
        Owned::size(buffer.len())
    }

    /// Takes bytes over, and sends if there are more than may wait. `whole` is a bytes object of just these, which
    /// never changes.
    pub(crate) fn take(&self, whole: Option<&Owned>, bytes: &[u8]) -> PyResult<()> {
        if self.gate.is_free() {
            let queue = &mut *self.queue.borrow_mut();
            if queue.len + bytes.len() <= self.size {
                return queue.take_over(whole, bytes, self.size);
            }
        }
        self.gate.alone(|| {
            self.queue.borrow_mut().take_over(whole, bytes, self.size)?;
            self.send_all()
        })
    }

    pub(crate) fn flush(&self) -> PyResult<Owned> {
        self.check_open("flush of closed file")?;
        self.gate.alone(|| self.send_all())?;
        Ok(Owned::none())
    }

    fn send_all(&self) -> PyResult<()> {
        let mut before = 0;
        while self.queue.borrow().len > 0 {
            if self.is_spoilt.get() {
                return Err(exception::os_error(
                    "nobody knows how much a write that a handler ended had sent: close it",
                ));
            }
            let sent = AtomicUsize::new(0);
            let way = Way::of(&self.sock)?;
            let outcome = self.send_front(&way, &sent);
            let sent = sent.into_inner();
            self.queue.borrow_mut().sent(sent);
            outcome.map_err(|raised| self.told_end(raised, Some(&way), before, sent))?;
            before += sent;
            // What has gone out is counted: now signal handlers may raise.
            check_signals().map_err(|raised| self.told_end(raised, None, before, 0))?;
        }
        self.has_ended.set(false);
        Ok(())
    }

    fn send_front(&self, way: &Way, sent: &AtomicUsize) -> PyResult<()> {
        let queue = self.queue.borrow();
        let data = match queue.pieces.front() {
            Some((piece, start)) => &piece.as_bytes()?[*start..],
            None => &queue.tail,
        };
        let waits = !(self.is_closing.get() && self.has_ended.get());
        match way {
            Way::Plain(bound) if !waits => send::now(bound.socket(), data, sent),
            _ if !waits => Err(exception::raise_errno(Errno::AGAIN)),
            Way::Plain(bound) => send::in_time(bound.socket(), data, sent),
            Way::Tls(records) => records.send(data, queue.begun, sent),
            Way::Other => send::by_method(&self.sock, Owned::bytes(data)?.as_ptr(), sent),
        }
    }

    fn told_end(&self, raised: Raised, way: Option<&Way>, before: usize, sent: usize) -> Raised {
        self.has_ended.set(true);
        let error = Caught::new(raised);
        // SAFETY: statics of the interpreter.
        let (is_system_s, would_block) = unsafe { (error.is(PyExc_OSError), error.is(PyExc_BlockingIOError)) };
        self.is_spoilt.set(match way {
            Some(Way::Tls(records)) => records.is_unsure.get(),
            Some(Way::Other) => !is_system_s,
            Some(Way::Plain(_)) | None => false,
        });
        if matches!(way, Some(Way::Tls(_))) {
            self.queue.borrow_mut().may_have_begun();
        }
        if !self.is_spoilt.get()
            && let Ok(all) = Owned::size(before + sent)
        {
            error.set(c"sent", &all);
        }
        if would_block && let Ok(none) = Owned::int(0) {
            error.set(c"characters_written", &none);
        }
        error.raise()
    }

    pub(crate) fn check_open(&self, why: &str) -> PyResult<()> {
        if self.is_closed.get() { Err(exception::value_error(why)) } else { Ok(()) }
    }
}

impl Value for Writer {
    const NAME: &'static CStr = c"shotclock.FileWriter";

    fn made() -> &'static Once<PyTypeObject> {
        static MADE: Once<PyTypeObject> = Once::new();
        &MADE
    }

    fn methods() -> Vec<PyMethodDef> {
        vec![
            method(c"write", write, METH_O, None),
            method(c"flush", flush, METH_NOARGS, None),
            method(c"begin_to_close", begin_to_close, METH_NOARGS, None),
            method(c"close", close, METH_NOARGS, None),
        ]
    }

    unsafe extern "C" fn next(_: *mut PyObject) -> *mut PyObject {
        std::ptr::null_mut()
    }
}

unsafe extern "C" fn write(me: *mut PyObject, data: *mut PyObject) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; both are alive for the call.
    returned(unsafe { value_of::<Writer>(me) }.write(data))
}

unsafe extern "C" fn flush(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `write`.
    returned(unsafe { value_of::<Writer>(me) }.flush())
}

/// From now on a write that was ended once waits no more.
unsafe extern "C" fn begin_to_close(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `write`.
    unsafe { value_of::<Writer>(me) }.is_closing.set(true);
    returned(Ok(Owned::none()))
}

unsafe extern "C" fn close(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `write`.
    unsafe { value_of::<Writer>(me) }.is_closed.set(true);
    returned(Ok(Owned::none()))
}
