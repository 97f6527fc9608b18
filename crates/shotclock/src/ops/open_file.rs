//! O_NONBLOCK, which belongs to the open file, and so to everybody who has that.

use crate::sys::socket::NonBlocking;
use crate::sys::{BorrowedHandle, Errno};
use crate::wait::Gate;

/// A socket's descriptor, with its gate, which knows whether anybody else may have its open file.
#[derive(Clone, Copy)]
pub struct OpenFile<'a> {
    fd: BorrowedHandle<'a>,
    gate: &'a Gate,
}

impl<'a> OpenFile<'a> {
    /// The descriptor of the socket whose gate this is.
    #[inline]
    pub fn new(fd: BorrowedHandle<'a>, gate: &'a Gate) -> Self {
        Self { fd, gate }
    }

    /// The descriptor, to be waited on.
    pub(super) fn fd(self) -> BorrowedHandle<'a> {
        self.fd
    }

    /// The descriptor, for one try of a call that has no flag against waiting. Ask anew for each try: during a wait
    /// others who have the open file may have made it blocking.
    #[inline]
    pub(super) fn nonblocking(self) -> Result<NonBlocking<'a>, Errno> {
        if self.gate.is_nonblocking() { Ok(NonBlocking::known(self.fd)) } else { NonBlocking::make_sure(self.fd) }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::constant::{Family, Kind};
    use crate::ops::{Accept, Connect, SendFile};
    use crate::sys::address::{AddressRoom, SockAddr};
    use crate::sys::socket::tests::BETWEEN;
    use crate::sys::{AsHandle, OwnedHandle, socket};
    use crate::unstable::timeout_limit;
    use crate::wait::{Operation, Stop, ambient, drive};

    const LIMIT: Duration = Duration::from_millis(100);

    /// Asserts that the operation ends in time on a file that somebody makes blocking between each look and each call.
    #[track_caller]
    fn ends_in_time(mut operation: impl Operation) {
        BETWEEN.set(Some(|fd| socket::set_nonblocking(fd, false).unwrap()));
        let began = Instant::now();
        let outcome =
            drive(&mut operation, &timeout_limit(Some(LIMIT.as_nanos() as u64)), &mut ambient::waiter("test"));
        let took = began.elapsed();
        assert!(matches!(outcome, Err(Stop::TimedOut { .. })), "it has waited for {took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    fn listener(family: i32, address: &SockAddr) -> (OwnedHandle, SockAddr) {
        let listener = socket::socket(family, Kind::STREAM.0, 0).unwrap();
        socket::bind(listener.as_fd(), address).unwrap();
        socket::listen(listener.as_fd(), 0).unwrap();
        let address = socket::getsockname(listener.as_fd()).unwrap();
        (listener, address)
    }

    fn anywhere(family: i32) -> SockAddr {
        match family {
            // The system chooses a name.
            family if family == Family::UNIX.0 => SockAddr::new(&(family as u16).to_ne_bytes()).unwrap(),
            _ => crate::Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).to_sockaddr(),
        }
    }

    #[test]
    fn an_accept_ends_in_time_whatever_others_make_of_the_file() {
        for family in [Family::UNIX.0, Family::INET.0] {
            let (listener, _) = listener(family, &anywhere(family));
            let (shared, mut peer) = (Gate::of_shared_file(), AddressRoom::new());
            ends_in_time(Accept { from: OpenFile::new(listener.as_fd(), &shared), peer: &mut peer });
        }
    }

    #[test]
    fn a_connect_ends_in_time_whatever_others_make_of_the_file() {
        for family in [Family::UNIX.0, Family::INET.0] {
            let (_listener, address) = listener(family, &anywhere(family));
            // A full queue.
            let waiting: Vec<_> = (0..4).map(|_| socket::socket(family, Kind::STREAM.0, 0).unwrap()).collect();
            for one in &waiting {
                let _once_it_is_full_it_waits = socket::connect(NonBlocking::known(one.as_fd()), &address);
            }
            let one = socket::socket(family, Kind::STREAM.0, 0).unwrap();
            let shared = Gate::of_shared_file();
            ends_in_time(Connect::new(OpenFile::new(one.as_fd(), &shared), &address));
        }
    }

    #[test]
    fn a_sendfile_ends_in_time_whatever_others_make_of_the_file() {
        let (one, _other) = socket::socketpair(Family::UNIX.0, Kind::STREAM.0, 0).unwrap();
        let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let shared = Gate::of_shared_file();
        ends_in_time(SendFile::new(OpenFile::new(one.as_fd(), &shared), file.as_fd(), 0, None));
    }
}
