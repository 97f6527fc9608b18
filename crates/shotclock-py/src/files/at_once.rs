//! `SocketIO.readinto`, and the first try of its `write`, without a frame of Python's, where nothing but the socket's timeout
//! bounds them. All else is socket.py's: blocked and closed files, other sockets, writes that wait.

use std::sync::atomic::{AtomicU32, Ordering};

use shotclock::Phase;
use shotclock::unstable::syscall;

use crate::ffi::arguments::Buffer;
use crate::ffi::call::call_with;
use crate::ffi::capi::{Py_True, PyErr_Clear, PyExc_OSError, PyExc_TimeoutError, PyObject};
use crate::ffi::caught::Caught;
use crate::ffi::exception;
use crate::ffi::once::Once;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::raw::{self, Name};
use crate::methods::transfer;
use crate::socket::open;
use crate::wait::first_try::Transfer;
use crate::wait::manner::SMALL;

/// One call in so many goes by Python's frame all the same: the buffers above call in a loop, and between two frames other
/// threads get the interpreter, and handlers and exceptions from other threads their turn.
const TURNS: u32 = 32;

static CALLS: AtomicU32 = AtomicU32::new(0);

static TURN: Once<PyObject> = Once::new();

static READING: Name = Name::new(c"_reading");
static WRITING: Name = Name::new(c"_writing");
static TIMED_OUT: Name = Name::new(c"_timeout_occurred");
static RECV_INTO: Name = Name::new(c"recv_into");
static SEND: Name = Name::new(c"send");
static READINTO_BY_SOCKET_PY: Name = Name::new(c"_readinto_by_socket_py");

/// `SocketIO.readinto(b)`.
pub(crate) unsafe extern "C" fn readinto(me: *mut PyObject, room: *mut PyObject) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; both are alive for the call.
    let file = unsafe { Owned::borrowed(me) };
    returned(match received(&file, room) {
        Ok(Some(received)) => Ok(received),
        // SAFETY: as above.
        Ok(None) => unsafe { raw::call_named(&file, &READINTO_BY_SOCKET_PY, room) },
        Err(raised) => Err(raised),
    })
}

/// What `readinto` gives; `None` where the call is socket.py's to make.
fn received(file: &Owned, room: *mut PyObject) -> PyResult<Option<Owned>> {
    if !is_plain_call() {
        return Ok(None);
    }
    let as_expected = [(&READING, true), (&TIMED_OUT, false)];
    let ours = (transfer::recv_into as *const ()).addr();
    let Some(bound) = raw::ready(file, &as_expected, &RECV_INTO, ours)? else { return Ok(None) };
    let Some(mut buffer) = fitting(Buffer::writable(room)) else { return Ok(None) };
    let (socket, room) = (bound.socket(), buffer.bytes_mut());
    let transfer = Transfer { socket, phase: Phase::Recv, bytes: room.len(), flags: 0 };
    let at_once = transfer
        .receive_at_once(|fd, from, flags| Ok((syscall::recv(fd, &mut room[from..], flags)?, ())))
        .map_err(|ended| ended.raise(&[]));
    let outcome = match at_once {
        Ok(None) => {
            take_turn()?;
            transfer::receive(socket, room, 0)
        }
        Ok(Some(count)) => Ok(count),
        Err(raised) => Err(raised),
    };
    match outcome {
        Ok(count) => Owned::size(count).map(Some),
        Err(raised) => ended(file, raised).map(Some),
    }
}

/// Before a wait, of which there may be many in a row: lets exceptions from other threads in, which come in nowhere but in
/// code of Python's, while no byte is on its way.
fn take_turn() -> PyResult<()> {
    let turn = TURN.get_or_make(|| Err(exception::type_error("no turn is known")))?;
    // SAFETY: a function that is kept for ever.
    unsafe { call_with(turn, []) }.map(drop)
}

/// `_native.know_turn(function)`: a function of Python's that does nothing. The first one is kept.
pub(crate) unsafe extern "C" fn know_turn(_: *mut PyObject, function: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live object; the reference is never given back.
    let known = TURN.get_or_make(|| Ok(unsafe { Owned::borrowed(function) }.into_ptr()));
    returned(known.map(|_| Owned::none()))
}

/// What socket.py makes of an exception: a timeout is the last that the file reads, and None is what a file gives that must
/// not wait.
fn ended(file: &Owned, raised: Raised) -> PyResult<Owned> {
    let error = Caught::new(raised);
    // SAFETY: statics of the interpreter; it is held, and the file alive.
    unsafe {
        if error.is(PyExc_TimeoutError) {
            raw::set(file, &TIMED_OUT, Py_True())?;
        } else if error.is(PyExc_OSError) && error.is_would_block() {
            return Ok(Owned::none());
        }
    }
    Err(error.raise())
}

/// Sends what goes out at once, for `SocketIO.write(b)`; `None` where the call is socket.py's to make.
pub(crate) fn sent(file: &Owned, data: *mut PyObject) -> PyResult<Option<usize>> {
    if !is_plain_call() {
        return Ok(None);
    }
    let ours = (transfer::send as *const ()).addr();
    let Some(bound) = raw::ready(file, &[(&WRITING, true)], &SEND, ours)? else { return Ok(None) };
    let Some(data) = fitting(Buffer::of(data)) else { return Ok(None) };
    let data = data.bytes();
    let transfer = Transfer { socket: bound.socket(), phase: Phase::Send, bytes: data.len(), flags: 0 };
    transfer.send_at_once(|fd, from, flags| syscall::send(fd, &data[from..], flags))
}

/// Whether nothing bounds any call, and this one need not go by Python's frame.
fn is_plain_call() -> bool {
    !open::is_any_open() && !CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(TURNS)
}

/// The buffer, if it is one, and the interpreter may be held for so many bytes.
fn fitting(buffer: PyResult<Buffer>) -> Option<Buffer> {
    let Ok(buffer) = buffer else {
        // Socket.py's call says it in the interpreter's words.
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        return None;
    };
    (1..=SMALL).contains(&buffer.len()).then_some(buffer)
}
