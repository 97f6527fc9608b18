//! Which scopes are in force in another thread right now: those of the context that it runs in. A task that is suspended
//! inside a scope is not in its thread's context, nor is what an event loop does for others.
//!
//! The interpreter lets nobody ask for another thread's context, so it is read in the thread's state, at an offset that is
//! proved: within a context that we have made ourselves exactly one word of our own state is that context, and within
//! another exactly the same word is that one. If that does not hold nothing is looked after, and `status()` says so.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::{ptr, slice};

use shotclock::unstable::interrupt;

use crate::ffi::capi::{
    PyDict_GetItemString, PyInterpreterState, PyInterpreterState_Get, PyInterpreterState_ThreadHead, PyObject,
    PyObject_GetAttrString, PyThreadState, PyThreadState_Get, PyThreadState_GetFrame, PyThreadState_Next,
    PyUnicode_AsUTF8AndSize,
};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::wait::chain;
use crate::wait::link::LinkRef;

/// So many words at the beginning of a thread's state are looked at. It is longer in every version.
const WORDS: usize = 34;

/// What is not known yet.
const UNKNOWN: usize = usize::MAX;

/// The words of a thread's state with its context, and with what pthread_self(3) calls it.
static CONTEXT: AtomicUsize = AtomicUsize::new(UNKNOWN);
static IDENT: AtomicUsize = AtomicUsize::new(UNKNOWN);

/// The words that were its context in the proof before.
static CANDIDATES: Mutex<Option<Vec<usize>>> = Mutex::new(None);

static INTERPRETER: AtomicPtr<PyInterpreterState> = AtomicPtr::new(ptr::null_mut());

/// Modules of event loops, and what theirs begin with: what is waited for there is a whole program's.
const LOOPS: [&str; 10] =
    ["selectors", "anyio", "asyncio", "curio", "eventlet", "gevent", "tornado", "trio", "twisted", "uvloop"];

/// `_native.prove_context(context)`: called within that context, twice at least, within another each time.
pub(crate) unsafe extern "C" fn prove_context(_: *mut PyObject, context: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter is held by this thread, whose state it is.
    let (words, interpreter) = unsafe { (words_of(PyThreadState_Get()), PyInterpreterState_Get()) };
    let at = |value: usize| (0..WORDS).filter(|word| words[*word] == value).collect::<Vec<_>>();
    let (contexts, idents) = (at(context as usize), at(interrupt::own_id()));
    let before = CANDIDATES.lock().unwrap_or_else(PoisonError::into_inner).replace(contexts.clone());
    if let ([context], [ident], Some(before)) = (&*contexts, &*idents, before)
        && *before == [*context]
    {
        IDENT.store(*ident, Ordering::Release);
        CONTEXT.store(*context, Ordering::Release);
        INTERPRETER.store(interpreter, Ordering::Release);
    }
    returned(Ok(Owned::none()))
}

/// Whether contexts can be read.
pub(crate) fn is_proved() -> bool {
    !INTERPRETER.load(Ordering::Acquire).is_null()
}

/// A thread, as long as the interpreter is held: it cannot end meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Running(*mut PyThreadState);

impl Running {
    /// The thread that pthread_self(3) calls so.
    pub(super) fn of(ident: usize) -> Option<Self> {
        let interpreter = INTERPRETER.load(Ordering::Acquire);
        if interpreter.is_null() {
            return None;
        }
        // SAFETY: the interpreter is held. Threads that begin put themselves before the first, and those that end hold the
        // interpreter when they take themselves out.
        let next = |state: &*mut PyThreadState| unsafe { Some(PyThreadState_Next(*state)) };
        // SAFETY: as above.
        let first = unsafe { PyInterpreterState_ThreadHead(interpreter) };
        let mut all = std::iter::successors(Some(first), next).take_while(|state| !state.is_null());
        let word = IDENT.load(Ordering::Acquire);
        // SAFETY: as above, so each is alive.
        all.find(|state| unsafe { words_of(*state) }[word] == ident).map(Self)
    }

    /// Whether the scope is in force in what the thread runs.
    pub(super) fn is_in(self, link: LinkRef) -> PyResult<bool> {
        // SAFETY: alive, as the interpreter is held.
        let context = unsafe { words_of(self.0) }[CONTEXT.load(Ordering::Acquire)];
        let context: *mut PyObject = ptr::with_exposed_provenance_mut(context);
        if context.is_null() {
            return Ok(false);
        }
        // SAFETY: by the proof it is the thread's context, alive as long as the thread is in it, which cannot leave it now.
        chain::is_in_force_in(&unsafe { Owned::borrowed(context) }, link)
    }

    /// Whether the function of Python's that it runs is an event loop's.
    pub(super) fn is_in_loop(self) -> PyResult<bool> {
        // SAFETY: alive, as the interpreter is held; what it gives is a reference of ours. Names end with a NUL, and a text
        // lives as long as its object.
        unsafe {
            let Ok(frame) = Owned::new(PyThreadState_GetFrame(self.0).cast()) else { return Ok(false) };
            let globals = Owned::new(PyObject_GetAttrString(frame.as_ptr(), c"f_globals".as_ptr()))?;
            let name = PyDict_GetItemString(globals.as_ptr(), c"__name__".as_ptr());
            if name.is_null() {
                return Ok(false);
            }
            let mut len = 0;
            let start = PyUnicode_AsUTF8AndSize(name, &raw mut len);
            if start.is_null() {
                return Err(Raised);
            }
            let name = slice::from_raw_parts(start.cast::<u8>(), usize::try_from(len).unwrap_or(0));
            let root = name.split(|byte| *byte == b'.').next().unwrap_or_default();
            Ok(LOOPS.iter().any(|known| known.as_bytes() == root))
        }
    }
}

/// # Safety
/// A thread's state, alive for as long as this is used.
unsafe fn words_of<'a>(state: *mut PyThreadState) -> &'a [usize] {
    // SAFETY: by the caller's promise; it is a struct of words, longer than this.
    unsafe { slice::from_raw_parts(state.cast(), WORDS) }
}
