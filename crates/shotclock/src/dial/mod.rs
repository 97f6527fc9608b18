//! Making connections and servers in one call.

mod candidates;
mod connection;
mod datagram;
mod local;
mod race;
mod server;

pub use connection::{Connector, create_connection};
pub use datagram::bind_datagram;
pub use race::{ATTEMPT_DELAY, Entrants, Finish, LEAST_ATTEMPT_DELAY, Race, Unfit, interleaved};
pub use server::{ServerBuilder, create_server, has_dualstack_ipv6};
