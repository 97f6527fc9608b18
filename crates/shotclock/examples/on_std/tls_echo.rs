//! TLS on std alone, without any limit: what `examples/tls_echo.rs` is measured by.
#![allow(clippy::disallowed_methods, reason = "std's own calls are what this is about")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let (client, server) = configurations()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let serving = thread::spawn(move || serve(&listener, server));
    println!("{}", ask(address, client)?.trim_end());
    serving.join().expect("a server that panicked")
}

fn serve(listener: &TcpListener, config: ServerConfig) -> Outcome<()> {
    let (socket, _) = listener.accept()?;
    let connection = ServerConnection::new(Arc::new(config))?;
    let mut tls = BufReader::new(StreamOwned::new(connection, socket));
    let mut line = String::new();
    tls.read_line(&mut line)?;
    let tls = tls.get_mut();
    tls.write_all(line.to_uppercase().as_bytes())?;
    tls.conn.send_close_notify();
    Ok(tls.flush()?)
}

fn ask(address: SocketAddr, config: ClientConfig) -> Outcome<String> {
    let socket = TcpStream::connect(address)?;
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    let mut tls = BufReader::new(StreamOwned::new(connection, socket));
    tls.get_mut().write_all(b"a question\n")?;
    let mut answer = String::new();
    tls.read_line(&mut answer)?;
    Ok(answer)
}

/// A client that trusts a certificate which signs itself, and a server that shows it.
fn configurations() -> Outcome<(ClientConfig, ServerConfig)> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
    Ok((client, server))
}
