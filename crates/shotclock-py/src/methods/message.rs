//! recvmsg, recvmsg_into, sendmsg, sendmsg_afalg: many buffers at once, and control messages.

use std::ffi::{CStr, c_int};
use std::io::{IoSlice, IoSliceMut};
use std::ptr;

use shotclock::unstable::syscall::{ControlSlice, Received};
use shotclock::unstable::{control_messages, numbers, syscall};
use shotclock::{Family, Phase, SockAddr, cmsg_space};

use crate::address;
use crate::ffi::arguments::{Arguments, Buffer, Items, Keywords, int};
use crate::ffi::capi::{
    Py_None, Py_ssize_t, PyErr_WarnEx, PyExc_RuntimeWarning, PyExc_TypeError, PyLong_Type, PyObject, PyTuple_Size,
    variadic,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::methods::transfer::{received_bytes, zeroes};
use crate::socket::audit::audit;
use crate::socket::complaint::{Asked, hides_errors_of_iterables};
use crate::socket::object::SocketRef;
use crate::socket::stock::stock;
use crate::wait::first_try::Transfer;
use crate::wait::timing::Timing;

/// The most bytes of control messages, and the most buffers: a C int's.
const MOST: usize = c_int::MAX as usize;
/// An optional argument that was not given.
const ABSENT: *mut PyObject = ptr::null_mut();
/// Enough for the control messages of an operation, without its initialisation vector.
const OPERATION_SPACE: usize = 128;

/// `socket.recvmsg(bufsize[, ancbufsize[, flags]])`: `(data, ancdata, msg_flags, address)`.
pub(crate) unsafe extern "C" fn recvmsg(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object.
    returned(recvmsg_checked(unsafe { SocketRef::new(me) }, arguments))
}

/// `socket.recvmsg_into(buffers[, ancbufsize[, flags]])`: `(nbytes, ancdata, msg_flags, address)`.
pub(crate) unsafe extern "C" fn recvmsg_into(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `recvmsg`.
    returned(recvmsg_into_checked(unsafe { SocketRef::new(me) }, arguments))
}

/// `socket.sendmsg(buffers[, ancdata[, flags[, address]]])`.
pub(crate) unsafe extern "C" fn sendmsg(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `recvmsg`.
    returned(sendmsg_checked(unsafe { SocketRef::new(me) }, arguments))
}

/// `sendmsg`, for interpreters whose own takes a vector of arguments.
pub(crate) unsafe extern "C" fn sendmsg_with_signature(
    me: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object and so many live arguments.
    let (socket, arguments) = unsafe { (SocketRef::new(me), Arguments::new(arguments, count)) };
    returned(arguments.tuple().and_then(|arguments| sendmsg_checked(socket, arguments.as_ptr())))
}

/// `socket.sendmsg_afalg([msg], *, op[, iv[, assoclen[, flags]]])`.
pub(crate) unsafe extern "C" fn sendmsg_afalg(
    me: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as in `recvmsg`.
    returned(sendmsg_afalg_checked(unsafe { SocketRef::new(me) }, arguments, keywords))
}

fn recvmsg_checked(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut size, mut control_size, mut flags): (Py_ssize_t, Py_ssize_t, c_int) = (0, 0, 0);
    let format = c"n|ni:recvmsg".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    if unsafe { variadic!(PyArg_ParseTuple(arguments, format, &raw mut size, &raw mut control_size, &raw mut flags)) }
        == 0
    {
        return Err(Raised);
    }
    let size = usize::try_from(size).map_err(|_| exception::value_error("negative buffer size in recvmsg()"))?;
    let (data, message) = received_bytes(size, flags, |room| {
        let message = Message::receive(socket, &mut [IoSliceMut::new(room)], size, control_size, flags)?;
        if message.received.len > size {
            stock()?.receive_more_than_fits()?;
        }
        // Of a message that did not fit this is the part that did; the flags say that it was longer.
        Ok((message.received.len.min(size), message))
    })?;
    message.into_python(&data)
}

fn recvmsg_into_checked(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let mut buffers = ABSENT;
    let (mut control_size, mut flags): (Py_ssize_t, c_int) = (0, 0);
    let format = c"O|ni:recvmsg_into".as_ptr();
    // SAFETY: as in `recvmsg_checked`.
    if unsafe {
        variadic!(PyArg_ParseTuple(arguments, format, &raw mut buffers, &raw mut control_size, &raw mut flags))
    } == 0
    {
        return Err(Raised);
    }
    let items = items_of(buffers, c"recvmsg_into() argument 1 must be an iterable")?;
    if items.len() > MOST {
        return Err(exception::os_error("recvmsg_into() argument 1 is too long"));
    }
    let mut buffers = items.collect(|item| {
        let mut buffer = Buffer::empty();
        let format = c"w*;recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers".as_ptr();
        // SAFETY: the interpreter is held; the format's type is that of the pointer.
        let parsed = unsafe { variadic!(PyArg_Parse(item.as_ptr(), format, buffer.as_mut_ptr())) };
        if parsed == 0 { Err(Raised) } else { Ok(buffer) }
    })?;
    let size = buffers.iter().map(Buffer::len).fold(0, usize::saturating_add);
    let mut data = reserved(buffers.len())?;
    data.extend(buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer.bytes_mut())));
    let message = Message::receive(socket, &mut data, size, control_size, flags)?;
    let len = Owned::size(message.received.len)?;
    message.into_python(&len)
}

/// A message that has come, beside its data. Until it is Python's, the descriptors that it carries are closed with it.
struct Message {
    received: Received,
    control: Box<[u8]>,
    address: Owned,
    is_delivered: bool,
}

impl Message {
    fn receive(
        socket: SocketRef,
        data: &mut [IoSliceMut<'_>],
        size: usize,
        control_size: Py_ssize_t,
        flags: c_int,
    ) -> PyResult<Self> {
        address::check_family(socket)?;
        let control_size = usize::try_from(control_size).ok().filter(|size| *size <= MOST);
        let control_size =
            control_size.ok_or_else(|| exception::value_error("invalid ancillary data buffer length"))?;
        let mut control = zeroes(control_size).ok_or_else(exception::out_of_memory)?;
        let transfer = Transfer { socket, phase: Phase::Recv, bytes: size, flags };
        let room = &mut *control;
        let received = transfer.receive(|fd, from, flags| {
            let received = match from {
                0 => syscall::recvmsg(fd, data, room, flags)?,
                _ => syscall::recvmsg(fd, &mut beyond_mut(data, from), room, flags)?,
            };
            Ok((received.len, received))
        });
        let (_, received) = received.map_err(|ended| {
            let partial: Vec<u8> = data.iter().flat_map(|slice| slice.iter()).take(ended.filled).copied().collect();
            ended.raise(&partial)
        })?;
        let mut message = Self { received, control, address: Owned::none(), is_delivered: false };
        message.address = address::to_python_on(socket, received.address.as_ref())?;
        Ok(message)
    }

    fn control(&self) -> &[u8] {
        &self.control[..self.received.control_len]
    }

    /// `(data, ancdata, msg_flags, address)`.
    fn into_python(mut self, data: &Owned) -> PyResult<Owned> {
        let list = Owned::list(control_messages(self.control()).iter().map(tuple_of))?;
        // SAFETY: the interpreter is held; the format's types are those of the arguments.
        let result = Owned::new(unsafe {
            let (list, address) = (list.as_ptr(), self.address.as_ptr());
            variadic!(Py_BuildValue(c"OOiO".as_ptr(), data.as_ptr(), list, self.received.flags, address))
        })?;
        self.is_delivered = true;
        Ok(result)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        if !self.is_delivered {
            syscall::close_received(self.control());
        }
    }
}

/// `(level, type, data)`.
fn tuple_of(message: &ControlSlice<'_>) -> PyResult<Owned> {
    // SAFETY: the interpreter is held; the format's types are those of the arguments, "N" takes the reference over.
    unsafe {
        if message.is_cut {
            let text = c"received malformed or improperly-truncated ancillary data";
            if PyErr_WarnEx(PyExc_RuntimeWarning, text.as_ptr(), 1) != 0 {
                return Err(Raised);
            }
        }
        let data = Owned::bytes(message.data)?.into_ptr();
        Owned::new(variadic!(Py_BuildValue(c"iiN".as_ptr(), message.level, message.kind, data)))
    }
}

fn sendmsg_checked(socket: SocketRef, arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut data, mut control, mut to) = (ABSENT, ABSENT, ABSENT);
    let mut flags: c_int = 0;
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let to = unsafe {
        if !(1..=4).contains(&PyTuple_Size(arguments)) {
            return Err(Asked::Sendmsg.complaint(arguments));
        }
        let (to_data, to_control, to_address) = (&raw mut data, &raw mut control, &raw mut to);
        if Asked::Sendmsg.has_signature()? {
            let mut given = ABSENT;
            let format = c"O|OOO".as_ptr();
            if variadic!(PyArg_ParseTuple(arguments, format, to_data, to_control, &raw mut given, to_address)) == 0 {
                return Err(Raised);
            }
            flags = if given.is_null() { 0 } else { int(given)? };
        } else {
            let format = c"O|OiO".as_ptr();
            if variadic!(PyArg_ParseTuple(arguments, format, to_data, to_control, &raw mut flags, to_address)) == 0 {
                return Err(Raised);
            }
        }
        if to.is_null() { Py_None() } else { to }
    };
    // SAFETY: None lives for ever.
    let is_addressed = to != unsafe { Py_None() };
    let timing = Timing::of(socket, Phase::Send)?;
    let address = if is_addressed { Some(address::from_python(socket, &timing, to, "sendmsg")?) } else { None };
    audit(c"socket.sendmsg", &[socket.as_object(), to])?;
    let data = data_of(data)?;
    let control = if control.is_null() { Vec::new() } else { control_of(control)? };
    transmit(socket, timing, &data, &control, address.as_ref(), flags)
}

fn data_of(buffers: *mut PyObject) -> PyResult<Vec<Buffer>> {
    let items = items_of(buffers, c"sendmsg() argument 1 must be an iterable")?;
    if items.len() > MOST {
        return Err(exception::os_error("sendmsg() argument 1 is too long"));
    }
    items.collect(|item| Buffer::of(item.as_ptr()))
}

/// Control messages, as the system has them, out of an iterable of `(level, type, data)`.
fn control_of(messages: *mut PyObject) -> PyResult<Vec<u8>> {
    let messages = items_of(messages, c"sendmsg() argument 2 must be an iterable")?.collect(|item| {
        let (mut level, mut kind, mut data): (c_int, c_int, _) = (0, 0, Buffer::empty());
        let format = c"(iiy*):[sendmsg() ancillary data items]".as_ptr();
        // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
        let parsed =
            unsafe { variadic!(PyArg_Parse(item.as_ptr(), format, &raw mut level, &raw mut kind, data.as_mut_ptr())) };
        if parsed == 0 { Err(Raised) } else { Ok((level, kind, data)) }
    })?;
    let mut size = 0_usize;
    for (_, _, data) in &messages {
        size += cmsg_space(data.len()).map_err(|_| exception::os_error("ancillary data item too large"))?;
        if size > MOST {
            return Err(exception::os_error("too much ancillary data"));
        }
    }
    let mut control = reserved(size)?;
    for (level, kind, data) in &messages {
        syscall::push_control_message(&mut control, *level, *kind, data.bytes());
    }
    Ok(control)
}

fn sendmsg_afalg_checked(socket: SocketRef, arguments: *mut PyObject, keywords: *mut PyObject) -> PyResult<Owned> {
    if socket.family() != Family::ALG.0 {
        return Err(exception::os_error("algset is only supported for AF_ALG"));
    }
    let names = Keywords::<6>::new(&[c"msg", c"op", c"iv", c"assoclen", c"flags"]);
    let (mut data, mut op, mut associated) = (ABSENT, ABSENT, ABSENT);
    let (mut iv, mut flags): (Buffer, c_int) = (Buffer::empty(), 0);
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order, and PyLong_Type is a
    // static of the interpreter.
    let parsed = unsafe {
        variadic!(PyArg_ParseTupleAndKeywords(
            arguments,
            keywords,
            c"|O$O!y*O!i:sendmsg_afalg".as_ptr(),
            names.as_mut_ptr(),
            &raw mut data,
            &raw mut PyLong_Type,
            &raw mut op,
            iv.as_mut_ptr(),
            &raw mut PyLong_Type,
            &raw mut associated,
            &raw mut flags,
        ))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let control = operation_of(op, &iv, associated)?;
    let data = if data.is_null() { Vec::new() } else { data_of(data)? };
    transmit(socket, Timing::of(socket, Phase::Send)?, &data, &control, None, flags)
}

/// The control messages that set an operation up: linux/if_alg.h.
fn operation_of(op: *mut PyObject, iv: &Buffer, associated: *mut PyObject) -> PyResult<Vec<u8>> {
    let op = if op.is_null() { None } else { int(op).ok().and_then(|op| u32::try_from(op).ok()) };
    // This error replaces the one of a number that does not fit.
    let op = op.ok_or_else(|| exception::type_error("Invalid or missing argument 'op'"))?;
    let associated = if associated.is_null() {
        None
    } else {
        Some(u32::try_from(int(associated)?).map_err(|_| exception::type_error("assoclen must be positive"))?)
    };
    let iv = iv.given();
    let mut control = reserved(iv.map_or(0, <[u8]>::len).saturating_add(OPERATION_SPACE))?;
    let mut push = |kind, data: &[u8]| syscall::push_control_message(&mut control, numbers::SOL_ALG, kind, data);
    push(numbers::ALG_SET_OP, &op.to_ne_bytes());
    if let Some(iv) = iv {
        let mut counted = reserved(iv.len().saturating_add(4))?;
        // The system counts in 32 bits, and refuses what does not fit.
        counted.extend_from_slice(&(iv.len() as u32).to_ne_bytes());
        counted.extend_from_slice(iv);
        push(numbers::ALG_SET_IV, &counted);
    }
    if let Some(len) = associated {
        push(numbers::ALG_SET_AEAD_ASSOCLEN, &len.to_ne_bytes());
    }
    Ok(control)
}

fn transmit(
    socket: SocketRef,
    mut timing: Timing,
    data: &[Buffer],
    control: &[u8],
    to: Option<&SockAddr>,
    flags: c_int,
) -> PyResult<Owned> {
    let size = data.iter().map(Buffer::len).fold(0, usize::saturating_add);
    let mut slices = reserved(data.len())?;
    slices.extend(data.iter().map(|buffer| IoSlice::new(buffer.bytes())));
    let transfer = Transfer { socket, phase: Phase::Send, bytes: size, flags };
    let sent = transfer.send_by(&mut timing, |fd, from, flags| match from {
        0 => syscall::sendmsg(fd, &slices, control, to, flags),
        // Control messages have gone out with the first part.
        _ => syscall::sendmsg(fd, &beyond(&slices, from), &[], to, flags),
    })?;
    Owned::size(sent)
}

/// The slices, less the first `from` bytes of them all.
fn beyond<'a>(slices: &[IoSlice<'a>], from: usize) -> Vec<IoSlice<'a>> {
    let mut all = slices.to_vec();
    let mut rest = &mut all[..];
    IoSlice::advance_slices(&mut rest, from);
    rest.to_vec()
}

/// The slices to be written, less the first `from` bytes of them all.
fn beyond_mut<'a>(slices: &'a mut [IoSliceMut<'_>], mut from: usize) -> Vec<IoSliceMut<'a>> {
    let mut rest = Vec::with_capacity(slices.len());
    for slice in slices {
        let skipped = from.min(slice.len());
        from -= skipped;
        rest.push(IoSliceMut::new(&mut slice[skipped..]));
    }
    rest
}

/// The items of an iterable, or the interpreter's own complaint.
fn items_of(iterable: *mut PyObject, complaint: &CStr) -> PyResult<Items> {
    let hides = hides_errors_of_iterables()?;
    Items::of(iterable, complaint).map_err(|raised| match hides {
        // SAFETY: a static of the interpreter.
        true => exception::raise(unsafe { PyExc_TypeError }, complaint),
        false => raised,
    })
}

/// Room for so many items.
fn reserved<T>(len: usize) -> PyResult<Vec<T>> {
    let mut room = Vec::new();
    if room.try_reserve_exact(len).is_err() {
        return Err(exception::out_of_memory());
    }
    Ok(room)
}
