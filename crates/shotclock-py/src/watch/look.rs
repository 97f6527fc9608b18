//! What becomes of a scope that is over while its thread has not left it.

use shotclock::unstable::{deadline_nanos, stuck};
use shotclock::{Deadline, waits};

use crate::ffi::call::call_with;
use crate::ffi::capi::{
    Py_IsInitialized, PyErr_Clear, PyErr_WriteUnraisable, PyGILState_Ensure, PyGILState_Release, PyImport_ImportModule,
    PyObject, PyObject_GetAttrString,
};
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::waiting;
use crate::wait::chain;
use crate::wait::link::LinkRef;
use crate::wait::open_scopes::{self, Late, WARNING};
use crate::watch::context::Running;

/// A block that was told of its end cleans up, or swallows it and is ended for that after a second: so long it does not count
/// as one that cannot be ended, in nanoseconds.
const TOLD: u64 = 1_000_000_000 + WARNING;

/// Looks where the scope's thread is. The interpreter is asked for only where something is to be done.
pub(super) fn look(late: &Late) {
    let now = deadline_nanos(Deadline::now());
    let is_stuck = !late.seat.is_inside() && stuck::is_at_connection(late.seat.number);
    let is_warning_due = late.may_warn && {
        let turns = stuck::Turns::of(late.seat.number);
        now >= open_scopes::table().says_so(late.key, now, turns)
    };
    if open_scopes::is_wanted() && (is_stuck || is_warning_due) {
        with_interpreter(|| {
            if act(late, now, is_stuck, is_warning_due).is_err() {
                // SAFETY: the interpreter is held.
                unsafe { PyErr_Clear() };
            }
        });
    }
}

/// While the interpreter is held its thread can leave neither the scope nor the context it is in, and nobody closes a
/// socket of Python's: what is seen here stays so until this is done.
fn act(late: &Late, now: u64, is_stuck: bool, is_warning_due: bool) -> PyResult<()> {
    let table = open_scopes::table();
    if !table.stands(late.key) || late.seat.is_inside() || late.seat.has_ended() {
        return Ok(());
    }
    // SAFETY: it was not left, and the interpreter is held, so it is alive.
    let Some(link) = (unsafe { LinkRef::of(late.link)? }) else { return Ok(()) };
    let scope = link.owned();
    let Some(thread) = Running::of(late.seat.ident) else { return Ok(()) };
    if !thread.is_in(link)? {
        return Ok(());
    }
    let number = late.seat.number;
    if is_stuck && !(stuck::is_at_set_of_events(number) && thread.is_in_loop()?) {
        // What a wait of ours is on ends by itself, in whatever thread that is.
        let ended = stuck::end_connections(number, |number| waiting::waiters(number) == 0);
        if ended > 0 {
            link.note_ended_connection(now);
            table.note_ended(late.key, now);
            return Ok(());
        }
    }
    // The program's total is the promise of whoever started it, who sees whether it ends.
    if !is_warning_due {
        return Ok(());
    }
    // A loop's tasks are cancelled at the end, and clean up.
    let told = if thread.is_in_loop()? { Some(late.end) } else { link.first_raised() };
    let is_told = told.is_some_and(|moment| now < moment.saturating_add(TOLD));
    if !is_told && !chain::is_outermost(link) && !is_ended_by_limit(number) {
        table.note_warned(late.key);
        warn(&scope, late);
    }
    Ok(())
}

/// Whether the thread is in a wait of ours that a limit ends, and is only late to hear of it: the machine is busy.
fn is_ended_by_limit(number: u32) -> bool {
    waits().iter().any(|wait| wait.thread() == number && wait.limit().is_some())
}

/// Has Python say that the scope cannot hold. What that raises, as where warnings are errors, is not for any thread of the
/// program's to get.
fn warn(scope: &Owned, late: &Late) {
    static WARN: Once<PyObject> = Once::new();
    let warn = || {
        // SAFETY: the interpreter is held, the names end with a NUL; the module lives through the call.
        let function = WARN.get_or_make(|| unsafe {
            let module = Owned::new(PyImport_ImportModule(c"shotclock._bounds.overdue_warning".as_ptr()))?;
            Owned::new(PyObject_GetAttrString(module.as_ptr(), c"warn".as_ptr())).map(Owned::into_ptr)
        })?;
        let (ident, end) = (Owned::size(late.seat.ident)?, Owned::int(i64::try_from(late.end).unwrap_or(i64::MAX))?);
        // SAFETY: kept for ever, and alive.
        unsafe { call_with(function, [scope.as_ptr(), ident.as_ptr(), end.as_ptr()]) }
    };
    if let Err(Raised) = warn().map(drop) {
        // SAFETY: the interpreter is held, the object is alive.
        unsafe { PyErr_WriteUnraisable(scope.as_ptr()) };
    }
}

/// Runs this with the interpreter held, which it is not yet. Not once the interpreter is about to end: the watcher is stopped
/// before that, and a thread that comes too late for it sleeps for ever.
fn with_interpreter(work: impl FnOnce()) {
    // SAFETY: it may be asked whenever the library is loaded. The interpreter is the main one, by which this was loaded; what
    // is taken is given back.
    unsafe {
        if Py_IsInitialized() == 0 {
            return;
        }
        let state = PyGILState_Ensure();
        work();
        PyGILState_Release(state);
    }
}
