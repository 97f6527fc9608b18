//! Waits for signals: by `signal.sigtimedwait`, which of the three has a timeout.

use crate::ffi::arguments::Items;
use crate::ffi::capi::{PyErr_Clear, PyLong_FromLong, PyObject, PyObject_GetAttrString};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::number::{SECOND, Timeout, seconds};
use crate::hooks::places::{Place, Sigtimedwait};
use crate::hooks::waiting_call::{Part, WaitingCall};

/// For ever, to a call that has no word for it, in nanoseconds: a day. It is made again.
const LONG: u64 = 86_400_000_000_000;

/// `signal.sigwait(sigset, /)`
pub(super) fn sigwait(called: &Called<'_>) -> *mut PyObject {
    let number_of = |info: Owned| {
        // SAFETY: the interpreter is held, the object alive, the name ends with a NUL.
        Owned::new(unsafe { PyObject_GetAttrString(info.as_ptr(), c"si_signo".as_ptr()) })
    };
    waited(called, number_of)
}

/// `signal.sigwaitinfo(sigset, /)`
pub(super) fn sigwaitinfo(called: &Called<'_>) -> *mut PyObject {
    waited(called, Ok)
}

/// `signal.sigtimedwait(sigset, timeout, /)`
pub(super) fn sigtimedwait(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(signals), Some(timeout)]) = called.arguments([c"sigset", c"timeout"], 2) else {
        return called.as_called();
    };
    let Ok(Some(nanos)) = Timeout::of(Some(timeout)).nanos(SECOND) else { return called.as_called() };
    let Some(signals) = listed(signals) else { return called.as_called() };
    returned(wait(called, &signals, Some(nanos)))
}

/// `signal.pause()`
pub(super) fn pause(called: &Called<'_>) -> *mut PyObject {
    if called.arguments([], 0).is_none() {
        return called.as_called();
    }
    let wait = || WaitingCall::new("signal", None, false)?.for_a_signal();
    returned(wait().map(|()| Owned::none()))
}

fn waited(called: &Called<'_>, result: impl Fn(Owned) -> PyResult<Owned>) -> *mut PyObject {
    let Some([Some(signals)]) = called.arguments([c"sigset"], 1) else { return called.as_called() };
    if Sigtimedwait::slot().original().is_null() {
        return called.as_called();
    }
    let Some(signals) = listed(signals) else { return called.as_called() };
    returned(wait(called, &signals, None).and_then(result))
}

/// The signals in a list: an iterator can be gone through once only.
fn listed(signals: *mut PyObject) -> Option<Owned> {
    let items = Items::of(signals, c"expected signals").and_then(|items| items.collect(Ok));
    let list = items.and_then(|items| Owned::list(items.into_iter().map(Ok)));
    list.inspect_err(|Raised| {
        // The function itself says what is wrong.
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    })
    .ok()
}

fn wait(called: &Called<'_>, signals: &Owned, nanos: Option<u64>) -> PyResult<Owned> {
    let wait_for = |nanos: u64| {
        // SAFETY: the interpreter is held.
        let timeout = if nanos == 0 { Owned::new(unsafe { PyLong_FromLong(0) })? } else { seconds(nanos)? };
        let found = called.of(Sigtimedwait::slot(), &[signals.as_ptr(), timeout.as_ptr()])?;
        Ok((!found.is_none()).then_some(found))
    };
    if let Some(found) = wait_for(0)? {
        return Ok(found);
    }
    let found = WaitingCall::new("signal", nanos, false)?.by_parts(|part| match part {
        Part::Nothing => wait_for(0),
        Part::Nanos(nanos) => wait_for(nanos),
        Part::Forever => wait_for(LONG),
    })?;
    Ok(found.unwrap_or_else(Owned::none))
}
