//! Connecting.

use std::net::Ipv6Addr;

use super::OpenFile;
use crate::addr::Address;
use crate::constant::Family;
use crate::sys::address::SockAddr;
use crate::sys::socket::NonBlocking;
use crate::sys::{self, AsHandle, BorrowedHandle, Errno, Readiness, socket};
use crate::wait::{Interest, Operation, Pause};

/// Connects, or sets a datagram socket's peer.
pub struct Connect<'a> {
    from: OpenFile<'a>,
    to: &'a SockAddr,
    connecting: Connecting,
    /// Whether the attempt, once begun, is looked at without a wait.
    looks_at_once: bool,
}

impl<'a> Connect<'a> {
    /// A connect that has not begun.
    #[inline]
    pub fn new(from: OpenFile<'a>, to: &'a SockAddr) -> Self {
        Self { from, to, connecting: Connecting::default(), looks_at_once: false }
    }

    /// A connect that may wait. Within this machine the system makes the connection before its call returns, and says all
    /// the same that it is under way: there one look, in the place of the first wait, finds it made.
    #[inline]
    pub(crate) fn that_may_wait(self) -> Self {
        Self { looks_at_once: is_loopback(self.to), ..self }
    }
}

impl Operation for Connect<'_> {
    type Output = ();

    #[inline]
    fn attempt(&mut self, ready: Readiness) -> Result<(), Pause> {
        let fd = self.from.nonblocking()?;
        let tried = self.connecting.attempt(fd, self.to, ready);
        if std::mem::take(&mut self.looks_at_once) && tried == Err(Pause::WouldBlock) {
            return self.connecting.attempt(fd, self.to, Readiness::empty());
        }
        tried
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.from.fd(), Readiness::OUT);
    }

    fn subject(&self) -> Option<String> {
        Some(Address::from_sockaddr(self.to).to_string())
    }
}

/// How far a connect has come, apart from the descriptor, which its owner may keep beside it.
#[derive(Default)]
pub(crate) struct Connecting {
    attempt: Attempt,
}

/// Whether an attempt is under way, and which call began it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Attempt {
    #[default]
    Nobodys,
    Ours,
    /// Of an earlier call, which may have been to another address.
    Anothers,
}

impl Connecting {
    /// One try, always with the same descriptor and address. `ready` is what a wait for this descriptor alone saw.
    #[inline]
    pub(crate) fn attempt(&mut self, fd: NonBlocking<'_>, to: &SockAddr, ready: Readiness) -> Result<(), Pause> {
        match self.attempt {
            Attempt::Nobodys => self.begin(fd, to),
            Attempt::Ours => outcome(fd, ready),
            Attempt::Anothers => {
                outcome(fd, ready)?;
                check_peer(fd.as_fd(), to).map_err(Pause::from)
            }
        }
    }

    #[inline]
    fn begin(&mut self, fd: NonBlocking<'_>, to: &SockAddr) -> Result<(), Pause> {
        self.attempt = match socket::connect(fd, to) {
            Err(Errno::INPROGRESS | Errno::INTR) => Attempt::Ours,
            Err(Errno::ALREADY) => Attempt::Anothers,
            // The system tells the next call that a connection is made, whatever address that one names.
            Ok(()) => return check_peer(fd.as_fd(), to).map_err(Pause::from),
            Err(errno) => return Err(errno.into()),
        };
        Err(Pause::WouldBlock)
    }
}

/// How the attempt under way has ended, if it has. Not by a second connect(2), which repeats the cause on Linux alone, and
/// would begin a new attempt where somebody else has seen the end of the first.
fn outcome(fd: NonBlocking<'_>, ready: Readiness) -> Result<(), Pause> {
    let ready = if ready.is_empty() { sys::readiness(fd.as_fd(), Readiness::OUT)? } else { ready };
    if ready.intersects(Readiness::ERR | Readiness::HUP) {
        return Err(failure(fd).into());
    }
    if !ready.contains(Readiness::OUT) {
        return Err(Pause::WouldBlock);
    }
    if WRITABLE_IS_CONNECTED { Ok(()) } else { ask(fd) }
}

/// Whether a socket that is writable without error or hang-up is connected for certain, so that the system need not be
/// asked. Source: tcp_poll in the kernel.
const WRITABLE_IS_CONNECTED: bool = cfg!(all(target_os = "linux", not(shotclock_bsd)));

/// Asks the system how the attempt has ended: SO_ERROR is the cause of a failure, and a peer the proof of a connection.
/// Source: connect(2) of FreeBSD, under EINPROGRESS, and of POSIX.
fn ask(fd: NonBlocking<'_>) -> Result<(), Pause> {
    if let Err(cause) = socket::take_error(fd.as_fd()) {
        let _it_has_failed_already = socket::disconnect(fd.as_fd());
        return Err(cause.into());
    }
    match socket::getpeername(fd.as_fd()) {
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => Err(Pause::WouldBlock),
        // It was connected, and has been shut down in both directions. Source: getpeername(2) of macOS.
        Err(Errno::INVAL) => Err(Errno::CONNABORTED.into()),
        Err(errno) => Err(errno.into()),
    }
}

/// Why the attempt has failed, and ends it. By SO_ERROR and not by connect(2), which would begin a new attempt where
/// another thread has taken the error or shut the socket down.
#[cold]
fn failure(fd: NonBlocking<'_>) -> Errno {
    let cause = socket::take_error(fd.as_fd()).err();
    let _it_has_failed_already = socket::disconnect(fd.as_fd());
    cause.unwrap_or(Errno::CONNABORTED)
}

/// Checks that the connection leads to this address, and is none that an earlier call had begun to another.
fn check_peer(fd: BorrowedHandle<'_>, to: &SockAddr) -> Result<(), Errno> {
    if !matches!(Family(to.family()), Family::INET | Family::INET6) {
        return Ok(());
    }
    // Without a peer yet, the attempt is a new one: of TCP Fast Open, which sends nothing before the data.
    let Ok(Some(peer)) = socket::getpeername(fd) else { return Ok(()) };
    if is_that(&Address::from_sockaddr(&peer), &Address::from_sockaddr(to)) || !socket::is_stream(fd).unwrap_or(false) {
        return Ok(());
    }
    Err(Errno::ISCONN)
}

/// Whether the address is of this machine for certain: of 127.0.0.0/8, or ::1. Source: RFC 6890.
#[inline]
fn is_loopback(to: &SockAddr) -> bool {
    let bytes = to.as_bytes();
    match Family(to.family()) {
        Family::INET => bytes.get(4) == Some(&127),
        Family::INET6 => bytes.get(8..24) == Some(&Ipv6Addr::LOCALHOST.octets()),
        _ => false,
    }
}

/// Whether a socket that was asked for `wanted` may have this peer. The unspecified address stands for this machine.
fn is_that(peer: &Address, wanted: &Address) -> bool {
    let (Some(ip), Some(wanted_ip)) = (peer.ip(), wanted.ip()) else { return peer == wanted };
    let is_host = ip.to_canonical() == wanted_ip.to_canonical() || wanted_ip.to_canonical().is_unspecified();
    is_host && peer.port() == wanted.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockaddr(text: &str) -> SockAddr {
        Address::from(text.parse::<std::net::SocketAddr>().unwrap()).to_sockaddr()
    }

    #[test]
    fn loopback_is_told_from_all_else() {
        let is = |text| is_loopback(&sockaddr(text));
        assert!(is("127.0.0.1:80") && is("127.255.0.9:1") && is("[::1]:80"));
        assert!(!is("128.0.0.1:80") && !is("0.0.0.0:80") && !is("[::]:80") && !is("[fe80::1%1]:80"));
        assert!(!is("[7f00::1]:80") && !is_loopback(&SockAddr::new(&[2, 0, 0, 80]).unwrap()));
    }

    #[cfg(target_os = "linux")]
    #[cfg(not(shotclock_stub))]
    #[test]
    fn within_this_machine_a_connect_ends_in_its_first_try_if_it_may_wait() {
        use crate::constant::Kind;
        use crate::sys::OwnedHandle;
        use crate::wait::Gate;

        let stream = || -> OwnedHandle { socket::socket(Family::INET.0, Kind::STREAM.0, 0).unwrap() };
        let listener = stream();
        socket::bind(listener.as_fd(), &sockaddr("127.0.0.1:0")).unwrap();
        socket::listen(listener.as_fd(), 8).unwrap();
        let (to, gate) = (socket::getsockname(listener.as_fd()).unwrap(), Gate::of_sole_owner(true));
        let (one, other) = (stream(), stream());
        let mut op = Connect::new(OpenFile::new(one.as_fd(), &gate), &to).that_may_wait();
        assert_eq!(op.attempt(Readiness::empty()), Ok(()));
        let mut op = Connect::new(OpenFile::new(other.as_fd(), &gate), &to);
        assert_eq!(op.attempt(Readiness::empty()), Err(Pause::WouldBlock), "as the system says it");
        assert_eq!(op.attempt(Readiness::empty()), Ok(()));
    }

    #[test]
    fn a_peer_is_told_from_another() {
        let address = |text: &str| Address::from(text.parse::<std::net::SocketAddr>().unwrap());
        let known = |peer, wanted| is_that(&address(peer), &address(wanted));
        assert!(known("127.0.0.1:80", "127.0.0.1:80"));
        assert!(known("127.0.0.1:80", "0.0.0.0:80") && known("[::1]:80", "[::]:80"));
        assert!(known("[::ffff:10.0.0.1]:80", "10.0.0.1:80") && known("[fe80::1%3]:80", "[fe80::1]:80"));
        assert!(!known("127.0.0.1:80", "127.0.0.1:81") && !known("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!known("127.0.0.1:80", "0.0.0.0:81"));
    }
}
