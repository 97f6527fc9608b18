//! `time.sleep`.

use crate::ffi::capi::PyObject;
use crate::ffi::owned::{Owned, returned};
use crate::hooks::called::Called;
use crate::hooks::number::{SECOND, Timeout};
use crate::hooks::waiting_call::WaitingCall;

/// `time.sleep(seconds)`
pub(super) fn sleep(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(seconds)]) = called.arguments([c"seconds"], 1) else { return called.as_called() };
    // None is no number of seconds.
    let Ok(Some(nanos)) = Timeout::of(Some(seconds)).nanos(SECOND) else { return called.as_called() };
    let wait = || WaitingCall::new("sleep", Some(nanos), false)?.for_nothing();
    returned(wait().map(|()| Owned::none()))
}
