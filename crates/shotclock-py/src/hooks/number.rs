//! Numbers in arguments: floats, ints, and what says that it stands for an int. Whatever else the interpreter's own function
//! is to convert, or refuse.

use crate::ffi::capi::{
    Py_False, Py_None, Py_True, PyErr_Clear, PyFloat_AsDouble, PyFloat_Check, PyIndex_Check, PyLong_AsLongAndOverflow,
    PyLong_Check, PyNumber_Index, PyObject,
};
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;

/// Nanoseconds of a second.
pub(super) const SECOND: f64 = 1e9;

/// Longer than this no timeout is counted here, in nanoseconds: 30 years.
const LONGEST: f64 = 1e18;

/// Longer than this the interpreter takes none, in nanoseconds: as many as its own clock counts, to the second.
const MOST: f64 = 9_223_372_036e9;

/// A timeout in an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Timeout {
    /// None was given, or None itself.
    Never,
    /// In units of the argument's.
    After(f64),
    /// It is for the interpreter's own function.
    Odd,
}

impl Timeout {
    /// A timeout that is None, or a number.
    pub(super) fn of(argument: Option<*mut PyObject>) -> Self {
        let Some(object) = argument else { return Self::Never };
        // SAFETY: None lives for ever.
        if object == unsafe { Py_None() } {
            return Self::Never;
        }
        plain_number(object).map_or(Self::Odd, Self::After)
    }

    /// The same, and zero for what looks and does not wait.
    ///
    /// # Errors
    /// As there, but for that.
    pub(super) fn nanos_or_none(self, unit: f64) -> Result<Option<u64>, ForTheInterpreter> {
        if self == Self::After(0.0) { Ok(Some(0)) } else { self.nanos(unit) }
    }

    /// In nanoseconds, of units of so many of them: something above zero, or `None` for ever. What need not wait, and what is
    /// odd, is for the interpreter's own function.
    ///
    /// # Errors
    /// Nothing but that.
    pub(super) fn nanos(self, unit: f64) -> Result<Option<u64>, ForTheInterpreter> {
        match self {
            Self::Never => Ok(None),
            Self::After(number) if number > 0.0 && number * unit <= MOST => {
                Ok(Some((number * unit).ceil().min(LONGEST) as u64))
            }
            Self::After(_) | Self::Odd => Err(ForTheInterpreter),
        }
    }
}

/// The interpreter's own function is to have the call as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForTheInterpreter;

/// A float, or what `plain_int` takes.
pub(super) fn plain_number(object: *mut PyObject) -> Option<f64> {
    // SAFETY: the interpreter is held, the object alive; a float converts without a line of Python, whatever its class.
    unsafe {
        if PyFloat_Check(object) != 0 {
            return Some(PyFloat_AsDouble(object));
        }
    }
    plain_int(object).map(|number| number as f64)
}

/// An int that fits, or what says that it stands for one.
pub(super) fn plain_int(object: *mut PyObject) -> Option<i64> {
    // SAFETY: as above.
    unsafe {
        if PyLong_Check(object) != 0 {
            return fitting(object);
        }
        if PyIndex_Check(object) == 0 {
            return None;
        }
        let number = Owned::new(PyNumber_Index(object));
        if number.is_err() {
            // The function itself says what is wrong.
            PyErr_Clear();
        }
        fitting(number.ok()?.as_ptr())
    }
}

/// # Safety
/// The object is an int, alive.
unsafe fn fitting(object: *mut PyObject) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: by the caller's promise; the interpreter is held.
    let number = unsafe { PyLong_AsLongAndOverflow(object, &raw mut overflow) };
    (overflow == 0).then_some(number)
}

/// A bool, or a plain int as one; `default` where there is none.
pub(super) fn flag(argument: Option<*mut PyObject>, default: bool) -> Option<bool> {
    let Some(object) = argument else { return Some(default) };
    // SAFETY: both live for ever.
    let (yes, no) = unsafe { (Py_True(), Py_False()) };
    if object == yes || object == no { Some(object == yes) } else { plain_int(object).map(|number| number != 0) }
}

/// Seconds as an object, of so many nanoseconds.
pub(super) fn seconds(nanos: u64) -> PyResult<Owned> {
    Owned::float(nanos as f64 / SECOND)
}
