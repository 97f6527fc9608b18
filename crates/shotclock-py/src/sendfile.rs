//! `_native.sendfile`, for socket.py's sendfile, which otherwise waits by a selector of its own.

use std::ffi::{c_int, c_longlong};
use std::os::fd::BorrowedFd;

use pyo3_ffi::{Py_ssize_t, PyArg_ParseTuple, PyObject};
use shotclock::Phase;
use shotclock::raw::{Call, Pause, Readiness, exact};

use crate::errors::{self, Moved};
use crate::interpreter::{PyResult, Raised, Timing};
use crate::object::{Owned, SocketRef, returned};
use crate::own_type::is_socket;

/// `_native.sendfile(sock, file, offset, count, before)`: how many bytes of the file's descriptor went out, 0 at its
/// end. An exception says how many did in all, with the `before` that had gone out before.
pub(crate) unsafe extern "C" fn sendfile(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(sendfile_checked(arguments))
}

fn sendfile_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let Part { socket, file, offset, count, before } = parse(arguments)?;
    let (fd, timing) = (socket.fd()?, Timing::of(socket, Phase::Send)?);
    // sendfile(2) has no flag of its own, and waits on a descriptor that blocks, ready or not.
    let unblocked = timing.unblock(fd).map_err(errors::raise_errno)?;
    let mut send = Call::new(fd, Readiness::OUT, |_| {
        let mut offset = offset;
        // Without a timeout too: socket.py waits for a descriptor that somebody else made non-blocking.
        exact::sendfile(fd, file, &mut offset, count).map_err(Pause::from)
    });
    let sent = timing.outcome(&mut send);
    drop(unblocked);
    Owned::size(sent.map_err(|stop| timing.raise_after(stop, Moved::Sent(before)))?)
}

struct Part {
    socket: SocketRef,
    file: BorrowedFd<'static>,
    offset: u64,
    count: usize,
    before: usize,
}

fn parse(arguments: *mut PyObject) -> PyResult<Part> {
    let (mut object, mut number): (*mut PyObject, c_int) = (std::ptr::null_mut(), -1);
    let (mut offset, mut count, mut before): (c_longlong, Py_ssize_t, Py_ssize_t) = (0, 0, 0);
    let format = c"OiLn|n:sendfile".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The socket's type is
    // checked before it is read; a number that is not negative may stand for any file, or none, and never bad memory.
    unsafe {
        let (a, b, c, d, e) = (&raw mut object, &raw mut number, &raw mut offset, &raw mut count, &raw mut before);
        if PyArg_ParseTuple(arguments, format, a, b, c, d, e) == 0 {
            return Err(Raised);
        }
        if !is_socket(object)? {
            return Err(errors::type_error("sendfile() takes a socket"));
        }
        let numbers = (u64::try_from(offset), usize::try_from(count), usize::try_from(before), number >= 0);
        let (Ok(offset), Ok(count), Ok(before), true) = numbers else {
            return Err(errors::value_error("sendfile() takes a descriptor, an offset and counts, none negative"));
        };
        Ok(Part { socket: SocketRef::new(object), file: BorrowedFd::borrow_raw(number), offset, count, before })
    }
}
