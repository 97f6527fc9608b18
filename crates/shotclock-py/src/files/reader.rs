//! The reading half of a file that survives: each call takes all that it wants, or nothing.
//!
//! What has come stays in a store until a call hands it out, so that whatever ends a call loses nothing, and the next
//! one goes on where it stopped, without looking at the same bytes again.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;

use crate::ffi::arguments::{Arguments, Buffer};
use crate::ffi::capi::{
    METH_NOARGS, METH_O, Py_None, Py_ssize_t, PyExc_TimeoutError, PyLong_AsSsize_t, PyMethodDef, PyObject, PyTypeObject,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::own_object::{Value, fast, method, object_with, value_of};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::gate::Gate;
use crate::files::receive::receive;
use crate::files::store::{Store, line_in};

/// Up to so much room of a caller is filled directly; if the call fails, what it had put there is copied back into the
/// store.
const DIRECT: usize = 4 << 20;

pub(crate) struct Reader {
    sock: Owned,
    /// How much is read at once, unless more is wanted.
    size: usize,
    pub(crate) gate: Gate,
    state: RefCell<State>,
    is_closed: Cell<bool>,
    /// A signal handler raised in the middle of a try of OpenSSL's: nobody knows whether that had taken a byte.
    is_spoilt: Cell<bool>,
}

#[derive(Default)]
struct State {
    store: Store,
    /// So many bytes of the store were searched, and have no end of a line.
    looked_at: usize,
}

/// `_native.file_reader(sock, size)`.
pub(crate) unsafe extern "C" fn file_reader(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let make = || unsafe {
        let [sock, size] = Arguments::new(arguments, count).exactly()?;
        let (size, sock) = (number(size)?.max(1).unsigned_abs(), Owned::borrowed(sock));
        let (gate, state) = (Gate::new()?, RefCell::default());
        let [is_closed, is_spoilt] = [const { Cell::new(false) }; 2];
        object_with(Reader { sock, size, gate, state, is_closed, is_spoilt })
    };
    returned(make())
}

impl Reader {
    /// Reads once, so many bytes at least if there are as many; 0 at the end, None if it would have to wait and must
    /// not.
    pub(crate) fn fill(&self, state: &mut Store, wanted: usize) -> PyResult<Option<usize>> {
        if self.is_spoilt.get() {
            return Err(exception::os_error(
                "nobody knows whether a read that a handler ended had taken a byte: close it",
            ));
        }
        let outcome = receive(&self.sock, state, wanted.max(self.size), &self.is_spoilt);
        outcome.map_err(|raised| {
            let error = Caught::new(raised);
            // SAFETY: a static of the interpreter.
            if unsafe { error.is(PyExc_TimeoutError) } {
                match state.show() {
                    Ok(partial) => error.set(c"partial", &partial),
                    Err(raised) => drop(exception::take(raised)),
                }
            }
            error.raise()
        })
    }

    /// Runs a call on what has come while no other is inside.
    pub(crate) fn alone<T>(&self, call: impl FnOnce(&mut Store) -> PyResult<T>) -> PyResult<T> {
        self.gate.alone(|| {
            let state = &mut *self.state.borrow_mut();
            let before = state.store.len();
            let outcome = call(&mut state.store);
            if state.store.len() < before || outcome.is_ok() {
                state.looked_at = 0;
            }
            outcome
        })
    }

    pub(crate) fn check_open(&self) -> PyResult<()> {
        if self.is_closed.get() { Err(exception::value_error("I/O operation on closed file.")) } else { Ok(()) }
    }

    fn line(&self, limit: Option<usize>) -> PyResult<Owned> {
        self.check_open()?;
        if self.gate.is_free() {
            let state = &mut *self.state.borrow_mut();
            if limit.is_none()
                && state.looked_at == 0
                && let Some(line) = state.store.take_short_line()
            {
                return line;
            }
            if let Some(line) = state.line_there(limit)? {
                return Ok(line);
            }
        }
        self.gate.alone(|| {
            let state = &mut *self.state.borrow_mut();
            loop {
                if let Some(line) = state.line_there(limit)? {
                    return Ok(line);
                }
                if matches!(self.fill(&mut state.store, 0)?, None | Some(0)) {
                    state.looked_at = 0;
                    let rest = state.store.len();
                    return state.store.take(rest);
                }
            }
        })
    }

    fn read(&self, wanted: Option<usize>) -> PyResult<Owned> {
        self.check_open()?;
        if let Some(wanted) = wanted
            && self.gate.is_free()
        {
            let state = &mut *self.state.borrow_mut();
            if state.store.len() >= wanted {
                state.looked_at = 0;
                return state.store.take(wanted);
            }
        }
        self.alone(|store| {
            loop {
                let missing = wanted.map_or(usize::MAX, |wanted| wanted.saturating_sub(store.len()));
                // Room grows with what has come, whatever the caller asked for.
                let room = missing.min((store.len() / 2).max(64 << 10));
                match if missing == 0 { Some(0) } else { self.fill(store, room)? } {
                    None if store.len() == 0 => return Ok(Owned::none()),
                    None | Some(0) => return store.take(store.len().min(wanted.unwrap_or(usize::MAX))),
                    Some(_) => {}
                }
            }
        })
    }

    fn read_once(&self, wanted: Option<usize>) -> PyResult<Owned> {
        self.check_open()?;
        let wanted = wanted.unwrap_or(self.size);
        if self.gate.is_free() && self.state.borrow().store.len() > 0 {
            let State { store, looked_at } = &mut *self.state.borrow_mut();
            *looked_at = 0;
            return store.take(store.len().min(wanted));
        }
        self.alone(|store| {
            if store.len() == 0 && wanted > 0 {
                self.fill(store, wanted)?;
            }
            store.take(store.len().min(wanted))
        })
    }

    fn peek(&self) -> PyResult<Owned> {
        self.check_open()?;
        self.alone(|store| {
            if store.len() == 0 {
                self.fill(store, 0)?;
            }
            Owned::bytes(store.all())
        })
    }

    /// Fills the caller's room, or reads into it once.
    fn read_into(&self, room: &mut [u8], once: bool) -> PyResult<Owned> {
        self.check_open()?;
        self.alone(|store| {
            while store.len() < room.len() {
                if once && store.len() > 0 {
                    break;
                }
                match self.fill(store, (room.len() - store.len()).min(DIRECT))? {
                    None if store.len() == 0 => return Ok(Owned::none()),
                    None | Some(0) => break,
                    Some(_) => {}
                }
            }
            let count = store.len().min(room.len());
            room[..count].copy_from_slice(&store.all()[..count]);
            store.skip(count);
            Owned::size(count)
        })
    }

    /// All lines, or as many as make up `hint` bytes.
    fn lines(&self, hint: usize) -> PyResult<Owned> {
        self.check_open()?;
        self.alone(|store| {
            let (mut ends, mut end, mut is_end) = (Vec::new(), 0, false);
            loop {
                // All of them are looked for once, when all are there.
                while (hint < usize::MAX || is_end)
                    && let Some(len) = line_in(&store.all()[end..])
                {
                    end += len;
                    ends.push(end);
                    if end > hint {
                        return lines_of(store, &ends);
                    }
                }
                if is_end {
                    if end < store.len() {
                        ends.push(store.len());
                    }
                    return lines_of(store, &ends);
                }
                let room = if hint < usize::MAX { 0 } else { (store.len() / 2).max(64 << 10) };
                is_end = matches!(self.fill(store, room)?, None | Some(0));
            }
        })
    }
}

impl State {
    /// The next line, or as much of it as `limit` allows, if that is there.
    #[inline]
    fn line_there(&mut self, limit: Option<usize>) -> PyResult<Option<Owned>> {
        let limit = limit.unwrap_or(usize::MAX);
        let len = match self.store.line(self.looked_at) {
            Some(len) => len.min(limit),
            None if self.store.len() >= limit => limit,
            None => {
                self.looked_at = self.store.len();
                return Ok(None);
            }
        };
        self.looked_at = 0;
        self.store.take(len).map(Some)
    }
}

fn lines_of(store: &mut Store, ends: &[usize]) -> PyResult<Owned> {
    let mut start = 0;
    let list = Owned::list(ends.iter().map(|&end| {
        let line = Owned::bytes(&store.all()[start..end]);
        start = end;
        line
    }))?;
    store.skip(start);
    Ok(list)
}

/// A size as an argument: None, and what is negative, is no limit.
pub(crate) fn size(arguments: Arguments<'_>) -> PyResult<Option<usize>> {
    let Some(given) = arguments.get(0) else { return Ok(None) };
    // SAFETY: None lives for ever.
    if given == unsafe { Py_None() } {
        return Ok(None);
    }
    number(given).map(|number| usize::try_from(number).ok())
}

fn number(object: *mut PyObject) -> PyResult<Py_ssize_t> {
    // SAFETY: the interpreter is held and the object alive.
    let number = unsafe { PyLong_AsSsize_t(object) };
    if number == -1 && exception::is_raised() { Err(Raised) } else { Ok(number) }
}

impl Value for Reader {
    const NAME: &'static CStr = c"shotclock.FileReader";

    fn made() -> &'static Once<PyTypeObject> {
        static MADE: Once<PyTypeObject> = Once::new();
        &MADE
    }

    fn methods() -> Vec<PyMethodDef> {
        vec![
            fast(c"read", read, None),
            fast(c"read1", read1, None),
            fast(c"peek", peek, None),
            fast(c"readline", readline, None),
            fast(c"readlines", readlines, None),
            method(c"readinto", readinto, METH_O, None),
            method(c"readinto1", readinto1, METH_O, None),
            method(c"close", close, METH_NOARGS, None),
        ]
    }

    unsafe extern "C" fn next(me: *mut PyObject) -> *mut PyObject {
        // SAFETY: an object of this type, alive for the call.
        let line = unsafe { value_of::<Self>(me) }.line(None);
        match line {
            Ok(line) if line.as_bytes().is_ok_and(<[u8]>::is_empty) => std::ptr::null_mut(),
            line => returned(line),
        }
    }
}

/// A method that takes a size, or none, on the value in its object.
macro_rules! with_size {
    ($name:ident, $of:ty, $call:expr) => {
        unsafe extern "C" fn $name(
            me: *mut PyObject,
            arguments: *mut *mut PyObject,
            count: Py_ssize_t,
        ) -> *mut PyObject {
            // SAFETY: the descriptor has checked the type; all are alive for the call.
            let (value, arguments) = unsafe { (value_of::<$of>(me), Arguments::new(arguments, count)) };
            returned(size(arguments).and_then(|size| $call(value, size)))
        }
    };
}
pub(crate) use with_size;

with_size!(read, Reader, Reader::read);
with_size!(read1, Reader, Reader::read_once);
with_size!(peek, Reader, |reader: &Reader, _| reader.peek());
with_size!(readline, Reader, Reader::line);
with_size!(readlines, Reader, |reader: &Reader, hint: Option<usize>| reader
    .lines(hint.filter(|&hint| hint > 0).unwrap_or(usize::MAX)));

unsafe extern "C" fn readinto(me: *mut PyObject, room: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `with_size`.
    let reader = unsafe { value_of::<Reader>(me) };
    returned(Buffer::writable(room).and_then(|mut room| reader.read_into(room.bytes_mut(), false)))
}

unsafe extern "C" fn readinto1(me: *mut PyObject, room: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `with_size`.
    let reader = unsafe { value_of::<Reader>(me) };
    returned(Buffer::writable(room).and_then(|mut room| reader.read_into(room.bytes_mut(), true)))
}

unsafe extern "C" fn close(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `with_size`.
    unsafe { value_of::<Reader>(me) }.is_closed.set(true);
    returned(Ok(Owned::none()))
}
