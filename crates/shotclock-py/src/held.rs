//! Sockets held for `_ssl`: for the length of one try their timeout reads 0 and their file does not block, so that `_ssl`
//! tries and never waits, while the methods of the socket go on speaking of the timeout that the program has set.
//!
//! One thread at a time holds a socket, which also keeps the tries of two threads out of one OpenSSL object; who comes
//! meanwhile waits for as long as a try takes. A callback into Python may come back: its thread is there already.
//!
//! Calls that `_ssl` waits in by itself are noted as well, by what they use of the object: a try beside one of them, of the
//! same half, could free a buffer that the other is about to read into.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use pyo3_ffi::PyObject;

use crate::interpreter::released;
use crate::object::SocketRef;

struct Held {
    /// The object's address: its holder keeps it alive.
    socket: usize,
    holder: usize,
    /// The program's timeout, in nanoseconds.
    timeout: i64,
    /// Threads that want it next.
    next: Vec<Thread>,
}

/// Which halves of an OpenSSL object a call uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Receiving,
    Sending,
    Both,
}

impl Half {
    fn meets(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

/// A thread is in a call in which `_ssl` waits by itself.
struct Inside {
    socket: usize,
    thread: usize,
    half: Half,
}

#[derive(Default)]
struct Table {
    held: Vec<Held>,
    inside: Vec<Inside>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { held: Vec::new(), inside: Vec::new() });

/// How many sockets are held, so that nobody takes the lock where there is none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A socket held; let go when dropped.
pub(crate) struct Hold {
    socket: SocketRef,
}

impl Hold {
    /// Holds the socket, for one try. While another thread holds it this one waits, with the interpreter released.
    pub(crate) fn of(socket: SocketRef) -> Self {
        loop {
            {
                let mut table = table();
                let Some(held) = table.find(socket) else {
                    let timeout = socket.timeout_field();
                    socket.set_timeout_field(0);
                    let (socket, holder) = (key(socket), own_id());
                    table.held.push(Held { socket, holder, timeout, next: Vec::new() });
                    COUNT.store(table.held.len(), Ordering::Relaxed);
                    break;
                };
                held.next.push(thread::current());
            }
            // Whoever lets go of it wakes this thread, however soon.
            released(thread::park);
        }
        Self { socket }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut table = table();
        // Else a forked child goes on with what its parent began.
        let Some(index) = table.held.iter().position(|held| held.socket == key(self.socket)) else { return };
        let held = table.held.swap_remove(index);
        COUNT.store(table.held.len(), Ordering::Relaxed);
        self.socket.set_timeout_field(held.timeout);
        for thread in held.next {
            thread.unpark();
        }
    }
}

/// The program's timeout of a socket whose own field says 0, if it is held.
pub(crate) fn timeout(socket: SocketRef) -> Option<i64> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    table().find(socket).map(|held| held.timeout)
}

/// Sets the program's timeout of a held socket; false if it is not held.
pub(crate) fn set_timeout(socket: SocketRef, nanos: i64) -> bool {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return false;
    }
    table().find(socket).map(|held| held.timeout = nanos).is_some()
}

/// A call in which `_ssl` waits by itself; over when dropped.
pub(crate) struct ByItself {
    socket: usize,
    thread: usize,
}

impl ByItself {
    /// Once nobody holds the socket; `None` if this thread is in the middle of a call on it already.
    #[inline]
    pub(crate) fn of(socket: SocketRef, half: Half) -> Option<Self> {
        let (key, thread) = (key(socket), own_id());
        loop {
            {
                let mut table = table();
                if table.has(key, thread) {
                    return None;
                }
                if COUNT.load(Ordering::Relaxed) == 0 || table.find(socket).is_none() {
                    table.inside.push(Inside { socket: key, thread, half });
                    return Some(Self { socket: key, thread });
                }
            }
            drop(Hold::of(socket));
        }
    }
}

impl Drop for ByItself {
    #[inline]
    fn drop(&mut self) {
        let mut table = table();
        if let Some(index) = table.inside.iter().position(|one| one.socket == self.socket && one.thread == self.thread)
        {
            table.inside.swap_remove(index);
        }
    }
}

/// Whether this thread is in the middle of a call on the socket.
pub(crate) fn is_by_this_thread(socket: SocketRef) -> bool {
    table().has(key(socket), own_id())
}

/// Whether a thread is in a call in which `_ssl` waits by itself, and uses the same half.
pub(crate) fn is_in_the_way(socket: SocketRef, half: Half) -> bool {
    table().inside.iter().any(|one| one.socket == key(socket) && one.half.meets(half))
}

/// In a forked child: the threads that held sockets are not there to let go of them.
pub(crate) fn forget_after_fork() {
    let mut table = table();
    table.inside.clear();
    for held in table.held.drain(..) {
        // SAFETY: the holder's frame, which never ends here, keeps the object alive.
        let socket = unsafe { SocketRef::new(held.socket as *mut PyObject) };
        socket.set_timeout_field(held.timeout);
    }
    COUNT.store(0, Ordering::Relaxed);
}

impl Table {
    fn find(&mut self, socket: SocketRef) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.socket == key(socket))
    }

    fn has(&self, socket: usize, thread: usize) -> bool {
        self.held.iter().any(|one| one.socket == socket && one.holder == thread)
            || self.inside.iter().any(|one| one.socket == socket && one.thread == thread)
    }
}

/// What tells this thread from all others there are; a forked child's only one is the one that forked.
#[inline]
fn own_id() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// Taken with the interpreter held, and for a few instructions: fork finds it free.
fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(socket: SocketRef) -> usize {
    socket.as_object().addr()
}
