//! The reading half of a text file that survives, over the reader of bytes.
//!
//! Bytes leave that reader once they are text; text stays in one string until a call hands it out.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char};
use std::ptr;

use shotclock::unstable::Errno;

use crate::ffi::arguments::Arguments;
use crate::ffi::call::{call, call_method, call_method_with};
use crate::ffi::capi::{
    METH_NOARGS, Py_None, Py_ssize_t, PyExc_TimeoutError, PyExc_UnicodeError, PyMethodDef, PyObject,
    PyObject_GetAttrString, PyTypeObject, PyUnicode_Append, PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8Stateful,
    PyUnicode_Find, PyUnicode_FindChar, PyUnicode_GetLength, PyUnicode_Substring,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::own_object::{Value, fast, method, object_with, value_of};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::gate::Gate;
use crate::files::reader::{Reader, size, with_size};
use crate::files::store::Store;

/// How much is read at once.
const CHUNK: usize = 8192;

struct Text {
    /// A [`Reader`].
    bytes: Owned,
    /// For UTF-8, how its errors are handled; for another encoding, the incremental decoder.
    errors: Owned,
    decoder: Option<Owned>,
    /// Translates the ends of lines, or holds a \r back until it is known what follows.
    newlines: Option<Owned>,
    /// The end of a line; empty for any.
    newline: Owned,
    gate: Gate,
    state: RefCell<State>,
    has_read: Cell<bool>,
}

struct State {
    /// None stands for no text.
    text: Option<Owned>,
    start: usize,
    len: usize,
    /// Up to here the text was searched, and has no end of a line.
    looked_at: usize,
}

/// `_native.file_text(reader, errors, decoder, newlines, newline)`.
pub(crate) unsafe extern "C" fn file_text(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let make = || unsafe {
        let all = Arguments::new(arguments, count).exactly::<5>()?;
        let given = |object: *mut PyObject| (object != Py_None()).then(|| Owned::borrowed(object));
        let [bytes, errors, newline] = [all[0], all[1], all[4]].map(|object| Owned::borrowed(object));
        let state = RefCell::new(State { text: None, start: 0, len: 0, looked_at: 0 });
        let (decoder, newlines, gate) = (given(all[2]), given(all[3]), Gate::new()?);
        object_with(Text { bytes, errors, decoder, newlines, newline, gate, state, has_read: Cell::new(false) })
    };
    returned(make())
}

impl Text {
    fn reader(&self) -> &Reader {
        // SAFETY: made by `file_reader`, which the one caller of `file_text` sees to, and alive.
        unsafe { value_of(self.bytes.as_ptr()) }
    }

    fn line(&self, limit: Option<usize>) -> PyResult<Owned> {
        self.reader().check_open()?;
        let limit = limit.unwrap_or(usize::MAX);
        if self.gate.is_free()
            && let Some(line) = self.line_there(&mut self.state.borrow_mut(), limit)?
        {
            return Ok(line);
        }
        self.gate.alone(|| {
            let state = &mut *self.state.borrow_mut();
            loop {
                if let Some(line) = self.line_there(state, limit)? {
                    return Ok(line);
                }
                if !self.more(state)? {
                    let end = self.line_end(state)?.unwrap_or(state.len);
                    return state.take((end - state.start).min(limit));
                }
            }
        })
    }

    fn read(&self, wanted: Option<usize>) -> PyResult<Owned> {
        self.reader().check_open()?;
        if let Some(wanted) = wanted
            && self.gate.is_free()
            && self.state.borrow().rest() >= wanted
        {
            return self.state.borrow_mut().take(wanted);
        }
        self.gate.alone(|| {
            let state = &mut *self.state.borrow_mut();
            while wanted.is_none_or(|wanted| state.rest() < wanted) && self.more(state)? {}
            state.take(state.rest().min(wanted.unwrap_or(usize::MAX)))
        })
    }

    /// All lines, or as many as make up `hint` characters.
    fn lines(&self, hint: Option<usize>) -> PyResult<Owned> {
        self.reader().check_open()?;
        let hint = hint.filter(|&hint| hint > 0);
        self.gate.alone(|| {
            let state = &mut *self.state.borrow_mut();
            // All of them are looked for once, when all are there.
            while hint.is_none() && self.more(state)? {}
            let mut lines = Vec::new();
            state.forget_front()?;
            let outcome = self.collect_lines(state, hint, &mut lines);
            if outcome.is_err() {
                (state.start, state.looked_at) = (0, 0);
            }
            outcome.map_err(|raised| state.show_partial(raised))?;
            Owned::list(lines.into_iter().map(Ok))
        })
    }

    fn collect_lines(&self, state: &mut State, hint: Option<usize>, lines: &mut Vec<Owned>) -> PyResult<()> {
        while hint.is_none_or(|hint| state.start <= hint) {
            while self.line_end(state)?.is_none() && hint.is_some() && self.append_more(state)? {}
            let end = self.line_end(state)?.unwrap_or(state.len);
            if end == state.start {
                break;
            }
            lines.push(state.substring(state.start, end)?);
            (state.start, state.looked_at) = (end, end);
        }
        Ok(())
    }

    #[inline]
    fn line_there(&self, state: &mut State, limit: usize) -> PyResult<Option<Owned>> {
        let len = match self.line_end(state)? {
            Some(end) => (end - state.start).min(limit),
            None if state.rest() >= limit => limit,
            None => return Ok(None),
        };
        state.take(len).map(Some)
    }

    /// Where the first line ends.
    fn line_end(&self, state: &mut State) -> PyResult<Option<usize>> {
        let Some(text) = &state.text else { return Ok(None) };
        let from = state.looked_at.max(state.start);
        let newline = utf8(&self.newline)?;
        let found = match newline {
            [] => any_end(text, from, state.len)?,
            &[one] => find_char(text, one, from, state.len)?.map(|at| at + 1),
            several => {
                // Half of it may have come already.
                let from = from.saturating_sub(several.len() - 1).max(state.start);
                find(text, &self.newline, from, state.len)?.map(|at| at + several.len())
            }
        };
        if found.is_none() {
            state.looked_at = state.len;
        }
        Ok(found)
    }

    /// Reads what there is, and appends it as text; false at the end.
    fn more(&self, state: &mut State) -> PyResult<bool> {
        state.forget_front()?;
        self.append_more(state).map_err(|raised| state.show_partial(raised))
    }

    fn append_more(&self, state: &mut State) -> PyResult<bool> {
        self.reader().alone(|store| {
            let mut is_end = false;
            if store.len() == 0 || self.needs_more(store) {
                // More at once the more there is, since each appending may move what is there.
                let wanted = CHUNK.max(state.rest() / 4);
                // No bytes because it would have to wait is not the end of the data: a part of a character is an error
                // only there.
                let count = self.reader().fill(store, wanted)?.ok_or_else(|| exception::raise_errno(Errno::AGAIN))?;
                is_end = count == 0;
            }
            state.append(self.decoded(store, is_end)?)?;
            Ok(!is_end)
        })
    }

    /// Whether what is there was looked at, and is a part of a character.
    fn needs_more(&self, store: &Store) -> bool {
        self.decoder.is_none() && store.len() < 4
    }

    /// The text of what has come, which leaves the store.
    fn decoded(&self, store: &mut Store, is_end: bool) -> PyResult<Owned> {
        let (text, used) = match &self.decoder {
            None => self.decoded_utf8(store, is_end)?,
            Some(decoder) => (decoded_by(decoder, store, is_end)?, store.len()),
        };
        store.skip(used);
        self.has_read.set(true);
        let Some(newlines) = &self.newlines else { return Ok(text) };
        decode(newlines, &text, is_end)
    }

    fn decoded_utf8(&self, store: &mut Store, is_end: bool) -> PyResult<(Owned, usize)> {
        let data = store.all();
        let mut used = data.len().cast_signed();
        let errors = utf8(&self.errors)?.as_ptr().cast::<c_char>();
        let consumed = if is_end { ptr::null_mut() } else { &raw mut used };
        // SAFETY: the interpreter is held; so many bytes are there; the name of the handler ends with a NUL, as
        // PyUnicode_AsUTF8AndSize has it.
        let text = unsafe {
            Owned::new(PyUnicode_DecodeUTF8Stateful(data.as_ptr().cast(), data.len().cast_signed(), errors, consumed))
        };
        text.map(|text| (text, used.unsigned_abs())).map_err(|raised| lose_unless_handler_s(raised, store))
    }
}

impl State {
    fn rest(&self) -> usize {
        self.len - self.start
    }

    fn append(&mut self, more: Owned) -> PyResult<()> {
        let Some(text) = self.text.take() else {
            // SAFETY: alive.
            self.len = length(&more)?;
            self.text = Some(more);
            return Ok(());
        };
        let mut text = text.into_ptr();
        // SAFETY: the interpreter is held. It takes the reference, and gives another one, or null where it fails.
        unsafe { PyUnicode_Append(&raw mut text, more.as_ptr()) };
        let text = Owned::new(text).inspect_err(|_| (self.start, self.len, self.looked_at) = (0, 0, 0))?;
        self.len = length(&text)?;
        self.text = Some(text);
        Ok(())
    }

    /// Drops the text that was handed out.
    fn forget_front(&mut self) -> PyResult<()> {
        if self.start > 0 {
            let rest = if self.start == self.len { None } else { Some(self.substring(self.start, self.len)?) };
            self.looked_at = self.looked_at.saturating_sub(self.start);
            (self.text, self.len, self.start) = (rest, self.rest(), 0);
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> PyResult<Owned> {
        if count == 0 {
            return Owned::text("");
        }
        let taken = self.substring(self.start, self.start + count)?;
        self.start += count;
        if self.start == self.len {
            (self.text, self.start, self.len, self.looked_at) = (None, 0, 0, 0);
        }
        Ok(taken)
    }

    #[inline]
    fn substring(&self, start: usize, end: usize) -> PyResult<Owned> {
        let text = self.text.as_ref().ok_or(Raised)?;
        // SAFETY: the interpreter is held and the text alive.
        Owned::new(unsafe { PyUnicode_Substring(text.as_ptr(), start.cast_signed(), end.cast_signed()) })
    }

    /// For a timeout's `partial`: the text that had come, which stays here.
    fn show_partial(&self, raised: Raised) -> Raised {
        let error = Caught::new(raised);
        // SAFETY: a static of the interpreter.
        if unsafe { error.is(PyExc_TimeoutError) } {
            let partial = if self.len == 0 { Owned::text("") } else { self.substring(self.start, self.len) };
            match partial {
                Ok(partial) => error.set(c"partial", &partial),
                Err(raised) => drop(exception::take(raised)),
            }
        }
        error.raise()
    }
}

/// Decodes by a decoder of Python's. If that raises, the next call begins with the same bytes again.
fn decoded_by(decoder: &Owned, store: &mut Store, is_end: bool) -> PyResult<Owned> {
    let before = call_method(decoder, c"getstate")?;
    let data = Owned::bytes(store.all())?;
    decode(decoder, &data, is_end).map_err(|raised| {
        let error = Caught::new(raised);
        // SAFETY: a static of the interpreter; the state is alive.
        unsafe {
            if error.is(PyExc_UnicodeError) {
                store.skip(store.len());
            } else if let Err(raised) = call_method_with(decoder, c"setstate", before.as_ptr()) {
                drop(exception::take(raised));
            }
        }
        error.raise()
    })
}

/// Bytes that are no text are dropped, as the interpreter's own files do.
fn lose_unless_handler_s(raised: Raised, store: &mut Store) -> Raised {
    let error = Caught::new(raised);
    // SAFETY: a static of the interpreter.
    if unsafe { error.is(PyExc_UnicodeError) } {
        store.skip(store.len());
    }
    error.raise()
}

/// `decoder.decode(input, is_end)`.
fn decode(decoder: &Owned, input: &Owned, is_end: bool) -> PyResult<Owned> {
    let is_end = Owned::int(i32::from(is_end))?;
    // SAFETY: the interpreter is held, all are alive.
    unsafe {
        let method = Owned::new(PyObject_GetAttrString(decoder.as_ptr(), c"decode".as_ptr()))?;
        let arguments = Owned::tuple([input.as_ptr(), is_end.as_ptr()].into_iter())?;
        call(method.as_ptr(), arguments.as_ptr(), ptr::null_mut())
    }
}

fn utf8(text: &Owned) -> PyResult<&[u8]> {
    let mut len = 0;
    // SAFETY: the interpreter is held; the text keeps its UTF-8 for as long as it lives.
    unsafe {
        let first = PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut len);
        if first.is_null() { Err(Raised) } else { Ok(std::slice::from_raw_parts(first.cast(), len.unsigned_abs())) }
    }
}

fn length(text: &Owned) -> PyResult<usize> {
    // SAFETY: alive.
    usize::try_from(unsafe { PyUnicode_GetLength(text.as_ptr()) }).map_err(|_| Raised)
}

fn find_char(text: &Owned, char: u8, start: usize, end: usize) -> PyResult<Option<usize>> {
    // SAFETY: the interpreter is held and the text alive.
    let at = unsafe { PyUnicode_FindChar(text.as_ptr(), char.into(), start.cast_signed(), end.cast_signed(), 1) };
    if at == -2 { Err(Raised) } else { Ok(usize::try_from(at).ok()) }
}

fn find(text: &Owned, what: &Owned, start: usize, end: usize) -> PyResult<Option<usize>> {
    // SAFETY: the interpreter is held and both alive.
    let at = unsafe { PyUnicode_Find(text.as_ptr(), what.as_ptr(), start.cast_signed(), end.cast_signed(), 1) };
    if at == -2 { Err(Raised) } else { Ok(usize::try_from(at).ok()) }
}

/// The end of a line that ends with \n, \r or both. The decoder gives out no \r before it knows whether a \n follows.
fn any_end(text: &Owned, start: usize, end: usize) -> PyResult<Option<usize>> {
    let feed = find_char(text, b'\n', start, end)?;
    let Some(back) = find_char(text, b'\r', start, feed.unwrap_or(end))? else { return Ok(feed.map(|at| at + 1)) };
    Ok(Some(if feed == Some(back + 1) { back + 2 } else { back + 1 }))
}

impl Value for Text {
    const NAME: &'static CStr = c"shotclock.FileText";

    fn made() -> &'static Once<PyTypeObject> {
        static MADE: Once<PyTypeObject> = Once::new();
        &MADE
    }

    fn methods() -> Vec<PyMethodDef> {
        vec![
            fast(c"read", read, None),
            fast(c"readline", readline, None),
            fast(c"readlines", readlines, None),
            method(c"has_read", has_read, METH_NOARGS, None),
        ]
    }

    unsafe extern "C" fn next(me: *mut PyObject) -> *mut PyObject {
        // SAFETY: an object of this type, alive for the call.
        let line = unsafe { value_of::<Self>(me) }.line(None);
        match line {
            Ok(line) if length(&line).is_ok_and(|len| len == 0) => ptr::null_mut(),
            line => returned(line),
        }
    }
}

with_size!(read, Text, Text::read);
with_size!(readline, Text, Text::line);
with_size!(readlines, Text, Text::lines);

/// Whether anything was decoded.
unsafe extern "C" fn has_read(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `with_size`.
    returned(Owned::int(unsafe { value_of::<Text>(me) }.has_read.get()))
}
