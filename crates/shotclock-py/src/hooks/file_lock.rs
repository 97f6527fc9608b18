//! Locks of files, which can only be tried.

use std::ffi::CStr;

use crate::ffi::capi::{
    PyErr_Clear, PyErr_ExceptionMatches, PyExc_BlockingIOError, PyExc_PermissionError, PyObject, PyObject_GetAttrString,
};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::waiting_call::WaitingCall;

/// LOCK_NB and LOCK_UN of flock(2), on Linux.
const LOCK_NB: i64 = 4;
const LOCK_UN: i64 = 8;

/// F_LOCK and F_TLOCK of lockf(3), on Linux.
const F_LOCK: i64 = 1;
const F_TLOCK: i64 = 2;

/// Commands of fcntl(2) that wait for a lock, each with the one that only tries, by their names in the module: the
/// numbers differ by platform.
const COMMANDS: [[&CStr; 2]; 2] = [[c"F_SETLKW", c"F_SETLK"], [c"F_OFD_SETLKW", c"F_OFD_SETLK"]];

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

/// `os.lockf(fd, command, length, /)`
pub(super) fn posix_lockf(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(fd), Some(command), Some(length)]) = called.arguments([c"fd", c"command", c"length"], 3) else {
        return called.as_called();
    };
    if plain_int(command) != Some(F_LOCK) {
        return called.as_called();
    }
    returned(by_tries(|| called.with(&[fd, Owned::int(F_TLOCK)?.as_ptr(), length])))
}

/// `fcntl.fcntl(fd, cmd, arg=0, /)`, which may be a lock.
pub(super) fn fcntl(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(fd), Some(command), Some(lock)]) = called.arguments([c"fd", c"cmd", c"arg"], 3) else {
        return called.as_called();
    };
    match plain_int(command).and_then(|command| command_that_tries(called.me, command)) {
        Some(tries) => returned(by_tries(|| called.with(&[fd, Owned::int(tries)?.as_ptr(), lock]))),
        None => called.as_called(),
    }
}

/// For a command that waits for a lock, the one that does not.
fn command_that_tries(module: *mut PyObject, command: i64) -> Option<i64> {
    let number = |name: &CStr| {
        // SAFETY: the interpreter is held, the module alive, the name ends with a NUL.
        let found = Owned::new(unsafe { PyObject_GetAttrString(module, name.as_ptr()) });
        if found.is_err() {
            // This system has no such locks.
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
        }
        plain_int(found.ok()?.as_ptr())
    };
    COMMANDS.iter().find(|[waits, _]| number(waits) == Some(command)).and_then(|[_, tries]| number(tries))
}

fn locked(
    called: &Called<'_>,
    operation: *mut PyObject,
    lock: impl Fn(*mut PyObject) -> PyResult<Owned>,
) -> *mut PyObject {
    let Some(flags) = plain_int(operation).filter(|flags| flags & (LOCK_NB | LOCK_UN) == 0) else {
        return called.as_called();
    };
    returned(by_tries(|| lock(Owned::int(flags | LOCK_NB)?.as_ptr())))
}

/// Takes a lock that can only be tried.
fn by_tries(lock: impl Fn() -> PyResult<Owned>) -> PyResult<Owned> {
    let attempt = || match lock() {
        Ok(done) => Ok(Some(done)),
        Err(Raised) if is_taken() => Ok(None),
        Err(raised) => Err(raised),
    };
    if let Some(done) = attempt()? {
        return Ok(done);
    }
    WaitingCall::new("file lock", None, true)?.by_tries(attempt).map(|done| done.unwrap_or_else(Owned::none))
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
