//! Audit events, by the names that the library reference lists for the socket module.

use std::ffi::CStr;

use pyo3_ffi::{Py_IncRef, PyObject, PyTuple_New, PyTuple_SetItem};

use crate::call::call;
use crate::interpreter::{PyResult, Raised};
use crate::object::Owned;
use crate::stock::stock;

/// Raises the event with these arguments, borrowed; a hook may refuse it with an exception.
///
/// PySys_Audit is part of the stable interface from 3.13 only, hence by `sys.audit`.
pub(crate) fn audit(event: &CStr, arguments: &[*mut PyObject]) -> PyResult<()> {
    let event = Owned::text(&event.to_string_lossy())?;
    // SAFETY: the interpreter is held and every argument alive; each item gets a reference, which the tuple takes over.
    unsafe {
        let tuple = Owned::new(PyTuple_New(arguments.len().cast_signed() + 1))?;
        let items = std::iter::once(event.as_ptr()).chain(arguments.iter().copied());
        for (index, item) in items.enumerate() {
            Py_IncRef(item);
            if PyTuple_SetItem(tuple.as_ptr(), index.cast_signed(), item) != 0 {
                return Err(Raised);
            }
        }
        call(stock()?.audit, tuple.as_ptr(), std::ptr::null_mut()).map(drop)
    }
}
