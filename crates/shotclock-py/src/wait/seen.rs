//! What waits now, for Python.

use shotclock::unstable::{address_of_number, deadline_nanos, end_of, thread_ident};
use shotclock::{LimitKind, Wait, waits};

use crate::ffi::arguments::{descriptor, int};
use crate::ffi::capi::{PyBool_FromLong, PyObject};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::open;
use crate::wait::policy;

/// `_native.waits()`: of each wait a tuple: the thread's ident and the system's number for it, what, to whom, the
/// descriptor or -1, for how many seconds by now, and, or None, the limit and when it ends it, in nanoseconds.
pub(crate) unsafe extern "C" fn waits_now(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(Owned::list(waits().iter().map(as_tuple)))
}

/// `_native.address_of(number)`: whom a socket of this number is connected to, or its own address; None if there is none.
pub(crate) unsafe extern "C" fn address_of(_: *mut PyObject, number: *mut PyObject) -> *mut PyObject {
    let address = || optional(address_of_number(descriptor(number)?).map(|address| Owned::text(&address.to_string())));
    returned(address())
}

/// `_native.watch(is)`: whether waits without a limit, in one call of the system, are told of as well; gives what was before.
pub(crate) unsafe extern "C" fn watch(_: *mut PyObject, is: *mut PyObject) -> *mut PyObject {
    let watch = || {
        let was = open::set_watched(int(is)? != 0);
        // SAFETY: the interpreter is held.
        Owned::new(unsafe { PyBool_FromLong(was.into()) })
    };
    returned(watch())
}

fn as_tuple(wait: &Wait) -> PyResult<Owned> {
    let address = wait.address().map(|address| address.to_string());
    let to = address.as_deref().or(wait.subject());
    let items = [
        Owned::size(thread_ident(wait))?,
        Owned::int(wait.thread())?,
        Owned::text(wait.what())?,
        optional(to.map(Owned::text))?,
        Owned::int(wait.descriptor().unwrap_or(-1))?,
        Owned::float(wait.elapsed().as_secs_f64())?,
        optional(wait.limit().map(|limit| Owned::text(name_of(limit))))?,
        optional(wait.limit().map(|_| Owned::size(deadline_nanos(end_of(wait)) as usize)))?,
    ];
    // SAFETY: all are alive.
    unsafe { Owned::tuple(items.iter().map(Owned::as_ptr)) }
}

/// As a TimeoutError's `limit` names it; a scope without its exact kind, which Python knows by its end.
pub(crate) fn name_of(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::SocketTimeout(_) => "timeout",
        limit => policy::name_of(limit).unwrap_or("scope"),
    }
}

fn optional(object: Option<PyResult<Owned>>) -> PyResult<Owned> {
    object.unwrap_or_else(|| Ok(Owned::none()))
}
