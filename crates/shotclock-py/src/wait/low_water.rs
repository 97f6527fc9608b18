//! Whether a receive may take whatever is there, however little. A call without a timeout promises to wait for as much
//! as SO_RCVLOWAT, the low water mark, says; a try that never waits in the system does not keep that promise. So within
//! a scope the mark is asked for, once a socket.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shotclock::unstable::{numbers, syscall};

use crate::socket::object::SocketRef;
use crate::wait::lent::Descriptor;

/// Sockets whose mark is known to be 1 (all begin with that), each in the place that its key says. A later one takes
/// the place of an earlier one.
static KNOWN: [AtomicU64; 64] = [const { AtomicU64::new(NOBODY) }; 64];

const NOBODY: u64 = 0;

/// Whether the program has ever set a mark: before that every mark is 1, and need not be asked for. Accepted sockets
/// have their listener's.
static IS_ANY_SET: AtomicBool = AtomicBool::new(false);

/// Whether a receive with a timeout waits before it tries. The interpreter's own always polls first, and poll(2) heeds
/// the mark; a try that came first would take less.
#[inline]
pub(crate) fn waits_first(socket: SocketRef) -> bool {
    IS_ANY_SET.load(Ordering::Relaxed) && !is_one(socket)
}

/// Whether the mark is 1.
#[inline]
pub(crate) fn is_one(socket: SocketRef) -> bool {
    let (place, key) = place_of(socket);
    if key != NOBODY && place.load(Ordering::Relaxed) == key {
        return true;
    }
    let mut mark = [0; 4];
    let ask =
        |fd: std::os::fd::BorrowedFd<'_>| syscall::getsockopt(fd, numbers::SOL_SOCKET, numbers::SO_RCVLOWAT, &mut mark);
    let is_one = Descriptor::of(socket).held(ask).is_ok() && c_int::from_ne_bytes(mark) == 1;
    if is_one {
        place.store(key, Ordering::Relaxed);
    }
    is_one
}

/// Forgets a socket that gives its number up.
#[inline]
pub(crate) fn forget(socket: SocketRef, number: c_int) {
    let (place, key) = place_for(socket, number);
    if place.load(Ordering::Relaxed) == key {
        place.store(NOBODY, Ordering::Relaxed);
    }
}

/// Notes that the program sets a mark.
pub(crate) fn changes() {
    IS_ANY_SET.store(true, Ordering::Relaxed);
    forget_all();
}

/// Forgets all, since somebody changes a mark, or may have.
pub(crate) fn forget_all() {
    KNOWN.iter().for_each(|place| place.store(NOBODY, Ordering::Relaxed));
}

fn place_of(socket: SocketRef) -> (&'static AtomicU64, u64) {
    place_for(socket, socket.number())
}

/// The place of a socket, and its key: the object's address with the number. Where a later socket has both again,
/// `forget` was called in between.
fn place_for(socket: SocketRef, number: c_int) -> (&'static AtomicU64, u64) {
    const BITS: u32 = 20;
    let address = (socket.address() as u64) >> 4;
    let key = match u64::try_from(number) {
        Ok(number) if number < 1 << BITS => address << BITS | number,
        _ => NOBODY,
    };
    (&KNOWN[(address as usize ^ number as usize) % KNOWN.len()], key)
}
