//! `_native.recv_batch` and `_native.send_batch`: many datagrams by one call of the system.

use std::cell::RefCell;
use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::ptr;

use shotclock::unstable::{
    BatchCalls, BatchToSend, Pause, Readiness, Stop, describe, join_datagrams, receive_batch, set_batch_calls,
};
use shotclock::{Address, ControlMessage, Datagram, Kind, MessageFlags, Outgoing, Phase, RecvBatch};

use crate::address;
use crate::ffi::arguments::{Buffer, Items};
use crate::ffi::capi::{Py_ssize_t, PyExc_OSError, PyObject, PyTuple_Check, PyTuple_GetItem, PyTuple_Size, variadic};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::audit::audit;
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::wait::expiry::Moved;
use crate::wait::lent::Attempt;
use crate::wait::timing::{First, Timing};

/// Room of no more than so many bytes is kept for the thread's next batch.
const KEPT: usize = 64 << 20;

/// Room that a thread has received into, and how much it is: places, bytes of each, whether datagrams are joined there.
type Room = ((usize, usize, bool), RecvBatch);

thread_local! {
    /// The room of this thread's last batch.
    static ROOM: RefCell<Option<Room>> = const { RefCell::new(None) };
}

/// `_native.recv_batch(sock, n, size, join)`: a list of `(data, address, flags)`.
pub(crate) unsafe extern "C" fn recv_batch(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(recv_checked(arguments))
}

/// `_native.send_batch(sock, datagrams)`: each is bytes, or `(bytes, address)`.
pub(crate) unsafe extern "C" fn send_batch(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    returned(send_checked(arguments))
}

/// `_native.set_batch_calls(which)`: 0 for the best, 1 for messages that are one datagram each, 2 for one at a time.
pub(crate) unsafe extern "C" fn set_calls(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let mut which: c_int = 0;
    // SAFETY: the interpreter is held; the format's type is that of the pointer.
    if unsafe { variadic!(PyArg_ParseTuple(arguments, c"i:set_batch_calls".as_ptr(), &raw mut which)) } == 0 {
        return ptr::null_mut();
    }
    let all = [BatchCalls::Best, BatchCalls::Many, BatchCalls::OneByOne];
    let calls = usize::try_from(which).ok().and_then(|which| all.get(which).copied());
    let calls = calls.ok_or_else(|| exception::value_error("set_batch_calls() takes 0, 1 or 2"));
    returned(calls.map(|calls| {
        set_batch_calls(calls);
        Owned::none()
    }))
}

fn recv_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut object, mut count, mut size, mut joins): (_, Py_ssize_t, Py_ssize_t, c_int) = (ptr::null_mut(), 0, 0, 0);
    let format = c"Onnp:recv_batch".as_ptr();
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed = unsafe {
        let (a, b, c, d) = (&raw mut object, &raw mut count, &raw mut size, &raw mut joins);
        variadic!(PyArg_ParseTuple(arguments, format, a, b, c, d))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let socket = datagram_socket(object)?;
    let (Ok(places), Ok(bytes)) = (usize::try_from(count), usize::try_from(size)) else {
        let text = format!("recv_batch: room for {count} datagrams of {size} bytes: expected 1 or more of each");
        return Err(exception::value_error(&text));
    };
    address::check_family(socket)?;
    let timing = Timing::of(socket, Phase::Recv)?;
    // Taken out: a signal's handler may receive a batch, too.
    let mut room = room_of(places, bytes, joins != 0)?;
    let mut attempt = Receiving { into: &mut room.1, joins: joins != 0 };
    let outcome = timing.run(&mut attempt, First::Try);
    let list = match outcome {
        Ok(_) => Owned::list(room.1.iter().map(|datagram| tuple_of(socket, &datagram))),
        Err(stop) => Err(timing.raise(stop)),
    };
    // Descriptors that came beside a datagram are closed with the room.
    let has_descriptors = room.1.iter().any(|datagram| datagram.ancillary().iter().any(is_of_descriptors));
    if places.saturating_mul(bytes) <= KEPT && !has_descriptors {
        ROOM.with_borrow_mut(|kept| *kept = Some(room));
    }
    list
}

fn is_of_descriptors(message: &ControlMessage) -> bool {
    #[cfg(target_os = "linux")]
    if matches!(message, ControlMessage::ProcessFd(_)) {
        return true;
    }
    matches!(message, ControlMessage::Rights(_))
}

/// The thread's room, if it is as large as that, or a new one.
fn room_of(places: usize, bytes: usize, joins: bool) -> PyResult<Room> {
    let wanted = (places, bytes, joins);
    if let Some(kept) = ROOM.take().filter(|kept| kept.0 == wanted) {
        return Ok(kept);
    }
    let made = if joins { RecvBatch::joining(places) } else { RecvBatch::new(places, bytes) };
    made.map(|room| (wanted, room)).map_err(|error| match error.kind() {
        std::io::ErrorKind::OutOfMemory => exception::out_of_memory(),
        _ => exception::value_error(&error.to_string()),
    })
}

/// `(data, address, flags)`.
fn tuple_of(socket: SocketRef, datagram: &Datagram<'_>) -> PyResult<Owned> {
    let cut = MessageFlags::TRUNC.0;
    // Of joined datagrams the system says so of all.
    let flags = datagram.flags().0 & !cut | if datagram.is_cut() { cut } else { 0 };
    let data = Owned::bytes(datagram.data())?;
    let from = address::to_python_on(socket, datagram.sockaddr())?;
    // SAFETY: the interpreter is held; "N" takes the references over, also if it fails.
    Owned::new(unsafe { variadic!(Py_BuildValue(c"NNi".as_ptr(), data.into_ptr(), from.into_ptr(), flags)) })
}

/// A socket whose messages have boundaries.
fn datagram_socket(object: *mut PyObject) -> PyResult<SocketRef> {
    // SAFETY: alive, and its type is looked at before it is read as a socket.
    let socket = unsafe {
        if !is_socket(object)? {
            return Err(exception::type_error("a batch goes by a socket"));
        }
        SocketRef::new(object)
    };
    if socket.kind() == Kind::STREAM.0 {
        let text = "a socket of a stream: expected one of datagrams; a stream has sendall and recv";
        return Err(exception::value_error(text));
    }
    Ok(socket)
}

/// One receive, whose flag keeps it from waiting.
struct Receiving<'a> {
    into: &'a mut RecvBatch,
    joins: bool,
}

impl Attempt for Receiving<'_> {
    type Output = usize;

    fn attempt(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<usize, Pause> {
        if std::mem::take(&mut self.joins) {
            join_datagrams(fd)?;
        }
        receive_batch(fd, self.into, MessageFlags::NONE, ready)
    }

    fn toward(&self) -> Readiness {
        Readiness::IN | Readiness::RDHUP
    }
}

/// What is sent: the buffers, borrowed of their objects, and where each goes, by its place among the addresses.
struct Parts {
    data: Vec<(Buffer, Option<usize>)>,
    addresses: Vec<Address>,
}

fn send_checked(arguments: *mut PyObject) -> PyResult<Owned> {
    let (mut object, mut datagrams) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
    let parsed = unsafe {
        let format = c"OO:send_batch".as_ptr();
        variadic!(PyArg_ParseTuple(arguments, format, &raw mut object, &raw mut datagrams))
    };
    if parsed == 0 {
        return Err(Raised);
    }
    let socket = datagram_socket(object)?;
    let items = Items::of(datagrams, c"send_batch() takes an iterable of bytes, or of (bytes, address)")?;
    if items.len() == 0 {
        return Err(exception::value_error("send_batch: a batch of 0 datagrams: expected 1 or more"));
    }
    let timing = Timing::of(socket, Phase::Send)?;
    let Parts { data, addresses } = parts_of(socket, &timing, &items)?;
    let parts = data.iter();
    let outgoing: Vec<_> = parts
        .map(|(buffer, to)| Outgoing { data: buffer.bytes(), address: to.map(|index| &addresses[index]) })
        .collect();
    let mut sending = Sending { batch: BatchToSend::new(&outgoing, MessageFlags::NONE, None) };
    match timing.run(&mut sending, First::Try) {
        Ok(()) => Owned::size(outgoing.len()),
        Err(stop) => Err(raise(&timing, stop, &sending.batch)),
    }
}

/// Each item's buffer and address. An address is made once for all items in a row that have the same object.
fn parts_of(socket: SocketRef, timing: &Timing, items: &Items) -> PyResult<Parts> {
    let addresses = RefCell::new(Vec::new());
    let last = RefCell::new(ptr::null_mut::<PyObject>());
    let data = items.collect(|item| {
        // SAFETY: the interpreter is held and the item alive; a tuple lends what it holds.
        let (data, to) = unsafe {
            if PyTuple_Check(item.as_ptr()) == 0 {
                return Ok((Buffer::of(item.as_ptr())?, None));
            }
            let len = PyTuple_Size(item.as_ptr());
            if len != 2 {
                let text = format!("a tuple of {len} in a batch: expected bytes, or (bytes, address)");
                return Err(exception::type_error(&text));
            }
            (PyTuple_GetItem(item.as_ptr(), 0), PyTuple_GetItem(item.as_ptr(), 1))
        };
        if !ptr::eq(*last.borrow(), to) {
            let sockaddr = address::from_python(socket, timing, to, "send_batch")?;
            audit(c"socket.sendto", &[socket.as_object(), to])?;
            addresses.borrow_mut().push(Address::from(sockaddr));
            *last.borrow_mut() = to;
        }
        let index = addresses.borrow().len() - 1;
        Ok((Buffer::of(data)?, Some(index)))
    })?;
    Ok(Parts { data, addresses: addresses.into_inner() })
}

/// Sends what is left, by tries whose flag keeps them from waiting.
struct Sending<'a> {
    batch: BatchToSend<'a>,
}

impl Attempt for Sending<'_> {
    type Output = ();
    const COMPOSITE: bool = true;

    fn attempt(&mut self, fd: BorrowedFd<'_>, _: Readiness) -> Result<(), Pause> {
        self.batch.send_on(fd)
    }

    fn toward(&self) -> Readiness {
        Readiness::OUT
    }
}

/// Raises what ended it, with how many datagrams and bytes went; the system's error names the datagram.
fn raise(timing: &Timing, stop: Stop<Raised>, batch: &BatchToSend<'_>) -> Raised {
    let (went, bytes) = (batch.sent, usize::try_from(batch.bytes).unwrap_or(usize::MAX));
    let raised = match (stop, batch.next()) {
        (Stop::System(errno), Some((index, next))) => {
            let to = next.address.map(|to| format!(", to {to}")).unwrap_or_default();
            let text = format!("{}: datagram {index}, of {} bytes{to}", describe(errno), next.data.len());
            // SAFETY: a static of the interpreter.
            exception::raise_numbered(unsafe { PyExc_OSError }, errno.raw_os_error(), &text)
        }
        (stop, _) => timing.raise_after_all(stop, Moved::Sent(bytes)),
    };
    let error = Caught::new(raised);
    if let Ok(went) = Owned::size(went) {
        error.set(c"datagrams_sent", &went);
    }
    error.raise()
}
