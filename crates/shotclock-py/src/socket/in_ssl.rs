//! Threads that are inside of `_ssl` with a socket, in one of two ways.
//!
//! A try: for its length the socket's timeout reads 0 and its file does not block, so that `_ssl` tries and never waits,
//! while the methods of the socket go on speaking of the timeout that the program has set. One thread at a time makes a
//! try on a socket, which also keeps two threads out of one OpenSSL object; who comes meanwhile waits for as long as a try
//! takes. A callback into Python may come back: its thread is there already.
//!
//! A wait: `_ssl` waits by itself. These are noted by the half of the OpenSSL object that they use: a try beside one of
//! them, of the same half, could free a buffer that the other is about to read into.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use shotclock::unstable::interrupt::own_id;

use crate::ffi::call::released;
use crate::ffi::capi::PyObject;
use crate::socket::object::SocketRef;

struct Try {
    /// The object's address: the call that tries keeps the object alive.
    socket: usize,
    thread: usize,
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
    tries: Vec<Try>,
    inside: Vec<Inside>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { tries: Vec::new(), inside: Vec::new() });

/// How many entries the table has, so that nobody takes the lock where there is none.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A try under way; over when dropped.
pub(crate) struct SslTry {
    socket: SocketRef,
}

impl SslTry {
    /// Begins one. While another thread makes a try on the socket this one waits, with the interpreter released.
    pub(crate) fn of(socket: SocketRef) -> Self {
        loop {
            {
                let mut table = table();
                let Some(one) = table.find(socket) else {
                    let timeout = socket.timeout_field();
                    socket.set_timeout_field(0);
                    let (socket, thread) = (key(socket), own_id());
                    table.tries.push(Try { socket, thread, timeout, next: Vec::new() });
                    table.count();
                    break;
                };
                one.next.push(thread::current());
            }
            // The end of that try wakes this thread, however soon.
            released(thread::park);
        }
        Self { socket }
    }
}

impl Drop for SslTry {
    fn drop(&mut self) {
        let mut table = table();
        // Else a forked child goes on with what its parent began.
        let Some(index) = table.tries.iter().position(|one| one.socket == key(self.socket)) else { return };
        let one = table.tries.swap_remove(index);
        table.count();
        self.socket.set_timeout_field(one.timeout);
        for thread in one.next {
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

/// The program's timeout of a socket whose own field says 0, if a try is under way.
pub(crate) fn timeout(socket: SocketRef) -> Option<i64> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    table().find(socket).map(|one| one.timeout)
}

/// Sets the program's timeout while a try is under way; false if none is.
pub(crate) fn set_timeout(socket: SocketRef, nanos: i64) -> bool {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return false;
    }
    table().find(socket).map(|one| one.timeout = nanos).is_some()
}

/// A call in which `_ssl` waits by itself; over when dropped.
pub(crate) struct SslWait(Inside);

impl SslWait {
    /// Once no try is under way; `None` if this thread is in the middle of a call on it already.
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
            drop(SslTry::of(socket));
        }
    }
}

impl Drop for SslWait {
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

/// In a forked child: the threads that made tries are not there to end them.
pub(crate) fn forget_after_fork() {
    let mut table = table();
    table.inside.clear();
    PLACES.iter().for_each(|place| place.put(Inside { socket: NOBODY, thread: 0 }));
    for one in table.tries.drain(..) {
        // SAFETY: the thread's frame, which never ends here, keeps the object alive.
        let socket = unsafe { SocketRef::new(one.socket as *mut PyObject) };
        socket.set_timeout_field(one.timeout);
    }
    table.count();
}

impl Table {
    fn find(&mut self, socket: SocketRef) -> Option<&mut Try> {
        self.tries.iter_mut().find(|one| one.socket == key(socket))
    }

    /// Whether the thread is in the middle of any call on the socket.
    fn has(&self, socket: usize, thread: usize) -> bool {
        let is = |one: &Inside| one.address() == socket && one.thread == thread;
        self.tries.iter().any(|one| one.socket == socket && one.thread == thread)
            || self.inside.iter().chain([&place(socket).get()]).any(is)
    }

    /// Once it has changed.
    fn count(&self) {
        COUNT.store(self.tries.len() + self.inside.len(), Ordering::Relaxed);
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
