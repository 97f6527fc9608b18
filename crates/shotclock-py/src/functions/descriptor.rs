//! Functions on descriptors, without a socket object: close, dup; and socketpair, which makes two.

use std::os::fd::{BorrowedFd, IntoRawFd};

use shotclock::unstable::{Errno, syscall};
use shotclock::{Family, Kind};

use crate::ffi::arguments::descriptor;
use crate::ffi::call::released;
use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::Raised;
use crate::methods::state;

/// `_socket.close(fd)`.
pub(crate) unsafe extern "C" fn close(_: *mut PyObject, fd: *mut PyObject) -> *mut PyObject {
    returned(descriptor(fd).and_then(state::close_number))
}

/// `_socket.dup(fd)`.
pub(crate) unsafe extern "C" fn dup(_: *mut PyObject, fd: *mut PyObject) -> *mut PyObject {
    let dup = || {
        let number = descriptor(fd)?;
        if number < 0 {
            return Err(exception::raise_errno(Errno::BADF));
        }
        // SAFETY: not negative; whether it is open is the system's to say.
        let copy = syscall::dup(unsafe { BorrowedFd::borrow_raw(number) }).map_err(exception::raise_errno)?;
        Owned::int(copy.into_raw_fd())
    };
    returned(dup())
}

/// `_socket.socketpair([family[, type[, proto]]])`: two objects of our type.
pub(crate) unsafe extern "C" fn socketpair(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let make = || {
        let (mut family, mut kind, mut protocol) = (Family::UNIX.0, Kind::STREAM.0, 0);
        let format = c"|iii:socketpair".as_ptr();
        // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
        if unsafe { variadic!(PyArg_ParseTuple(arguments, format, &raw mut family, &raw mut kind, &raw mut protocol)) }
            == 0
        {
            return Err(Raised);
        }
        let made = released(|| syscall::socketpair(family, kind, protocol));
        let (one, other) = made.map_err(exception::raise_errno)?;
        let one = state::object_of(one, family, kind, protocol)?;
        let other = state::object_of(other, family, kind, protocol)?;
        // SAFETY: the interpreter is held; "N" takes over each object.
        Owned::new(unsafe { variadic!(Py_BuildValue(c"NN".as_ptr(), one.into_ptr(), other.into_ptr())) })
    };
    returned(make())
}
