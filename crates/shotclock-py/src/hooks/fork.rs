//! Forks, which wait for nothing: the interpreter warns of one beside other threads, and one of ours that looks after scopes is
//! none of the program's.

use crate::ffi::capi::PyObject;
use crate::hooks::called::Called;
use crate::wait::open_scopes;

/// `os.fork()`, `os.forkpty()`, and that of `subprocess`.
pub(super) fn fork(called: &Called<'_>) -> *mut PyObject {
    open_scopes::across_fork(|| called.as_called())
}
