//! **Sockets on the clock**: plain blocking sockets in which everything that can wait, name lookup included, ends in
//! time.
//!
//! The names are those of the socket interface and of Python's `socket` module; std's names find them in the search
//! box, and [below](#from-std). Every call obeys the socket's timeout, and a deadline or a canceller where you give one:
//!
//! ```
//! use shotclock::{create_connection, create_server};
//! use std::time::Duration;
//!
//! let listener = create_server(("localhost", 0))?;
//! let port = listener.getsockname()?.port().unwrap();
//!
//! // One budget for the lookup and every address; then the socket's timeout.
//! let client = create_connection(("localhost", port), Duration::from_secs(5))?;
//! let (server, _) = listener.within(Duration::from_secs(5)).accept()?;
//! client.sendall(b"hello\n")?;
//! assert_eq!(server.makefile_reader()?.readline()?, b"hello\n");
//!
//! // Nothing more comes: the wait ends, and the error says which limit ended it.
//! let error = server.within(Duration::from_millis(20)).recv(100).unwrap_err();
//! assert!(error.is_timeout());
//! # Ok::<(), shotclock::Error>(())
//! ```
//!
//! # From std
//! * `TcpStream::connect(..)`, `connect_timeout`: [`create_connection`]; `TcpListener::bind(..)`: [`create_server`];
//!   `UnixStream` and `UnixListener`: the same, with a [`Path`](std::path::Path); `UdpSocket` and `UnixDatagram`:
//!   [`bind_datagram`]. Anything else: [`Socket::new`], `bind`, `listen`, `connect`. All are one type, [`Socket`], which
//!   converts from and to std's.
//! * `local_addr`, `peer_addr`, `try_clone`: [`getsockname`](Socket::getsockname), [`getpeername`](Socket::getpeername),
//!   [`dup`](Socket::dup); addresses are [`Address`], of which [`as_inet`](Address::as_inet) makes std's.
//! * `read`, `write_all` and kin: the same, by [`Read`](std::io::Read) and [`Write`](std::io::Write) on `Socket`, `&Socket`,
//!   [`SharedSocket`] and [`Timed`]. `BufReader`, `BufWriter`: [`makefile`](Socket::makefile).
//! * `recv(&mut buffer)`, `recv_from`, `send_to`: [`recv_into`](Socket::recv_into), [`recvfrom_into`](Socket::recvfrom_into),
//!   [`sendto`](Socket::sendto).
//! * `set_read_timeout`, `set_nonblocking`: the same, and they cannot fail; [`set_timeout`](Socket::set_timeout) is for both
//!   directions. Each bounds a call as a whole.
//! * `set_nodelay`, `set_ttl`, `join_multicast_v4`, `take_error` ..: [`setsockopt`](Socket::setsockopt) and
//!   [`getsockopt`](Socket::getsockopt) with a [`SocketOption`].
//! * `to_socket_addrs`: a name and a port go wherever an address does ([`Target`]); [`Lookup::getaddrinfo`] for itself.
//! * `io::Error`: [`Error`]; `?` takes either into the other.
//!
//! # Where to look
//! * [`Socket`]: every call on a socket; [`Timed`]: the same calls under a deadline or a canceller.
//! * [`with_deadline`]: one deadline for all that a piece of code does, through libraries that know nothing of it.
//! * [`Canceller`]: ends calls from another thread; [`with_canceller`]: all that a piece of code does.
//! * [`ServerPolicy`]: what a server's clients may take their time over, set on a listener; [`Socket::idle`]: a limit that
//!   each byte puts off.
//! * [`create_connection`], [`create_server`]: the usual ways to a socket.
//! * [`SocketFile`], [`SocketReader`], [`SocketWriter`]: buffered files that lose no byte to a timeout.
//! * [`getaddrinfo`], [`gethostbyname_ex`], [`gethostbyaddr`], [`getfqdn`] and their kin; [`Lookup`]: the same in time.
//! * [`ControlMessage`]: what travels beside the bytes (TTL, interface, time, descriptors); [`RecvBatch`]: many datagrams by
//!   one call.
//! * [`Error`]: which operation, which limit, how long, how many bytes.
//! * `docs/timeouts-that-hold.md` in the repository: what goes wrong with timeouts, and what to write instead.
//!
//! # Platforms
//! Linux. For macOS, FreeBSD and Windows it compiles and links, and PLATFORM.md of the repository says how far that was
//! tried. Elsewhere it compiles, and what needs the system answers [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! # Features
//! * `idna`: non-ASCII host names, converted by UTS 46 before they are looked up.
//! * `waits`: [`waits`](waits()), which lists what waits now; each wait tells of itself right before it begins.
//! * `tracing`: a span of the crate `tracing` for each call that waits, `wait`, at level DEBUG, with `what`, `descriptor`,
//!   `address` (its peer's, or, without one, its own), `subject`, `limit`, and at its end `ended`.
//! * `serde`: [`Address`] and [`UnixAddress`] as text, in whatever serde writes and reads.
//!
//! Misbehaving peers, to test clients against, are a crate of their own: `shotclock-faults`.
#![deny(unsafe_code)]

mod sys;

mod constant;
mod deadline;
mod phase;
mod scope_id;

mod error;
mod seconds;

mod addr;

mod wait;

mod ancillary;
mod batch;
mod interface;
mod option;
mod order;

mod ops;

#[cfg(feature = "waits")]
mod waits;

mod names;
mod target;

mod socket;

mod file;

mod dial;

pub mod unstable;

pub use addr::{Address, UnixAddress};
#[cfg(target_os = "linux")]
pub use addr::{NetlinkAddress, PacketAddress};
pub use ancillary::{
    Ancillary, ControlMessage, Ecn, Message, MessageInto, PacketInfo, PacketInfo6, ReceivedFds, Timestamping,
    TrafficClass,
};
#[cfg(target_os = "linux")]
pub use ancillary::{ErrorCause, QueuedError, QueuedMessage};
pub use batch::{Datagram, Datagrams, Outgoing, RecvBatch};
pub use constant::{AddressInfoFlags, Family, Kind, MessageFlags, NameInfoFlags, Protocol, Shutdown};
pub use deadline::{Deadline, Timeout};
pub use dial::{Connector, ServerBuilder, bind_datagram, create_connection, create_server, has_dualstack_ipv6};
pub use error::{Error, LimitKind, LookupCode, Result};
pub use file::{LINE_LIMIT, MESSAGE_LIMIT, SocketFile, SocketHandle, SocketReader, SocketWriter};
pub use interface::{Interface, if_indextoname, if_nameindex, if_nametoindex};
pub use names::{
    AddressInfo, AddressInfoHints, HostEntry, LOOKUP_WORKERS, LOOKUP_WORKERS_AT_MOST, Lookup, Service, getaddrinfo,
    getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, getnameinfo, getprotobyname, getservbyname,
    getservbyport, sethostname,
};
pub use ops::Ready;
pub use option::{Credentials, Membership, Membership6, OptionValue, SocketOption, SourceMembership};
#[cfg(target_os = "linux")]
pub use option::{FilterInstruction, TcpInfo, TcpState};
#[cfg(unix)]
pub use option::{MulticastInterface, SourceMembership6};
pub use order::{cmsg_len, cmsg_space, htonl, htons, inet_aton, inet_ntoa, inet_ntop, inet_pton, ntohl, ntohs};
pub use phase::Phase;
pub use scope_id::ScopeId;
pub use socket::{
    Incoming, PageBuffer, SharedSocket, Socket, Timed, ZeroCopy, default_timeout, set_default_timeout, socketpair,
};
pub use sys::address::SockAddr;
#[cfg(all(windows, not(shotclock_stub)))]
pub use sys::{AsHandle, BorrowedHandle, OwnedHandle};
pub use target::Target;
pub use wait::{
    Canceller, DeadlineScope, Scope, ServerPolicy, remaining, shield, with_canceller, with_deadline, with_deadline_at,
};

#[cfg(feature = "waits")]
pub use waits::{Wait, waits};

/// The examples of README and of the crate's page, compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../docs/README.md")]
#[doc = include_str!("../docs/rust.md")]
struct Pages;
