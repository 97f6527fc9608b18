//! The one place where errors become exceptions.

use std::ffi::CStr;
use std::ptr;
use std::time::Duration;

use shotclock::raw::{Errno, Failure, address_info_text, describe, host_text};
use shotclock::{LimitKind, Phase};

use crate::around::Scope;
use crate::capi::{
    Py_TYPE, PyErr_Clear, PyErr_Fetch, PyErr_GivenExceptionMatches, PyErr_NoMemory, PyErr_NormalizeException,
    PyErr_Occurred, PyErr_Restore, PyErr_SetObject, PyErr_SetString, PyExc_OSError, PyExc_TimeoutError,
    PyExc_TypeError, PyExc_ValueError, PyException_SetTraceback, PyObject, PyObject_GetAttrString,
    PyObject_SetAttrString, variadic,
};
use crate::interpreter::{PyResult, Raised};
use crate::object::Owned;
use crate::policy;
use crate::stock::{Stock, stock};

/// Raises `type(text)`.
pub(crate) fn raise(kind: *mut PyObject, text: &CStr) -> Raised {
    // SAFETY: the interpreter is held, `kind` is one of its exception types, the text ends with a NUL.
    unsafe { PyErr_SetString(kind, text.as_ptr()) };
    Raised
}

/// Raises `type(text)`.
pub(crate) fn raise_text(kind: *mut PyObject, text: &str) -> Raised {
    if let Ok(text) = Owned::text(text) {
        // SAFETY: the interpreter is held, both are alive.
        unsafe { PyErr_SetObject(kind, text.as_ptr()) };
    }
    Raised
}

/// Raises why a lookup has no answer: gaierror, herror, or OSError where it is the system's error.
pub(crate) fn raise_lookup(failure: &Failure) -> Raised {
    raise_lookup_noting(failure, "")
}

/// The same, with a note after the resolver's words.
pub(crate) fn raise_lookup_noting(failure: &Failure, note: &str) -> Raised {
    let numbered = |kind: fn(&Stock) -> *mut PyObject, code: i32, text: &str| match stock() {
        Ok(stock) => raise_numbered(kind(stock), code, &format!("{text}{note}")),
        Err(raised) => raised,
    };
    match *failure {
        Failure::AddressInfo(_, Some(errno)) | Failure::System(errno) => raise_errno(errno),
        Failure::AddressInfo(code, None) => numbered(|stock| stock.gaierror, code, &address_info_text(code)),
        Failure::Host(code, _) => numbered(|stock| stock.herror, code, &host_text(code)),
        // SAFETY: a static of the interpreter.
        Failure::NotFound => raise(unsafe { PyExc_OSError }, c"not found"),
    }
}

/// Raises OSError, or the subclass that the number stands for.
pub(crate) fn raise_errno(errno: Errno) -> Raised {
    // SAFETY: PyExc_OSError is a static of the interpreter, there while it runs.
    raise_numbered(unsafe { PyExc_OSError }, errno.raw_os_error(), &describe(errno))
}

/// Raises `OSError(text)`.
pub(crate) fn os_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_OSError }, text)
}

/// Raises `ValueError(text)`.
pub(crate) fn value_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_ValueError }, text)
}

/// Raises `TypeError(text)`.
pub(crate) fn type_error(text: &str) -> Raised {
    // SAFETY: a static of the interpreter.
    raise_text(unsafe { PyExc_TypeError }, text)
}

/// Whether an exception is set.
pub(crate) fn is_raised() -> bool {
    // SAFETY: the interpreter is held.
    unsafe { !PyErr_Occurred().is_null() }
}

/// How much of a call's data had moved when it ended.
#[derive(Clone, Copy)]
pub(crate) enum Moved<'a> {
    /// None, since it moves all it does in one step.
    Nothing,
    /// So many bytes went out.
    Sent(usize),
    /// Nobody knows how many went out: OpenSSL does not tell.
    Unknown,
    /// These bytes had come.
    Received(&'a [u8]),
    /// These bytes had come, and are in an object.
    Kept(&'a Owned),
}

impl Moved<'_> {
    /// `sent`: an int, or None where nobody knows.
    fn sent(self) -> PyResult<Owned> {
        match self {
            Self::Sent(sent) => Owned::size(sent),
            Self::Unknown => Ok(Owned::none()),
            Self::Nothing | Self::Received(_) | Self::Kept(_) => Owned::size(0),
        }
    }

    /// `partial`: bytes.
    fn partial(self) -> PyResult<Owned> {
        match self {
            Self::Received(bytes) => Owned::bytes(bytes),
            // SAFETY: alive.
            Self::Kept(bytes) => Ok(unsafe { Owned::borrowed(bytes.as_ptr()) }),
            Self::Nothing | Self::Sent(_) | Self::Unknown => Owned::bytes(&[]),
        }
    }
}

/// Puts into the exception that is set how much had moved. One that takes no attributes goes without.
pub(crate) fn annotate(moved: Moved<'_>) {
    let kept = Kept::take_normalized();
    if let Some(error) = kept.value() {
        let annotated = match moved {
            Moved::Nothing | Moved::Unknown => Ok(()),
            Moved::Sent(_) => moved.sent().and_then(|sent| set(error, c"sent", &sent)),
            Moved::Received(_) | Moved::Kept(_) => moved.partial().and_then(|partial| set(error, c"partial", &partial)),
        };
        if annotated.is_err() {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
        }
    }
    kept.restore();
}

/// Takes the exception that is set, as an object with its traceback.
pub(crate) fn take(_: Raised) -> Owned {
    let Kept([kind, value, traceback]) = Kept::take_normalized();
    // SAFETY: the interpreter is held. The references are this call's by now, each of them null or a live object's.
    unsafe {
        let [_, value, traceback] = [kind, value, traceback].map(|object| Owned::new(object).ok());
        if let (Some(value), Some(traceback)) = (&value, &traceback) {
            PyException_SetTraceback(value.as_ptr(), traceback.as_ptr());
        }
        // There is one wherever something was raised.
        value.unwrap_or_else(Owned::none)
    }
}

/// Raises MemoryError.
pub(crate) fn out_of_memory() -> Raised {
    // SAFETY: the interpreter is held.
    unsafe { PyErr_NoMemory() };
    Raised
}

/// The end of a limit.
#[derive(Clone, Copy)]
pub(crate) struct Expiry<'a> {
    /// What the call was at.
    pub(crate) phase: Phase,
    /// Which limit.
    pub(crate) limit: LimitKind,
    /// How long the call had waited.
    pub(crate) elapsed: Duration,
    /// How much had moved.
    pub(crate) moved: Moved<'a>,
    /// Whose end it is, if it is a scope's.
    pub(crate) scope: Option<&'a Scope>,
}

/// Raises `TimeoutError(text)`, without a number: text and arguments are CPython's. What there is to know stands in
/// attributes.
pub(crate) fn raise_timed_out(text: &Owned, expiry: &Expiry<'_>) -> Raised {
    let make = || {
        // SAFETY: the interpreter is held; every argument is a live object or the null that ends the list.
        unsafe {
            let none = ptr::null_mut::<PyObject>();
            let error = Owned::new(variadic!(PyObject_CallFunctionObjArgs(PyExc_TimeoutError, text.as_ptr(), none)))?;
            expiry.describe(error.as_ptr())?;
            PyErr_SetObject(PyExc_TimeoutError, error.as_ptr());
        }
        Ok(())
    };
    let _: PyResult<()> = make();
    Raised
}

/// Puts what there is to know into the TimeoutError that is set, where it is a limit's: the network's has a number.
pub(crate) fn describe_timed_out(expiry: &Expiry<'_>) {
    let kept = Kept::take_normalized();
    if let Some(error) = kept.value() {
        // SAFETY: the interpreter is held, the objects are alive, names end with a NUL.
        let is_limit = unsafe {
            PyErr_GivenExceptionMatches(error, PyExc_TimeoutError) != 0
                && Owned::new(PyObject_GetAttrString(error, c"errno".as_ptr())).is_ok_and(|number| number.is_none())
        };
        // One that takes no attributes goes without.
        if is_limit {
            let _: PyResult<()> = expiry.describe(error);
        }
        // SAFETY: as above.
        unsafe { PyErr_Clear() };
    }
    kept.restore();
}

impl Expiry<'_> {
    fn describe(&self, error: *mut PyObject) -> PyResult<()> {
        let others = || Owned::text(policy::name_of(self.limit).unwrap_or("timeout"));
        let limit = self.scope.map_or_else(others, Scope::name)?;
        set(error, c"phase", &Owned::text(self.phase.as_str())?)?;
        set(error, c"limit", &limit)?;
        set(error, c"elapsed", &Owned::float(self.elapsed.as_secs_f64())?)?;
        set(error, c"sent", &self.moved.sent()?)?;
        set(error, c"partial", &self.moved.partial()?)?;
        let Some(scope) = self.scope else { return Ok(()) };
        set(error, c"scope", &scope.object)?;
        // A note, which tracebacks print. The interpreter's own sockets know no scopes: there is nothing to be like. The
        // end of a socket's timeout has none, since to some tools a note is part of the text (pytest's `match`).
        let (phase, elapsed) = (self.phase, self.elapsed.as_secs_f64());
        let story = format!("{phase}: the deadline scope ended, after {elapsed:.3} s in this call");
        set(error, c"__notes__", &Owned::list([Owned::text(&story)])?)
    }
}

/// The exception that is set, kept aside while other Python code runs.
pub(crate) struct Kept([*mut PyObject; 3]);

impl Kept {
    pub(crate) fn take() -> Self {
        let mut kept = [ptr::null_mut(); 3];
        let [kind, value, traceback] = &mut kept;
        // SAFETY: the interpreter is held; the references it hands out are given back by `restore`.
        unsafe { PyErr_Fetch(kind, value, traceback) };
        Self(kept)
    }

    /// The same, as an object, whatever it was raised as.
    fn take_normalized() -> Self {
        let Self(mut kept) = Self::take();
        let [kind, value, traceback] = &mut kept;
        // SAFETY: as in `take`; the references are exchanged in place.
        unsafe { PyErr_NormalizeException(kind, value, traceback) };
        Self(kept)
    }

    fn value(&self) -> Option<*mut PyObject> {
        Some(self.0[1]).filter(|value| !value.is_null())
    }

    /// Sets it again, if there was one; one that is set by now gives way.
    pub(crate) fn restore(self) {
        let [kind, value, traceback] = self.0;
        // SAFETY: the interpreter is held, and takes the references over.
        unsafe { PyErr_Restore(kind, value, traceback) };
    }
}

/// Sets an attribute of an exception.
fn set(error: *mut PyObject, name: &CStr, value: &Owned) -> PyResult<()> {
    // SAFETY: the interpreter is held, both objects are alive, the name ends with a NUL.
    if unsafe { PyObject_SetAttrString(error, name.as_ptr(), value.as_ptr()) } == 0 { Ok(()) } else { Err(Raised) }
}

/// Raises `type(number, text)`.
fn raise_numbered(kind: *mut PyObject, number: i32, text: &str) -> Raised {
    let make = || {
        // SAFETY: the interpreter is held; every argument is a live object or the null that ends the list.
        unsafe {
            let (number, text) = (Owned::int(number)?, Owned::text(text)?);
            let none = ptr::null_mut::<PyObject>();
            Owned::new(variadic!(PyObject_CallFunctionObjArgs(kind, number.as_ptr(), text.as_ptr(), none)))
        }
    };
    if let Ok(error) = make() {
        // SAFETY: an exception just made; its own type, since OSError picks a subclass by the number.
        unsafe { PyErr_SetObject(Py_TYPE(error.as_ptr()).cast(), error.as_ptr()) };
    }
    Raised
}
