//! Reads and writes of files that are no sockets: pipes, terminals, devices, by the functions of `os` and by `FileIO`.
//!
//! A file is waited for before it is read or written. A write that is too large for a pipe to take at once is made in parts;
//! once a part has moved, the end of a limit ends the write with the count of what has, as a raw write may end, so that
//! nobody sends it again; the next one raises.

use std::os::fd::{BorrowedFd, RawFd};

use shotclock::Deadline;
use shotclock::unstable::{Interest, PollWaiter, Readiness, Waiter, file};

use crate::ffi::arguments::{Buffer, Items};
use crate::ffi::capi::{
    Py_None, PyBUF_READ, PyErr_Clear, PyErr_GivenExceptionMatches, PyExc_Exception, PyExc_OSError,
    PyMemoryView_FromMemory, PyObject,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::places::{FileRead, Place};
use crate::hooks::poll::number_of;
use crate::hooks::waiting_call::WaitingCall;
use crate::wait::expiry::{self, Moved};

/// So much a pipe takes at once, or nothing. Source: pipe(7), PIPE_BUF.
const AT_ONCE: usize = 4096;

/// How much `readall` asks for at a time.
const READ_SIZE: i64 = 65_536;

/// `os.read(fd, length, /)`
pub(super) fn read(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(_)]) = called.arguments([c"fd", c"length"], 2) else { return called.as_called() };
    read_by(called, fd)
}

/// `os.readv(fd, buffers, /)`
pub(super) fn readv(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(_)]) = called.arguments([c"fd", c"buffers"], 2) else { return called.as_called() };
    read_by(called, fd)
}

/// `os.readinto(fd, buffer, /)`
pub(super) fn readinto(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(_)]) = called.arguments([c"fd", c"buffer"], 2) else { return called.as_called() };
    read_by(called, fd)
}

/// `os.write(fd, data, /)`
pub(super) fn write(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(data)]) = called.arguments([c"fd", c"data"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    let wait = || write_parts(number, &Buffer::of(data)?, |part| called.with(&[Owned::int(number)?.as_ptr(), part]));
    written(called, wait())
}

/// `os.writev(fd, buffers, /)`
pub(super) fn writev(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(buffers)]) = called.arguments([c"fd", c"buffers"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    let wait = || {
        let complaint = c"writev() arg 2 must be a sequence";
        let parts = Items::of(buffers, complaint)?.collect(|buffer| Buffer::of(buffer.as_ptr()))?;
        let size: usize = parts.iter().map(Buffer::len).sum();
        if size <= AT_ONCE || !may_block(number, Readiness::OUT) {
            return ready(number, Readiness::OUT, "write").map(|()| None);
        }
        let joined = Owned::bytes(&parts.iter().flat_map(Buffer::bytes).copied().collect::<Vec<_>>())?;
        write_parts(number, &Buffer::of(joined.as_ptr())?, |part| {
            // SAFETY: alive for the call.
            let list = Owned::list([Ok(unsafe { Owned::borrowed(part) })])?;
            called.with(&[Owned::int(number)?.as_ptr(), list.as_ptr()])
        })
    };
    written(called, wait())
}

/// `FileIO.read(size=-1, /)`
pub(super) fn file_read(called: &Called<'_>) -> *mut PyObject {
    let Some([size]) = called.arguments([c"size"], 1) else { return called.as_called() };
    // SAFETY: None lives for ever.
    let none = unsafe { Py_None() };
    let is_all = size.is_none_or(|size| size == none || plain_int(size).is_some_and(|size| size < 0));
    if is_all { file_readall(called) } else { file_read_by(called) }
}

/// `FileIO.readinto(buffer, /)`
pub(super) fn file_readinto(called: &Called<'_>) -> *mut PyObject {
    file_read_by(called)
}

/// `FileIO.readall()`
pub(super) fn file_readall(called: &Called<'_>) -> *mut PyObject {
    let Some(number) = number_of_file(called) else { return called.as_called() };
    if !may_block(number, Readiness::IN) {
        return called.as_called();
    }
    let mut whole = Vec::new();
    let mut wait = || {
        let size = Owned::int(READ_SIZE)?;
        loop {
            ready(number, Readiness::IN, "read")?;
            let part = called.of(FileRead::slot(), &[size.as_ptr()])?;
            // One that was made non-blocking meanwhile has nothing.
            if part.is_none() {
                return if whole.is_empty() { Ok(part) } else { Owned::bytes(&whole) };
            }
            let bytes = part.as_bytes()?;
            if bytes.is_empty() {
                return Owned::bytes(&whole);
            }
            whole.extend_from_slice(bytes);
        }
    };
    let outcome = wait();
    if outcome.is_err() {
        expiry::annotate(Moved::Received(&whole));
    }
    returned(outcome)
}

/// `FileIO.write(b, /)`
pub(super) fn file_write(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(data)]) = called.arguments([c"b"], 1) else { return called.as_called() };
    let Some(number) = number_of_file(called) else { return called.as_called() };
    let wait = || write_parts(number, &Buffer::of(data)?, |part| called.with(&[part]));
    written(called, wait())
}

fn read_by(called: &Called<'_>, fd: Option<*mut PyObject>) -> *mut PyObject {
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    match ready(number, Readiness::IN, "read") {
        Ok(()) => called.as_called(),
        Err(raised) => returned(Err(raised)),
    }
}

fn file_read_by(called: &Called<'_>) -> *mut PyObject {
    let Some(number) = number_of_file(called) else { return called.as_called() };
    match ready(number, Readiness::IN, "read") {
        Ok(()) => called.as_called(),
        Err(raised) => returned(Err(raised)),
    }
}

/// What a write comes to: how much has moved, or the interpreter's own call.
fn written(called: &Called<'_>, outcome: PyResult<Option<usize>>) -> *mut PyObject {
    match outcome {
        Ok(None) => called.as_called(),
        Ok(Some(moved)) => returned(Owned::size(moved)),
        // It is to be raised by the interpreter's own call, in its words.
        Err(Raised) if !is_of_system() => {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            called.as_called()
        }
        Err(raised) => returned(Err(raised)),
    }
}

/// Waits until a write of these bytes does not block; `None` if it is then to be made as it is, else how much was written in
/// parts.
fn write_parts(
    number: RawFd,
    data: &Buffer,
    mut write: impl FnMut(*mut PyObject) -> PyResult<Owned>,
) -> PyResult<Option<usize>> {
    let bytes = data.bytes();
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() <= AT_ONCE || !may_block(number, Readiness::OUT) {
        return ready(number, Readiness::OUT, "write").map(|()| None);
    }
    let mut moved = 0;
    for part in bytes.chunks(AT_ONCE) {
        // SAFETY: the bytes stay in place while the buffer is held, and the view is gone before it is given back, unless
        // somebody keeps it: then the buffer's owner is kept from resizing by nobody, as with any view of memory; the
        // interpreter's own write keeps none.
        let view =
            unsafe { PyMemoryView_FromMemory(part.as_ptr().cast_mut().cast(), part.len().cast_signed(), PyBUF_READ) };
        let outcome = Owned::new(view).and_then(|view| {
            ready(number, Readiness::OUT, "write")?;
            write(view.as_ptr())
        });
        match outcome {
            Ok(count) => moved += usize::try_from(plain_int(count.as_ptr()).unwrap_or(0)).unwrap_or(0),
            Err(Raised) if moved > 0 && is_of_system() => {
                // What has moved is said now; the next write says what has happened.
                // SAFETY: the interpreter is held.
                unsafe { PyErr_Clear() };
                return Ok(Some(moved));
            }
            Err(raised) => return Err(raised),
        }
    }
    Ok(Some(moved))
}

/// Waits until a call on the file does not block, if there is anything to wait for.
fn ready(number: RawFd, toward: Readiness, what: &'static str) -> PyResult<()> {
    // SAFETY: a number that the program gave: of one that is not open, or is another file's by then, the system says so.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    if is_ready(fd, toward) || !file::may_block(fd, toward) {
        return Ok(());
    }
    let look = || Ok(is_ready(fd, toward).then(Owned::none));
    WaitingCall::new(what, None, false)?.on(fd, toward, look).map(|_| ())
}

/// Whether the file is ready now, or has an error to say.
fn is_ready(fd: BorrowedFd<'_>, toward: Readiness) -> bool {
    let mut wanted = Interest::default();
    wanted.readiness(fd, toward);
    let now = Deadline::now();
    // What cannot be polled says so to the call itself.
    PollWaiter.wait(&wanted, now, now).map_or(true, |ready| !ready.is_empty())
}

fn may_block(number: RawFd, toward: Readiness) -> bool {
    // SAFETY: as in `ready`.
    file::may_block(unsafe { BorrowedFd::borrow_raw(number) }, toward)
}

/// Whether what was raised is an OSError, hence TimeoutError and Cancelled, or none of Exception's: what happens in a call,
/// not to its arguments.
fn is_of_system() -> bool {
    let kept = exception::Kept::take_normalized();
    // SAFETY: the interpreter is held; the exception is alive while it is kept.
    let is = kept.value().is_some_and(|error| unsafe {
        PyErr_GivenExceptionMatches(error, PyExc_OSError) != 0
            || PyErr_GivenExceptionMatches(error, PyExc_Exception) == 0
    });
    kept.restore();
    is
}

/// A descriptor's number that is a plain int and none below zero.
fn plain_number_of(fd: Option<*mut PyObject>) -> Option<RawFd> {
    let number = plain_int(fd?)?;
    RawFd::try_from(number).ok().filter(|number| *number >= 0)
}

/// The number of a FileIO that is open.
fn number_of_file(called: &Called<'_>) -> Option<RawFd> {
    match number_of(called.me) {
        Ok(number) if number >= 0 => Some(number),
        Ok(_) => None,
        Err(Raised) => {
            // The method itself says what is wrong.
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            None
        }
    }
}
