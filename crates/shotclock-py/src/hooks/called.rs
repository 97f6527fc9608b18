//! A call of a function of the interpreter's: its arguments, and the function itself, to be called with these or others.

use std::ffi::{CStr, c_void};
use std::mem::transmute;
use std::{ptr, slice};

use crate::ffi::capi::{
    Py_ssize_t, PyDict_GetItemString, PyDict_Size, PyObject, PyTuple_GetItem, PyTuple_Size, PyTypeObject,
    PyUnicode_CompareWithASCIIString, or_sleep,
};
use crate::ffi::once::Once;
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::slot::{Convention, Fast, FastWithClass, FastWithKeywords, Plain, Slot, WithKeywords};

/// Arguments as the interpreter passes them; all are alive for the call.
#[derive(Clone, Copy)]
pub(crate) enum Passed<'a> {
    /// A tuple, and a dict or null.
    Tuple(*mut PyObject, *mut PyObject),
    /// Those without a name, then those that have one; and a tuple of the names, or null.
    Vector(&'a [*mut PyObject], *mut PyObject),
}

/// One call.
pub(crate) struct Called<'a> {
    slot: &'static Slot,
    /// The object whose method it is, or the module.
    pub(crate) me: *mut PyObject,
    /// Where the interpreter passes it, the class that the method is of.
    class: *mut PyTypeObject,
    passed: Passed<'a>,
}

/// One argument that is the same in many calls: where the interpreter passes a tuple, it is made once.
pub(crate) struct Same {
    make: fn() -> PyResult<Owned>,
    tuple: Once<PyObject>,
}

impl Same {
    pub(crate) const fn new(make: fn() -> PyResult<Owned>) -> Self {
        Self { make, tuple: Once::new() }
    }

    #[inline]
    fn tuple(&self) -> PyResult<*mut PyObject> {
        // SAFETY: the object is alive.
        self.tuple.get_or_make(|| unsafe { Owned::tuple([(self.make)()?.as_ptr()].into_iter()) }.map(Owned::into_ptr))
    }
}

impl<'a> Passed<'a> {
    /// # Safety
    /// `arguments` must be `count` objects that live as long as the call.
    pub(crate) unsafe fn vector(arguments: *const *mut PyObject, count: Py_ssize_t, names: *mut PyObject) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: by the caller's promise.
        Self::Vector(if count == 0 { &[] } else { unsafe { slice::from_raw_parts(arguments, count) } }, names)
    }

    /// How many there are without a name, and with one.
    fn counts(self) -> (usize, usize) {
        // SAFETY: tuples and a dict, alive for the call.
        let size = |tuple: *mut PyObject| usize::try_from(unsafe { PyTuple_Size(tuple) }).unwrap_or(0);
        // SAFETY: as above.
        let dict_size = |dict: *mut PyObject| usize::try_from(unsafe { PyDict_Size(dict) }).unwrap_or(0);
        match self {
            Self::Tuple(tuple, keywords) => {
                let named = if keywords.is_null() { 0 } else { dict_size(keywords) };
                (size(tuple), named)
            }
            Self::Vector(all, names) => {
                let named = if names.is_null() { 0 } else { size(names) };
                (all.len() - named, named)
            }
        }
    }

    fn positional(self, index: usize) -> *mut PyObject {
        match self {
            // SAFETY: a tuple, alive for the call, and long enough, by `counts`.
            Self::Tuple(tuple, _) => unsafe { PyTuple_GetItem(tuple, index.cast_signed()) },
            Self::Vector(all, _) => all[index],
        }
    }

    fn named(self, name: &CStr) -> Option<*mut PyObject> {
        // SAFETY: alive for the call; names are str objects, and end with a NUL here.
        unsafe {
            match self {
                Self::Tuple(_, keywords) if keywords.is_null() => None,
                Self::Tuple(_, keywords) => {
                    let found = PyDict_GetItemString(keywords, name.as_ptr());
                    (!found.is_null()).then_some(found)
                }
                Self::Vector(_, names) if names.is_null() => None,
                Self::Vector(all, names) => {
                    let (before, count) = self.counts();
                    let is_it = |index: &usize| {
                        let known = PyTuple_GetItem(names, index.cast_signed());
                        PyUnicode_CompareWithASCIIString(known, name.as_ptr()) == 0
                    };
                    (0..count).find(is_it).map(|index| all[before + index])
                }
            }
        }
    }
}

impl<'a> Called<'a> {
    pub(crate) fn new(slot: &'static Slot, me: *mut PyObject, class: *mut PyTypeObject, passed: Passed<'a>) -> Self {
        Self { slot, me, class, passed }
    }

    /// The arguments of these names, in their order, the first `positional_only` of which are never given by name; `None`
    /// where the call has any others, which the interpreter's own function is to complain about.
    pub(crate) fn arguments<const N: usize>(
        &self,
        names: [&CStr; N],
        positional_only: usize,
    ) -> Option<[Option<*mut PyObject>; N]> {
        let (positional, named) = self.passed.counts();
        if positional > N {
            return None;
        }
        let mut found = [None; N];
        let mut by_name = 0;
        for (index, name) in names.into_iter().enumerate() {
            found[index] = if index < positional {
                Some(self.passed.positional(index))
            } else if index < positional_only || named == 0 {
                None
            } else {
                let object = self.passed.named(name);
                by_name += usize::from(object.is_some());
                object
            };
        }
        (by_name == named).then_some(found)
    }

    /// The first argument that has no name, if there is any.
    pub(crate) fn first(&self) -> Option<*mut PyObject> {
        (self.passed.counts().0 > 0).then(|| self.passed.positional(0))
    }

    /// Whether it is a function of a module's, and no method.
    pub(crate) fn is_of_module(&self) -> bool {
        self.slot.class().is_null()
    }

    /// The interpreter's own function, with the arguments of the call.
    pub(crate) fn as_called(&self) -> *mut PyObject {
        let (me, class, original) = (self.me, self.class, self.slot.original());
        // SAFETY: what was there has the signature that its convention names, by which this was called; the rest is as the
        // interpreter passed it.
        or_sleep(|| unsafe {
            match (self.passed, self.slot.convention()) {
                (Passed::Vector(all, _), Some(Convention::None | Convention::One)) => {
                    let argument = all.first().copied().unwrap_or(ptr::null_mut());
                    transmute::<*mut c_void, Plain>(original)(me, argument)
                }
                (Passed::Tuple(tuple, _), Some(Convention::Tuple)) => {
                    transmute::<*mut c_void, Plain>(original)(me, tuple)
                }
                (Passed::Tuple(tuple, keywords), _) => {
                    transmute::<*mut c_void, WithKeywords>(original)(me, tuple, keywords)
                }
                (Passed::Vector(all, names), convention) => {
                    call_vector(original, convention, me, class, all, self.passed.counts().0.cast_signed(), names)
                }
            }
        })
    }

    /// The interpreter's own function with other arguments, all of them without a name.
    pub(crate) fn with(&self, arguments: &[*mut PyObject]) -> PyResult<Owned> {
        self.of(self.slot, arguments)
    }

    /// Another function of the interpreter's, of the same object.
    pub(crate) fn of(&self, slot: &'static Slot, arguments: &[*mut PyObject]) -> PyResult<Owned> {
        let class = if self.class.is_null() { slot.class() } else { self.class };
        // SAFETY: the object is alive and of the slot's kind, as every caller sees to.
        unsafe { call(slot, self.me, class, arguments) }
    }

    /// Another function of the interpreter's, of the same object, as one calls it again and again.
    pub(crate) fn of_same(&self, slot: &'static Slot, same: &'static Same) -> PyResult<Owned> {
        let tuple = same.tuple()?;
        if let Some(convention @ (Convention::Tuple | Convention::TupleAndKeywords)) = slot.convention() {
            // SAFETY: as in `of`; what is in a slot that has a convention is a function of that.
            return Owned::new(unsafe { call_tuple(slot.original(), convention, self.me, tuple) });
        }
        // SAFETY: a tuple of one object, kept for ever.
        self.of(slot, &[unsafe { PyTuple_GetItem(tuple, 0) }])
    }

    /// The class that the method is of.
    pub(crate) fn class(&self) -> *mut PyTypeObject {
        if self.class.is_null() { self.slot.class() } else { self.class }
    }
}

/// Calls what was in a slot.
///
/// # Safety
/// The function is one of the object's, or of the module's; all objects are alive.
pub(crate) unsafe fn call(
    slot: &'static Slot,
    me: *mut PyObject,
    class: *mut PyTypeObject,
    arguments: &[*mut PyObject],
) -> PyResult<Owned> {
    let (original, convention) = (slot.original(), slot.convention());
    let null = ptr::null_mut();
    if original.is_null() {
        return Err(crate::ffi::exception::os_error("a function of the interpreter's was not found"));
    }
    // SAFETY: what was there has the signature that its convention names; the rest by the caller's promise.
    unsafe {
        let result = match convention {
            Some(Convention::None | Convention::One) => {
                let argument = arguments.first().copied().unwrap_or(null);
                or_sleep(|| transmute::<*mut c_void, Plain>(original)(me, argument))
            }
            Some(convention @ (Convention::Tuple | Convention::TupleAndKeywords)) => {
                let tuple = Owned::tuple(arguments.iter().copied())?;
                call_tuple(original, convention, me, tuple.as_ptr())
            }
            Some(Convention::Vector | Convention::VectorAndKeywords | Convention::VectorWithClass) => or_sleep(|| {
                call_vector(original, convention, me, class, arguments, arguments.len().cast_signed(), null)
            }),
            None => return Err(Raised),
        };
        Owned::new(result)
    }
}

/// # Safety
/// As for [`call`]; the convention is one of the two that take a tuple.
unsafe fn call_tuple(
    original: *mut c_void,
    convention: Convention,
    me: *mut PyObject,
    tuple: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: by the caller's promise.
    or_sleep(|| unsafe {
        if convention == Convention::Tuple {
            transmute::<*mut c_void, Plain>(original)(me, tuple)
        } else {
            transmute::<*mut c_void, WithKeywords>(original)(me, tuple, ptr::null_mut())
        }
    })
}

/// # Safety
/// As for [`call`]; the convention is one of the three that take a vector.
unsafe fn call_vector(
    original: *mut c_void,
    convention: Option<Convention>,
    me: *mut PyObject,
    class: *mut PyTypeObject,
    all: &[*mut PyObject],
    positional: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: by the caller's promise.
    unsafe {
        match convention {
            Some(Convention::VectorWithClass) => {
                transmute::<*mut c_void, FastWithClass>(original)(me, class, all.as_ptr(), positional, names)
            }
            Some(Convention::VectorAndKeywords) => {
                transmute::<*mut c_void, FastWithKeywords>(original)(me, all.as_ptr(), positional, names)
            }
            _ => transmute::<*mut c_void, Fast>(original)(me, all.as_ptr(), positional),
        }
    }
}
