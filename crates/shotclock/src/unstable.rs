//! Public but not promised: hooks for the project's other faces. Anything here may change in any release.

use crate::sys::BorrowedHandle;
#[cfg(feature = "waits")]
use crate::sys::RawHandle;

use crate::deadline::{Deadline, Timeout};

pub use crate::ancillary::control_message;
pub use crate::dial::{ATTEMPT_DELAY, Entrants, Finish, LEAST_ATTEMPT_DELAY, Race, Unfit, interleaved};
pub use crate::error::all_workers_busy;
pub use crate::names::{Answer, Request, Unanswered, answer};
pub use crate::ops::{
    Accept, BatchCalls, BatchToSend, Connect, OpenFile, Recv, RecvExact, RecvFrom, Send, SendAll, SendTo, is_shortage,
    join_datagrams, receive_batch, set_batch_calls,
};
pub use crate::socket::Farewell;
pub use crate::sys::fork::PerProcess;
use crate::sys::message::ControlSlice;
pub use crate::sys::resolver::{
    AddressRecord, Failure, Hints, HostRecord, address_info_text, host_name, host_text, set_host_name,
};
pub use crate::sys::{Alarm, Errno, Readiness, file, interrupt, stuck, syscall};
pub use crate::wait::{
    Cancellers, FirstTry, Gate, Interest, Latch, Limit, Moves, Operation, Pause, PolicyState, PollWaiter, Stop, Waiter,
    drive, open_scopes, wait_out,
};

#[cfg(feature = "waits")]
pub use crate::wait::record::{Entry, Showing, show};

/// The address of the other end of whatever socket has this number now, or its own if it has no other end.
#[cfg(feature = "waits")]
pub fn address_of_number(number: RawHandle) -> Option<crate::Address> {
    crate::waits::address(number)
}

/// When its limit ends it.
#[cfg(feature = "waits")]
pub fn end_of(wait: &crate::Wait) -> Deadline {
    wait.end()
}

/// By which pthread_self(3) knows the thread that waits.
#[cfg(feature = "waits")]
pub fn thread_ident(wait: &crate::Wait) -> usize {
    wait.thread_ident()
}

/// C's numbers that only the Python face needs, and Linux has.
#[cfg(target_os = "linux")]
pub mod numbers {
    pub use crate::sys::c::{
        AF_RDS, ALG_SET_AEAD_ASSOCLEN, ALG_SET_IV, ALG_SET_OP, CAN_BCM, CAN_ISOTP, CAN_J1939, CAN_RAW, SO_ACCEPTCONN,
        SO_PROTOCOL, SO_RCVLOWAT, SO_TYPE, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_ALG, SOL_SOCKET, TCP_INFO,
    };

    /// Qualcomm's inter-processor router. Source: linux/socket.h.
    pub const AF_QIPCRTR: i32 = 42;
}

/// From now on the process notices its forks, for [`has_forked`].
///
/// ```
/// shotclock::unstable::notice_forks();
/// ```
pub fn notice_forks() {
    crate::sys::fork::register();
}

/// Whether this process, or one that it was forked from, has forked since [`notice_forks`]: then other processes may have its
/// open files.
///
/// ```
/// shotclock::unstable::notice_forks();
/// let _others_may_have_our_files = shotclock::unstable::has_forked();
/// ```
#[inline]
pub fn has_forked() -> bool {
    crate::sys::fork::has_forked()
}

/// Drops a value on a thread of its own, which takes no signals; here, where there can be no thread.
pub fn drop_elsewhere(value: impl std::marker::Send + 'static) {
    // What could not be started drops the value with its closure.
    let _ = crate::sys::thread::spawn_detached("shotclock-drop", move || drop(value));
}

/// Starts a thread that takes no signals, and gives what waits for its end.
///
/// # Errors
/// The system has no thread to give.
pub fn spawn(
    name: &str,
    work: impl FnOnce() + std::marker::Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    crate::sys::thread::spawn(name, work)
}

/// An operation on one descriptor, given as a function that tries once.
pub struct Call<'a, F> {
    fd: BorrowedHandle<'a>,
    interest: Readiness,
    call: F,
}

impl<'a, T, F: FnMut(Readiness) -> Result<T, Pause>> Call<'a, F> {
    /// `call` tries once. It must not wait, unless nobody else waits for this thread meanwhile. Would-block is waited
    /// out until the descriptor is ready in one of the ways of `interest`.
    pub fn new(fd: BorrowedHandle<'a>, interest: Readiness, call: F) -> Self {
        Self { fd, interest, call }
    }
}

impl<T, F: FnMut(Readiness) -> Result<T, Pause>> Operation for Call<'_, F> {
    type Output = T;

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<T, Pause> {
        (self.call)(ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd, self.interest);
    }

    fn moves(&self) -> Moves {
        if self.interest.contains(Readiness::OUT) { Moves::Out } else { Moves::In }
    }
}

/// The limit of a socket's timeout alone: nanoseconds, 0 for one try, `None` for ever.
pub fn timeout_limit(nanos: Option<u64>) -> Limit<'static> {
    Limit { timeout: nanos.map_or(Timeout::NEVER, Timeout::from_nanos), ..Limit::NONE }
}

/// The limit of a socket's timeout, as in [`timeout_limit`], and of a deadline on the system's monotonic clock.
pub fn deadline_limit(timeout: Option<u64>, deadline: u64) -> Limit<'static> {
    Limit { deadline: Deadline::from_nanos(deadline), ..timeout_limit(timeout) }
}

/// A moment in nanoseconds of the system's monotonic clock.
pub fn deadline_nanos(deadline: Deadline) -> u64 {
    deadline.nanos()
}

/// The system's words for an error number.
pub fn describe(errno: Errno) -> String {
    crate::sys::describe(errno)
}

/// Splits control-message bytes as `recvmsg` does. Total, whatever the bytes.
///
/// ```
/// assert!(shotclock::unstable::control_messages(&[0; 7]).is_empty());
/// ```
pub fn control_messages(bytes: &[u8]) -> Vec<ControlSlice<'_>> {
    crate::sys::message::parse_control(bytes)
}
