//! Serves a page by HTTP to many clients at once, and lets none of them keep it waiting.
//!
//! `cargo run --example protected_server [HOST [PORT]]`; without arguments any host may connect, to port 8881. Ask for
//! `http://localhost:8881/`, or for `/big`, which is 32 MiB. Then be slow: `nc localhost 8881`, and type nothing, or a
//! letter now and then.
//!
//! What talks to a client knows nothing of time. The listener has a policy, which every connection inherits: a second
//! until the first byte, a second without a byte, three seconds in all. (They are short to be seen to pass. 5, 10 and 60
//! seconds are a good start for a server on the internet.)

mod common;

use shotclock::{Result, ServerPolicy, Socket, create_server};
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let (host, port) = common::host_and_port("");
    let listener = create_server((&host, port))?;
    listener.set_policy(ServerPolicy::new().first_byte(SECOND).idle(SECOND).total(3 * SECOND));
    eprintln!("listening on {}", listener.getsockname()?);

    loop {
        let (client, address) = listener.accept()?;
        thread::spawn(move || match answer(&client) {
            Ok(()) => println!("Answered {address}"),
            Err(error) => println!("Sent away: {error}"),
        });
    }
}

fn answer(client: &Socket) -> io::Result<()> {
    let mut file = client.makefile()?;
    let request = file.readline()?;
    // The header ends with an empty line.
    while file.readline()?.len() > 2 {}
    let page = if request.starts_with(b"GET /big ") { vec![b'.'; 32 << 20] } else { b"Hello\n".to_vec() };
    write!(file, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", page.len())?;
    file.write_all(&page)?;
    file.flush()
}
