use pyo3_ffi::PyObject;
pub(crate) unsafe extern "C" fn recvfrom(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn recvfrom_into(_: *mut PyObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn sendto(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
