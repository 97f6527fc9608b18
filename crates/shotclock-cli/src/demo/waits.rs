//! Each kind of wait, made to wait for what never comes.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use shotclock::{Address, Error, Family, Kind, Result, ServerBuilder, Socket, SocketOption};

use super::{Event, Show};
use crate::exit::Failure;

const LIMIT: Duration = Duration::from_millis(250);
/// How late a wait may end on a busy machine and still have held. Early is never right.
const LATE: Duration = Duration::from_millis(150);
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
    ("recvfrom", "UDP, no server answers: in the chapter, for ever", recvfrom),
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

/// How long a call took, and its error; `None` if it went well, which it must not.
struct Ended {
    elapsed: Duration,
    error: Option<Error>,
}

/// What came of a wait.
#[derive(Serialize)]
pub(super) struct Outcome {
    operation: &'static str,
    stall: &'static str,
    limit: f64,
    elapsed: f64,
    held: bool,
    error: Option<String>,
}

impl Outcome {
    fn new(operation: &'static str, stall: &'static str, ended: Ended) -> Self {
        let in_time = (LIMIT..=LIMIT + LATE).contains(&ended.elapsed);
        Self {
            operation,
            stall,
            limit: LIMIT.as_secs_f64(),
            elapsed: ended.elapsed.as_secs_f64(),
            held: in_time && ended.error.as_ref().is_some_and(Error::is_timeout),
            error: ended.error.map(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, stall, elapsed, held, error, .. } = self;
        let verdict = if *held { "held" } else { "NOT HELD" };
        let error = error.as_deref().unwrap_or("no error");
        write!(f, "{operation:<8} {elapsed:.4} s {verdict} ({stall}): {error}")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn held(elapsed: Duration, error: Option<Error>) -> bool {
        Outcome::new("recv", "a test", Ended { elapsed, error }).held
    }

    fn timeout() -> Option<Error> {
        let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
        socket.within(Duration::from_millis(1)).recv(1).err()
    }

    #[test]
    fn held_is_in_time_and_a_timeout() {
        assert!(held(LIMIT, timeout()) && held(LIMIT + LATE, timeout()));
        assert!(!held(LIMIT - Duration::from_nanos(1), timeout()), "early");
        assert!(!held(LIMIT + LATE + Duration::from_nanos(1), timeout()), "late");
        assert!(!held(LIMIT, None), "it went well");
        let refused = Socket::new(Family::INET, Kind::STREAM).unwrap().connect(([127, 0, 0, 1], 1)).err();
        assert!(!held(LIMIT, refused), "another error");
    }
}
