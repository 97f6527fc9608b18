//! A listener whose queue is full.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use shotclock::{Address, Error, Kind, Result, ServerBuilder, Socket, Timeout};

use crate::bind::own_address;

/// A connect over loopback that takes longer than this has found the queue full.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How many connections may fit into a queue of length zero before something else is wrong.
const MOST: usize = 16;

/// A listener that accepts nobody, and the clients that fill its queue; the listener is the first of them.
pub(crate) fn full_backlog(address: SocketAddr) -> Result<(SocketAddr, Vec<Socket>)> {
    let listener = ServerBuilder::new().backlog(0).listen(address)?;
    let address = own_address(&listener)?;
    let mut held = vec![listener];
    while held.len() <= MOST {
        let client = Socket::new(Address::from(address).family(), Kind::STREAM)?;
        client.set_timeout(Timeout::NEVER);
        match client.within(AT_ONCE).connect(address) {
            Ok(()) => held.push(client),
            Err(error) if error.is_timeout() => return Ok((address, held)),
            Err(error) => return Err(error),
        }
    }
    let text = format!("a queue of length 0 took {MOST} connections and was not full");
    Err(Error::other("full backlog", io::Error::new(io::ErrorKind::Unsupported, text)))
}
