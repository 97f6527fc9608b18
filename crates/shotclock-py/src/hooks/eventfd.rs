//! Counters that are files: eventfd(2).

use shotclock::unstable::{Errno, Readiness, file};

use crate::ffi::capi::{PyLong_FromUnsignedLongLong, PyObject};
use crate::ffi::owned::{Owned, returned};
use crate::hooks::called::Called;
use crate::hooks::descriptor::{lent, named};
use crate::hooks::file::{read_by_tries, ready};

/// `os.eventfd_read(fd)`
pub(super) fn read(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(fd)]) = called.arguments([c"fd"], 0) else { return called.as_called() };
    let Some(number) = named(fd) else { return called.as_called() };
    read_by_tries(called, number, || {
        let mut count = [0; size_of::<u64>()];
        match file::read_now(lent(number), &mut count) {
            Ok(len) if len == count.len() => {
                // SAFETY: the interpreter is held.
                Owned::new(unsafe { PyLong_FromUnsignedLongLong(u64::from_ne_bytes(count)) }).map(Ok)
            }
            // It is no such counter, which the interpreter's own says in its way.
            Ok(_) => Ok(Err(Errno::INVAL)),
            Err(errno) => Ok(Err(errno)),
        }
    })
}

/// `os.eventfd_write(fd, value)`, which waits while the counter is full.
pub(super) fn write(called: &Called<'_>) -> *mut PyObject {
    let Some([Some(fd), Some(_)]) = called.arguments([c"fd", c"value"], 0) else { return called.as_called() };
    let Some(number) = named(fd) else { return called.as_called() };
    match ready(number, Readiness::OUT, "write") {
        Ok(()) => called.as_called(),
        Err(raised) => returned(Err(raised)),
    }
}
