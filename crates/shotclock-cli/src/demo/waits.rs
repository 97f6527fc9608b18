//! Each kind of wait, made to wait for what never comes.

use std::time::{Duration, Instant};

use shotclock::{Address, Family, Kind, Result, ServerBuilder, Socket, SocketOption};

use super::outcome::{Ended, LATE, LIMIT, Outcome};
use super::show::{Event, Show};
use crate::failure::Failure;

/// What only prepares a wait takes no time here.
const PATIENCE: Duration = Duration::from_secs(1);
const BUFFER: i32 = 16 << 10;

/// A wait, with all that keeps it waiting.
type Wait = fn() -> Result<Ended>;

const WAITS: [(&str, &str, Wait); 5] = [
    ("accept", "nobody connects", accept),
    ("connect", "the listener's queue is full", connect),
    ("recv", "the peer is silent", recv),
    ("send", "the peer never reads", send),
    ("recvfrom", "UDP, no server answers; without a limit, for ever", recvfrom),
];

/// Shows all of them; whether all held.
pub(super) fn show_all(show: &Show) -> Result<bool, Failure> {
    let (limit, late) = (LIMIT.as_secs_f64(), LATE.as_secs_f64());
    show.heading(&format!(
        "Waits for what never comes, each with a limit of {limit} s (held: never early, late by {late} s at most):"
    ))?;
    let mut all = true;
    for (operation, stall, wait) in WAITS {
        let outcome = Outcome::new(operation, stall, wait()?);
        all &= outcome.held;
        show.event(&Event::Wait(&outcome))?;
    }
    Ok(all)
}

fn timed<T>(call: impl FnOnce() -> Result<T>) -> Ended {
    let begun = Instant::now();
    let error = call().err();
    Ended { elapsed: begun.elapsed(), error }
}

fn listener(backlog: i32) -> Result<Socket> {
    ServerBuilder::new().backlog(backlog).listen(([127, 0, 0, 1], 0))
}

fn client(server: Address) -> Result<Socket> {
    let socket = Socket::new(server.family(), Kind::STREAM)?;
    socket.within(PATIENCE).connect(server)?;
    Ok(socket)
}

fn accept() -> Result<Ended> {
    let listener = listener(1)?;
    Ok(timed(|| listener.within(LIMIT).accept()))
}

/// A backlog of 0 is room for one.
fn connect() -> Result<Ended> {
    let full = listener(0)?;
    let _fills_the_queue = client(full.getsockname()?)?;
    let socket = Socket::new(Family::INET, Kind::STREAM)?;
    let to = full.getsockname()?;
    Ok(timed(|| socket.within(LIMIT).connect(to)))
}

fn recv() -> Result<Ended> {
    let listener = listener(1)?;
    let socket = client(listener.getsockname()?)?;
    let _silent = listener.within(PATIENCE).accept()?;
    Ok(timed(|| socket.within(LIMIT).recv(8192)))
}

fn send() -> Result<Ended> {
    let listener = listener(1)?;
    // What the client is received with, it inherits.
    listener.setsockopt(SocketOption::RCVBUF, BUFFER)?;
    let socket = client(listener.getsockname()?)?;
    socket.setsockopt(SocketOption::SNDBUF, BUFFER)?;
    let _never_reads = listener.within(PATIENCE).accept()?;
    // More than the buffers of both ends hold together, of which the system makes twice what they are asked to be.
    let much = vec![0; 16 * BUFFER as usize];
    Ok(timed(|| socket.within(LIMIT).sendall(&much)))
}

fn recvfrom() -> Result<Ended> {
    // A socket that nobody serves: with none at all, the system would say "refused".
    let mute = Socket::new(Family::INET, Kind::DGRAM)?;
    mute.bind(([127, 0, 0, 1], 0))?;
    let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    socket.sendto(b"Is anybody there?", mute.getsockname()?)?;
    Ok(timed(|| socket.within(LIMIT).recvfrom(8192)))
}
