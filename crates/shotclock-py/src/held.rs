//! Sockets held for `_ssl`: for the length of a call their timeout reads 0 and their descriptor does not block, so that
//! `_ssl` tries and never waits, while the methods of the socket go on speaking of the timeout that the program has set.
//!
//! Holds are counted, since a reader and a writer may share a socket: all holders write the same 0, the first keeps the
//! program's timeout, the last puts it back. (To write the time that one call has left, and to restore what was there
//! before, leaves a wrong timeout behind when two calls overlap.)

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3_ffi::PyObject;
use shotclock::raw::{Errno, exact};

use crate::call::{call_method, call_plainly};
use crate::errors::{self, Kept};
use crate::interpreter::PyResult;
use crate::lent::Descriptor;
use crate::object::{Owned, SocketRef};
use crate::stock::stock;

struct Held {
    holders: usize,
    /// One call into OpenSSL at a time, each for one try: its objects are not for two threads at once. Reentrant, since
    /// callbacks into Python may come back.
    lock: Reentrant,
    /// The program's timeout, in nanoseconds.
    timeout: i64,
}

/// By the object's address: each holder keeps its object alive.
struct Table(BTreeMap<usize, Held>);

static HELD: Mutex<Table> = Mutex::new(Table(BTreeMap::new()));

/// How many there are, so that nobody takes the lock where there is none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A socket held; let go when dropped.
pub(crate) struct Hold {
    socket: SocketRef,
    /// The program's timeout when this hold began, in nanoseconds; negative is none.
    pub(crate) timeout: i64,
    lock: Reentrant,
}

impl Hold {
    /// Holds the socket; `None` if the program has made it non-blocking, since then nobody is to wait.
    pub(crate) fn new(socket: SocketRef) -> PyResult<Option<Self>> {
        // Made first, and thrown away where another holder has one: nothing of the interpreter's may run while the
        // table is locked.
        let lock = Reentrant::new()?;
        let held = all().hold(socket, &lock);
        // And by now it is unlocked again.
        let held = held.map_err(errors::raise_errno)?;
        Ok(held.map(|(timeout, lock)| Self { socket, timeout, lock }))
    }

    /// Runs one try while no other holder runs one.
    pub(crate) fn alone(&self, call: impl FnOnce() -> PyResult<Owned>) -> PyResult<Owned> {
        self.lock.method(c"acquire")?;
        let outcome = call();
        // The exception that `call` may have left is kept aside.
        let raised = outcome.is_err().then(Kept::take);
        let released = self.lock.method(c"release");
        if let Some(raised) = raised {
            raised.restore();
        }
        released.and(outcome)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        all().release(self.socket);
    }
}

impl Table {
    fn hold(&mut self, socket: SocketRef, lock: &Reentrant) -> Result<Option<(i64, Reentrant)>, Errno> {
        if let Some(held) = self.0.get_mut(&key(socket)) {
            // Non-blocking by now: those who hold it let go of it by themselves.
            if held.timeout == 0 {
                return Ok(None);
            }
            held.holders += 1;
            return Ok(Some((held.timeout, held.lock.share())));
        }
        let timeout = socket.timeout_field();
        if timeout == 0 {
            return Ok(None);
        }
        if timeout < 0 {
            Descriptor::of(socket).held(|fd| exact::set_nonblocking(fd, true))?;
        }
        socket.set_timeout_field(0);
        self.0.insert(key(socket), Held { holders: 1, lock: lock.share(), timeout });
        COUNT.store(self.0.len(), Ordering::Relaxed);
        Ok(Some((timeout, lock.share())))
    }

    fn release(&mut self, socket: SocketRef) {
        let Some(held) = self.0.get_mut(&key(socket)) else { return };
        held.holders -= 1;
        if held.holders > 0 {
            return;
        }
        let timeout = held.timeout;
        // The last holder still has a share of the lock, so that nothing is freed here.
        self.0.remove(&key(socket));
        COUNT.store(self.0.len(), Ordering::Relaxed);
        socket.set_timeout_field(timeout);
        if timeout < 0 {
            // It cannot fail on an open socket; on one that was closed meanwhile there is nothing to restore.
            let _ = Descriptor::of(socket).held(|fd| exact::set_nonblocking(fd, false));
        }
    }
}

/// An RLock of the interpreter's, which lets other threads run while somebody waits for it.
struct Reentrant(Owned);

impl Reentrant {
    fn new() -> PyResult<Self> {
        // SAFETY: the interpreter is held, and the type lives for ever.
        unsafe { call_plainly(stock()?.reentrant_lock) }.map(Self)
    }

    fn share(&self) -> Self {
        // SAFETY: alive.
        Self(unsafe { Owned::borrowed(self.0.as_ptr()) })
    }

    fn method(&self, name: &CStr) -> PyResult<()> {
        call_method(&self.0, name).map(drop)
    }
}

// SAFETY: a reference that is used and given back with the interpreter held.
unsafe impl Send for Reentrant {}

/// The program's timeout of a socket whose own field says 0, if it is held.
pub(crate) fn timeout(socket: SocketRef) -> Option<i64> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    all().0.get(&key(socket)).map(|held| held.timeout)
}

/// Sets the program's timeout of a held socket; false if it is not held.
pub(crate) fn set_timeout(socket: SocketRef, nanos: i64) -> bool {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let mut all = all();
    let held = all.0.get_mut(&key(socket));
    held.map(|held| held.timeout = nanos).is_some()
}

/// In a forked child: the threads that held sockets are not there to let go of them. The descriptors' files are shared
/// with the parent, which still holds them, so their O_NONBLOCK stays as it is.
pub(crate) fn forget_after_fork() {
    let mut all = all();
    for (address, held) in std::mem::take(&mut all.0) {
        // SAFETY: the holder's frame, which never ends here, keeps the object alive.
        let socket = unsafe { SocketRef::new(address as *mut PyObject) };
        socket.set_timeout_field(held.timeout);
    }
    COUNT.store(0, Ordering::Relaxed);
}

/// Taken with the interpreter held, and for a few instructions: fork finds it free.
fn all() -> MutexGuard<'static, Table> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(socket: SocketRef) -> usize {
    socket.as_object().addr()
}
