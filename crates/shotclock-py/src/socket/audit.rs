//! Audit events, by the names that the library reference lists for the socket module.

use std::ffi::CStr;

use crate::ffi::call::call;
use crate::ffi::capi::PyObject;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::socket::stock::stock;

/// Raises the event with these arguments, borrowed; a hook may refuse it with an exception.
///
/// PySys_Audit is part of the stable interface from 3.13 only, hence by `sys.audit`.
pub(crate) fn audit(event: &CStr, arguments: &[*mut PyObject]) -> PyResult<()> {
    let event = Owned::text(&event.to_string_lossy())?;
    let all: Vec<_> = std::iter::once(event.as_ptr()).chain(arguments.iter().copied()).collect();
    // SAFETY: the interpreter is held and every argument alive.
    unsafe { call(stock()?.audit, Owned::tuple(all.into_iter())?.as_ptr(), std::ptr::null_mut()) }.map(drop)
}
