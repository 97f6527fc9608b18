//! From file to file in the system: `os.sendfile` and `os.splice`.

use std::ffi::CStr;
use std::os::fd::RawFd;

use shotclock::unstable::{Readiness, file, syscall};

use crate::ffi::arguments::Buffer;
use crate::ffi::call::call_with;
use crate::ffi::capi::{
    Py_None, PyErr_Clear, PyErr_ExceptionMatches, PyExc_BlockingIOError, PyObject, PyObject_GetAttrString,
};
use crate::ffi::exception::{self, Kept};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::hooks::called::Called;
use crate::hooks::descriptor::{lent, named};
use crate::hooks::file::{SMALL, is_of_system, is_ready, may_block, ready, write_parts};
use crate::hooks::number::plain_int;
use crate::hooks::places::{Place, Write};
use crate::hooks::waiting_call::WaitingCall;

/// SPLICE_F_NONBLOCK of splice(2).
const SPLICE_F_NONBLOCK: i64 = 2;

/// SEEK_SET and SEEK_CUR of lseek(2).
const SEEK_SET: i64 = 0;
const SEEK_CUR: i64 = 1;

/// `os.sendfile(out_fd, in_fd, offset, count)`
///
/// The system has no flag by which it does not wait, so what goes to a file that blocks is read and written.
pub(super) fn sendfile(called: &Called<'_>) -> *mut PyObject {
    let names = [c"out_fd", c"in_fd", c"offset", c"count"];
    let Some([Some(to), Some(from), Some(offset), Some(count)]) = called.arguments(names, 0) else {
        return called.as_called();
    };
    let (Some(to), Some(from), Some(count)) = (named(to), named(from), plain_int(count)) else {
        return called.as_called();
    };
    // From anything else than a disk the system sends nothing, and says so.
    let may_wait = !Write::slot().original().is_null() && may_block(to, Readiness::OUT);
    let Some(left) = usize::try_from(count).ok().filter(|_| may_wait && file::is_of_a_disk(lent(from))) else {
        return called.as_called();
    };
    // SAFETY: None lives for ever.
    let offset = if offset == unsafe { Py_None() } { Some(None) } else { plain_int(offset).map(Some) };
    match offset.map(|offset| Copying { called, to, from }.copy(offset, left)) {
        None | Some(Ok(None)) => called.as_called(),
        Some(Ok(Some(moved))) => returned(Owned::size(moved)),
        Some(Err(raised)) => returned(Err(raised)),
    }
}

/// A file of a disk on its way to one that may have to be waited for.
struct Copying<'a> {
    called: &'a Called<'a>,
    to: RawFd,
    from: RawFd,
}

impl Copying<'_> {
    /// Copies so many bytes, from an offset or from the file's own position, as far as a limit allows; `None` if the
    /// interpreter's own function is to do it.
    fn copy(&self, offset: Option<i64>, left: usize) -> PyResult<Option<usize>> {
        let begin = offset.map_or_else(|| self.seek(0, SEEK_CUR), Ok)?;
        let mut moved = 0;
        let outcome = self.pieces(begin, left, &mut moved);
        if moved == 0 {
            return outcome.map(|()| None);
        }
        // What has moved is said now; the next call says what has happened, unless it is the program's own.
        if outcome.is_err() && is_of_system() {
            // SAFETY: the interpreter is held.
            unsafe { PyErr_Clear() };
        }
        let raised = exception::is_raised().then(Kept::take);
        if offset.is_none() {
            self.seek(begin.saturating_add_unsigned(moved as u64), SEEK_SET)?;
        }
        raised.map_or(Ok(Some(moved)), |raised| {
            raised.restore();
            Err(Raised)
        })
    }

    fn pieces(&self, begin: i64, left: usize, moved: &mut usize) -> PyResult<()> {
        while *moved < left {
            let piece = self.read(begin.saturating_add_unsigned(*moved as u64), (left - *moved).min(SMALL))?;
            let len = piece.as_bytes()?.len();
            let write = |part: *mut PyObject| self.called.of(Write::slot(), &[Owned::int(self.to)?.as_ptr(), part]);
            let written = write_parts(self.to, &Buffer::of(piece.as_ptr())?, write)?.unwrap_or(0);
            *moved += written;
            if written < len || len == 0 {
                break;
            }
        }
        Ok(())
    }

    fn read(&self, offset: i64, most: usize) -> PyResult<Owned> {
        self.of_module(c"pread", &[Owned::int(self.from)?, Owned::size(most)?, Owned::int(offset)?])
    }

    /// Moves the file's own position, or asks for it.
    fn seek(&self, offset: i64, whence: i64) -> PyResult<i64> {
        let position = self.of_module(c"lseek", &[Owned::int(self.from)?, Owned::int(offset)?, Owned::int(whence)?])?;
        plain_int(position.as_ptr()).ok_or(Raised)
    }

    fn of_module(&self, name: &CStr, arguments: &[Owned; 3]) -> PyResult<Owned> {
        // SAFETY: the interpreter is held, all are alive, the name ends with a NUL.
        unsafe {
            let function = Owned::new(PyObject_GetAttrString(self.called.me, name.as_ptr()))?;
            call_with(function.as_ptr(), arguments.each_ref().map(Owned::as_ptr))
        }
    }
}

/// `os.splice(src, dst, count, offset_src=None, offset_dst=None, flags=0)`
pub(super) fn splice(called: &Called<'_>) -> *mut PyObject {
    let names = [c"src", c"dst", c"count", c"offset_src", c"offset_dst", c"flags"];
    let Some([Some(from), Some(to), Some(count), before, after, flags]) = called.arguments(names, 0) else {
        return called.as_called();
    };
    let flags = flags.map_or(Some(0), plain_int).filter(|flags| flags & SPLICE_F_NONBLOCK == 0);
    let (Some(source), Some(target), Some(flags)) = (named(from), named(to), flags) else { return called.as_called() };
    // One that does not block has the other not block either.
    if is_nonblocking(source) || is_nonblocking(target) {
        return called.as_called();
    }
    // SAFETY: None lives for ever.
    let none = unsafe { Py_None() };
    let attempt = || {
        if !(is_ready(lent(source), Readiness::IN) && is_ready(lent(target), Readiness::OUT)) {
            return Ok(None);
        }
        let flags = Owned::int(flags | SPLICE_F_NONBLOCK)?;
        let (before, after) = (before.unwrap_or(none), after.unwrap_or(none));
        match called.with(&[from, to, count, before, after, flags.as_ptr()]) {
            Ok(done) => Ok(Some(done)),
            Err(Raised) if would_block() => Ok(None),
            Err(raised) => Err(raised),
        }
    };
    returned(spliced(source, target, attempt))
}

fn spliced(source: RawFd, target: RawFd, attempt: impl Fn() -> PyResult<Option<Owned>>) -> PyResult<Owned> {
    if let Some(done) = attempt()? {
        return Ok(done);
    }
    ready(source, Readiness::IN, WHAT)?;
    ready(target, Readiness::OUT, WHAT)?;
    if let Some(done) = attempt()? {
        return Ok(done);
    }
    // Somebody else was quicker, or a pipe that is ready has no room for as much as there is to be kept together.
    let done = WaitingCall::new(WHAT, None, false)?.by_tries(attempt)?;
    Ok(done.unwrap_or_else(Owned::none))
}

const WHAT: &str = "splice";

fn is_nonblocking(number: RawFd) -> bool {
    syscall::is_nonblocking(lent(number)).unwrap_or(true)
}

/// Whether what was raised says that the call would have to wait; then it is raised no more.
fn would_block() -> bool {
    // SAFETY: the interpreter is held; a static of its.
    unsafe {
        let would = PyErr_ExceptionMatches(PyExc_BlockingIOError) != 0;
        if would {
            PyErr_Clear();
        }
        would
    }
}
