//! What a socket object is, beside its descriptor: closing, detaching, and how long it waits.

use std::ffi::c_int;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering};

use shotclock::Phase;
use shotclock::unstable::{Errno, Farewell, Stop, numbers, syscall};

use crate::ffi::call::released;
use crate::ffi::capi::{
    Py_False, Py_None, Py_True, PyBool_FromLong, PyErr_Clear, PyFloat_AsDouble, PyFloat_CheckExact, PyFloat_FromDouble,
    PyLong_CheckExact, PyLong_FromLong, PyObject,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::object::{NO_TIMEOUT, SocketRef};
use crate::socket::stock::{StockMethod, stock};
use crate::socket::{accepted, habit, in_ssl, just_set, kinds, sole, unblocked, waiting};
use crate::wait::account;
use crate::wait::lent::Descriptor;
use crate::wait::timing::{First, Timing};
use crate::wait::{low_water, policy};

/// The timeout that new objects of our type begin with, in nanoseconds.
static DEFAULT_TIMEOUT: AtomicI64 = AtomicI64::new(NO_TIMEOUT);

/// `socket.close()`.
pub(crate) unsafe extern "C" fn close(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object.
    let socket = unsafe { SocketRef::new(me) };
    let number = socket.replace_number(-1);
    accepted::forget(number);
    sole::told(number);
    habit::forget(number);
    low_water::forget(socket, number);
    policy::forget(socket, number);
    returned(if number < 0 { Ok(Owned::none()) } else { close_number(number) })
}

/// Closes a descriptor, with the interpreter released. Waits until other threads that wait on it have left, and under
/// SO_LINGER for the peer, which only a scope or a canceller ends. That the peer has reset the connection is no error
/// of a close.
pub(crate) fn close_number(number: RawFd) -> PyResult<Owned> {
    unblocked::give_up(number);
    account::note_closed();
    let timing = Timing::of_scope(Phase::Shutdown).unwrap_or_else(|Raised| {
        // A close goes on without limits: the next call will meet the error. SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        Timing::without_limit(Phase::Shutdown)
    });
    let (is_bounded, limit) = (timing.is_bounded(), timing.limit());
    match released(|| waiting::close(number, is_bounded, &limit)) {
        Ok(Some(lingers)) if is_bounded => linger(lingers, &timing),
        Ok(None) => Ok(Owned::none()),
        Ok(lingers) => {
            released(|| drop(lingers));
            Ok(Owned::none())
        }
        Err(Errno::CONNRESET) => Ok(Owned::none()),
        Err(errno) => Err(exception::raise_errno(errno)),
    }
}

/// Waits for the end of a connection that is closed, no longer than the limit. Only a limit or a handler's exception is
/// raised: that a canceller has ended the wait is no error of a close.
fn linger(copy: OwnedFd, timing: &Timing) -> PyResult<Owned> {
    match timing.run_python(&mut Farewell::begin(copy), First::Try) {
        Err(stop @ (Stop::TimedOut { .. } | Stop::Interrupt(_))) => Err(timing.raise(stop)),
        _ => Ok(Owned::none()),
    }
}

/// `socket.detach()`.
pub(crate) unsafe extern "C" fn detach(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `close`.
    let socket = unsafe { SocketRef::new(me) };
    let number = socket.replace_number(-1);
    accepted::forget(number);
    sole::told(number);
    unblocked::give_up(number);
    low_water::forget(socket, number);
    policy::detach(socket, number);
    returned(Owned::int(number))
}

/// `socket.fileno()`.
pub(crate) unsafe extern "C" fn fileno(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `close`; the interpreter is held.
    unsafe {
        let number = SocketRef::new(me).number();
        sole::told(number);
        PyLong_FromLong(number.into())
    }
}

/// `socket.getblocking()`.
pub(crate) unsafe extern "C" fn getblocking(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `fileno`.
    unsafe { PyBool_FromLong((SocketRef::new(me).timeout() != 0).into()) }
}

/// `socket.gettimeout()`.
pub(crate) unsafe extern "C" fn gettimeout(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `close`.
    returned(timeout_of(unsafe { SocketRef::new(me) }))
}

/// `socket.setblocking(flag)`.
pub(crate) unsafe extern "C" fn setblocking(me: *mut PyObject, flag: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `close`.
    let socket = unsafe { SocketRef::new(me) };
    // Which other objects count as a bool differs between versions.
    let nanos = is_plainly_true(flag).map_or_else(
        || timeout_by_stock(StockMethod::Setblocking, flag),
        |blocking| Ok(if blocking { NO_TIMEOUT } else { 0 }),
    );
    returned(nanos.and_then(|nanos| set_timeout(socket, nanos)))
}

/// `socket.settimeout(seconds)`.
pub(crate) unsafe extern "C" fn settimeout(me: *mut PyObject, seconds: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `close`.
    let socket = unsafe { SocketRef::new(me) };
    returned(nanoseconds(seconds).and_then(|nanos| set_timeout(socket, nanos)))
}

/// `_socket.getdefaulttimeout()`.
pub(crate) unsafe extern "C" fn getdefaulttimeout(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(seconds(DEFAULT_TIMEOUT.load(Ordering::Relaxed)))
}

/// `_socket.setdefaulttimeout(seconds)`.
pub(crate) unsafe extern "C" fn setdefaulttimeout(_: *mut PyObject, seconds: *mut PyObject) -> *mut PyObject {
    returned(nanoseconds(seconds).map(|nanos| {
        DEFAULT_TIMEOUT.store(nanos, Ordering::Relaxed);
        Owned::none()
    }))
}

/// The socket's timeout as Python has it: seconds, or None.
pub(crate) fn timeout_of(socket: SocketRef) -> PyResult<Owned> {
    seconds(socket.timeout())
}

/// A new object of the type, to which the descriptor belongs from here on.
pub(crate) fn object_of(fd: OwnedFd, family: c_int, kind: c_int, protocol: c_int) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, and the type is the one that `new` is for.
    let object = Owned::new(unsafe { kinds::new(kinds::socket_type()?, ptr::null_mut(), ptr::null_mut()) })?;
    // SAFETY: a live object of that type.
    begin(unsafe { SocketRef::new(object.as_ptr()) }, fd, family, kind, protocol)?;
    Ok(object)
}

/// Makes an object stand for a descriptor of its own. If that fails the descriptor is closed.
pub(crate) fn begin(socket: SocketRef, fd: OwnedFd, family: c_int, kind: c_int, protocol: c_int) -> PyResult<()> {
    let default = DEFAULT_TIMEOUT.load(Ordering::Relaxed);
    let timeout = if kind & numbers::SOCK_NONBLOCK != 0 {
        0
    } else {
        if default >= 0 {
            unblocked::set_nonblocking(fd.as_fd(), true).map_err(exception::raise_errno)?;
        }
        default
    };
    socket.set_kinds(family, kind & !(numbers::SOCK_NONBLOCK | numbers::SOCK_CLOEXEC), protocol);
    socket.set_timeout_field(timeout);
    socket.replace_number(fd.into_raw_fd());
    Ok(())
}

/// Family, type and protocol of a descriptor: what is not known (-1) is asked of the system, which also says whether
/// it is a socket at all.
pub(crate) fn kinds_of(
    fd: BorrowedFd<'_>,
    [mut family, mut kind, mut protocol]: [c_int; 3],
) -> Result<[c_int; 3], Errno> {
    match syscall::getsockname(fd) {
        Ok(address) if family == -1 => family = address.family(),
        Err(errno) if family == -1 || matches!(errno, Errno::BADF | Errno::NOTSOCK) => {
            return Err(errno);
        }
        Ok(_) | Err(_) => {}
    }
    let ask = |option: c_int| {
        let mut number = [0; 4];
        syscall::getsockopt(fd, numbers::SOL_SOCKET, option, &mut number)?;
        Ok(c_int::from_ne_bytes(number))
    };
    if kind == -1 {
        kind = ask(numbers::SO_TYPE)?;
    }
    if protocol == -1 {
        protocol = ask(numbers::SO_PROTOCOL)?;
    }
    Ok([family, kind, protocol])
}

/// Remembers a descriptor that this thread has just accepted, from a listener with this timeout.
pub(crate) fn remember_accepted(number: RawFd, listener_timeout: i64) {
    accepted::remember(number, listener_timeout > 0 && DEFAULT_TIMEOUT.load(Ordering::Relaxed) < 0);
}

fn set_timeout(socket: SocketRef, nanos: i64) -> PyResult<Owned> {
    // A closed socket keeps its timeout, too, though it has no descriptor.
    let before = socket.timeout();
    if !in_ssl::set_timeout(socket, nanos) {
        socket.set_timeout_field(nanos);
    }
    let descriptor = Descriptor::of(socket);
    descriptor.check().map_err(exception::raise_errno)?;
    // From one timeout to another nothing is to be done: the descriptor is O_NONBLOCK already. With none or zero the
    // program says what the descriptor is to be from now on, even if others have changed it.
    let stays = nanos > 0 && before >= 0;
    let blocks_already = nanos < 0 && before < 0 && accepted::blocks_from_birth(socket.number());
    if !stays && !blocks_already {
        accepted::forget(socket.number());
        descriptor.held(|fd| unblocked::set_nonblocking(fd, nanos >= 0)).map_err(exception::raise_errno)?;
        just_set::note(descriptor.number(), nanos >= 0);
    }
    Ok(Owned::none())
}

fn seconds(nanos: i64) -> PyResult<Owned> {
    const SECOND: i64 = 1_000_000_000;
    if nanos < 0 {
        return Ok(Owned::none());
    }
    // Whole seconds are exact, whatever their number.
    let seconds = if nanos % SECOND == 0 { (nanos / SECOND) as f64 } else { nanos as f64 / 1e9 };
    // SAFETY: the interpreter is held.
    Owned::new(unsafe { PyFloat_FromDouble(seconds) })
}

/// A timeout out of seconds or None, rounded up to nanoseconds. Simple numbers are converted here; all else by the
/// interpreter itself, so that its errors are its own.
fn nanoseconds(seconds: *mut PyObject) -> PyResult<i64> {
    // SAFETY: the interpreter is held and the object alive.
    unsafe {
        if seconds == Py_None() {
            return Ok(NO_TIMEOUT);
        }
        if PyFloat_CheckExact(seconds) != 0 || PyLong_CheckExact(seconds) != 0 {
            let number = PyFloat_AsDouble(seconds);
            // Up to there an int's seconds are exact in a double, and their nanoseconds fit.
            if (0.0..=1e9).contains(&number) {
                return Ok((number * 1e9).ceil() as i64);
            }
            PyErr_Clear();
        }
    }
    timeout_by_stock(StockMethod::Settimeout, seconds)
}

/// Whether it is True or False; `None` if it is neither.
fn is_plainly_true(flag: *mut PyObject) -> Option<bool> {
    // SAFETY: both live for ever.
    unsafe { if flag == Py_True() { Some(true) } else { (flag == Py_False()).then_some(false) } }
}

/// The timeout that a method sets, in nanoseconds, found out by an object of the interpreter's own without a
/// descriptor. Its method parses the argument and keeps the timeout in the object, before it finds that there is no
/// descriptor to set it for.
fn timeout_by_stock(method: StockMethod, argument: *mut PyObject) -> PyResult<i64> {
    const UNTOUCHED: i64 = i64::MIN;
    let stock = stock()?;
    let probe = stock.new_socket()?;
    // SAFETY: a live object with the layout that was proved.
    let socket = unsafe { SocketRef::new(probe.as_ptr()) };
    socket.set_timeout_field(UNTOUCHED);
    let outcome = stock.call_method(method, &probe, argument);
    match socket.timeout_field() {
        UNTOUCHED => outcome.and_then(|_| Err(exception::raise_errno(Errno::INVAL))),
        nanos => {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            Ok(nanos)
        }
    }
}
