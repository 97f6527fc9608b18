//! Threads of this process that are stuck in a call of a library's own: which call of the system they sit in, on which
//! connections, and the end of those.
//!
//! Beneath `shotclock run` lookups are such calls as well, and so are clients' sockets over UDP, of which the library that is loaded there
//! makes an error of what they receive once they are shut down: nothing.
//!
//! The system says the first in `/proc`. A connection is ended from outside by connect(2) to no address: the kernel sends a
//! reset, and reports the error to whoever waits, in whatever way.

use std::ffi::{c_int, c_long};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{fs, process, ptr};

use rustix::fs::{FileType, fstat};

use super::{preload, thread};

/// The most descriptors of one call that are looked at.
const MOST: usize = 1024;

/// Whether the system says what threads sit in. Sandboxes may keep that to themselves.
///
/// ```
/// let _says = shotclock::unstable::stuck::is_known();
/// ```
pub fn is_known() -> bool {
    CALLS_ARE_KNOWN && fs::read_to_string("/proc/thread-self/syscall").is_ok()
}

/// Has lookups that libraries in C wait for end as connections do, from now on. Says whether they can be: in programs that
/// `shotclock run` has started.
///
/// ```
/// let _are_reached = shotclock::unstable::stuck::reach_lookups();
/// ```
pub fn reach_lookups() -> bool {
    preload::reach_lookups()
}

/// The system's number of this thread.
///
/// ```
/// assert_ne!(shotclock::unstable::stuck::own_number(), 0);
/// ```
pub fn own_number() -> u32 {
    thread::own_names().1
}

/// Whether there is a thread of this process with this number.
///
/// ```
/// use shotclock::unstable::stuck;
///
/// assert!(stuck::is_there(stuck::own_number()));
/// ```
pub fn is_there(thread: u32) -> bool {
    // SAFETY: plain numbers, and no signal is sent.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.cast_signed(), 0) == 0 }
}

/// What a thread has had of the machine so far (proc(5), `schedstat` and `stat`).
///
/// ```
/// use shotclock::unstable::stuck;
///
/// let Some(turns) = stuck::Turns::of(stuck::own_number()) else { return };
/// assert!(turns.is_ready, "it runs: {turns:?}");
/// assert!(stuck::Turns::of(0).is_none(), "there is no such thread");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// For how long it has run, in nanoseconds.
    pub ran: u64,
    /// For how long it has been ready to run while the machine ran others, in nanoseconds, up to when it ran last.
    pub stood_by: u64,
    /// Whether it runs, or is ready to.
    pub is_ready: bool,
}

impl Turns {
    /// Those of a thread of this process; `None` where the system does not say.
    pub fn of(thread: u32) -> Option<Self> {
        let said = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
        let mut numbers = said.split_ascii_whitespace().map_while(|word| word.parse().ok());
        let (ran, stood_by) = (numbers.next()?, numbers.next()?);
        let said = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
        // The name before it may have any sign in it.
        let is_ready = said.rsplit_once(") ")?.1.starts_with('R');
        Some(Self { ran, stood_by, is_ready })
    }

    /// For how long it could not run, of so many nanoseconds since `before`.
    ///
    /// ```
    /// use shotclock::unstable::stuck::Turns;
    ///
    /// let before = Turns { ran: 5, stood_by: 1, is_ready: true };
    /// // The system counts how long it stood by once it runs again.
    /// assert_eq!(Turns { ran: 7, stood_by: 1, is_ready: true }.kept_from(before, 10), 8);
    /// assert_eq!(Turns { ran: 7, stood_by: 4, is_ready: false }.kept_from(before, 10), 3);
    /// ```
    #[must_use]
    pub fn kept_from(self, before: Self, nanos: u64) -> u64 {
        if self.is_ready {
            nanos.saturating_sub(self.ran.saturating_sub(before.ran))
        } else {
            self.stood_by.saturating_sub(before.stood_by)
        }
    }
}

/// Whether the thread sits in a call of the system on a connection (TCP, or a Unix stream), or waits for something else that
/// can be ended.
///
/// ```
/// use shotclock::unstable::stuck;
///
/// assert!(!stuck::is_at_connection(stuck::own_number()), "it runs");
/// ```
pub fn is_at_connection(thread: u32) -> bool {
    // SAFETY: only asked about, whatever the number stands for by then.
    let is_one = |number: c_int| kind_of(unsafe { BorrowedFd::borrow_raw(number) }).is_some();
    preload::is_in_lookup(thread) || Call::of(thread).is_some_and(|call| call.numbers().into_iter().any(is_one))
}

/// Whether the call that the thread sits in waits for a set of events that outlives it: mostly an event loop's.
///
/// ```
/// use shotclock::unstable::stuck;
///
/// assert!(!stuck::is_at_set_of_events(stuck::own_number()));
/// ```
pub fn is_at_set_of_events(thread: u32) -> bool {
    Call::of(thread).is_some_and(|call| EVENT_SETS.contains(&call.number))
}

/// Ends the connections that the thread sits on, of the numbers that `may` allows, or its lookup, and says how many. Those
/// that another thread sits on as well, and listening sockets, stay.
///
/// No connection is ended but one on which the thread sits: a number is looked at only once it is duplicated, so that it
/// stands for the same file from then on; and after that the number has to stand for that file still, and the thread to sit
/// in the very call that named it. In the very one: it has not run meanwhile, since the system counts each time that it
/// goes to sleep. So the number stood for this file while the thread sat there, and it can be another's only if somebody has
/// closed the number under the call: a program that does so reads the other's bytes by itself. What is left is the moment
/// after the last look, in which the thread may wake and leave its call; so the caller sees to it that it cannot leave
/// what it is overdue in.
///
/// ```
/// use shotclock::unstable::stuck;
///
/// assert_eq!(stuck::end_connections(stuck::own_number(), |_| true), 0);
/// ```
pub fn end_connections(thread: u32, may: impl Fn(i32) -> bool) -> usize {
    if preload::end_lookup(thread) {
        return 1;
    }
    let Some(stay) = Stay::of(thread) else { return 0 };
    let found: Vec<_> =
        stay.call.numbers().into_iter().filter(|number| may(*number)).filter_map(Connection::of).collect();
    if found.is_empty() {
        return 0;
    }
    let elsewhere = sat_on_by_others(thread, &found);
    let mut ended = 0;
    for connection in found.iter().filter(|connection| !elsewhere.contains(&connection.inode)) {
        // The end of the first wakes the thread: then the others wait for the next look.
        if connection.is_still_meant() && stay.lasts(thread) {
            ended += usize::from(connection.end());
        }
    }
    ended
}

/// A connection by a descriptor of our own.
struct Connection {
    number: i32,
    inode: u64,
    kind: Kind,
    copy: OwnedFd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Unix,
    Udp,
}

impl Connection {
    fn of(number: i32) -> Option<Self> {
        // SAFETY: a plain number; what it gives is nobody else's.
        let copy = unsafe {
            let copy = libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0);
            if copy < 0 {
                return None;
            }
            OwnedFd::from_raw_fd(copy)
        };
        let kind = kind_of(copy.as_fd())?;
        let inode = fstat(&copy).ok()?.st_ino;
        Some(Self { number, inode, kind, copy })
    }

    /// Whether the number stands for it still.
    fn is_still_meant(&self) -> bool {
        inode_of(self.number) == Some(self.inode)
    }

    fn end(&self) -> bool {
        preload::ended(self.copy.as_fd(), || self.disconnect())
    }

    fn disconnect(&self) -> bool {
        let no_address = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
        // SAFETY: an open descriptor, and an address that lives through the call.
        unsafe {
            let number = self.copy.as_raw_fd();
            let size = size_of::<libc::sockaddr>() as libc::socklen_t;
            // Some kernels refuse the first while a thread waits; others know only the second.
            self.kind == Kind::Tcp && libc::connect(number, &raw const no_address, size) == 0
                || libc::shutdown(number, libc::SHUT_RDWR) == 0
        }
    }
}

/// The file behind a number, if it is a socket.
fn inode_of(number: i32) -> Option<u64> {
    // SAFETY: only asked about.
    let status = fstat(unsafe { BorrowedFd::borrow_raw(number) }).ok()?;
    (FileType::from_raw_mode(status.st_mode) == FileType::Socket).then_some(status.st_ino)
}

/// What kind of connection it is; `None` of whatever is none, or not begun, or over.
fn kind_of(fd: BorrowedFd<'_>) -> Option<Kind> {
    // Source: linux/tcp_states.h.
    const TIME_WAIT: u8 = 6;
    const CLOSE: u8 = 7;
    const LISTEN: u8 = 10;
    let option = |option| option_of(fd, libc::SOL_SOCKET, option);
    if option(libc::SO_PROTOCOL) == Some(libc::IPPROTO_UDP) {
        // Without the library what it receives then is taken for an answer. Servers' sockets have no peer.
        return (preload::is_there() && has_peer(fd)).then_some(Kind::Udp);
    }
    if option(libc::SO_TYPE)? != libc::SOCK_STREAM || option(libc::SO_ACCEPTCONN)? != 0 {
        return None;
    }
    match option(libc::SO_DOMAIN)? {
        libc::AF_INET | libc::AF_INET6 if option(libc::SO_PROTOCOL)? == libc::IPPROTO_TCP => {
            // The state is the first byte of TCP_INFO, of which the system gives as much as there is room for.
            let state = option_of(fd, libc::IPPROTO_TCP, libc::TCP_INFO)?.to_ne_bytes()[0];
            (![TIME_WAIT, CLOSE, LISTEN].contains(&state)).then_some(Kind::Tcp)
        }
        libc::AF_UNIX => has_peer(fd).then_some(Kind::Unix),
        _ => None,
    }
}

fn option_of(fd: BorrowedFd<'_>, level: c_int, option: c_int) -> Option<c_int> {
    let (mut value, mut size) = (0, size_of::<c_int>() as libc::socklen_t);
    // SAFETY: the value is as large as it says, and written by the call.
    let outcome = unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut size) };
    (outcome == 0).then_some(value)
}

fn has_peer(fd: BorrowedFd<'_>) -> bool {
    let mut size = 0;
    let mut none = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    // SAFETY: there is room for nothing, and nothing is written.
    unsafe { libc::getpeername(fd.as_raw_fd(), &raw mut none, &raw mut size) == 0 }
}

/// The files, of these connections, that a thread other than this and that one sits on.
fn sat_on_by_others(but: u32, connections: &[Connection]) -> Vec<u64> {
    let own = own_number();
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let threads = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    let calls = threads.filter(|thread| ![own, but].contains(thread)).filter_map(Call::of);
    let is_one = |inode: &u64| connections.iter().any(|connection| connection.inode == *inode);
    calls.flat_map(|call| call.numbers()).filter_map(inode_of).filter(is_one).collect()
}

/// A thread in one call: how often it has gone to sleep by then, and the call.
struct Stay {
    sleeps: String,
    call: Call,
}

impl Stay {
    /// The count comes first: what happens between the two makes them differ from what `lasts` finds.
    fn of(thread: u32) -> Option<Self> {
        let sleeps = sleeps_of(thread)?;
        Some(Self { sleeps, call: Call::of(thread)? })
    }

    /// Whether it has not left the call since. The count comes last: whoever has left the call, and sits in one again, has
    /// gone to sleep once more before.
    fn lasts(&self, thread: u32) -> bool {
        Call::of(thread).is_some_and(|call| call.said == self.call.said)
            && sleeps_of(thread).is_some_and(|sleeps| sleeps == self.sleeps)
    }
}

fn sleeps_of(thread: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).map(str::to_owned)
}

/// A call of the system that a thread sits in.
struct Call {
    /// As the system says it, with the thread's stack, hence as much as tells one place from another.
    said: String,
    number: c_long,
    arguments: [u64; 6],
}

impl Call {
    /// `None` of a thread that runs.
    fn of(thread: u32) -> Option<Self> {
        let said = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
        Self::parse(said)
    }

    fn parse(said: String) -> Option<Self> {
        let mut words = said.split_ascii_whitespace();
        let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self { said, number, arguments })
    }

    /// The descriptors that it waits for.
    fn numbers(&self) -> Vec<c_int> {
        let [first, second, ..] = self.arguments;
        let numbers = if ON_ONE.contains(&self.number) {
            vec![first as c_int]
        } else if ON_LIST.contains(&self.number) {
            of_list(first, second)
        } else if ON_SETS.contains(&self.number) {
            of_sets(first, &self.arguments[1..4])
        } else if EVENT_SETS.contains(&self.number) {
            of_events(first as c_int)
        } else {
            Vec::new()
        };
        numbers.into_iter().filter(|number| *number >= 0).take(MOST).collect()
    }
}

/// Of poll(2).
fn of_list(start: u64, count: u64) -> Vec<c_int> {
    const SIZE: usize = size_of::<libc::pollfd>();
    let count = usize::try_from(count).map_or(MOST, |count| count.min(MOST));
    let Some(bytes) = memory(start, count * SIZE) else { return Vec::new() };
    let number = |each: &[u8]| Some(c_int::from_ne_bytes(each.get(..4)?.try_into().ok()?));
    bytes.chunks_exact(SIZE).filter_map(number).collect()
}

/// Of select(2).
fn of_sets(count: u64, sets: &[u64]) -> Vec<c_int> {
    let count = usize::try_from(count).map_or(MOST, |count| count.min(MOST));
    // The system reads and writes whole words.
    let size = count.div_ceil(64) * 8;
    let bytes: Vec<_> = sets.iter().filter(|set| **set != 0).filter_map(|set| memory(*set, size)).collect();
    let is_in = |number: &usize| bytes.iter().any(|set| set[number / 8] >> (number % 8) & 1 != 0);
    (0..count).filter(is_in).map(|number| number as c_int).collect()
}

/// Of epoll(7), as the system lists them.
fn of_events(set: c_int) -> Vec<c_int> {
    let Ok(listed) = fs::read_to_string(format!("/proc/self/fdinfo/{set}")) else { return Vec::new() };
    let number = |line: &str| line.strip_prefix("tfd:")?.split_ascii_whitespace().next()?.parse().ok();
    listed.lines().filter_map(number).collect()
}

/// Bytes of this process's memory that may be gone by now: a stack of a thread that has ended, a list that was freed.
fn memory(start: u64, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0u8; size];
    let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: size };
    let there = libc::iovec { iov_base: ptr::without_provenance_mut(usize::try_from(start).ok()?), iov_len: size };
    // SAFETY: what it writes to is ours, and so long. Of what it reads from it finds out by itself whether it is there.
    let read =
        unsafe { libc::process_vm_readv(process::id().cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
    (usize::try_from(read) == Ok(size)).then_some(bytes)
}

/// Whether the numbers of the system's calls are known here.
const CALLS_ARE_KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Calls on one descriptor, their first argument.
const ON_ONE: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_connect,
];

/// Calls on a list of descriptors, with its length.
#[cfg(target_arch = "x86_64")]
const ON_LIST: &[c_long] = &[libc::SYS_poll, libc::SYS_ppoll];
#[cfg(not(target_arch = "x86_64"))]
const ON_LIST: &[c_long] = &[libc::SYS_ppoll];

/// Calls on three sets of descriptors, with the number of bits.
#[cfg(target_arch = "x86_64")]
const ON_SETS: &[c_long] = &[libc::SYS_select, libc::SYS_pselect6];
#[cfg(not(target_arch = "x86_64"))]
const ON_SETS: &[c_long] = &[libc::SYS_pselect6];

/// Calls on a set of events that the system keeps.
#[cfg(target_arch = "x86_64")]
const EVENT_SETS: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
#[cfg(not(target_arch = "x86_64"))]
const EVENT_SETS: &[c_long] = &[libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];

#[cfg(test)]
#[path = "stuck_tests.rs"]
mod tests;
