//! Threads that are inside of `_ssl` with a socket, in one of two ways.
//!
//! A try: for its length the socket's timeout reads 0 and its file does not block, so that `_ssl` tries and never waits,
//! while the methods of the socket go on speaking of the timeout that the program has set. One thread at a time makes a
//! try on a socket, which also keeps two threads out of one OpenSSL object; who comes meanwhile waits for as long as a try
//! takes. A callback into Python may come back: its thread is there already.
//!
//! A wait: `_ssl` waits by itself. These are noted by the half of the OpenSSL object that they use: a try beside one of
//! them, of the same half, could free a buffer that the other is about to read into.
//!
//! Beside both there is a line of writers: OpenSSL wants a write that it has begun again before any other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use shotclock::unstable::interrupt::own_id;

use crate::ffi::call::released;
use crate::socket::object::SocketRef;
use crate::socket::side_table::{self, Beside, Half, Try, Wait};

/// A place for one call in which `_ssl` waits by itself, without a lock. Changed with the interpreter held.
struct Place {
    /// As [`marked`].
    socket: AtomicUsize,
    thread: AtomicUsize,
}

/// By the sockets' addresses. Who finds the place taken goes into the side table.
static PLACES: [Place; 64] = [const { Place { socket: AtomicUsize::new(NOBODY), thread: AtomicUsize::new(0) } }; 64];

const NOBODY: usize = 0;

/// A try under way; over when dropped.
pub(crate) struct SslTry {
    socket: SocketRef,
}

impl SslTry {
    /// Begins one. While another thread makes a try on the socket this one waits, with the interpreter released.
    pub(crate) fn of(socket: SocketRef) -> Self {
        let begin = |beside: &mut Beside| match &mut beside.ssl_try {
            Some(under_way) => {
                under_way.next.push(thread::current());
                false
            }
            none => {
                let timeout = socket.timeout_field();
                socket.set_timeout_field(0);
                *none = Some(Try { thread: own_id(), timeout, next: Vec::new() });
                true
            }
        };
        while !side_table::beside(socket, begin) {
            // The end of that try wakes this thread, however soon.
            released(thread::park);
        }
        Self { socket }
    }
}

impl Drop for SslTry {
    fn drop(&mut self) {
        // Else a forked child goes on with what its parent began.
        let Some(Try { timeout, next, .. }) = side_table::find(self.socket, |beside| beside.ssl_try.take()).flatten()
        else {
            return;
        };
        self.socket.set_timeout_field(timeout);
        for thread in next {
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
    if !side_table::has_calls() {
        return None;
    }
    side_table::find(socket, |beside| beside.ssl_try.as_ref().map(|one| one.timeout)).flatten()
}

/// Sets the program's timeout while a try is under way; false if none is.
pub(crate) fn set_timeout(socket: SocketRef, nanos: i64) -> bool {
    let set = |beside: &mut Beside| beside.ssl_try.as_mut().map(|one| one.timeout = nanos).is_some();
    side_table::has_calls() && side_table::find(socket, set) == Some(true)
}

/// A call in which `_ssl` waits by itself; over when dropped.
pub(crate) struct SslWait {
    socket: SocketRef,
    wait: Wait,
}

impl SslWait {
    /// Once no try is under way; `None` if this thread is in the middle of a call on it already.
    #[inline]
    pub(crate) fn of(socket: SocketRef, half: Half) -> Option<Self> {
        let wait = Wait { half, thread: own_id() };
        let place = place(socket);
        if !side_table::has_calls() && place.is_free() {
            place.put(marked(socket, half), wait.thread);
            return Some(Self { socket, wait });
        }
        Self::beside_others(socket, wait)
    }

    #[cold]
    #[inline(never)]
    fn beside_others(socket: SocketRef, wait: Wait) -> Option<Self> {
        enum Found {
            Itself,
            Try,
            Nothing,
        }
        let enter = |beside: &mut Beside| {
            if is_placed(socket, wait.thread) || has(beside, wait.thread) {
                Found::Itself
            } else if beside.ssl_try.is_some() {
                Found::Try
            } else {
                beside.ssl_waits.push(wait);
                Found::Nothing
            }
        };
        loop {
            match side_table::beside(socket, enter) {
                Found::Itself => return None,
                Found::Try => drop(SslTry::of(socket)),
                Found::Nothing => return Some(Self { socket, wait }),
            }
        }
    }
}

impl Drop for SslWait {
    #[inline]
    fn drop(&mut self) {
        let place = place(self.socket);
        if place.has(self.socket, self.wait) {
            return place.put(NOBODY, 0);
        }
        side_table::find(self.socket, |beside| {
            if let Some(index) = beside.ssl_waits.iter().position(|one| *one == self.wait) {
                beside.ssl_waits.swap_remove(index);
            }
        });
    }
}

impl Place {
    #[inline]
    fn is_free(&self) -> bool {
        self.socket.load(Ordering::Relaxed) == NOBODY
    }

    #[inline]
    fn has(&self, socket: SocketRef, wait: Wait) -> bool {
        self.socket.load(Ordering::Relaxed) == marked(socket, wait.half) && self.has_thread(wait.thread)
    }

    fn has_thread(&self, thread: usize) -> bool {
        self.thread.load(Ordering::Relaxed) == thread
    }

    /// The halves that its call uses, if that is one on this socket.
    fn halves(&self, socket: SocketRef) -> Option<usize> {
        let marked = self.socket.load(Ordering::Relaxed);
        (marked & !(Half::Both as usize) == socket.address()).then_some(marked & Half::Both as usize)
    }

    #[inline]
    fn put(&self, socket: usize, thread: usize) {
        self.socket.store(socket, Ordering::Relaxed);
        self.thread.store(thread, Ordering::Relaxed);
    }
}

/// Whether this thread is in the middle of a call on the socket.
pub(crate) fn is_by_this_thread(socket: SocketRef) -> bool {
    let thread = own_id();
    is_placed(socket, thread)
        || side_table::has_calls() && side_table::find(socket, |beside| has(beside, thread)) == Some(true)
}

/// Whether a thread is in a call in which `_ssl` waits by itself, and uses the same half.
pub(crate) fn is_in_the_way(socket: SocketRef, half: Half) -> bool {
    let uses_it = |halves: usize| halves & half as usize != 0;
    let waits = |beside: &mut Beside| beside.ssl_waits.iter().any(|one| uses_it(one.half as usize));
    place(socket).halves(socket).is_some_and(uses_it)
        || side_table::has_calls() && side_table::find(socket, waits) == Some(true)
}

/// Whether a try is under way.
pub(crate) fn is_being_tried(socket: SocketRef) -> bool {
    timeout(socket).is_some()
}

/// Whether another thread's write on the socket comes first: OpenSSL is in its middle.
#[inline]
pub(crate) fn is_other_writing(socket: SocketRef) -> bool {
    let is_other = |beside: &mut Beside| beside.ssl_writers.first().is_some_and(|first| *first != own_id());
    side_table::has_calls() && side_table::find(socket, is_other) == Some(true)
}

/// A place in the line of those who write on a socket; left when dropped.
pub(crate) struct Writer {
    socket: SocketRef,
    thread: usize,
}

impl Writer {
    /// At the end of the line; `None` if this thread is in it already, with a call that this one came in the middle of.
    pub(crate) fn line_up(socket: SocketRef) -> Option<Self> {
        let thread = own_id();
        let line_up = |beside: &mut Beside| {
            let is_new = !beside.ssl_writers.contains(&thread);
            if is_new {
                beside.ssl_writers.push(thread);
            }
            is_new
        };
        side_table::beside(socket, line_up).then_some(Self { socket, thread })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        side_table::find(self.socket, |beside| beside.ssl_writers.retain(|thread| *thread != self.thread));
    }
}

/// In a forked child: the threads that were inside are not there to leave.
pub(crate) fn forget_after_fork() {
    PLACES.iter().for_each(|place| place.put(NOBODY, 0));
    side_table::forget_calls_after_fork();
}

/// Whether the thread is in the middle of a call that has a place of its own.
fn is_placed(socket: SocketRef, thread: usize) -> bool {
    let place = place(socket);
    place.halves(socket).is_some() && place.has_thread(thread)
}

/// Whether the thread is in the middle of any other call.
fn has(beside: &Beside, thread: usize) -> bool {
    beside.ssl_try.as_ref().is_some_and(|one| one.thread == thread)
        || beside.ssl_waits.iter().any(|one| one.thread == thread)
}

#[inline]
fn place(socket: SocketRef) -> &'static Place {
    &PLACES[(socket.address() >> 5) % PLACES.len()]
}

/// The object's address, and in its low bits the halves.
#[inline]
fn marked(socket: SocketRef, half: Half) -> usize {
    socket.address() | half as usize
}
