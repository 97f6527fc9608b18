//! gethostname, sethostname.

use std::ptr;

use shotclock::unstable::{host_name, set_host_name};

use crate::ffi::capi::{PyErr_Clear, PyObject, PyUnicode_FSConverter, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;

/// `_socket.gethostname()`.
pub(crate) unsafe extern "C" fn gethostname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let ask = || {
        audit(c"socket.gethostname", &[])?;
        let name = host_name().map_err(exception::raise_errno)?;
        Owned::system_text(name.to_bytes())
    };
    returned(ask())
}

/// `_socket.sethostname(name)`.
pub(crate) unsafe extern "C" fn sethostname(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let set = || {
        let name = name_in_bytes(arguments)?;
        audit(c"socket.sethostname", &[name.as_ptr()])?;
        set_host_name(name.as_bytes()?).map_err(exception::raise_errno)
    };
    returned(set().map(|()| Owned::none()))
}

/// Bytes as they are, else a str or path in the system's encoding.
fn name_in_bytes(arguments: *mut PyObject) -> PyResult<Owned> {
    let mut name: *mut PyObject = ptr::null_mut();
    // SAFETY: the interpreter is held; the first format lends an object, the second gives a new one.
    unsafe {
        if variadic!(PyArg_ParseTuple(arguments, c"S:sethostname".as_ptr(), &raw mut name)) != 0 {
            return Ok(Owned::borrowed(name));
        }
        PyErr_Clear();
        let convert = PyUnicode_FSConverter as *mut std::ffi::c_void;
        if variadic!(PyArg_ParseTuple(arguments, c"O&:sethostname".as_ptr(), convert, &raw mut name)) == 0 {
            return Err(Raised);
        }
        Owned::new(name)
    }
}
