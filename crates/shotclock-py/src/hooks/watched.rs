//! A call that nothing bounds, while somebody watches: the interpreter's own function is called as ever, and told of.

use std::os::fd::RawFd;

use crate::ffi::capi::{PyErr_Clear, PyObject};
use crate::hooks::called::Called;
use crate::hooks::descriptor;
use crate::hooks::number::plain_int;
use crate::wait::account::{Account, ended_plainly};
use crate::wait::told;

/// Makes the call, which may wait for what that says.
pub(super) fn call(called: &Called<'_>, what: &'static str) -> *mut PyObject {
    let number = number_of(called, what);
    let account = Account::of_plain();
    let shown = told::plainly(what, number, || None, account);
    let result = called.as_called();
    drop(shown);
    account.end(what, number, || None, ended_plainly(result.is_null()));
    result
}

/// The descriptor that a function was given first, or a file's own.
fn number_of(called: &Called<'_>, what: &str) -> Option<RawFd> {
    if !matches!(what, "read" | "write" | "file lock") {
        return None;
    }
    if called.is_of_module() {
        return called.first().and_then(plain_int).and_then(|number| RawFd::try_from(number).ok());
    }
    let number = descriptor::number_of(called.me).ok();
    if number.is_none() {
        // It is closed, which the call will say.
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    }
    number
}
