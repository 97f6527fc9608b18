//! Making connections and servers in one call.

mod connection;
mod race;
mod server;

pub use connection::{Connector, create_connection};
pub use race::{Entrants, Finish, Race, Unfit, interleaved};
pub use server::{ServerBuilder, create_server, has_dualstack_ipv6};
