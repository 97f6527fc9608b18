use pyo3_ffi::PyObject;
pub(crate) unsafe extern "C" fn getaddrinfo(_: *mut PyObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn gethostbyaddr(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn gethostbyname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn gethostbyname_ex(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn gethostname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn getnameinfo(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn getprotobyname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn getservbyname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn getservbyport(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn sethostname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
