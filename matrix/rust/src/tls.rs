//! TLS by rustls, over std's streams and over a view of ours.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use crate::cells::{Call, Cell, Failure, LIMIT, MUCH, Peers, call};

/// What is done over TLS.
type Use = fn(&mut dyn Duplex) -> io::Result<()>;

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("tls handshake", "silent", Some(|peers| std_handshake(peers, "silent")), |peers| {
            handshake(peers, "silent")
        }),
        Cell::new("tls handshake", "stalls half-way", Some(|peers| std_handshake(peers, "tls-stall")), |peers| {
            handshake(peers, "tls-stall")
        }),
        Cell::new("tls handshake", "drip", Some(|peers| std_handshake(peers, "tls-drip-handshake")), |peers| {
            handshake(peers, "tls-drip-handshake")
        }),
        Cell::new("tls recv", "silent", Some(|peers| std_after(peers, "tls-silent", read)), |peers| {
            after(peers, "tls-silent", read)
        }),
        Cell::new(
            "tls recv",
            "drip within a record",
            Some(|peers| std_after(peers, "tls-drip-record", read)),
            |peers| after(peers, "tls-drip-record", read),
        ),
        Cell::new("tls recv until the end", "flood", Some(|peers| std_after(peers, "tls-flood", drain)), |peers| {
            after(peers, "tls-flood", drain)
        })
        .busy(),
        Cell::new("tls sendall", "never reads", Some(|peers| std_after(peers, "tls-silent", write)), |peers| {
            after(peers, "tls-silent", write)
        }),
    ]
}

fn read(tls: &mut dyn Duplex) -> io::Result<()> {
    tls.read(&mut [0]).map(drop)
}

fn drain(tls: &mut dyn Duplex) -> io::Result<()> {
    let mut part = vec![0; 65536];
    while tls.read(&mut part)? > 0 {}
    Ok(())
}

fn write(tls: &mut dyn Duplex) -> io::Result<()> {
    tls.write_all(&vec![0; MUCH])
}

fn std_handshake(peers: &Peers, peer: &str) -> Result<Call, Failure> {
    let (mut stream, mut client) = (peers.std(peer)?, client()?);
    call(move || shake_hands(&mut client, &mut stream))
}

fn handshake(peers: &Peers, peer: &str) -> Result<Call, Failure> {
    let (socket, mut client) = (peers.ours(peer)?, client()?);
    call(move || shake_hands(&mut client, &mut socket.within(LIMIT)))
}

/// The peer misbehaves after the handshake and a byte.
fn std_after(peers: &Peers, peer: &str, use_it: Use) -> Result<Call, Failure> {
    let (mut stream, mut client) = (peers.std(peer)?, client()?);
    greet(&mut client, &mut stream)?;
    call(move || use_it(&mut Stream::new(&mut client, &mut stream)))
}

fn after(peers: &Peers, peer: &str, use_it: Use) -> Result<Call, Failure> {
    let (mut socket, mut client) = (peers.ours(peer)?, client()?);
    greet(&mut client, &mut socket)?;
    call(move || use_it(&mut Stream::new(&mut client, &mut socket.within(LIMIT))))
}

fn greet(client: &mut ClientConnection, stream: &mut impl Duplex) -> io::Result<()> {
    shake_hands(client, stream)?;
    Stream::new(client, stream).write_all(b"x")
}

fn shake_hands(client: &mut ClientConnection, stream: &mut impl Duplex) -> io::Result<()> {
    while client.is_handshaking() {
        client.complete_io(stream)?;
    }
    Ok(())
}

fn client() -> Result<ClientConnection, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(std::env::var("SHOTCLOCK_MATRIX_AUTHORITY")?)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?)
}
