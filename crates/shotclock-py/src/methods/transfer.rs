//! recv, recv_into, send, sendall.

use std::alloc::{Layout, alloc_zeroed};
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use shotclock::unstable::syscall;
use shotclock::{MessageFlags, Phase};

use crate::ffi::arguments::{Arguments, Buffer, Data, int, room_and_flags};
use crate::ffi::call::check_signals;
use crate::ffi::capi::{
    Py_ssize_t, PyBytes_AsString, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyErr_Clear, PyLong_AsSsize_t,
    PyObject, variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::complaint::Asked;
use crate::socket::object::SocketRef;
use crate::socket::stock::stock;
use crate::wait::first_try::Transfer;

/// Receives up to this many bytes go through the stack, and into an object of just their size.
const ON_THE_STACK: usize = 4096;

/// `socket.recv(bufsize[, flags])`.
pub(crate) unsafe extern "C" fn recv(
    me: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object and so many live arguments.
    let (socket, arguments) = unsafe { (SocketRef::new(me), Arguments::new(arguments, count)) };
    returned(recv_checked(socket, arguments))
}

fn recv_checked(socket: SocketRef, arguments: Arguments<'_>) -> PyResult<Owned> {
    let (size, flags) = size_and_flags(arguments)?;
    let Ok(size) = usize::try_from(size) else {
        return Err(exception::value_error("negative buffersize in recv"));
    };
    if size == 0 {
        return Owned::bytes(&[]);
    }
    received_bytes(size, flags, |room| Ok((receive(socket, room, flags)?, ()))).map(|(data, ())| data)
}

/// A bytes object of what `receive` puts into room for `size` bytes. `receive` gives how many there are, and anything
/// else it likes.
///
/// With MSG_TRUNC the number may be that of a message that did not fit. As in CPython the object has that length then;
/// what is missing is zeroes.
pub(crate) fn received_bytes<T>(
    size: usize,
    flags: c_int,
    receive: impl FnOnce(&mut [u8]) -> PyResult<(usize, T)>,
) -> PyResult<(Owned, T)> {
    if flags & MessageFlags::TRUNC.0 != 0 {
        // With MSG_TRUNC TCP counts the bytes and does not write them: so the room is zeroes, or old memory would be
        // shown.
        let Some(mut room) = zeroes(size) else {
            // The bytes object, for which there is no room either, raises the error in the interpreter's words.
            return Err(unwritten_bytes(size).map_or_else(|raised| raised, |_| exception::out_of_memory()));
        };
        let (len, more) = receive(&mut room)?;
        return Ok((bytes_of(&room, len)?, more));
    }
    if size <= ON_THE_STACK {
        let mut room = [MaybeUninit::<u8>::uninit(); ON_THE_STACK];
        // SAFETY: written before anything is read: by the system, `len` bytes, of which only so many are used.
        let room = unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<u8>(), size) };
        let (len, more) = receive(room)?;
        return Ok((bytes_of(room, len)?, more));
    }
    // SAFETY: the interpreter is held; the object is ours alone until it is returned, so its bytes may be written.
    unsafe {
        let whole = unwritten_bytes(size)?;
        let room = std::slice::from_raw_parts_mut(PyBytes_AsString(whole.as_ptr()).cast::<u8>(), size);
        let (len, more) = receive(room)?;
        Ok((if len == size { whole } else { bytes_of(room, len)? }, more))
    }
}

/// So many zeroes, if there is memory for them. The system makes pages only where they are touched, so a big room costs
/// little.
pub(crate) fn zeroes(len: usize) -> Option<Box<[u8]>> {
    if len == 0 {
        return Some(Box::default());
    }
    let layout = Layout::array::<u8>(len).ok()?;
    // SAFETY: the layout is not empty, and what is allocated by it is what a box of so many bytes gives back.
    unsafe {
        let start = NonNull::new(alloc_zeroed(layout))?;
        Some(Box::from_raw(ptr::slice_from_raw_parts_mut(start.as_ptr(), len)))
    }
}

/// `(size, flags)` of recv. Plain ints are read here; all else by CPython's own parser, so that its errors are its own.
fn size_and_flags(arguments: Arguments<'_>) -> PyResult<(Py_ssize_t, c_int)> {
    // SAFETY: the interpreter is held and the arguments are alive.
    unsafe {
        if let (Some(size), 1) = (arguments.get(0), arguments.len()) {
            // For anything but an int this is an error.
            let size = PyLong_AsSsize_t(size);
            if size != -1 {
                return Ok((size, 0));
            }
            PyErr_Clear();
        }
        let (mut size, mut flags): (Py_ssize_t, c_int) = (0, 0);
        let tuple = arguments.tuple()?;
        if variadic!(PyArg_ParseTuple(tuple.as_ptr(), c"n|i:recv".as_ptr(), &raw mut size, &raw mut flags)) == 0 {
            return Err(Raised);
        }
        Ok((size, flags))
    }
}

/// `socket.recv_into(buffer[, nbytes[, flags]])`.
pub(crate) unsafe extern "C" fn recv_into(
    me: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as in `recv`.
    let socket = unsafe { SocketRef::new(me) };
    returned(recv_into_checked(socket, arguments, keywords))
}

fn recv_into_checked(socket: SocketRef, arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Owned> {
    let refusals = ["negative buffersize in recv_into", "buffer too small for requested bytes"];
    let (mut buffer, wanted, flags) = room_and_flags(arguments, keywords, c"w*|ni:recv_into", refusals)?;
    let len = if wanted == 0 { 0 } else { receive(socket, &mut buffer.bytes_mut()[..wanted], flags)? };
    Owned::size(len)
}

pub(crate) fn receive(socket: SocketRef, room: &mut [u8], flags: c_int) -> PyResult<usize> {
    let transfer = Transfer { socket, phase: Phase::Recv, bytes: room.len(), flags };
    let received = transfer.receive(|fd, from, flags| Ok((syscall::recv(fd, &mut room[from..], flags)?, ())));
    match received {
        Ok((len, ())) => Ok(len),
        Err(ended) => {
            let filled = ended.filled.min(room.len());
            Err(ended.raise(&room[..filled]))
        }
    }
}

/// `socket.send(data[, flags])`.
pub(crate) unsafe extern "C" fn send(
    me: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as in `recv`.
    let (socket, arguments) = unsafe { (SocketRef::new(me), Arguments::new(arguments, count)) };
    returned(
        data_and_flags(arguments, Asked::Send)
            .and_then(|(data, flags)| Owned::size(transmit::<false>(socket, data.bytes(), flags)?)),
    )
}

/// `socket.sendall(data[, flags])`.
pub(crate) unsafe extern "C" fn sendall(
    me: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: as in `recv`.
    let (socket, arguments) = unsafe { (SocketRef::new(me), Arguments::new(arguments, count)) };
    let send = || {
        let (data, flags) = data_and_flags(arguments, Asked::Sendall)?;
        transmit::<true>(socket, data.bytes(), flags)?;
        check_signals()
    };
    returned(send().map(|()| Owned::none()))
}

fn data_and_flags(arguments: Arguments<'_>, by: Asked) -> PyResult<(Data<'_>, c_int)> {
    // SAFETY: the interpreter is held and the arguments are alive; the formats' types are those of the pointers.
    unsafe {
        if let (Some(data), 1) = (arguments.get(0), arguments.len())
            && PyBytes_CheckExact(data) != 0
        {
            return Ok((Data::of_bytes(data), 0));
        }
        let (mut data, mut flags): (Buffer, c_int) = (Buffer::empty(), 0);
        let tuple = arguments.tuple()?;
        let tuple = tuple.as_ptr();
        if !(1..=2).contains(&arguments.len()) {
            return Err(by.complaint(tuple));
        }
        let parsed = match (arguments.get(1), by.has_signature()?) {
            (Some(given), true) => {
                let mut ignored = ptr::null_mut::<PyObject>();
                let parsed = variadic!(PyArg_ParseTuple(tuple, c"y*O".as_ptr(), data.as_mut_ptr(), &raw mut ignored));
                if parsed != 0 {
                    flags = int(given)?;
                }
                parsed
            }
            _ => variadic!(PyArg_ParseTuple(tuple, c"y*|i".as_ptr(), data.as_mut_ptr(), &raw mut flags)),
        };
        if parsed == 0 { Err(Raised) } else { Ok((Data::Buffer(data), flags)) }
    }
}

/// `ALL` is under one limit for the whole, as CPython's: each part gets what is left of it.
#[inline(always)]
fn transmit<const ALL: bool>(socket: SocketRef, data: &[u8], flags: c_int) -> PyResult<usize> {
    let transfer = Transfer { socket, phase: Phase::Send, bytes: data.len(), flags };
    transfer.send::<ALL>(|fd, from, flags| syscall::send(fd, &data[from..], flags))
}

/// A bytes object to be written before anybody sees it.
fn unwritten_bytes(len: usize) -> PyResult<Owned> {
    // SAFETY: the interpreter is held.
    Owned::new(unsafe { PyBytes_FromStringAndSize(ptr::null(), len.cast_signed()) })
}

/// The first `len` bytes of the room, and zeroes where there is no more of it; if the interpreter's own makes an object of
/// that length, else its exception.
fn bytes_of(room: &[u8], len: usize) -> PyResult<Owned> {
    if len <= room.len() {
        return Owned::bytes(&room[..len]);
    }
    stock()?.receive_more_than_fits()?;
    // SAFETY: the interpreter is held; the object is ours alone, and has `len` bytes.
    unsafe {
        let longer = unwritten_bytes(len)?;
        let start = PyBytes_AsString(longer.as_ptr()).cast::<u8>();
        ptr::copy_nonoverlapping(room.as_ptr(), start, room.len());
        ptr::write_bytes(start.add(room.len()), 0, len - room.len());
        Ok(longer)
    }
}
