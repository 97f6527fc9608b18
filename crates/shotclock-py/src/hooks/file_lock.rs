//! Locks of files, which can only be tried.

use crate::ffi::capi::{PyErr_Clear, PyErr_ExceptionMatches, PyExc_BlockingIOError, PyExc_PermissionError, PyObject};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::waiting_call::WaitingCall;

/// LOCK_NB and LOCK_UN of flock(2), on Linux.
const LOCK_NB: i64 = 4;
const LOCK_UN: i64 = 8;

/// `fcntl.flock(fd, operation, /)`
pub(super) fn flock(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(fd), Some(operation)]) = called.arguments([c"fd", c"operation"], 2) else {
        return called.as_called();
    };
    locked(called, operation, |operation| called.with(&[fd, operation]))
}

/// `fcntl.lockf(fd, cmd, len=0, start=0, whence=0, /)`
pub(super) fn lockf(called: &Called<'_>) -> *mut PyObject {
    let names = [c"fd", c"cmd", c"len", c"start", c"whence"];
    let Some([Some(fd), Some(command), rest @ ..]) = called.arguments(names, 5) else { return called.as_called() };
    locked(called, command, |operation| {
        let mut all = vec![fd, operation];
        all.extend(rest.iter().flatten());
        called.with(&all)
    })
}

fn locked(
    called: &Called<'_>,
    operation: *mut PyObject,
    lock: impl Fn(*mut PyObject) -> PyResult<Owned>,
) -> *mut PyObject {
    let Some(flags) = plain_int(operation).filter(|flags| flags & (LOCK_NB | LOCK_UN) == 0) else {
        return called.as_called();
    };
    let attempt = || match lock(Owned::int(flags | LOCK_NB)?.as_ptr()) {
        Ok(done) => Ok(Some(done)),
        Err(Raised) if is_taken() => Ok(None),
        Err(raised) => Err(raised),
    };
    let wait = || {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        WaitingCall::new("file lock", None, true)?.by_tries(attempt).map(|done| done.unwrap_or_else(Owned::none))
    };
    returned(wait())
}

/// Whether what was raised says that somebody else has the lock (EWOULDBLOCK, or EACCES by fcntl(2)); then it is raised no
/// more.
fn is_taken() -> bool {
    // SAFETY: the interpreter is held; both are statics of its.
    unsafe {
        let is =
            PyErr_ExceptionMatches(PyExc_BlockingIOError) != 0 || PyErr_ExceptionMatches(PyExc_PermissionError) != 0;
        if is {
            PyErr_Clear();
        }
        is
    }
}
