//! Arguments are refused in the words of the interpreter's version, and taken as it takes them: its own methods are asked,
//! on an object without a descriptor, which looks at its arguments first.

use std::ffi::{CStr, c_ulong};
use std::ptr;
use std::sync::OnceLock;

use crate::ffi::call::{call, call_with};
use crate::ffi::capi::{
    Py_None, Py_TYPE, PyErr_Clear, PyErr_ExceptionMatches, PyErr_SetObject, PyExc_IndexError, PyExc_OSError, PyObject,
    PyObject_GetAttrString, PyTuple_GetItem, PyTuple_Size, PyType_GetFlags, variadic,
};
use crate::ffi::exception::{self, Kept};
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::stock::stock;

/// The flag of types that no program can change, hence without code of one: `Py_TPFLAGS_IMMUTABLETYPE`.
const IMMUTABLE: c_ulong = 1 << 8;

/// A method of the interpreter's own that is asked.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    RecvmsgInto,
    Send,
    Sendall,
    Sendmsg,
    Setsockopt,
}

impl Asked {
    const NAMES: [&'static CStr; 5] = [c"recvmsg_into", c"send", c"sendall", c"sendmsg", c"setsockopt"];

    /// The method, bound to an object without a descriptor: a call of it changes nothing.
    fn method(self) -> PyResult<*mut PyObject> {
        static METHODS: [Once<PyObject>; 5] = [const { Once::new() }; 5];
        METHODS[self as usize].get_or_make(|| {
            let probe = stock()?.new_socket()?;
            let name = Self::NAMES[self as usize].as_ptr();
            // SAFETY: the interpreter is held and the object alive; the name ends with a NUL.
            Owned::new(unsafe { PyObject_GetAttrString(probe.as_ptr(), name) }).map(Owned::into_ptr)
        })
    }

    /// Whether it takes its arguments apart without the interpreter's common parser: it has a signature then. A flag that
    /// is too large is refused in other words there.
    pub(crate) fn has_signature(self) -> PyResult<bool> {
        static HAVE: [OnceLock<bool>; 5] = [const { OnceLock::new() }; 5];
        if let Some(has) = HAVE[self as usize].get() {
            return Ok(*has);
        }
        // SAFETY: the interpreter is held and the method alive; None lives for ever.
        let has = unsafe {
            let signature = Owned::new(PyObject_GetAttrString(self.method()?, c"__text_signature__".as_ptr()))?;
            signature.as_ptr() != Py_None()
        };
        Ok(*HAVE[self as usize].get_or_init(|| has))
    }

    /// Raises this method's own exception for these arguments, a tuple, in the place of one that may be set.
    pub(crate) fn complaint(self, arguments: *mut PyObject) -> Raised {
        if !exception::is_raised() {
            exception::type_error("wrong arguments");
        }
        let ours = exception::take(Raised);
        // SAFETY: the interpreter is held and the objects are alive: a method, and a tuple; a static of the interpreter,
        // and an exception with its type.
        unsafe {
            let asked = self.method().and_then(|method| call(method, arguments, ptr::null_mut()));
            if asked.is_ok() || PyErr_ExceptionMatches(PyExc_OSError) != 0 {
                PyErr_SetObject(Py_TYPE(ours.as_ptr()).cast(), ours.as_ptr());
            }
        }
        Raised
    }

    /// The same where the arguments run no code of the program's: it would notice that it is called twice.
    pub(crate) fn complaint_if_plain(self, arguments: *mut PyObject) -> Raised {
        if are_plain(arguments) { self.complaint(arguments) } else { Raised }
    }

    /// Whether it passes on what an argument raises that is not willing; `before` are zeroes before that argument.
    fn passes_errors_on(self, before: usize) -> PyResult<bool> {
        let zero = Owned::int(0)?;
        let arguments = [vec![zero.as_ptr(); before], vec![unwilling()?]].concat().into_iter();
        // SAFETY: the interpreter is held, the objects are alive; a static of the interpreter.
        unsafe {
            let arguments = Owned::tuple(arguments)?;
            let passes = call(self.method()?, arguments.as_ptr(), ptr::null_mut()).is_err()
                && PyErr_ExceptionMatches(PyExc_IndexError) != 0;
            PyErr_Clear();
            Ok(passes)
        }
    }
}

/// Whether setsockopt looks at the kind of the value first, and then takes it apart in this one way; else it tries all ways.
pub(crate) fn setsockopt_looks_first() -> PyResult<bool> {
    static LOOKS: OnceLock<bool> = OnceLock::new();
    once(&LOOKS, || Asked::Setsockopt.passes_errors_on(2))
}

/// Whether what an iterable of buffers raises is hidden by the method's own complaint.
pub(crate) fn hides_errors_of_iterables() -> PyResult<bool> {
    static HIDES: OnceLock<bool> = OnceLock::new();
    once(&HIDES, || Ok(!Asked::RecvmsgInto.passes_errors_on(0)?))
}

fn once(kept: &OnceLock<bool>, ask: impl FnOnce() -> PyResult<bool>) -> PyResult<bool> {
    if let Some(known) = kept.get() {
        return Ok(*known);
    }
    // Whoever asks may have an exception set.
    let raised = Kept::take();
    let answer = ask()?;
    raised.restore();
    Ok(*kept.get_or_init(|| answer))
}

/// An object that counts as an int and as an iterable, and raises IndexError when it is taken for one.
pub(crate) fn unwilling() -> PyResult<*mut PyObject> {
    static UNWILLING: Once<PyObject> = Once::new();
    UNWILLING.get_or_make(|| {
        // SAFETY: the interpreter is held; the formats' types are those of the arguments; the type of types is alive.
        unsafe {
            let list = Owned::new(variadic!(Py_BuildValue(c"[]".as_ptr())))?;
            let pop = Owned::new(PyObject_GetAttrString(list.as_ptr(), c"pop".as_ptr()))?;
            let parts = c"(s(){sOsO})".as_ptr();
            let (pop, index, iter) = (pop.as_ptr(), c"__index__".as_ptr(), c"__iter__".as_ptr());
            let parts = Owned::new(variadic!(Py_BuildValue(parts, c"Unwilling".as_ptr(), index, pop, iter, pop)))?;
            let class = call(Py_TYPE(Py_TYPE(Py_None()).cast()).cast(), parts.as_ptr(), ptr::null_mut())?;
            call_with(class.as_ptr(), []).map(Owned::into_ptr)
        }
    })
}

/// Whether all arguments are objects of types without code of a program's.
fn are_plain(arguments: *mut PyObject) -> bool {
    // SAFETY: the interpreter is held; a tuple, which keeps its items alive.
    unsafe {
        (0..PyTuple_Size(arguments))
            .map(|index| PyTuple_GetItem(arguments, index))
            .all(|item| PyType_GetFlags(Py_TYPE(item)) & IMMUTABLE != 0)
    }
}
