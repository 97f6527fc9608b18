//! Waits for children: by a descriptor of the process where one is named, by tries else.

use std::ffi::c_int;
use std::os::fd::AsFd;

use shotclock::unstable::{Readiness, file};

use crate::ffi::capi::{PyObject, PyTuple_GetItem};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::places::{Place, Waitpid};
use crate::hooks::waiting_call::WaitingCall;

/// WNOHANG of wait(2), on Linux.
const WNOHANG: i64 = 1;

const WHAT: &str = "child";

/// `os.waitpid(pid, options, /)`
pub(super) fn waitpid(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(pid), Some(options)]) = called.arguments([c"pid", c"options"], 2) else {
        return called.as_called();
    };
    let (Some(number), Some(flags)) = (plain_int(pid), waiting_options(options)) else { return called.as_called() };
    let attempt = || ended(called.with(&[pid, Owned::int(flags | WNOHANG)?.as_ptr()])?);
    let wait = || {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        let call = WaitingCall::new(WHAT, None, true)?;
        // Only its end is told by the descriptor, not that it was stopped.
        let process = c_int::try_from(number).ok().filter(|pid| *pid > 0 && flags == 0).map(file::process);
        match process {
            Some(Ok(process)) => call.on(process.as_fd(), Readiness::IN, attempt),
            _ => call.by_tries(attempt),
        }
        .map(|done| done.unwrap_or_else(Owned::none))
    };
    returned(wait())
}

/// `os.wait()`
pub(super) fn wait(called: &Called<'_>) -> *mut PyObject {
    if Waitpid::slot().original().is_null() {
        return called.as_called();
    }
    let attempt = || ended(called.of(Waitpid::slot(), &[Owned::int(-1)?.as_ptr(), Owned::int(WNOHANG)?.as_ptr()])?);
    returned(tried(attempt))
}

/// `os.wait3(options)`
pub(super) fn wait3(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(options)]) = called.arguments([c"options"], 0) else { return called.as_called() };
    let Some(flags) = waiting_options(options) else { return called.as_called() };
    returned(tried(|| ended(called.with(&[Owned::int(flags | WNOHANG)?.as_ptr()])?)))
}

/// `os.wait4(pid, options)`
pub(super) fn wait4(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(pid), Some(options)]) = called.arguments([c"pid", c"options"], 0) else {
        return called.as_called();
    };
    let Some(flags) = waiting_options(options) else { return called.as_called() };
    returned(tried(|| ended(called.with(&[pid, Owned::int(flags | WNOHANG)?.as_ptr()])?)))
}

/// `os.waitid(idtype, id, options, /)`
pub(super) fn waitid(called: &Called<'_>) -> *mut PyObject {
    let names = [c"idtype", c"id", c"options"];
    let Some([Some(kind), Some(id), Some(options)]) = called.arguments(names, 3) else { return called.as_called() };
    let Some(flags) = waiting_options(options) else { return called.as_called() };
    returned(tried(|| {
        let found = called.with(&[kind, id, Owned::int(flags | WNOHANG)?.as_ptr()])?;
        Ok((!found.is_none()).then_some(found))
    }))
}

fn tried(mut attempt: impl FnMut() -> PyResult<Option<Owned>>) -> PyResult<Owned> {
    if let Some(done) = attempt()? {
        return Ok(done);
    }
    WaitingCall::new(WHAT, None, true)?.by_tries(attempt).map(|done| done.unwrap_or_else(Owned::none))
}

/// Options by which the call waits.
fn waiting_options(options: *mut PyObject) -> Option<i64> {
    plain_int(options).filter(|options| options & WNOHANG == 0)
}

/// What was found of a child, if anything was: it begins with its number, or 0.
fn ended(found: Owned) -> PyResult<Option<Owned>> {
    // SAFETY: a tuple, alive, that begins with an int.
    let pid = unsafe { PyTuple_GetItem(found.as_ptr(), 0) };
    let is_there = !pid.is_null() && plain_int(pid) != Some(0);
    Ok(is_there.then_some(found))
}
