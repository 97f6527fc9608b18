//! recvfrom, recvfrom_into, sendto.

use std::ffi::c_int;

use shotclock::Phase;
use shotclock::unstable::syscall;

use crate::address;
use crate::ffi::arguments::{Buffer, room_and_flags};
use crate::ffi::capi::{Py_ssize_t, PyExc_TypeError, PyObject, PyTuple_Size, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::methods::transfer::received_bytes;
use crate::socket::audit::audit;
use crate::socket::object::SocketRef;
use crate::wait::first_try::Transfer;
use crate::wait::timing::Timing;

/// `socket.recvfrom(bufsize[, flags])`: `(data, address)`.
pub(crate) unsafe extern "C" fn recvfrom(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object.
    returned(recvfrom_checked(unsafe { SocketRef::new(me) }, arguments))
}

/// `socket.recvfrom_into(buffer[, nbytes[, flags]])`: `(nbytes, address)`.
pub(crate) unsafe extern "C" fn recvfrom_into(
    me: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as in `recvfrom`.
    returned(recvfrom_into_checked(unsafe { SocketRef::new(me) }, arguments, keywords))
}

/// `socket.sendto(data[, flags], address)`.
pub(crate) unsafe extern "C" fn sendto(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `recvfrom`.
    returned(sendto_checked(unsafe { SocketRef::new(me) }, arguments))
}

fn recvfrom_checked(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut size, mut flags): (Py_ssize_t, c_int) = (0, 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    if unsafe { variadic!(PyArg_ParseTuple(arguments, c"n|i:recvfrom".as_ptr(), &raw mut size, &raw mut flags)) } == 0 {
        return Err(Raised);
    }
    let size = usize::try_from(size).map_err(|_| exception::value_error("negative buffersize in recvfrom"))?;
    let (data, from) = received_bytes(size, flags, |room| receive(socket, room, flags))?;
    // SAFETY: the interpreter is held; "N" takes the references over, also if it fails.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"NN".as_ptr(), data.into_ptr(), from.into_ptr())) })
}

fn recvfrom_into_checked(socket: SocketRef, arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Owned> {
    let refusals = ["negative buffersize in recvfrom_into", "nbytes is greater than the length of the buffer"];
    let (mut buffer, wanted, flags) = room_and_flags(arguments, keywords, c"w*|ni:recvfrom_into", refusals)?;
    let (len, from) = receive(socket, &mut buffer.bytes_mut()[..wanted], flags)?;
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the reference over.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"nN".as_ptr(), len.cast_signed(), from.into_ptr())) })
}

/// Receives once, also into no room at all: a datagram is taken then.
fn receive(socket: SocketRef, room: &mut [u8], flags: c_int) -> PyResult<(usize, Owned)> {
    address::check_family(socket)?;
    let transfer = Transfer { socket, phase: Phase::Recv, bytes: room.len(), flags };
    let received = transfer.receive(|fd, from, flags| syscall::recvfrom(fd, &mut room[from..], flags));
    let (len, from) = received.map_err(|ended| {
        let filled = ended.filled.min(room.len());
        ended.raise(&room[..filled])
    })?;
    Ok((len, address::to_python_on(socket, from.as_ref())?))
}

fn sendto_checked(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let (data, flags, to) = data_flags_and_address(arguments)?;
    let mut timing = Timing::of(socket, Phase::Send)?;
    let address = address::from_python(socket, &timing, to, "sendto")?;
    audit(c"socket.sendto", &[socket.as_object(), to])?;
    let data = data.bytes();
    let transfer = Transfer { socket, phase: Phase::Send, bytes: data.len(), flags };
    Owned::size(transfer.send_by(&mut timing, |fd, from, flags| syscall::sendto(fd, &data[from..], flags, &address))?)
}

/// With two arguments or three; of three the flags are in the middle.
fn data_flags_and_address(arguments: *mut PyObject) -> PyResult<(Buffer, c_int, *mut PyObject)> {
    let (mut data, mut flags, mut to) = (Buffer::empty(), 0, std::ptr::null_mut::<PyObject>());
    // SAFETY: the interpreter is held; each format's types are those of its pointers, in order.
    let parsed = unsafe {
        match PyTuple_Size(arguments) {
            2 => variadic!(PyArg_ParseTuple(arguments, c"y*O:sendto".as_ptr(), data.as_mut_ptr(), &raw mut to)),
            3 => {
                let format = c"y*iO:sendto".as_ptr();
                variadic!(PyArg_ParseTuple(arguments, format, data.as_mut_ptr(), &raw mut flags, &raw mut to))
            }
            count => {
                let text = format!("sendto() takes 2 or 3 arguments ({count} given)");
                return Err(exception::raise_text(PyExc_TypeError, &text));
            }
        }
    };
    if parsed == 0 { Err(Raised) } else { Ok((data, flags, to)) }
}
