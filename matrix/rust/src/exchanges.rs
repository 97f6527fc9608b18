//! A whole exchange by code that knows of no limit: std's options begin anew with each read, a deadline scope does not.

use std::io::{self, BufRead, BufReader, Read, Write};

use shotclock::with_deadline;

use crate::cells::{Call, Cell, Failure, LIMIT, Peers, call};

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("http", "silent", Some(|peers| by_std(peers, "silent")), |peers| by_ours(peers, "silent")),
        Cell::new("http", "drip, header", Some(|peers| by_std(peers, "http-drip-head")), |peers| {
            by_ours(peers, "http-drip-head")
        }),
        Cell::new("http", "drip, body", Some(|peers| by_std(peers, "http-drip-body")), |peers| {
            by_ours(peers, "http-drip-body")
        }),
        Cell::new("http", "flood", Some(|peers| by_std(peers, "http-flood")), |peers| by_ours(peers, "http-flood"))
            .busy(),
    ]
}

fn by_std(peers: &Peers, peer: &str) -> Result<Call, Failure> {
    let stream = peers.std(peer)?;
    call(move || exchange(stream))
}

fn by_ours(peers: &Peers, peer: &str) -> Result<Call, Failure> {
    let socket = peers.ours(peer)?;
    call(move || with_deadline(LIMIT, || exchange(socket)))
}

fn exchange(mut stream: impl Read + Write) -> io::Result<u64> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = BufReader::new(stream);
    let mut line = Vec::new();
    while answer.read_until(b'\n', &mut line)? > 2 {
        line.clear();
    }
    io::copy(&mut answer, &mut io::sink())
}
