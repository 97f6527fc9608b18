//! Locks, joins of threads, and the queue in C: conditions, events, semaphores, barriers, queues, futures and executors wait
//! in these.

use std::ffi::CStr;

use crate::ffi::call::call_method;
use crate::ffi::capi::{
    Py_None, Py_True, PyBool_FromLong, PyErr_Clear, PyErr_ExceptionMatches, PyObject, PyObject_GetAttrString,
    PyType_GetModule,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::{Called, Same};
use crate::hooks::caller::{self, Caller};
use crate::hooks::number::{ForTheInterpreter, SECOND, Timeout, flag, plain_number, seconds};
use crate::hooks::places::{LockAcquire, Place, RlockAcquire, SemlockAcquire};
use crate::hooks::slot::Slot;
use crate::hooks::waiting_call::{Part, WaitingCall};

/// A kind of lock.
struct Kind {
    /// What a wait for it is called.
    what: &'static str,
    slot: fn() -> &'static Slot,
    /// The names of its arguments.
    names: [&'static CStr; 2],
    /// Whether -1 stands for no timeout, as None does for others.
    minus_one_is_never: bool,
}

const LOCK: Kind =
    Kind { what: "lock", slot: LockAcquire::slot, names: [c"blocking", c"timeout"], minus_one_is_never: true };
const RLOCK: Kind = Kind { slot: RlockAcquire::slot, ..LOCK };
const SEMLOCK: Kind =
    Kind { what: "semaphore", slot: SemlockAcquire::slot, names: [c"block", c"timeout"], minus_one_is_never: false };

/// The argument by which none is waited for.
static WITHOUT_A_WAIT: Same = Same::new(|| truth(false));

/// `lock.acquire(blocking=True, timeout=-1)`
pub(super) fn lock_acquire(called: &Called<'_>) -> *mut PyObject {
    acquire(called, &LOCK)
}

/// `lock.__enter__()`
pub(super) fn lock_enter(called: &Called<'_>) -> *mut PyObject {
    enter(called, &LOCK)
}

/// `rlock.acquire(blocking=True, timeout=-1)`
pub(super) fn rlock_acquire(called: &Called<'_>) -> *mut PyObject {
    acquire(called, &RLOCK)
}

/// `rlock.__enter__()`
pub(super) fn rlock_enter(called: &Called<'_>) -> *mut PyObject {
    enter(called, &RLOCK)
}

/// `semlock.acquire(block=True, timeout=None)`
pub(super) fn semlock_acquire(called: &Called<'_>) -> *mut PyObject {
    // A condition that takes its lock back; what it waits for before has arguments.
    if called.arguments([], 0).is_some() && caller::is_condition_of_processes() {
        return called.as_called();
    }
    acquire(called, &SEMLOCK)
}

/// `semlock.__enter__()`
pub(super) fn semlock_enter(called: &Called<'_>) -> *mut PyObject {
    enter(called, &SEMLOCK)
}

/// `handle.join(timeout=None)`, of threads from 3.13 on.
pub(super) fn join(called: &Called<'_>) -> *mut PyObject {
    let Some([timeout]) = called.arguments([c"timeout"], 0) else { return called.as_called() };
    let Ok(nanos) = Timeout::of(timeout).nanos(SECOND) else { return called.as_called() };
    let join_for = |nanos: u64| {
        called.with(&[seconds(nanos)?.as_ptr()])?;
        // SAFETY: alive for the call.
        let is_done = call_method(&unsafe { Owned::borrowed(called.me) }, c"is_done")?;
        Ok(is_true(&is_done).then(Owned::none))
    };
    let wait = || {
        if let Some(done) = join_for(0)? {
            return Ok(done);
        }
        let joined = WaitingCall::new("join", nanos, true)?.by_parts(|part| match part {
            Part::Nothing => join_for(0),
            Part::Nanos(nanos) => join_for(nanos),
            // SAFETY: None lives for ever.
            Part::Forever => called.with(&[unsafe { Py_None() }]).map(Some),
        })?;
        Ok(joined.unwrap_or_else(Owned::none))
    };
    returned(wait())
}

/// `queue.get(block=True, timeout=None)`, of a SimpleQueue.
pub(super) fn queue_get(called: &Called<'_>) -> *mut PyObject {
    let Some([block, timeout]) = called.arguments([c"block", c"timeout"], 0) else { return called.as_called() };
    let (Some(true), Ok(nanos)) = (flag(block, true), Timeout::of(timeout).nanos(SECOND)) else {
        return called.as_called();
    };
    let get = |part: Part| {
        let (block, timeout) = match part {
            Part::Nothing => (false, Owned::none()),
            Part::Nanos(nanos) => (true, seconds(nanos)?),
            Part::Forever => (true, Owned::none()),
        };
        match called.with(&[truth(block)?.as_ptr(), timeout.as_ptr()]) {
            Ok(item) => Ok(Some(item)),
            Err(Raised) if is_empty_raised(called) => Ok(None),
            Err(raised) => Err(raised),
        }
    };
    let wait = || match get(Part::Nothing)? {
        Some(item) => Ok(item),
        None => match WaitingCall::new("queue", nanos, false)?.by_parts(get)? {
            Some(item) => Ok(item),
            // It is empty still, and says so, or has been filled right now.
            None => called.with(&[truth(false)?.as_ptr()]),
        },
    };
    returned(wait())
}

fn acquire(called: &Called<'_>, kind: &Kind) -> *mut PyObject {
    match timeout_of(called, kind) {
        Ok(nanos) => acquire_in_time(called, kind, nanos),
        Err(ForTheInterpreter) => called.as_called(),
    }
}

/// The timeout of a call that may have to wait.
fn timeout_of(called: &Called<'_>, kind: &Kind) -> Result<Option<u64>, ForTheInterpreter> {
    let [block, timeout] = called.arguments(kind.names, 0).ok_or(ForTheInterpreter)?;
    if flag(block, true) != Some(true) {
        return Err(ForTheInterpreter);
    }
    let is_never = kind.minus_one_is_never && timeout.and_then(plain_number) == Some(-1.0);
    if is_never {
        return Ok(None);
    }
    // SAFETY: None lives for ever. To a lock it is no timeout, which the interpreter is to say.
    if kind.minus_one_is_never && timeout == Some(unsafe { Py_None() }) {
        return Err(ForTheInterpreter);
    }
    Timeout::of(timeout).nanos(SECOND)
}

fn enter(called: &Called<'_>, kind: &Kind) -> *mut PyObject {
    // Before Python code that is to release it can run, it is.
    if called.arguments([], 0).is_none() { called.as_called() } else { acquire_in_time(called, kind, None) }
}

fn acquire_in_time(called: &Called<'_>, kind: &Kind, nanos: Option<u64>) -> *mut PyObject {
    let acquire_for = |part: Part| {
        let slot = (kind.slot)();
        let taken = match part {
            Part::Nothing => called.of_same(slot, &WITHOUT_A_WAIT),
            Part::Nanos(nanos) => called.of(slot, &[truth(true)?.as_ptr(), seconds(nanos)?.as_ptr()]),
            Part::Forever => called.of(slot, &[]),
        }?;
        Ok(is_true(&taken).then_some(taken))
    };
    let wait = || {
        if let Some(taken) = acquire_for(Part::Nothing)? {
            return Ok(Some(taken));
        }
        let caller = caller::of_lock();
        if caller == Caller::MustHave {
            return Ok(None);
        }
        let call = WaitingCall::new(kind.what, nanos, true)?;
        let taken = if caller == Caller::AsksAfterwards {
            call.by_parts_quietly(acquire_for)?
        } else {
            call.by_parts(acquire_for)?
        };
        taken.map_or_else(|| truth(false), Ok).map(Some)
    };
    match wait() {
        Ok(Some(taken)) => taken.into_ptr(),
        Ok(None) => called.as_called(),
        Err(raised) => returned(Err(raised)),
    }
}

fn truth(value: bool) -> PyResult<Owned> {
    // SAFETY: the interpreter is held.
    Owned::new(unsafe { PyBool_FromLong(value.into()) })
}

fn is_true(object: &Owned) -> bool {
    // SAFETY: True lives for ever.
    object.as_ptr() == unsafe { Py_True() }
}

/// Whether what was raised says that the queue is empty; then it is raised no more.
fn is_empty_raised(called: &Called<'_>) -> bool {
    let kept = exception::Kept::take();
    // Of the module that the queue's class is of: where it was imported anew there are two over one table.
    // SAFETY: the interpreter is held, the name ends with a NUL, the class is alive, and lends its module.
    let empty = unsafe {
        let module = PyType_GetModule(called.class());
        if module.is_null() { Err(Raised) } else { Owned::new(PyObject_GetAttrString(module, c"Empty".as_ptr())) }
    };
    // What is raised is not lost.
    kept.restore();
    // SAFETY: the interpreter is held, the class is alive.
    let is_empty = empty.is_ok_and(|empty| unsafe { PyErr_ExceptionMatches(empty.as_ptr()) } != 0);
    if is_empty {
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    }
    is_empty
}
