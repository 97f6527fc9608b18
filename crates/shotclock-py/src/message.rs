use pyo3_ffi::PyObject;
pub(crate) unsafe extern "C" fn recvmsg(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn recvmsg_into(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn sendmsg(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn sendmsg_afalg(_: *mut PyObject, _: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
