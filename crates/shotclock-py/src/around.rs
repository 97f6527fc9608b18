//! What is in force around a call, scopes and cancellers, which the Python side keeps in one context variable: it is
//! asked only while anything was entered anywhere.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3_ffi::{
    Py_None, Py_TYPE, Py_True, PyErr_SetObject, PyLong_AsUnsignedLongLong, PyObject, PyObject_GetAttrString,
    PyObject_SetAttrString, PyTuple_GetItem, PyTuple_Size,
};
use shotclock::Canceller;

use crate::call::{call_method, call_plainly};
use crate::canceller;
use crate::errors;
use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, returned};
use crate::policy;

/// How many scopes and cancellers are entered in the process, and how many sockets are under a policy, so that a call
/// without any pays for one look at a number.
static OPEN: AtomicUsize = AtomicUsize::new(0);

struct Ask(*mut PyObject);

// SAFETY: a function that is kept for ever and called with the interpreter held.
unsafe impl Send for Ask {}
// SAFETY: as above.
unsafe impl Sync for Ask {}

/// Gives what is in force in the current context: a tuple, or None.
static ASK: OnceLock<Ask> = OnceLock::new();

/// What bounds a call from around it: the scope that ends first, and all cancellers.
pub(crate) struct Around {
    scope: Option<Scope>,
    /// Python's, the innermost first.
    cancellers: Vec<Owned>,
    /// All of them in one.
    canceller: Option<Canceller>,
}

/// A deadline scope.
pub(crate) struct Scope {
    /// Its end, in nanoseconds of the system's monotonic clock.
    pub(crate) deadline: u64,
    /// Python's.
    pub(crate) object: Owned,
}

impl Around {
    /// What bounds a call made now.
    #[inline]
    pub(crate) fn current() -> PyResult<Option<Self>> {
        if OPEN.load(Ordering::Relaxed) == 0 { Ok(None) } else { Self::ask() }
    }

    // Never inlined: a look at the current context must not be carried over a switch of contexts.
    #[cold]
    #[inline(never)]
    fn ask() -> PyResult<Option<Self>> {
        let Some(Ask(ask)) = ASK.get() else { return Ok(None) };
        if OPEN.load(Ordering::Relaxed) == policy::count() {
            return Ok(None);
        }
        // SAFETY: the interpreter is held, the objects are alive; the tuple keeps its items so until each is shared.
        unsafe {
            let answer = call_plainly(*ask)?;
            if answer.as_ptr() == Py_None() {
                return Ok(None);
            }
            let item = |index| {
                let item = PyTuple_GetItem(answer.as_ptr(), index);
                if item.is_null() { Err(Raised) } else { Ok(Owned::borrowed(item)) }
            };
            let scope = Scope::of(item(0)?)?;
            let cancellers = (1..PyTuple_Size(answer.as_ptr())).map(item).collect::<PyResult<Vec<_>>>()?;
            let canceller = combined(&cancellers)?;
            Ok(Some(Self { scope, cancellers, canceller }))
        }
    }

    /// The scope that ends first.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// The canceller that stands for all.
    pub(crate) fn canceller(&self) -> Option<&Canceller> {
        self.canceller.as_ref()
    }

    /// Raises what the innermost canceller that was cancelled has its calls raise.
    pub(crate) fn raise_cancelled(&self) -> Raised {
        let raise = || {
            for canceller in &self.cancellers {
                if canceller::core_of(canceller)?.is_cancelled() {
                    let error = call_method(canceller, c"_error")?;
                    // SAFETY: the interpreter is held, the exception and its type are alive.
                    unsafe { PyErr_SetObject(Py_TYPE(error.as_ptr()).cast(), error.as_ptr()) };
                    return Ok(());
                }
            }
            Err(errors::os_error("cancelled"))
        };
        let _: PyResult<()> = raise();
        Raised
    }
}

impl Scope {
    fn of(object: Owned) -> PyResult<Option<Self>> {
        // SAFETY: the interpreter is held, the objects are alive, names end with a NUL.
        unsafe {
            if object.as_ptr() == Py_None() {
                return Ok(None);
            }
            let deadline = Owned::new(PyObject_GetAttrString(object.as_ptr(), c"deadline_ns".as_ptr()))?;
            let deadline = PyLong_AsUnsignedLongLong(deadline.as_ptr());
            if errors::is_raised() { Err(Raised) } else { Ok(Some(Self { deadline, object })) }
        }
    }

    /// Tells it that it has ended a call.
    pub(crate) fn expire(&self) -> PyResult<()> {
        // SAFETY: as in `of`.
        let outcome = unsafe { PyObject_SetAttrString(self.object.as_ptr(), c"expired".as_ptr(), Py_True()) };
        if outcome == 0 { Ok(()) } else { Err(Raised) }
    }

    /// What the end of a call by it says for `limit`.
    pub(crate) fn name(&self) -> PyResult<Owned> {
        // SAFETY: as in `of`.
        Owned::new(unsafe { PyObject_GetAttrString(self.object.as_ptr(), c"_limit".as_ptr()) })
    }
}

fn combined(cancellers: &[Owned]) -> PyResult<Option<Canceller>> {
    Ok(match cancellers {
        [] => None,
        [one] => Some(canceller::core_of(one)?),
        several => {
            let cores = several.iter().map(canceller::core_of).collect::<PyResult<Vec<_>>>()?;
            Some(Canceller::any_of(&cores))
        }
    })
}

/// Whether any scope or canceller is entered, or any socket under a policy.
#[inline]
pub(crate) fn is_any_open() -> bool {
    OPEN.load(Ordering::Relaxed) != 0
}

/// So many sockets are under a policy now, and were before.
pub(crate) fn count_policies(before: usize, now: usize) {
    // Wraps around where they have become fewer.
    OPEN.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
}

/// `_native.watch_chain(ask)`: the function that says what is in force.
pub(crate) unsafe extern "C" fn watch_chain(_: *mut PyObject, ask: *mut PyObject) -> *mut PyObject {
    // SAFETY: alive; the reference is kept for ever.
    let _ = ASK.get_or_init(|| Ask(unsafe { Owned::borrowed(ask) }.into_ptr()));
    returned(Ok(Owned::none()))
}

/// `_native.link_opened()`.
pub(crate) unsafe extern "C" fn link_opened(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    OPEN.fetch_add(1, Ordering::Relaxed);
    returned(Ok(Owned::none()))
}

/// `_native.link_closed()`.
pub(crate) unsafe extern "C" fn link_closed(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    OPEN.fetch_sub(1, Ordering::Relaxed);
    returned(Ok(Owned::none()))
}
