//! Several connection attempts at once, staggered, of which the first to succeed wins. Source: RFC 8305, sections 4 and 5.

use std::vec::IntoIter;

use crate::addr::Address;
use crate::constant::{Kind, Protocol};
use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LimitKind, Reason, Result};
use crate::ops::Connecting;
use crate::socket::Socket;
use crate::sys::Readiness;
use crate::sys::address::RawAddress;
use crate::timed::{Interest, Operation, Pause};

/// The most attempts under way at one time; the next then begins when one of them fails. At the usual pace that is 8 s
/// of silence, with a descriptor each.
const MOST_UNDER_WAY: usize = 32;

/// One address to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) address: Address,
    pub(super) kind: Kind,
    pub(super) protocol: Protocol,
}

/// The candidates with their families taking turns, so that one family that is down costs one pause. The first stays the
/// first, and the order within a family the resolver's.
pub(super) fn interleaved(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let Some(first) = candidates.first().map(|first| first.address.family()) else { return candidates };
    let count = candidates.len();
    let (first, other): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|it| it.address.family() == first);
    let (mut first, mut other) = (first.into_iter(), other.into_iter());
    let mut mixed = Vec::with_capacity(count);
    while mixed.len() < count {
        mixed.extend(first.next());
        mixed.extend(other.next());
    }
    mixed
}

/// The race, as one operation. It ends with the first connected socket, or with none when every attempt has failed; those
/// still under way are closed when it is dropped.
pub(super) struct Race<P> {
    /// Those not tried yet, by number.
    waiting: std::iter::Enumerate<IntoIter<Candidate>>,
    under_way: Vec<Attempt>,
    failures: Vec<(usize, Error)>,
    /// The time between one attempt and the next; never: only when one fails.
    pause: Timeout,
    /// When the next attempt is due, whatever becomes of those under way.
    next: Deadline,
    /// Makes the socket for a candidate.
    prepare: P,
}

struct Attempt {
    number: usize,
    socket: Socket,
    to: RawAddress,
    connecting: Connecting,
    since: Deadline,
}

impl<P: Fn(&Candidate) -> Result<Socket>> Race<P> {
    pub(super) fn new(candidates: Vec<Candidate>, pause: Timeout, prepare: P) -> Self {
        Self {
            waiting: candidates.into_iter().enumerate(),
            under_way: Vec::new(),
            failures: Vec::new(),
            pause,
            next: Deadline::now(),
            prepare,
        }
    }

    /// Every attempt's error, in the candidates' order; those still under way were ended by this limit.
    pub(super) fn into_failures(self, ran_out: Option<(LimitKind, Deadline)>) -> Vec<Error> {
        let mut failures = self.failures;
        if let Some((limit, now)) = ran_out {
            failures.extend(self.under_way.into_iter().map(|attempt| {
                let elapsed = now.since(attempt.since).duration().unwrap_or_default();
                let error = Error::new("connect", Reason::TimedOut { limit, elapsed });
                (attempt.number, error.to(Address::from_raw(&attempt.to)))
            }));
        }
        failures.sort_unstable_by_key(|(number, _)| *number);
        failures.into_iter().map(|(_, error)| error).collect()
    }

    /// Tries on what is under way; gives the winner.
    fn look(&mut self, ready: Readiness) -> Option<Socket> {
        // Readiness is known of all together: of one alone it says which.
        let ready = if self.under_way.len() == 1 { ready } else { Readiness::empty() };
        let mut at = 0;
        while let Some(attempt) = self.under_way.get_mut(at) {
            match attempt.connecting.attempt(attempt.socket.borrow(), &attempt.to, ready) {
                Ok(()) => return Some(self.under_way.remove(at).socket),
                Err(Pause::Failed(errno)) => {
                    let Attempt { number, to, .. } = self.under_way.remove(at);
                    self.fail(number, Error::system("connect", errno).to(Address::from_raw(&to)));
                }
                Err(_) => at += 1,
            }
        }
        None
    }

    /// Begins the attempts that are due; gives the winner, if one has succeeded at once.
    fn begin_due(&mut self) -> Option<Socket> {
        while self.has_room() && (self.under_way.is_empty() || Deadline::now() >= self.next) {
            let (number, candidate) = self.waiting.next()?;
            let socket = match (self.prepare)(&candidate) {
                Ok(socket) => socket,
                Err(error) => {
                    self.fail(number, error);
                    continue;
                }
            };
            let (since, to) = (Deadline::now(), candidate.address.to_raw());
            self.next = since.plus(self.pause);
            self.under_way.push(Attempt { number, socket, to, connecting: Connecting::default(), since });
            // The first try of the new one; a look at the others costs no more than a call each.
            if let Some(winner) = self.look(Readiness::empty()) {
                return Some(winner);
            }
        }
        None
    }

    /// Notes a failure: the next attempt is due at once.
    fn fail(&mut self, number: usize, error: Error) {
        self.failures.push((number, error));
        self.next = Deadline::now();
    }

    fn has_room(&self) -> bool {
        self.waiting.len() > 0 && self.under_way.len() < MOST_UNDER_WAY
    }
}

impl<P: Fn(&Candidate) -> Result<Socket>> Operation for Race<P> {
    type Output = Option<Socket>;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, ready: Readiness) -> Result<Option<Socket>, Pause> {
        let (waiting, failed) = (self.waiting.len(), self.failures.len());
        if let Some(winner) = self.look(ready).or_else(|| self.begin_due()) {
            return Ok(Some(winner));
        }
        if self.under_way.is_empty() {
            return Ok(None);
        }
        // What woke it was no lie if anything has come of it.
        let moved = (self.waiting.len(), self.failures.len()) != (waiting, failed);
        Err(if moved { Pause::Drained } else { Pause::WouldBlock })
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.under_way.iter().for_each(|attempt| wanted.readiness(attempt.socket.borrow(), Readiness::OUT));
        if self.has_room() {
            wanted.timer(self.next);
        }
    }
}
