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

use shotclock::raw::interrupt::own_id;

use crate::ffi::call::released;
use crate::ffi::capi::PyObject;
use crate::socket::object::SocketRef;

struct Held {
    /// The object's address: its holder keeps it alive.
    socket: usize,
    holder: usize,
    /// The program's timeout, in nanoseconds.
    timeout: i64,
    /// Threads that want it next.
    next: Vec<Thread>,
}

/// Which halves of an OpenSSL object a call uses, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Half {
    Receiving = 1,
    Sending = 2,
    Both = 3,
}

/// A thread is in a call in which `_ssl` waits by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Inside {
    /// The object's address, and in its low bits the halves.
    socket: usize,
    thread: usize,
}

/// For one such call, without a lock. Changed with the interpreter held.
struct Place {
    socket: AtomicUsize,
    thread: AtomicUsize,
}

/// By the sockets' addresses. Who finds the place taken is in the table.
static PLACES: [Place; 64] = [const { Place { socket: AtomicUsize::new(NOBODY), thread: AtomicUsize::new(0) } }; 64];

const NOBODY: usize = 0;

#[derive(Default)]
struct Table {
    held: Vec<Held>,
    inside: Vec<Inside>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { held: Vec::new(), inside: Vec::new() });

/// How many entries the table has, so that nobody takes the lock where there is none.
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
                    table.count();
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
        table.count();
        self.socket.set_timeout_field(held.timeout);
        for thread in held.next {
            thread.unpark();
        }
    }
}

impl SocketRef {
    /// The timeout that the program has set, in nanoseconds; negative is none.
    #[inline]
    pub(crate) fn timeout(self) -> i64 {
        match self.timeout_field() {
            0 => timeout(self).unwrap_or(0),
            timeout => timeout,
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
pub(crate) struct ByItself(Inside);

impl ByItself {
    /// Once nobody holds the socket; `None` if this thread is in the middle of a call on it already.
    #[inline]
    pub(crate) fn of(socket: SocketRef, half: Half) -> Option<Self> {
        let inside = Inside { socket: key(socket) | half as usize, thread: own_id() };
        let place = place(key(socket));
        if COUNT.load(Ordering::Relaxed) == 0 && place.get().socket == NOBODY {
            place.put(inside);
            return Some(Self(inside));
        }
        Self::beside_others(socket, inside)
    }

    #[cold]
    #[inline(never)]
    fn beside_others(socket: SocketRef, inside: Inside) -> Option<Self> {
        loop {
            {
                let mut table = table();
                if table.has(key(socket), inside.thread) {
                    return None;
                }
                if table.find(socket).is_none() {
                    table.inside.push(inside);
                    table.count();
                    return Some(Self(inside));
                }
            }
            drop(Hold::of(socket));
        }
    }
}

impl Drop for ByItself {
    #[inline]
    fn drop(&mut self) {
        let place = place(self.0.address());
        if place.get() == self.0 {
            return place.put(Inside { socket: NOBODY, thread: 0 });
        }
        let mut table = table();
        if let Some(index) = table.inside.iter().position(|one| *one == self.0) {
            table.inside.swap_remove(index);
            table.count();
        }
    }
}

impl Inside {
    fn address(self) -> usize {
        self.socket & !(Half::Both as usize)
    }
}

impl Place {
    #[inline]
    fn get(&self) -> Inside {
        Inside { socket: self.socket.load(Ordering::Relaxed), thread: self.thread.load(Ordering::Relaxed) }
    }

    #[inline]
    fn put(&self, inside: Inside) {
        self.socket.store(inside.socket, Ordering::Relaxed);
        self.thread.store(inside.thread, Ordering::Relaxed);
    }
}

/// Whether this thread is in the middle of a call on the socket.
pub(crate) fn is_by_this_thread(socket: SocketRef) -> bool {
    table().has(key(socket), own_id())
}

/// Whether a thread is in a call in which `_ssl` waits by itself, and uses the same half.
pub(crate) fn is_in_the_way(socket: SocketRef, half: Half) -> bool {
    let is = |one: Inside| one.address() == key(socket) && one.socket & half as usize != 0;
    is(place(key(socket)).get()) || COUNT.load(Ordering::Relaxed) != 0 && table().inside.iter().copied().any(is)
}

/// In a forked child: the threads that held sockets are not there to let go of them.
pub(crate) fn forget_after_fork() {
    let mut table = table();
    table.inside.clear();
    PLACES.iter().for_each(|place| place.put(Inside { socket: NOBODY, thread: 0 }));
    for held in table.held.drain(..) {
        // SAFETY: the holder's frame, which never ends here, keeps the object alive.
        let socket = unsafe { SocketRef::new(held.socket as *mut PyObject) };
        socket.set_timeout_field(held.timeout);
    }
    table.count();
}

impl Table {
    fn find(&mut self, socket: SocketRef) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.socket == key(socket))
    }

    /// Whether the thread is in the middle of any call on the socket.
    fn has(&self, socket: usize, thread: usize) -> bool {
        let is = |one: &Inside| one.address() == socket && one.thread == thread;
        self.held.iter().any(|one| one.socket == socket && one.holder == thread)
            || self.inside.iter().chain([&place(socket).get()]).any(is)
    }

    /// Once it has changed.
    fn count(&self) {
        COUNT.store(self.held.len() + self.inside.len(), Ordering::Relaxed);
    }
}

#[inline]
fn place(socket: usize) -> &'static Place {
    &PLACES[(socket >> 5) % PLACES.len()]
}

/// Taken with the interpreter held, and for a few instructions: fork finds it free.
fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(socket: SocketRef) -> usize {
    socket.as_object().addr()
}
