//! Reads and writes of files that are no sockets: pipes, terminals, devices, by the functions of `os` and by `FileIO`.
//!
//! Each try asks the system for what can be had without a wait, whatever the file's O_NONBLOCK; a file that cannot tell (a
//! pipe before Linux 6.4) is polled first, and then read or written by the interpreter's own function: as much as a pipe takes
//! at once. Once a part of a write has moved, the end of a limit ends the write with the count of what has, as a raw write may
//! end, so that nobody sends it again; the next one raises.

use std::os::fd::{BorrowedFd, RawFd};

use shotclock::Deadline;
use shotclock::unstable::{Errno, Interest, PollWaiter, Readiness, Waiter, file};

use crate::ffi::arguments::{Buffer, Items};
use crate::ffi::capi::{
    Py_None, PyBUF_READ, PyErr_Clear, PyErr_ExceptionMatches, PyErr_GivenExceptionMatches, PyExc_Exception,
    PyExc_OSError, PyMemoryView_FromMemory, PyObject,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::number::plain_int;
use crate::hooks::places::{FileRead, Place};
use crate::hooks::poll::number_of;
use crate::hooks::waiting_call::WaitingCall;
use crate::methods::transfer::received_bytes;
use crate::wait::expiry::{self, Moved};

/// So much a pipe takes at once, or nothing. Source: pipe(7), PIPE_BUF.
const AT_ONCE: usize = 4096;

/// So much is moved with the interpreter held: in less time than it takes to give it up and get it back.
const SMALL: usize = 65_536;

/// How much `readall` asks for at a time.
const READ_SIZE: i64 = 65_536;

/// `os.read(fd, length, /)`
pub(super) fn read(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(length)]) = called.arguments([c"fd", c"length"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    read_bytes(called, number, plain_int(length))
}

/// `os.readv(fd, buffers, /)`
pub(super) fn readv(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(_)]) = called.arguments([c"fd", c"buffers"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    read_as_called(called, number)
}

/// `os.readinto(fd, buffer, /)`
pub(super) fn readinto(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(buffer)]) = called.arguments([c"fd", c"buffer"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    read_room(called, number, buffer)
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
    if is_all {
        return file_readall(called);
    }
    let Some(number) = number_of_file(called) else { return called.as_called() };
    read_bytes(called, number, size.and_then(plain_int))
}

/// `FileIO.readinto(buffer, /)`
pub(super) fn file_readinto(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(buffer)]) = called.arguments([c"buffer"], 1) else { return called.as_called() };
    let Some(number) = number_of_file(called) else { return called.as_called() };
    read_room(called, number, buffer)
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

/// Reads so many bytes into an object.
fn read_bytes(called: &Called<'_>, number: RawFd, length: Option<i64>) -> *mut PyObject {
    let length = length.and_then(|length| usize::try_from(length).ok()).filter(|length| (1..=SMALL).contains(length));
    let Some(length) = length else { return read_as_called(called, number) };
    // Of what is in memory a try would give a part.
    if file::is_of_a_disk(lent(number)) {
        return called.as_called();
    }
    read_by_tries(called, number, || {
        let read = |room: &mut [u8]| match file::read_now(lent(number), room) {
            Ok(len) => Ok((len, Ok(()))),
            Err(errno) => Ok((0, Err(errno))),
        };
        received_bytes(length, 0, read).map(|(bytes, outcome)| outcome.map(|()| bytes))
    })
}

/// Reads into an object's memory.
fn read_room(called: &Called<'_>, number: RawFd, object: *mut PyObject) -> *mut PyObject {
    let Ok(mut room) = Buffer::writable(object) else {
        // The function itself says what is wrong.
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
        return called.as_called();
    };
    if !(1..=SMALL).contains(&room.len()) || file::is_of_a_disk(lent(number)) {
        drop(room);
        return read_as_called(called, number);
    }
    read_by_tries(called, number, || match file::read_now(lent(number), room.bytes_mut()) {
        Ok(len) => Owned::size(len).map(Ok),
        Err(errno) => Ok(Err(errno)),
    })
}

/// Reads by tries that never wait, and by the interpreter's own function where that cannot be or fails.
fn read_by_tries(
    called: &Called<'_>,
    number: RawFd,
    mut read: impl FnMut() -> PyResult<Result<Owned, Errno>>,
) -> *mut PyObject {
    match read() {
        Ok(Ok(done)) => return done.into_ptr(),
        Ok(Err(Errno::AGAIN)) => {}
        Ok(Err(_)) => return read_as_called(called, number),
        Err(raised) => return returned(Err(raised)),
    }
    if !file::may_block(lent(number), Readiness::IN) {
        return called.as_called();
    }
    let attempt = || match read()? {
        Ok(done) => Ok(Some(done)),
        Err(Errno::AGAIN) => Ok(None),
        // What else it says now it says to the interpreter's own function as well.
        Err(_) => Owned::new(called.as_called()).map(Some),
    };
    let wait = || {
        let done = WaitingCall::new("read", None, false)?.on(lent(number), Readiness::IN, attempt)?;
        Ok(done.unwrap_or_else(Owned::none))
    };
    returned(wait())
}

/// Waits until there is something to read, and has the interpreter's own function read it.
fn read_as_called(called: &Called<'_>, number: RawFd) -> *mut PyObject {
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
        Err(Raised) if is_about_arguments() => {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
            called.as_called()
        }
        Err(raised) => returned(Err(raised)),
    }
}

/// Writes these bytes, as far as a limit allows; `None` if the interpreter's own function is to write them, and does not
/// block.
fn write_parts(
    number: RawFd,
    data: &Buffer,
    mut write: impl FnMut(*mut PyObject) -> PyResult<Owned>,
) -> PyResult<Option<usize>> {
    let bytes = data.bytes();
    // A disk waits for nobody, and takes all at once.
    if file::is_of_a_disk(lent(number)) {
        return Ok(None);
    }
    let mut moved = 0;
    while moved < bytes.len() {
        let rest = &bytes[moved..];
        let outcome = match file::write_now(lent(number), &rest[..rest.len().min(SMALL)]) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN) if may_block(number, Readiness::OUT) => write_in_time(number, rest, moved, &mut write),
            // It was made non-blocking, and says so itself.
            Err(Errno::AGAIN) if moved == 0 => return Ok(None),
            Err(Errno::AGAIN) => return Ok(Some(moved)),
            Err(_) if moved == 0 && rest.len() <= AT_ONCE => {
                return ready(number, Readiness::OUT, "write").map(|()| None);
            }
            Err(_) if !may_block(number, Readiness::OUT) => write_plainly(rest, &mut write),
            Err(_) => ready(number, Readiness::OUT, "write")
                .and_then(|()| write_plainly(&rest[..rest.len().min(AT_ONCE)], &mut write)),
        };
        match outcome {
            Ok(0) => break,
            Ok(count) => moved += count,
            Err(Raised) if moved > 0 && is_of_system() => {
                // What has moved is said now; the next write says what has happened.
                // SAFETY: the interpreter is held.
                unsafe { PyErr_Clear() };
                return Ok(Some(moved));
            }
            Err(raised) => return Err(raised),
        }
    }
    Ok(if bytes.is_empty() { None } else { Some(moved) })
}

/// Waits until some of these bytes can be written, and writes them; so many have moved before, and where any have, 0 is what a
/// signal comes to, whose handler runs once the count is known.
fn write_in_time(
    number: RawFd,
    bytes: &[u8],
    moved: usize,
    mut write: impl FnMut(*mut PyObject) -> PyResult<Owned>,
) -> PyResult<usize> {
    let attempt = || match file::write_now(lent(number), &bytes[..bytes.len().min(SMALL)]) {
        Ok(count) => Owned::size(count).map(Some),
        Err(Errno::AGAIN) => Ok(None),
        // What else it says now it says to the interpreter's own function as well.
        Err(_) => write_plainly(&bytes[..bytes.len().min(AT_ONCE)], &mut write).and_then(Owned::size).map(Some),
    };
    let count = WaitingCall::new("write", None, false)?.on_after(moved, lent(number), Readiness::OUT, attempt)?;
    Ok(count.and_then(|count| plain_int(count.as_ptr())).and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// Writes these bytes by the interpreter's own function.
fn write_plainly(bytes: &[u8], mut write: impl FnMut(*mut PyObject) -> PyResult<Owned>) -> PyResult<usize> {
    let (start, len) = (bytes.as_ptr().cast_mut().cast(), bytes.len().cast_signed());
    // SAFETY: the bytes stay in place while their buffer is held, which is longer than the function keeps the view.
    let view = Owned::new(unsafe { PyMemoryView_FromMemory(start, len, PyBUF_READ) })?;
    let count = write(view.as_ptr())?;
    Ok(plain_int(count.as_ptr()).and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// Waits until a call on the file does not block, if there is anything to wait for.
fn ready(number: RawFd, toward: Readiness, what: &'static str) -> PyResult<()> {
    let fd = lent(number);
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
    file::may_block(lent(number), toward)
}

/// The descriptor that the program has named.
fn lent<'a>(number: RawFd) -> BorrowedFd<'a> {
    // SAFETY: none below zero; of a number that is not open, or is another file's by then, the system says so, as it would to
    // the call that was given it.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Whether what was raised is neither what happens in a call nor what breaks into it.
fn is_about_arguments() -> bool {
    // SAFETY: the interpreter is held; a static of its.
    !is_of_system() && unsafe { PyErr_ExceptionMatches(PyExc_Exception) != 0 }
}

/// Whether what was raised is an OSError, hence TimeoutError and Cancelled: what happens in a call, not to its arguments, and
/// happens again in the next.
fn is_of_system() -> bool {
    let kept = exception::Kept::take_normalized();
    // SAFETY: the interpreter is held; the exception is alive while it is kept.
    let is = kept.value().is_some_and(|error| unsafe { PyErr_GivenExceptionMatches(error, PyExc_OSError) != 0 });
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
