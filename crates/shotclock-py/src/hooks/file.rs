//! Reads and writes of files that are no sockets: pipes, terminals, devices, by the functions of `os` and by `FileIO`.
//!
//! Each try asks the system for what can be had without a wait, whatever the file's O_NONBLOCK; a file that cannot tell (a
//! pipe before Linux 6.4) is polled first, and then read or written by the interpreter's own function: as much as a pipe takes
//! at once. Once a part of a write has moved, the end of a limit ends the write with the count of what has, as a raw write may
//! end, so that nobody sends it again; the next one raises.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, RawFd};

use shotclock::unstable::{Errno, Readiness, file};

use crate::ffi::arguments::{Arguments, Buffer, Items, descriptor};
use crate::ffi::call::call_vector;
use crate::ffi::capi::{
    Py_None, Py_True, PyBUF_READ, PyErr_Clear, PyErr_ExceptionMatches, PyExc_OSError, PyMemoryView_FromMemory,
    PyObject, PyObject_GetAttrString,
};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::caller;
use crate::hooks::descriptor::lent;
use crate::hooks::number::plain_int;
use crate::hooks::places::{FileRead, Place};
use crate::hooks::waiting_call::WaitingCall;
use crate::methods::transfer::received_bytes;
use crate::wait::expiry::{self, Moved};
use crate::wait::waiter::ready_now;

/// So much a pipe takes at once, or nothing. Source: pipe(7), PIPE_BUF.
const AT_ONCE: usize = 4096;

/// So much a terminal takes at once that is ready: it keeps what it is given in pieces of this size.
const TERMINAL_AT_ONCE: usize = 256;

/// So many buffers the system takes, which refuses more. Source: readv(2), IOV_MAX.
const MOST_BUFFERS: usize = 1024;

/// So much is moved with the interpreter held: in less time than it takes to give it up and get it back.
pub(super) const SMALL: usize = 65_536;

/// How much `readall` asks for at a time.
const READ_SIZE: i64 = 65_536;

/// `os.read(fd, length, /)`
pub(super) fn read(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(length)]) = called.arguments([c"fd", c"length"], 2) else { return called.as_called() };
    let Some(number) = plain_number_of(fd) else { return called.as_called() };
    let read_rest = |rest: *mut PyObject| called.with(&[Owned::int(number)?.as_ptr(), rest]);
    read_bytes(called, number, plain_int(length), read_rest)
}

/// `os.readv(fd, buffers, /)`
pub(super) fn readv(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(buffers)]) = called.arguments([c"fd", c"buffers"], 2) else { return called.as_called() };
    let room = Items::of(buffers, c"readv() arg 2 must be a sequence")
        .and_then(|items| items.collect(|buffer| Buffer::writable(buffer.as_ptr()).map(|buffer| buffer.len())));
    let (Some(number), Some(room)) = (plain_number_of(fd), given(room)) else { return called.as_called() };
    if room.iter().all(|len| *len == 0) {
        return called.as_called();
    }
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
    let (Some(number), Some(data)) = (plain_number_of(fd), given(Buffer::of(data))) else { return called.as_called() };
    let write = |part: *mut PyObject| called.with(&[Owned::int(number)?.as_ptr(), part]);
    written(called, write_parts(number, &data, write))
}

/// `os.writev(fd, buffers, /)`
pub(super) fn writev(called: &Called<'_>) -> *mut PyObject {
    let Some([fd, Some(buffers)]) = called.arguments([c"fd", c"buffers"], 2) else { return called.as_called() };
    let complaint = c"writev() arg 2 must be a sequence";
    let parts = Items::of(buffers, complaint).and_then(|items| items.collect(|buffer| Buffer::of(buffer.as_ptr())));
    let (Some(number), Some(parts)) = (plain_number_of(fd), given(parts)) else { return called.as_called() };
    let size: usize = parts.iter().map(Buffer::len).sum();
    let wait = || {
        if parts.len() > MOST_BUFFERS || size == 0 {
            return Ok(None);
        }
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
        return read_all(called);
    }
    let Some(number) = number_of_file(called, c"readable") else { return called.as_called() };
    read_bytes(called, number, size.and_then(plain_int), |rest| called.with(&[rest]))
}

/// `FileIO.readinto(buffer, /)`
pub(super) fn file_readinto(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(buffer)]) = called.arguments([c"buffer"], 1) else { return called.as_called() };
    let Some(number) = number_of_file(called, c"readable") else { return called.as_called() };
    read_room(called, number, buffer)
}

/// `FileIO.readall()`, which in newer versions gets whatever arguments it is called with.
pub(super) fn file_readall(called: &Called<'_>) -> *mut PyObject {
    if called.arguments([], 0).is_none() { called.as_called() } else { read_all(called) }
}

fn read_all(called: &Called<'_>) -> *mut PyObject {
    let Some(number) = number_of_file(called, c"readable") else { return called.as_called() };
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
    let number = number_of_file(called, c"writable");
    let (Some(number), Some(data)) = (number, given(Buffer::of(data))) else { return called.as_called() };
    written(called, write_parts(number, &data, |part| called.with(&[part])))
}

/// Reads so many bytes into an object.
fn read_bytes(
    called: &Called<'_>,
    number: RawFd,
    length: Option<i64>,
    read_rest: impl Fn(*mut PyObject) -> PyResult<Owned>,
) -> *mut PyObject {
    let length = match length.map(usize::try_from) {
        // Nothing is had at once, and a length that is none is refused.
        Some(Ok(0) | Err(_)) => return called.as_called(),
        Some(Ok(length)) if length <= SMALL => length,
        _ => return read_as_called(called, number),
    };
    read_by_tries(called, number, || {
        let read = |room: &mut [u8]| match file::read_now(lent(number), room) {
            Ok(len) => Ok((len, Ok(len))),
            Err(errno) => Ok((0, Err(errno))),
        };
        let (bytes, outcome) = received_bytes(length, 0, read)?;
        match outcome {
            // Of a disk's file it is what was in memory, and the interpreter's own gives all that there is.
            Ok(len) if len < length && file::is_of_a_disk(lent(number)) => {
                let rest = read_rest(Owned::size(length - len)?.as_ptr())?;
                Owned::bytes(&[bytes.as_bytes()?, rest.as_bytes()?].concat()).map(Ok)
            }
            Ok(_) => Ok(Ok(bytes)),
            Err(errno) => Ok(Err(errno)),
        }
    })
}

/// Reads into an object's memory.
fn read_room(called: &Called<'_>, number: RawFd, object: *mut PyObject) -> *mut PyObject {
    let Some(mut room) = given(Buffer::writable(object)) else { return called.as_called() };
    let len = room.len();
    if len == 0 || len > SMALL || file::is_of_a_disk(lent(number)) {
        drop(room);
        return if len == 0 { called.as_called() } else { read_as_called(called, number) };
    }
    read_by_tries(called, number, || match file::read_now(lent(number), room.bytes_mut()) {
        Ok(len) => Owned::size(len).map(Ok),
        Err(errno) => Ok(Err(errno)),
    })
}

/// Reads by tries that never wait, and by the interpreter's own function where that cannot be or fails.
pub(super) fn read_by_tries(
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
    if !may_block(number, Readiness::IN) {
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
        Err(raised) => returned(Err(raised)),
    }
}

/// Writes these bytes, as far as a limit allows; `None` if the interpreter's own function is to write them, and does not
/// block.
pub(super) fn write_parts(
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
            Err(errno) if errno != Errno::AGAIN && moved == 0 && rest.len() <= most_at_once(number) => {
                return ready(number, Readiness::OUT, "write").map(|()| None);
            }
            // It does not block, and the interpreter's own says so, or what it has written.
            Err(errno) if errno == Errno::AGAIN || !may_block(number, Readiness::OUT) => {
                return Ok((moved > 0).then_some(moved));
            }
            Err(_) => write_in_time(number, rest, moved, &mut write),
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
        // A file that cannot tell, or that has an error to say.
        Err(_) if !is_ready(lent(number), Readiness::OUT) => Ok(None),
        Err(_) => {
            let part = &bytes[..bytes.len().min(most_at_once(number))];
            write_plainly(part, &mut write).and_then(Owned::size).map(Some)
        }
    };
    let count = WaitingCall::new("write", None, false)?.on_after(moved, lent(number), Readiness::OUT, attempt)?;
    Ok(count.and_then(|count| plain_int(count.as_ptr())).and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}

/// How many bytes a file that is ready takes without a wait.
fn most_at_once(number: RawFd) -> usize {
    if file::is_device(lent(number)) { TERMINAL_AT_ONCE } else { AT_ONCE }
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
pub(super) fn ready(number: RawFd, toward: Readiness, what: &'static str) -> PyResult<()> {
    let fd = lent(number);
    if is_ready(fd, toward) || !may_block(number, toward) {
        return Ok(());
    }
    let look = || Ok(is_ready(fd, toward).then(Owned::none));
    WaitingCall::new(what, None, false)?.on(fd, toward, look).map(|_| ())
}

/// Whether the file is ready now, or has an error to say.
pub(super) fn is_ready(fd: BorrowedFd<'_>, toward: Readiness) -> bool {
    // What cannot be polled says so to the call itself.
    ready_now(fd, toward).is_none_or(|ready| !ready.is_empty())
}

/// Whether a call on the file may have to wait, for longer than a child that was started takes to begin.
pub(super) fn may_block(number: RawFd, toward: Readiness) -> bool {
    file::may_block(lent(number), toward) && !caller::is_spawn()
}

/// Whether what was raised is an OSError, hence TimeoutError and Cancelled: what happens in a call, and happens again in the
/// next.
pub(super) fn is_of_system() -> bool {
    // SAFETY: the interpreter is held; a static of its.
    unsafe { PyErr_ExceptionMatches(PyExc_OSError) != 0 }
}

/// What was made of an argument; of one of another kind the function itself says what is wrong.
fn given<T>(made: PyResult<T>) -> Option<T> {
    if made.is_err() {
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    }
    made.ok()
}

/// A descriptor's number that is a plain int and none below zero.
pub(super) fn plain_number_of(fd: Option<*mut PyObject>) -> Option<RawFd> {
    let number = plain_int(fd?)?;
    RawFd::try_from(number).ok().filter(|number| *number >= 0)
}

/// The number of a FileIO that is open in a direction: which, a method of this name says. A subclass may give another number
/// for what it is to others; the one that is read and written is its own.
fn number_of_file(called: &Called<'_>, direction: &CStr) -> Option<RawFd> {
    // SAFETY: True lives for ever.
    let is_open_so = given(of_its_class(called, direction))?.as_ptr() == unsafe { Py_True() };
    let number = || descriptor(of_its_class(called, c"fileno")?.as_ptr());
    if is_open_so { given(number()).filter(|number| *number >= 0) } else { None }
}

/// Calls a method of the class that the hook is in, whatever a subclass makes of it.
fn of_its_class(called: &Called<'_>, name: &CStr) -> PyResult<Owned> {
    // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL.
    unsafe {
        let method = Owned::new(PyObject_GetAttrString(called.class().cast(), name.as_ptr()))?;
        call_vector(method.as_ptr(), called.me, &Arguments::NONE)
    }
}
