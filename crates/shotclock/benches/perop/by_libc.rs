//! Plain libc: blocking calls without a timeout, as a C program makes them, and a few chores.

use std::mem::{MaybeUninit, size_of};
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// A blocking socket.
pub(crate) struct LibcSocket(pub(crate) OwnedFd);

impl AsFd for LibcSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl LibcSocket {
    #[inline]
    pub(crate) fn send(&self, data: &[u8]) -> usize {
        // SAFETY: `data` is readable for its length; the descriptor is ours.
        unsafe { libc::send(self.0.as_raw_fd(), data.as_ptr().cast(), data.len(), libc::MSG_NOSIGNAL) }.cast_unsigned()
    }

    #[inline]
    pub(crate) fn recv(&self, into: &mut [u8]) -> usize {
        // SAFETY: `into` is writable for its length; the descriptor is ours.
        unsafe { libc::recv(self.0.as_raw_fd(), into.as_mut_ptr().cast(), into.len(), 0) }.cast_unsigned()
    }

    #[inline]
    pub(crate) fn sendto(&self, data: &[u8], to: &libc::sockaddr_in) -> usize {
        let (fd, flags) = (self.0.as_raw_fd(), libc::MSG_NOSIGNAL);
        // SAFETY: `data` and the address are readable for the lengths given; the descriptor is ours.
        unsafe { libc::sendto(fd, data.as_ptr().cast(), data.len(), flags, ptr::from_ref(to).cast(), ADDRESS_LEN) }
            .cast_unsigned()
    }

    #[inline]
    pub(crate) fn recvfrom(&self, into: &mut [u8], from: &mut MaybeUninit<libc::sockaddr_in>) -> usize {
        let (fd, mut len) = (self.0.as_raw_fd(), ADDRESS_LEN);
        // SAFETY: `into` and the address are writable for the lengths given; the descriptor is ours.
        unsafe { libc::recvfrom(fd, into.as_mut_ptr().cast(), into.len(), 0, from.as_mut_ptr().cast(), &mut len) }
            .cast_unsigned()
    }

    #[inline]
    pub(crate) fn accept(&self) -> Self {
        let (mut from, mut len) = (MaybeUninit::<libc::sockaddr_in>::uninit(), ADDRESS_LEN);
        // SAFETY: the address is writable for the length given; the descriptor that comes back is new and ours.
        unsafe {
            let fd = libc::accept4(self.0.as_raw_fd(), from.as_mut_ptr().cast(), &mut len, libc::SOCK_CLOEXEC);
            assert!(fd >= 0, "accept4 failed");
            Self(OwnedFd::from_raw_fd(fd))
        }
    }

    /// A new socket, connected.
    #[inline]
    pub(crate) fn connected(to: &libc::sockaddr_in) -> Self {
        // SAFETY: plain numbers, and an address readable for the length given; the new descriptor is ours.
        unsafe {
            let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
            assert!(fd >= 0, "socket failed");
            let socket = Self(OwnedFd::from_raw_fd(fd));
            assert!(libc::connect(fd, ptr::from_ref(to).cast(), ADDRESS_LEN) == 0, "connect failed");
            socket
        }
    }
}

const ADDRESS_LEN: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;

pub(crate) fn sockaddr(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

/// Closing is to reset the connection, so that thousands of them leave no port in TIME_WAIT.
pub(crate) fn reset_on_close(socket: &impl AsFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (fd, len) = (socket.as_fd().as_raw_fd(), size_of::<libc::linger>() as libc::socklen_t);
    // SAFETY: the option's value is readable for its length; the borrow keeps the descriptor open.
    let set = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, ptr::from_ref(&linger).cast(), len) };
    assert_eq!(set, 0, "SO_LINGER");
}

/// A call that nothing else here makes: it marks a place in strace's output.
pub(crate) fn mark() {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::getppid() };
}

/// Ends this process after so many seconds, whatever it does then.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: a plain number; SIGALRM's default action ends the process.
    unsafe { libc::alarm(seconds) };
}

/// Keeps this thread, and those it starts, on one processor, until dropped.
pub(crate) struct Pinned(libc::cpu_set_t);

impl Pinned {
    pub(crate) fn new() -> Self {
        // SAFETY: a set of processors is plain bits, for which zeros are valid; both calls get its true size.
        unsafe {
            let mut before: libc::cpu_set_t = MaybeUninit::zeroed().assume_init();
            assert_eq!(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut before), 0, "sched_getaffinity");
            let mut here: libc::cpu_set_t = MaybeUninit::zeroed().assume_init();
            libc::CPU_SET(usize::try_from(libc::sched_getcpu()).unwrap_or(0), &mut here);
            assert_eq!(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &here), 0, "sched_setaffinity");
            Self(before)
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: the set is the one this thread had, at its true size.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.0) };
    }
}
