//! `select.select`, and the `poll` methods of poll and epoll objects: hence `selectors`.

use std::ffi::c_int;

use shotclock::unstable::Readiness;

use crate::ffi::capi::{Py_None, PyErr_Clear, PyList_Size, PyObject, PySequence_Fast, PyTuple_GetItem, PyTuple_Size};
use crate::ffi::owned::{Owned, returned};
use crate::hooks::called::Called;
use crate::hooks::descriptor::{lent, number_of};
use crate::hooks::event_loop::{EventLoop, Polling};
use crate::hooks::number::{ForTheInterpreter, SECOND, Timeout, plain_int, seconds};
use crate::hooks::waiting_call::{Part, WaitingCall};

/// Nanoseconds of a millisecond.
const MILLISECOND: f64 = 1e6;

/// `select.select(rlist, wlist, xlist, timeout=None, /)`
pub(super) fn on_select(called: &Called<'_>) -> *mut PyObject {
    let names = [c"rlist", c"wlist", c"xlist", c"timeout"];
    let Some([Some(read), Some(write), Some(except), timeout]) = called.arguments(names, 4) else {
        return called.as_called();
    };
    let Ok(timeout) = Timeout::of(timeout).nanos_or_none(SECOND) else { return called.as_called() };
    // What can be gone through once only would be empty at the second look.
    let lists = [read, write, except].map(|list| {
        // SAFETY: the interpreter is held, the object alive, the text ends with a NUL.
        Owned::new(unsafe { PySequence_Fast(list, c"arguments 1-3 must be sequences".as_ptr()) })
    });
    let [Ok(read), Ok(write), Ok(except)] = lists else {
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        return called.as_called();
    };
    let select_for = |seconds: *mut PyObject| called.with(&[read.as_ptr(), write.as_ptr(), except.as_ptr(), seconds]);
    let look = || select_for(Owned::float(0.0)?.as_ptr());
    let wait = |call: &WaitingCall| {
        call.by_parts(|part| {
            let found = match part {
                Part::Nothing => look(),
                Part::Nanos(nanos) => select_for(seconds(nanos)?.as_ptr()),
                // SAFETY: None lives for ever.
                Part::Forever => select_for(unsafe { Py_None() }),
            }?;
            Ok(is_any_ready(&found).then_some(found))
        })
    };
    polled(called, &Polling { what: "select", timeout, look: &look, is_any: is_any_ready, wait: &wait })
}

/// `poll.poll(timeout=None, /)`, in milliseconds.
pub(super) fn on_poll(called: &Called<'_>) -> *mut PyObject {
    let Some([timeout]) = called.arguments([c"timeout"], 1) else { return called.as_called() };
    let Ok(timeout) = nanos_of_poll(timeout, MILLISECOND) else { return called.as_called() };
    let look = || called.with(&[Owned::int(0)?.as_ptr()]);
    let wait = |call: &WaitingCall| {
        call.by_parts(|part| {
            let found = match part {
                Part::Nothing => look(),
                Part::Nanos(nanos) => called.with(&[Owned::int(millis(nanos))?.as_ptr()]),
                // SAFETY: None lives for ever.
                Part::Forever => called.with(&[unsafe { Py_None() }]),
            }?;
            Ok(is_any(&found).then_some(found))
        })
    };
    polled(called, &Polling { what: "poll", timeout, look: &look, is_any, wait: &wait })
}

/// `epoll.poll(timeout=None, maxevents=-1)`, in seconds: the object is a file that can be waited for.
pub(super) fn on_epoll(called: &Called<'_>) -> *mut PyObject {
    let Some([timeout, most]) = called.arguments([c"timeout", c"maxevents"], 0) else { return called.as_called() };
    let Ok(timeout) = nanos_of_poll(timeout, SECOND) else { return called.as_called() };
    if most.is_some_and(|most| plain_int(most).is_none()) {
        return called.as_called();
    }
    let look = || {
        let (zero, usual) = (Owned::float(0.0)?, Owned::int(-1)?);
        called.with(&[zero.as_ptr(), most.unwrap_or(usual.as_ptr())])
    };
    let wait = |call: &WaitingCall| {
        let fd = lent(number_of(called.me)?);
        call.on(fd, Readiness::IN, || {
            let found = look()?;
            Ok(is_any(&found).then_some(found))
        })
    };
    polled(called, &Polling { what: "poll", timeout, look: &look, is_any, wait: &wait })
}

/// Waits until anything is ready; gives what there is at the end of the call's own timeout.
fn polled(called: &Called<'_>, polling: &Polling<'_>) -> *mut PyObject {
    let wait = || {
        if let Some(event_loop) = EventLoop::that_called()? {
            return event_loop.wait(polling).map(Some);
        }
        if polling.timeout == Some(0) {
            return Ok(None);
        }
        let none_yet = (polling.look)()?;
        if (polling.is_any)(&none_yet) {
            return Ok(Some(none_yet));
        }
        let call = WaitingCall::new(polling.what, polling.timeout, false)?;
        Ok(Some((polling.wait)(&call)?.unwrap_or(none_yet)))
    };
    match wait() {
        Ok(None) => called.as_called(),
        Ok(Some(ready)) => returned(Ok(ready)),
        Err(raised) => returned(Err(raised)),
    }
}

/// A timeout of which any below zero is for ever, and that is refused if the system takes none so long.
fn nanos_of_poll(timeout: Option<*mut PyObject>, unit: f64) -> Result<Option<u64>, ForTheInterpreter> {
    let timeout = match Timeout::of(timeout) {
        Timeout::After(number) if number < 0.0 => Timeout::Never,
        timeout => timeout,
    };
    let most = c_int::MAX as u64 * MILLISECOND as u64;
    timeout
        .nanos_or_none(unit)?
        .map_or(Ok(None), |nanos| if nanos > most { Err(ForTheInterpreter) } else { Ok(Some(nanos)) })
}

/// Milliseconds, rounded up as the interpreter does, and no more than the system takes.
fn millis(nanos: u64) -> i64 {
    i64::from(c_int::try_from(nanos.div_ceil(MILLISECOND as u64)).unwrap_or(c_int::MAX))
}

fn is_any(list: &Owned) -> bool {
    // SAFETY: a list, alive.
    unsafe { PyList_Size(list.as_ptr()) != 0 }
}

/// Whether one of the three lists has anything in it.
fn is_any_ready(lists: &Owned) -> bool {
    // SAFETY: a tuple of lists, alive.
    unsafe {
        let count = PyTuple_Size(lists.as_ptr());
        (0..count).any(|index| PyList_Size(PyTuple_GetItem(lists.as_ptr(), index)) != 0)
    }
}
