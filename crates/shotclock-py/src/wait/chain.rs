//! What is in force around a call: the scopes, cancellers and shields that a thread or task is in, as links of a chain
//! that begins in one context variable. What was left does not count any more, whoever still has it in a copied context.

use std::ffi::CStr;
use std::ptr;

use shotclock::Deadline;
use shotclock::unstable::deadline_nanos;

use crate::ffi::call::{call_method_with, call_plainly};
use crate::ffi::capi::{
    Py_None, PyBool_FromLong, PyContextVar_Get, PyContextVar_New, PyContextVar_Set, PyErr_Clear, PyExc_RuntimeError,
    PyImport_ImportModule, PyObject, PyObject_GetAttrString,
};
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::open;
use crate::wait::link::LinkRef;
use crate::wait::open_scopes;

/// The variable's name.
const NAME: &CStr = c"shotclock chain";

/// The variable with the innermost link, or None.
static INNERMOST: Once<PyObject> = Once::new();

/// What bounds every thread, set from the outside of the program.
static OUTERMOST: Once<PyObject> = Once::new();

/// The function of the package that has every socket reached, so that no scope is entered without effect; looked up
/// when first needed.
static REACH: Once<PyObject> = Once::new();

/// Makes the variable.
pub(crate) fn prepare() -> PyResult<()> {
    // SAFETY: the interpreter is held, the name ends with a NUL; no default.
    let make = || Owned::new(unsafe { PyContextVar_New(NAME.as_ptr(), ptr::null_mut()) }).map(Owned::into_ptr);
    INNERMOST.get_or_make(make).map(|_| ())
}

/// Lets Python see to it that sockets are reached, before a link that bounds them is entered.
pub(crate) fn reach_every_socket() -> PyResult<()> {
    let reach = REACH.get_or_make(|| {
        // SAFETY: the names end with a NUL; the module lives through the call.
        unsafe {
            let module = Owned::new(PyImport_ImportModule(c"shotclock._install.reach".as_ptr()))?;
            Owned::new(PyObject_GetAttrString(module.as_ptr(), c"reach_every_socket".as_ptr())).map(Owned::into_ptr)
        }
    })?;
    // SAFETY: kept for ever.
    unsafe { call_plainly(reach) }.map(|_| ())
}

/// The link is the innermost from now on. No Python code runs.
pub(crate) fn enter(link: LinkRef) -> PyResult<()> {
    if !link.is_new() {
        // SAFETY: a static of the interpreter.
        return Err(exception::raise(unsafe { PyExc_RuntimeError }, c"it was entered before: a scope is entered once"));
    }
    // Links that were left never count again, and need not be kept alive.
    let outer = first_open(innermost()?.as_ref().map(Innermost::link));
    link.open(outer.map(LinkRef::owned));
    set_innermost(link.as_object()).inspect_err(|Raised| {
        link.close();
    })
}

/// From now on the link counts in no context. No Python code runs before that.
pub(crate) fn leave(link: LinkRef) -> PyResult<()> {
    link.close();
    // If it is not the innermost (a generator that was suspended inside it ends in another context), the variable is
    // left alone.
    if innermost()?.is_none_or(|innermost| innermost.link() != link) {
        return Ok(());
    }
    // SAFETY: None lives for ever.
    let outer = first_open(link.outer()).map_or_else(|| unsafe { Py_None() }, LinkRef::as_object);
    set_innermost(outer)
}

/// The innermost link that was entered for this canceller here, also beyond a shield.
pub(crate) fn entered_for(canceller: *mut PyObject) -> PyResult<Option<Owned>> {
    let is_it = |link: &LinkRef| link.canceller().is_some_and(|known| known.as_ptr() == canceller);
    let innermost = innermost()?;
    Ok(opened(innermost.as_ref().map(Innermost::link)).find(is_it).map(LinkRef::owned))
}

/// The innermost link of this context, with what keeps it alive.
pub(crate) struct Innermost(Owned);

impl Innermost {
    pub(crate) fn link(&self) -> LinkRef {
        // SAFETY: it was looked at, and is kept.
        unsafe { LinkRef::new(self.0.as_ptr()) }
    }
}

/// The innermost link of this context. Where nothing is entered anywhere, the context is not even asked.
// Never inlined: a look at the current context must not be carried over a switch of contexts.
#[inline(never)]
pub(crate) fn innermost() -> PyResult<Option<Innermost>> {
    let Some(variable) = INNERMOST.get() else { return Ok(None) };
    let mut value = ptr::null_mut();
    // SAFETY: the interpreter is held, the variable lives for ever; a value is a reference of ours.
    unsafe {
        if PyContextVar_Get(variable, ptr::null_mut(), &raw mut value) != 0 {
            return Err(Raised);
        }
        let Ok(kept) = Owned::new(value) else { return Ok(None) };
        // Programs can reach the variable through a context, and may have set it to anything.
        Ok(LinkRef::of(kept.as_ptr())?.map(|_| Innermost(kept)))
    }
}

/// Calls with each scope and canceller that counts here, or from a link on, the innermost first.
///
/// The links are alive for the length of the call each is passed to; no Python code runs in between.
#[inline]
pub(crate) fn in_force(from: Option<LinkRef>, visit: impl FnMut(LinkRef)) {
    unshielded(from).chain(outermost()).for_each(visit);
}

fn unshielded(from: Option<LinkRef>) -> impl Iterator<Item = LinkRef> {
    opened(from).take_while(|link| !link.is_shield())
}

/// All links that have not been left, also those beyond a shield.
fn opened(from: Option<LinkRef>) -> impl Iterator<Item = LinkRef> {
    std::iter::successors(from, |link| link.outer()).filter(|link| link.is_open())
}

fn first_open(from: Option<LinkRef>) -> Option<LinkRef> {
    opened(from).next()
}

/// Whether this is the outermost link, which is in force everywhere.
pub(crate) fn is_outermost(link: LinkRef) -> bool {
    OUTERMOST.get() == Some(link.as_object())
}

/// Whether something in force here bounds waits of this kind. Asks no Python code.
#[inline]
pub(crate) fn is_any_in_force(bounds: impl Fn(LinkRef) -> bool) -> bool {
    match innermost() {
        Ok(None) if OUTERMOST.get().is_none() => false,
        innermost => is_any_of(innermost, bounds),
    }
}

#[inline(never)]
fn is_any_of(innermost: PyResult<Option<Innermost>>, bounds: impl Fn(LinkRef) -> bool) -> bool {
    let Ok(innermost) = innermost else {
        // It will be said to who asks for more.
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        return true;
    };
    unshielded(innermost.as_ref().map(Innermost::link)).any(&bounds) || outermost().is_some_and(bounds)
}

/// Whether the link counts in what runs in this context.
pub(crate) fn is_in_force_in(context: &Owned, link: LinkRef) -> PyResult<bool> {
    let Some(variable) = INNERMOST.get() else { return Ok(false) };
    // SAFETY: the interpreter is held, both are alive; the value is kept as long as it is used.
    unsafe {
        let innermost = call_method_with(context, c"get", variable)?;
        let mut is_in_force = false;
        in_force(LinkRef::of(innermost.as_ptr())?, |known| is_in_force = is_in_force || known == link);
        Ok(is_in_force)
    }
}

/// Has what was entered in this thread and is in force looked after anew, as in a forked child.
pub(crate) fn watch_anew() -> PyResult<()> {
    let innermost = innermost()?;
    opened(innermost.as_ref().map(Innermost::link)).chain(outermost()).for_each(LinkRef::watch);
    Ok(())
}

fn outermost() -> Option<LinkRef> {
    let link = OUTERMOST.get()?;
    // SAFETY: kept for ever; it was looked at when it was put there.
    unsafe { LinkRef::of(link) }.ok().flatten()
}

fn set_innermost(link: *mut PyObject) -> PyResult<()> {
    let Some(variable) = INNERMOST.get() else { return Ok(()) };
    // SAFETY: the interpreter is held, both are alive.
    Owned::new(unsafe { PyContextVar_Set(variable, link) }).map(|_| ())
}

/// A link as an argument; TypeError for what is none.
///
/// # Safety
/// `object` must be alive for as long as the link is used.
unsafe fn link_of(object: *mut PyObject) -> PyResult<LinkRef> {
    // SAFETY: by the caller's promise.
    unsafe { LinkRef::of(object)? }.ok_or_else(|| exception::type_error("expected a link"))
}

/// `_native.earliest(link)`: the open scope that ends first, of those around this call, or from a link on; or None.
pub(crate) unsafe extern "C" fn earliest(_: *mut PyObject, from: *mut PyObject) -> *mut PyObject {
    let find = || {
        let innermost = innermost()?;
        // SAFETY: None lives for ever, and an argument is alive.
        let from =
            unsafe { if from == Py_None() { innermost.as_ref().map(Innermost::link) } else { Some(link_of(from)?) } };
        let mut earliest: Option<(u64, LinkRef)> = None;
        in_force(from, |link| {
            if let Some(deadline) = link.deadline()
                && earliest.is_none_or(|(known, _)| deadline < known)
            {
                earliest = Some((deadline, link));
            }
        });
        Ok(earliest.map_or_else(Owned::none, |(_, link)| link.owned()))
    };
    returned(find())
}

/// `_native.is_bounded()`: whether a scope or canceller counts for this call.
pub(crate) unsafe extern "C" fn is_bounded(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let look = || {
        let innermost = innermost()?;
        let mut is_bounded = false;
        in_force(innermost.as_ref().map(Innermost::link), |_| is_bounded = true);
        // SAFETY: the interpreter is held.
        Owned::new(unsafe { PyBool_FromLong(is_bounded.into()) })
    };
    returned(look())
}

/// `_native.put_outermost(link)`: it is in force everywhere, for ever. The first call counts.
pub(crate) unsafe extern "C" fn put_outermost(_: *mut PyObject, link: *mut PyObject) -> *mut PyObject {
    let put = || {
        // SAFETY: an argument is alive; the reference is kept for ever.
        let link = unsafe { link_of(link)? };
        if link.is_new() && OUTERMOST.get().is_none() {
            OUTERMOST.get_or_make(|| Ok(link.owned().into_ptr()))?;
            link.open(None);
        } else if is_outermost(link) {
            // Its end may have changed.
            link.watch();
        }
        Ok(Owned::none())
    };
    returned(put())
}

/// `_native.outermost()`: what is in force everywhere, or None.
pub(crate) unsafe extern "C" fn get_outermost(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(Ok(outermost().map_or_else(Owned::none, LinkRef::owned)))
}

/// `_native.leave_all()`: nothing that was entered in this process, or in the one that it was forked from, counts any
/// more, in any context; but for what is outermost.
pub(crate) unsafe extern "C" fn leave_all(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    open::leave_all();
    open_scopes::leave_all();
    if let Some(outermost) = outermost() {
        outermost.open(None);
    }
    returned(Ok(Owned::none()))
}

/// `_native.open::links()`: how many are entered.
pub(crate) unsafe extern "C" fn count(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(Owned::size(open::links()))
}

/// `_native.reach_every_socket()`: what is called before a link that bounds sockets is entered.
pub(crate) unsafe extern "C" fn reach(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(reach_every_socket().map(|()| Owned::none()))
}

/// `_native.monotonic_ns()`: the system's monotonic clock, which nobody replaces.
pub(crate) unsafe extern "C" fn monotonic_ns(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let now = deadline_nanos(Deadline::now());
    returned(Owned::int(i64::try_from(now).unwrap_or(i64::MAX)))
}
