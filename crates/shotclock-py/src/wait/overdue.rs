//! A scope's end that a program swallows again and again, to go on waiting: after a while it is raised as an exception
//! that `except Exception` does not catch.

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::ffi::capi::{PyImport_ImportModule, PyObject, PyObject_GetAttrString};
use crate::ffi::frame;
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::PyResult;
use crate::wait::chain;
use crate::wait::link::LinkRef;

/// How often in a row one frame may be told that the scope is over.
const MOST_IN_A_FRAME: u32 = 8;

/// For how many nanoseconds after the first time any frame may be told. Clean-ups that each wait for something take
/// less.
const LONGEST: u64 = 1_000_000_000;

/// Notes that the scope's end is about to be raised. True if it was swallowed so often that it is to be raised as
/// [`exception`].
pub(crate) fn note(scope: &Owned) -> bool {
    // SAFETY: alive.
    let Ok(Some(link)) = (unsafe { LinkRef::of(scope.as_ptr()) }) else { return false };
    link.is_of_program() && note_link(link)
}

/// The same of a canceller's, whose calls are about to raise that it was used.
pub(crate) fn note_cancelled(canceller: &Owned) -> bool {
    let Ok(Some(entered)) = chain::entered_for(canceller.as_ptr()) else { return false };
    // SAFETY: alive.
    unsafe { LinkRef::of(entered.as_ptr()) }.is_ok_and(|link| link.is_some_and(note_link))
}

fn note_link(link: LinkRef) -> bool {
    let now = deadline_nanos(Deadline::now());
    let (in_a_row, _before) = link.note_raised(now, frame::current());
    in_a_row > MOST_IN_A_FRAME || link.first_raised().is_some_and(|first| now.saturating_sub(first) > LONGEST)
}

/// The class `Overdue` of the package.
pub(crate) fn exception() -> PyResult<*mut PyObject> {
    static CLASS: Once<PyObject> = Once::new();
    // SAFETY: the interpreter is held, the names end with a NUL; the module lives through the call.
    CLASS.get_or_make(|| unsafe {
        let module = Owned::new(PyImport_ImportModule(c"shotclock._bounds.overdue".as_ptr()))?;
        Owned::new(PyObject_GetAttrString(module.as_ptr(), c"Overdue".as_ptr())).map(Owned::into_ptr)
    })
}
