//! The writing half of a text file that survives: encodes, and has the writer of bytes take it over. The interpreter's
//! own drops its argument where it cannot send what it had before.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::ptr;

use crate::ffi::arguments::Arguments;
use crate::ffi::call::{call_method, call_method_with};
use crate::ffi::capi::{
    METH_NOARGS, METH_O, Py_None, Py_ssize_t, PyExc_UnicodeError, PyMethodDef, PyObject, PyTypeObject,
    PyUnicode_AsUTF8AndSize, PyUnicode_Check, PyUnicode_FindChar, PyUnicode_FromStringAndSize, PyUnicode_GetLength,
    PyUnicode_Replace,
};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::own_object::{Value, method, object_with, value_of};
use crate::ffi::owned::{Owned, returned, type_name};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::gate::Gate;
use crate::files::writer::Writer;

struct TextWriter {
    /// A [`Writer`].
    bytes: Owned,
    /// The incremental encoder; none for UTF-8 without a handler of errors.
    encoder: Option<Owned>,
    /// What is written for \n, where that is something else.
    newline: Option<Owned>,
    /// Text that was taken over and is not encoded yet: an encoder may be Python code, in which a signal handler may
    /// raise.
    texts: RefCell<VecDeque<Owned>>,
    gate: Gate,
}

/// `_native.file_text_writer(writer, encoder, newline)`.
pub(crate) unsafe extern "C" fn file_text_writer(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live arguments.
    let make = || unsafe {
        let [bytes, encoder, newline] = Arguments::new(arguments, count).exactly()?;
        let given = |object: *mut PyObject| (object != Py_None()).then(|| Owned::borrowed(object));
        let (bytes, encoder, newline) = (Owned::borrowed(bytes), given(encoder), given(newline));
        object_with(TextWriter { bytes, encoder, newline, texts: RefCell::default(), gate: Gate::new()? })
    };
    returned(make())
}

impl TextWriter {
    fn write(&self, text: *mut PyObject) -> PyResult<Owned> {
        // SAFETY: the interpreter is held and the object alive, and a str where it is read as one; the writer was made by
        // `file_writer`, which the one caller of `file_text_writer` sees to.
        let (writer, len) = unsafe {
            if PyUnicode_Check(text) == 0 {
                let kind = type_name(text);
                return Err(exception::type_error(&format!("write() argument must be str, not {kind}")));
            }
            (value_of::<Writer>(self.bytes.as_ptr()), PyUnicode_GetLength(text))
        };
        writer.check_open("I/O operation on closed file.")?;
        // SAFETY: alive.
        let mut text = unsafe { Owned::borrowed(text) };
        if let Some(newline) = &self.newline {
            text = with_ends(&text, newline)?;
        }
        if let Some(encoder) = &self.encoder {
            self.texts.borrow_mut().push_back(text);
            self.encode(writer, encoder)?;
        } else {
            let mut size = 0;
            // SAFETY: the interpreter is held; the text keeps its UTF-8 for as long as it lives.
            let data = unsafe {
                let first = PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size);
                if first.is_null() {
                    return Err(Raised);
                }
                std::slice::from_raw_parts(first.cast::<u8>(), size.unsigned_abs())
            };
            writer.take(None, data)?;
        }
        Owned::size(len.unsigned_abs())
    }

    /// Encodes what is not encoded yet, and has the writer of bytes take it over.
    fn encode(&self, writer: &Writer, encoder: &Owned) -> PyResult<()> {
        self.gate.alone(|| {
            loop {
                let front = self.texts.borrow_mut().pop_front();
                let Some(text) = front else { return Ok(()) };
                let data = encoded(encoder, &text).map_err(|raised| {
                    let error = Caught::new(raised);
                    // SAFETY: a static of the interpreter.
                    if !unsafe { error.is(PyExc_UnicodeError) } {
                        self.texts.borrow_mut().push_front(text);
                    }
                    error.raise()
                })?;
                writer.take(Some(&data), data.as_bytes()?)?;
            }
        })
    }

    fn flush(&self) -> PyResult<Owned> {
        // SAFETY: as in `write`.
        let writer = unsafe { value_of::<Writer>(self.bytes.as_ptr()) };
        if let Some(encoder) = &self.encoder
            && !self.texts.borrow().is_empty()
        {
            self.encode(writer, encoder)?;
        }
        writer.flush()
    }
}

/// Encodes a text. If that raises, the encoder is put back as it was.
fn encoded(encoder: &Owned, text: &Owned) -> PyResult<Owned> {
    let before = call_method(encoder, c"getstate")?;
    // SAFETY: all are alive.
    let data = unsafe { call_method_with(encoder, c"encode", text.as_ptr()) };
    data.map_err(|raised| {
        let error = Caught::new(raised);
        // SAFETY: as above.
        if let Err(raised) = unsafe { call_method_with(encoder, c"setstate", before.as_ptr()) } {
            drop(exception::take(raised));
        }
        error.raise()
    })
}

fn with_ends(text: &Owned, newline: &Owned) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, all are alive.
    unsafe {
        if PyUnicode_FindChar(text.as_ptr(), u32::from(b'\n'), 0, PyUnicode_GetLength(text.as_ptr()), 1) < 0 {
            return Ok(Owned::borrowed(text.as_ptr()));
        }
        let feed = Owned::new(PyUnicode_FromStringAndSize(c"\n".as_ptr(), 1))?;
        Owned::new(PyUnicode_Replace(text.as_ptr(), feed.as_ptr(), newline.as_ptr(), -1))
    }
}

impl Value for TextWriter {
    const NAME: &'static CStr = c"shotclock.FileTextWriter";

    fn made() -> &'static Once<PyTypeObject> {
        static MADE: Once<PyTypeObject> = Once::new();
        &MADE
    }

    fn methods() -> Vec<PyMethodDef> {
        vec![method(c"write", write, METH_O, None), method(c"flush", flush, METH_NOARGS, None)]
    }

    unsafe extern "C" fn next(_: *mut PyObject) -> *mut PyObject {
        ptr::null_mut()
    }
}

unsafe extern "C" fn write(me: *mut PyObject, text: *mut PyObject) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; both are alive for the call.
    returned(unsafe { value_of::<TextWriter>(me) }.write(text))
}

unsafe extern "C" fn flush(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `write`.
    returned(unsafe { value_of::<TextWriter>(me) }.flush())
}
