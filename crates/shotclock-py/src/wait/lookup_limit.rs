//! The process's limit on each lookup, which holds even where nothing else bounds the call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shotclock::{Deadline, Timeout};

use crate::ffi::capi::{PyLong_AsUnsignedLongLong, PyObject};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::Raised;

/// In nanoseconds; 0 is no limit.
static LOOKUP_TIMEOUT: AtomicU64 = AtomicU64::new(0);

/// `_native.set_lookup_timeout(nanoseconds)`.
pub(crate) unsafe extern "C" fn set_lookup_timeout(_: *mut PyObject, nanos: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter is held and the object alive; what is no int is an error.
    let nanos = unsafe { PyLong_AsUnsignedLongLong(nanos) };
    if exception::is_raised() {
        return returned(Err(Raised));
    }
    LOOKUP_TIMEOUT.store(nanos, Ordering::Relaxed);
    returned(Ok(Owned::none()))
}

/// When the lookups of a call that begins now must have ended.
pub(crate) fn end() -> Deadline {
    Deadline::after(lookup_timeout().map_or(Timeout::NEVER, Timeout::from))
}

/// The words for an error when it has passed.
pub(crate) fn passed() -> String {
    format!("the lookup timeout of {} s passed", lookup_timeout().unwrap_or_default().as_secs_f64())
}

fn lookup_timeout() -> Option<Duration> {
    Some(LOOKUP_TIMEOUT.load(Ordering::Relaxed)).filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}
