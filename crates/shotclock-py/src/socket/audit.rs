//! Audit events, by the names that the library reference lists for the socket module.

use std::ffi::CStr;

use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// Raises the event with these arguments, borrowed; a hook may refuse it with an exception.
pub(crate) fn audit(event: &CStr, arguments: &[*mut PyObject]) -> PyResult<()> {
    // SAFETY: the interpreter is held and every argument alive. A tuple in the place of the arguments is all of them.
    let outcome = unsafe {
        let all = Owned::tuple(arguments.iter().copied())?;
        variadic!(PySys_Audit(event.as_ptr(), c"O".as_ptr(), all.as_ptr()))
    };
    if outcome == 0 { Ok(()) } else { Err(Raised) }
}
