//! Waits of an event loop's own: they raise nothing of what is around the loop. At its end the loop is told, by a function of
//! the package that knows how, and goes on to wait as long as that function lets it.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::ffi::arguments::Arguments;
use crate::ffi::call::{call, call_plainly};
use crate::ffi::capi::{
    Py_True, Py_ssize_t, PyBool_FromLong, PyFrame_GetBack, PyFrameObject, PyObject, PyObject_GetAttrString,
    PyUnicode_Check, PyUnicode_CompareWithASCIIString,
};
use crate::ffi::frame::{self, code_of};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::waiting_call::WaitingCall;
use crate::wait::bounds::Bounds;

/// So many calls deep a loop's turn may be above the system's wait: what a selector is wrapped in.
const MOST_FRAMES: usize = 6;

/// What is known of asyncio, kept for ever: the function that gives the running loop; the code of a loop's turn, and that in
/// which callbacks run; who says whether another function is a turn; who is told of the end, and that a loop begins.
static RUNNING: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static TURN: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static CALLBACK: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static IS_TURN: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static ASYNCIO_ENDS: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static BEGINS: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// The same of trio: the code in which its loop waits; who is told of the end.
static TRIO_WAIT: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static TRIO_ENDS: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// How a loop waits: what the interpreter's own functions do for it.
pub(super) struct Polling<'a> {
    pub(super) what: &'static str,
    /// The call's own timeout, in nanoseconds; `None` is for ever.
    pub(super) timeout: Option<u64>,
    /// What is ready now.
    pub(super) look: &'a dyn Fn() -> PyResult<Owned>,
    /// Whether that is anything.
    pub(super) is_any: fn(&Owned) -> bool,
    /// Waits until anything is.
    pub(super) wait: &'a dyn Fn(&WaitingCall) -> PyResult<Option<Owned>>,
}

/// A loop that waits.
pub(super) struct EventLoop {
    /// The frame of its turn.
    turn: Owned,
    ends: *mut PyObject,
}

/// What a loop that is over is to do.
enum Answer {
    /// Go on at once: something was put before it.
    GoOn,
    /// Wait, until then at most, and ask again.
    Until(u64),
    /// Wait as ever.
    Wait,
}

/// `_native.know_asyncio(running, turn, callback, is_turn, ends, begins)`
pub(crate) unsafe extern "C" fn know_asyncio(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live objects.
    let known = unsafe { Arguments::new(arguments, count) }.exactly();
    returned(known.map(|known: [_; 6]| keep(known, [&RUNNING, &TURN, &CALLBACK, &IS_TURN, &ASYNCIO_ENDS, &BEGINS])))
}

/// `_native.know_trio(wait, ends)`
pub(crate) unsafe extern "C" fn know_trio(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter passes so many live objects.
    let known = unsafe { Arguments::new(arguments, count) }.exactly();
    returned(known.map(|known: [_; 2]| keep(known, [&TRIO_WAIT, &TRIO_ENDS])))
}

fn keep<const N: usize>(objects: [*mut PyObject; N], places: [&AtomicPtr<PyObject>; N]) -> Owned {
    for (object, place) in objects.into_iter().zip(places) {
        // SAFETY: arguments are alive; the reference is never given back.
        place.store(unsafe { Owned::borrowed(object) }.into_ptr(), Ordering::Release);
    }
    Owned::none()
}

/// `_asyncio._set_running_loop(loop, /)`: any loop calls it, with None when it has run.
pub(super) fn on_set_running_loop(called: &Called<'_>) -> *mut PyObject {
    let begins = BEGINS.load(Ordering::Acquire);
    let Some([Some(running)]) = called.arguments([c"loop"], 1) else { return called.as_called() };
    if begins.is_null() {
        return called.as_called();
    }
    let set = || {
        let done = called.with(&[running])?;
        let links = Bounds::links_of_waits()?;
        // SAFETY: the interpreter is held, all are alive.
        unsafe { call(begins, Owned::tuple([running, links.as_ptr()].into_iter())?.as_ptr(), ptr::null_mut())? };
        Ok(done)
    };
    returned(set())
}

impl EventLoop {
    /// The loop that waits now, if it is a loop that called.
    ///
    /// # Errors
    /// What Python raised meanwhile.
    pub(super) fn that_called() -> PyResult<Option<Self>> {
        let (running, trio_wait) = (RUNNING.load(Ordering::Acquire), TRIO_WAIT.load(Ordering::Acquire));
        if running.is_null() && trio_wait.is_null() {
            return Ok(None);
        }
        let Some(turn) = frame::current() else { return Ok(None) };
        if code_of(&turn) == trio_wait {
            return Ok(Some(Self { turn, ends: TRIO_ENDS.load(Ordering::Acquire) }));
        }
        if running.is_null() {
            return Ok(None);
        }
        // SAFETY: kept for ever.
        let running = unsafe { call_plainly(running) }?;
        if running.is_none() {
            return Ok(None);
        }
        let turn = turn_around(turn, &running)?;
        Ok(turn.map(|turn| Self { turn, ends: ASYNCIO_ENDS.load(Ordering::Acquire) }))
    }

    /// Waits for the loop. What is around it ends nothing but this, and then not before the loop was told.
    ///
    /// # Errors
    /// What the interpreter's own function raised; what the package raised, to whom the loop does not listen.
    pub(super) fn wait(&self, polling: &Polling<'_>) -> PyResult<Owned> {
        let end = polling.timeout.map(|timeout| now().saturating_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_sub(now()));
            let call = WaitingCall::quiet(polling.what, left)?;
            let (is_over, ready) = (call.is_over(), (polling.look)()?);
            let need_not_wait = left == Some(0) || (polling.is_any)(&ready);
            let outcome = if is_over {
                match self.ask(!need_not_wait)? {
                    Answer::GoOn => return Ok(ready),
                    _ if need_not_wait => return Ok(ready),
                    Answer::Wait => (polling.wait)(&WaitingCall::of_itself(polling.what, left))?,
                    Answer::Until(moment) => {
                        let part = moment.saturating_sub(now()).min(left.unwrap_or(u64::MAX));
                        (polling.wait)(&WaitingCall::of_itself(polling.what, Some(part)))?
                    }
                }
            } else if need_not_wait {
                return Ok(ready);
            } else {
                (polling.wait)(&call)?
            };
            if let Some(ready) = outcome {
                return Ok(ready);
            }
        }
    }

    /// Tells that what is around the loop is over: `ends(turn, links, waits)`.
    fn ask(&self, waits: bool) -> PyResult<Answer> {
        let links = Bounds::links_of_waits()?;
        // SAFETY: the interpreter is held, all are alive.
        let answer = unsafe {
            let waits = Owned::new(PyBool_FromLong(waits.into()))?;
            let arguments = [self.turn.as_ptr(), links.as_ptr(), waits.as_ptr()];
            call(self.ends, Owned::tuple(arguments.into_iter())?.as_ptr(), ptr::null_mut())?
        };
        Ok(match plain_int(answer.as_ptr()) {
            None => Answer::Wait,
            Some(moment) => u64::try_from(moment).ok().filter(|moment| *moment > 0).map_or(Answer::GoOn, Answer::Until),
        })
    }
}

/// The frame of the running loop's turn that waits, from the frame of the call outwards; `None` where a callback called.
fn turn_around(mut frame: Owned, running: &Owned) -> PyResult<Option<Owned>> {
    let (turn, callback) = (TURN.load(Ordering::Acquire), CALLBACK.load(Ordering::Acquire));
    for _ in 0..MOST_FRAMES {
        let code = code_of(&frame);
        if code == callback {
            return Ok(None);
        }
        if code == turn || is_named_so(code)? && is_turn(&frame, running)? {
            return Ok(Some(frame));
        }
        // SAFETY: the interpreter is held, the frame alive.
        let Ok(back) = Owned::new(unsafe { PyFrame_GetBack(frame.as_ptr().cast::<PyFrameObject>()) }.cast()) else {
            return Ok(None);
        };
        frame = back;
    }
    Ok(None)
}

/// Whether it is named as asyncio names a loop's turn.
fn is_named_so(code: *mut PyObject) -> PyResult<bool> {
    // SAFETY: the interpreter is held, the code alive; the names end with a NUL.
    unsafe {
        let name = Owned::new(PyObject_GetAttrString(code, c"co_name".as_ptr()))?;
        let is_text = PyUnicode_Check(name.as_ptr()) != 0;
        Ok(is_text && PyUnicode_CompareWithASCIIString(name.as_ptr(), c"_run_once".as_ptr()) == 0)
    }
}

/// Whether a function of that name is the running loop's own.
fn is_turn(frame: &Owned, running: &Owned) -> PyResult<bool> {
    let is_turn = IS_TURN.load(Ordering::Acquire);
    // SAFETY: the interpreter is held, all are alive; True lives for ever.
    unsafe {
        let arguments = Owned::tuple([frame.as_ptr(), running.as_ptr()].into_iter())?;
        Ok(call(is_turn, arguments.as_ptr(), ptr::null_mut())?.as_ptr() == Py_True())
    }
}

fn now() -> u64 {
    deadline_nanos(Deadline::now())
}
