//! Socket options: typed ones; any other by its numbers and bytes (`setsockopt_bytes`).

#[cfg(target_os = "linux")]
mod filter;
mod multicast;
mod named;
#[cfg(target_os = "linux")]
mod tcp_info;
mod typed;
mod value;

#[cfg(target_os = "linux")]
pub use filter::FilterInstruction;
pub use multicast::{Membership, Membership6, SourceMembership};
#[cfg(unix)]
pub use multicast::{MulticastInterface, SourceMembership6};
#[cfg(target_os = "linux")]
pub use tcp_info::{TcpInfo, TcpState};
pub use typed::{OptionValue, SocketOption};
pub(crate) use typed::{ROOM_FOR_MORE, decode, refuse};
pub use value::Credentials;
