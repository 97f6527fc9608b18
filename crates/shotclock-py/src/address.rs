use pyo3_ffi::PyObject;
use shotclock::RawAddress;

use crate::interpreter::{PyResult, Raised};
use crate::object::{Owned, SocketRef};

/// The system's address out of Python's, by the socket's family. `caller` is the function's name, for errors.
pub(crate) fn from_python(_socket: SocketRef, _address: *mut PyObject, _caller: &str) -> PyResult<RawAddress> {
    Err(Raised)
}

/// Python's address out of the system's; None if there is none. `protocol` is the socket's, which Bluetooth needs.
pub(crate) fn to_python(_address: Option<&RawAddress>, _protocol: i32) -> PyResult<Owned> {
    Ok(Owned::none())
}
