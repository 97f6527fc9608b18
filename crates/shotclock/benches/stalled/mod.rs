//! Sockets that never become ready, for benchmarks of how a wait ends.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop there")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use shotclock::{Address, Error, Family, Kind, Socket, socketpair};

/// The limit must be what ended the call.
pub(crate) fn ended<T>(result: Result<T, Error>) {
    match result {
        Ok(_) => panic!("the wait ended with a result"),
        Err(error) => assert!(error.is_timeout(), "{error}"),
    }
}

/// Two ends of a stream.
pub(crate) fn pair() -> (Socket, Socket) {
    socketpair(Family::UNIX, Kind::STREAM).unwrap()
}

/// A port of loopback.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A UDP socket that nobody sends to.
pub(crate) fn datagrams() -> Socket {
    let ours = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    ours.bind(local(0)).unwrap();
    ours
}

/// A listener whose queue is full; connecting to it hangs for as long as this lives.
pub(crate) struct FullQueue {
    pub(crate) address: Address,
    _held: (Socket, Socket),
}

impl FullQueue {
    /// Fills the queue of a bound socket: it holds one connection.
    pub(crate) fn of(listener: Socket, family: Family) -> Self {
        listener.listen(0).unwrap();
        let address = listener.getsockname().unwrap();
        let first = Socket::new(family, Kind::STREAM).unwrap();
        first.within(Duration::from_secs(5)).connect(address).unwrap();
        Self { address, _held: (listener, first) }
    }

    /// One of TCP.
    pub(crate) fn tcp() -> Self {
        let listener = Socket::new(Family::INET, Kind::STREAM).unwrap();
        listener.bind(local(0)).unwrap();
        Self::of(listener, Family::INET)
    }
}

/// The value at a share of sorted ones, by the nearest rank.
pub(crate) fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1]
}
