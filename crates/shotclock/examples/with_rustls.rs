//! TLS over a [`Socket`], with one limit for everything: the handshake, the question and the answer.
//!
//! `cargo run --example with_rustls`
//!
//! A view such as `socket.within(duration)` is `Read` and `Write`, and its deadline is one for all calls made through
//! it. So whatever is built on those traits ends in time, however often it reads and writes inside. A timeout that
//! begins anew with each read would let the third peer below go on for minutes.

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream};
use shotclock::{Socket, create_connection, create_server};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_millis(250);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let (client_config, server_config) = configurations()?;

    let (answer, _) = with_peer(&client_config, PATIENCE, |peer| serve(peer, server_config))?;
    println!("A server that answers: {}", answer?.trim_end());

    for (name, peer) in [("is silent", silent as fn(&Socket) -> Outcome<()>), ("drips", dripping)] {
        let (ended, took) = with_peer(&client_config, LIMIT, peer)?;
        let Err(error) = ended else { return Err("an answer from nobody".into()) };
        println!("A server that {name}: {error}; measured: {:.3} s", took.as_secs_f64());
        // Never early; and late by no more than a busy machine explains.
        let held = is_timeout(error.as_ref()) && (LIMIT..LIMIT * 8).contains(&took);
        if !held {
            return Err(format!("the limit of {LIMIT:?} did not hold").into());
        }
    }
    Ok(())
}

/// Runs the client against a peer in another thread; gives the answer, and how long that took.
fn with_peer(
    config: &Arc<ClientConfig>,
    limit: Duration,
    peer: impl FnOnce(&Socket) -> Outcome<()> + Send,
) -> Outcome<(Outcome<String>, Duration)> {
    let listener = create_server(("127.0.0.1", 0))?;
    let address = listener.getsockname()?;
    thread::scope(|scope| {
        let peer = scope.spawn(move || peer(&listener.within(PATIENCE).accept()?.0));
        let socket = create_connection(address, PATIENCE)?;
        let begun = Instant::now();
        let answer = ask(&socket, config, limit);
        let took = begun.elapsed();
        // The peers end when the connection does.
        socket.close()?;
        let peer = peer.join().map_err(|_| "the peer panicked")?;
        if answer.is_ok() { peer.map(|()| (answer, took)) } else { Ok((answer, took)) }
    })
}

/// The client: TLS through a view of the socket.
fn ask(socket: &Socket, config: &Arc<ClientConfig>, limit: Duration) -> Outcome<String> {
    let mut timed = socket.within(limit);
    let mut connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
    let mut tls = BufReader::new(Stream::new(&mut connection, &mut timed));
    tls.get_mut().write_all(b"hello\n")?;
    let mut answer = String::new();
    tls.read_line(&mut answer)?;
    Ok(answer)
}

/// The server: answers one line in upper case.
fn serve(socket: &Socket, config: ServerConfig) -> Outcome<()> {
    let mut timed = socket.within(PATIENCE);
    let mut connection = ServerConnection::new(Arc::new(config))?;
    let mut tls = BufReader::new(Stream::new(&mut connection, &mut timed));
    let mut line = String::new();
    tls.read_line(&mut line)?;
    tls.get_mut().write_all(line.to_uppercase().as_bytes())?;
    Ok(tls.get_mut().flush()?)
}

/// A peer that reads everything and never answers the handshake.
fn silent(socket: &Socket) -> Outcome<()> {
    socket.set_timeout(PATIENCE);
    while !socket.recv(8192)?.is_empty() {}
    Ok(())
}

/// A peer that sends a handshake message of 16 KiB byte by byte, 50 a second.
fn dripping(socket: &Socket) -> Outcome<()> {
    let message = [&[22, 3, 3, 64, 0, 2][..], &[0; 16383]].concat();
    for byte in message {
        let left = match socket.within(Duration::from_millis(20)).recv(8192) {
            Ok(data) => data.is_empty(),
            Err(error) => !error.is_timeout(),
        };
        // A client that leaves with bytes unread gives an error here.
        if left || socket.within(PATIENCE).sendall(&[byte]).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether one of our limits is behind an error that went through another library.
fn is_timeout(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let ours = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref()?.downcast_ref::<shotclock::Error>());
    ours.is_some_and(shotclock::Error::is_timeout)
}

/// A certificate for localhost that signs itself, a server that shows it and a client that trusts it.
fn configurations() -> Outcome<(Arc<ClientConfig>, ServerConfig)> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
    Ok((Arc::new(client), server))
}
