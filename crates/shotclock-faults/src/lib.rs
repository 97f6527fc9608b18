//! A misbehaving peer on demand, so that a client can be tested against what networks do to it.
//!
//! A [`Peer`] listens on loopback, on a port of the system's choice, and misbehaves in one way ([`Fault`]) until it is
//! dropped. Nothing is left then: no thread, no descriptor.
//!
//! ```
//! use shotclock::create_connection;
//! use shotclock_faults::{Peer, StreamFault};
//! use std::time::Duration;
//!
//! let peer = Peer::start(StreamFault::Stall { after: 5 })?;
//! let client = create_connection(peer.address(), Duration::from_secs(5))?;
//! let mut begun = [0; 5];
//! client.recv_exact(&mut begun)?;
//! assert!(client.within(Duration::from_millis(20)).recv(1).unwrap_err().is_timeout(), "nothing more comes");
//! # Ok::<(), shotclock::Error>(())
//! ```
//!
//! What happens depends on counts of bytes, connections, datagrams and queries, and on a seed: never on chance.
//! [`PeerBuilder`] says whom a fault befalls, what the peer sends, and what bounds it. [`MODES`] names all faults, as the
//! command `shotclock faults` and Python's `shotclock.faults` do.
#![forbid(unsafe_code)]

mod accept;
mod backlog;
mod bind;
mod connection;
mod datagram;
mod dns;
mod event;
mod exchange;
mod fault;
mod garbage;
mod mode;
mod name_server;
mod peer;
mod proxy;
mod pump;
mod terms;
mod tls;

pub use event::{Event, EventKind};
pub use fault::{DatagramFault, Fault, NameServerFault, ProxyFault, Side, StreamFault};
pub use mode::{Argument, MODES, Mode, Unit};
pub use peer::{Peer, PeerBuilder};

/// The examples of the crate's page, compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../docs/faults.md")]
struct Page;

/// The guide's examples: here, since they need peers that misbehave, which the core knows nothing of once it is packaged.
#[cfg(doctest)]
#[doc = include_str!("../docs/timeouts-that-hold.md")]
struct TimeoutsThatHold;
