use pyo3_ffi::PyObject;
pub(crate) unsafe extern "C" fn cmsg_len(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn cmsg_space(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn close(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn dup(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn htonl(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn htons(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn if_indextoname(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn if_nameindex(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn if_nametoindex(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn inet_aton(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn inet_ntoa(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn inet_ntop(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn inet_pton(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn ntohl(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn ntohs(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
pub(crate) unsafe extern "C" fn socketpair(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    std::ptr::null_mut()
}
