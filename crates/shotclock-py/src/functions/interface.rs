//! Network interfaces by name and by index. Arguments that are refused go to the interpreter's own function, which
//! refuses them in its own words.

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use shotclock::unstable::Errno;

use crate::ffi::capi::{PyErr_Clear, PyErr_Occurred, PyLong_AsUnsignedLong, PyObject, PyUnicode_FSConverter, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::stock::stock;

/// `_socket.if_indextoname(index)`.
pub(crate) unsafe extern "C" fn if_indextoname(_: *mut PyObject, index: *mut PyObject) -> *mut PyObject {
    let find = || {
        // SAFETY: the interpreter is held and the object alive.
        let number = unsafe {
            let number = PyLong_AsUnsignedLong(index);
            if PyErr_Occurred().is_null() { u32::try_from(number).ok() } else { None }
        };
        if let Some(name) = number.and_then(|number| shotclock::if_indextoname(number).ok()) {
            return Owned::system_text(name.as_bytes());
        }
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        stock()?.call_with(c"if_indextoname", index)
    };
    returned(find())
}

/// `_socket.if_nameindex()`: a list of indices and names.
pub(crate) unsafe extern "C" fn if_nameindex(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let pair = |interface: shotclock::Interface| {
        let name = Owned::system_text(interface.name.as_bytes())?;
        // SAFETY: the interpreter is held; "N" takes over the object.
        Owned::new(unsafe { variadic!(Py_BuildValue(c"IN".as_ptr(), interface.index, name.into_ptr())) })
    };
    let list = || match shotclock::if_nameindex() {
        Ok(interfaces) => Owned::list(interfaces.into_iter().map(pair)),
        Err(error) => {
            let errno = error.raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error);
            Err(exception::raise_errno(errno))
        }
    };
    returned(list())
}

/// `_socket.if_nametoindex(name)`.
pub(crate) unsafe extern "C" fn if_nametoindex(
    _: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    let find = || {
        if keywords.is_null()
            && let Some(index) = index_of(arguments)?
        {
            return Owned::int(index);
        }
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        stock()?.call(c"if_nametoindex", arguments, keywords)
    };
    returned(find())
}

/// The index of the one interface that is named; `None` if it is refused, with or without an exception.
fn index_of(arguments: *mut PyObject) -> PyResult<Option<u32>> {
    let mut name: *mut PyObject = ptr::null_mut();
    let convert = PyUnicode_FSConverter as *mut c_void;
    // SAFETY: the interpreter is held; the converter gives a new bytes object.
    if unsafe { variadic!(PyArg_ParseTuple(arguments, c"O&:if_nametoindex".as_ptr(), convert, &raw mut name)) } == 0 {
        return Ok(None);
    }
    let name = Owned::new(name)?;
    Ok(shotclock::if_nametoindex(OsStr::from_bytes(name.as_bytes()?)).ok())
}
