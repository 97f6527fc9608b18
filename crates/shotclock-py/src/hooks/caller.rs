//! Who takes a lock: a few callers in the standard library must not be told that they cannot have it.

use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::ffi::arguments::Arguments;
use crate::ffi::capi::{Py_ssize_t, PyErr_Clear, PyObject, PyObject_GetAttrString, PyUnicode_AsUTF8AndSize};
use crate::ffi::frame::{code_of, current};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;

/// What an exception would do to who takes the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// What it does to anybody.
    Anybody,
    /// It goes on as if it had the lock, and releases somebody else's: a condition that takes its lock back. Or it leaves an
    /// import half done, or a thread unknown that has begun.
    MustHave,
    /// It takes the thread that it waits for as ended (bpo-45274): the join of 3.11 and 3.12. It is told that its time is
    /// over, and asks afterwards why.
    AsksAfterwards,
}

/// Where the import system is from.
const OF_IMPORTS: &str = "<frozen importlib";

/// Code of threading.py's, kept for ever.
static RESTORE: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
static JOIN: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());
/// By which the start of a thread waits until it has begun, each called by the next.
static START: [AtomicPtr<PyObject>; 3] = [const { AtomicPtr::new(ptr::null_mut()) }; 3];

/// In which the start of a child waits until it runs its program.
static SPAWN: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// `_native.know_spawn(code)`: the code of `Popen._execute_child`.
pub(crate) unsafe extern "C" fn know_spawn(_: *mut PyObject, code: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live object; the reference is never given back.
    SPAWN.store(unsafe { Owned::borrowed(code) }.into_ptr(), Ordering::Release);
    returned(Ok(Owned::none()))
}

/// Whether a child is being started, which has begun: whoever is told otherwise knows nothing of it.
pub(super) fn is_spawn() -> bool {
    let spawn = SPAWN.load(Ordering::Acquire);
    !spawn.is_null() && current().is_some_and(|frame| code_of(&frame) == spawn)
}

/// `_native.know_lock_takers(restore, join, wait, event, start)`: the code of `Condition._acquire_restore`, that in which a
/// join waits, and of `Condition.wait`, `Event.wait` and `Thread.start`.
pub(crate) unsafe extern "C" fn know_lock_takers(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    let know = || {
        // SAFETY: the interpreter passes so many live objects; the references are never given back.
        unsafe {
            let codes = Arguments::new(arguments, count).exactly::<5>()?;
            let places = [&RESTORE, &JOIN, &START[0], &START[1], &START[2]];
            for (place, code) in places.into_iter().zip(codes) {
                place.store(Owned::borrowed(code).into_ptr(), Ordering::Release);
            }
        }
        Ok(Owned::none())
    };
    returned(know())
}

/// Code of `multiprocessing.synchronize.Condition.wait`, kept for ever.
static OF_PROCESSES: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// `_native.know_process_condition(wait)`: the code in which a condition of processes waits, and takes its lock back.
pub(crate) unsafe extern "C" fn know_process_condition(_: *mut PyObject, code: *mut PyObject) -> *mut PyObject {
    // SAFETY: an argument is alive; the reference is never given back.
    OF_PROCESSES.store(unsafe { Owned::borrowed(code) }.into_ptr(), Ordering::Release);
    returned(Ok(Owned::none()))
}

/// Whether a condition of processes calls.
pub(super) fn is_condition_of_processes() -> bool {
    current().is_some_and(|frame| code_of(&frame) == OF_PROCESSES.load(Ordering::Acquire))
}

/// Who takes a lock now: the Python function that called.
pub(super) fn of_lock() -> Caller {
    let Some(frame) = current() else { return Caller::Anybody };
    let code = code_of(&frame);
    if code == RESTORE.load(Ordering::Acquire) {
        Caller::MustHave
    } else if code == JOIN.load(Ordering::Acquire) {
        Caller::AsksAfterwards
    } else if code == START[0].load(Ordering::Acquire) && is_start_of_thread(&frame)
        || is_of_imports(code).unwrap_or(false)
    {
        Caller::MustHave
    } else {
        Caller::Anybody
    }
}

/// Whether `Condition.wait` was called by the start of a thread.
fn is_start_of_thread(wait: &Owned) -> bool {
    let mut frame = None;
    START[1..].iter().all(|place| {
        // SAFETY: the interpreter is held, the frame alive, the name ends with a NUL.
        let back = unsafe { PyObject_GetAttrString(frame.as_ref().unwrap_or(wait).as_ptr(), c"f_back".as_ptr()) };
        let Some(back) = Owned::new(back).ok().filter(|back| !back.is_none()) else { return false };
        let is_it = code_of(&back) == place.load(Ordering::Acquire);
        frame = Some(back);
        is_it
    })
}

fn is_of_imports(code: *mut PyObject) -> PyResult<bool> {
    const FILE: &CStr = c"co_filename";
    // SAFETY: the interpreter is held, the code is alive, as its frame is; a str keeps its text.
    unsafe {
        let file = Owned::new(PyObject_GetAttrString(code, FILE.as_ptr()))?;
        let mut len = 0;
        let start = PyUnicode_AsUTF8AndSize(file.as_ptr(), &raw mut len);
        if start.is_null() {
            // A name that is no UTF-8 is not the import system's.
            PyErr_Clear();
            return Ok(false);
        }
        let text = std::slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
        Ok(text.starts_with(OF_IMPORTS.as_bytes()))
    }
}
