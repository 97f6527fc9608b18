//! What Python asks of the hooks: to be put in place, taken out, and named.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::ffi::arguments::Arguments;
use crate::ffi::capi::{Py_ssize_t, PyObject, PyUnicode_AsUTF8AndSize};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::find;
use crate::hooks::table::{HOOKS, Hook};
use crate::hooks::waiting_call::WaitingCall;

/// `_native.hook(name, owner)`: puts the hook of this name in place, in the table of the type or module that owns the
/// function. Gives None, or why it cannot be there.
pub(crate) unsafe extern "C" fn hook(
    _: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    let put = || {
        // SAFETY: the interpreter passes so many live objects.
        let [name, owner] = unsafe { Arguments::new(arguments, count) }.exactly()?;
        let hook = named(name)?;
        // SAFETY: the owner is alive, and kept for ever; what was found is of it.
        let outcome = unsafe {
            find::find(owner, hook.function).map(|found| {
                Owned::borrowed(owner).into_ptr();
                hook.slot.put(found.definition, found.class, |convention| hook.functions.for_convention(convention))
            })
        };
        match outcome {
            Ok(true) => Ok(Owned::none()),
            Ok(false) => Owned::text("it is called in a way that is not known"),
            Err(why) => Owned::text(why),
        }
    };
    returned(put())
}

/// `_native.unhook()`: puts back whatever was there.
pub(crate) unsafe extern "C" fn unhook(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    HOOKS.iter().for_each(|hook| hook.slot.take_out(|convention| hook.functions.for_convention(convention)));
    returned(Ok(Owned::none()))
}

/// `_native.hooks()`: the names of those that are in place, of functions that wait.
pub(crate) unsafe extern "C" fn hooks(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let there = HOOKS
        .iter()
        .filter(|hook| hook.waits && hook.slot.is_in_place(|convention| hook.functions.for_convention(convention)));
    returned(Owned::list(there.map(|hook| Owned::text(hook.name))))
}

/// `_native.check_join()`: raises what has ended the waits around a join by now, if anything has.
pub(crate) unsafe extern "C" fn check_join(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let check = || WaitingCall::new("join", None, false)?.check();
    returned(check().map(|()| Owned::none()))
}

fn named(name: *mut PyObject) -> PyResult<&'static Hook> {
    let mut len = 0;
    // SAFETY: the interpreter is held and the object alive, which keeps its text.
    let start: *const c_char = unsafe { PyUnicode_AsUTF8AndSize(name, &raw mut len) };
    if ptr::eq(start, ptr::null()) {
        return Err(Raised);
    }
    // SAFETY: such a text ends with a NUL.
    let name = unsafe { CStr::from_ptr(start) };
    let found = HOOKS.iter().find(|hook| hook.name.as_bytes() == name.to_bytes());
    found.ok_or_else(|| exception::value_error(&format!("{name:?}: there is no such hook")))
}
