//! Several connection attempts at once, staggered, of which the first to succeed wins. Source: RFC 8305, sections 4 and 5.

use std::collections::VecDeque;

use crate::addr::Address;
use crate::deadline::{Deadline, Timeout};
use crate::ops::{Connecting, SHORTAGE};
use crate::sys::address::SockAddr;
use crate::sys::socket::NonBlocking;
use crate::sys::{BorrowedHandle, Errno, Readiness};
use crate::wait::{Interest, Operation, Pause};

/// The pause between two attempts, unless the program says another. Source: RFC 8305, section 8, "Connection Attempt Delay".
pub const ATTEMPT_DELAY: Timeout = Timeout::from_nanos(250_000_000);
/// The shortest pause. Source: RFC 8305, section 8.
pub const LEAST_ATTEMPT_DELAY: Timeout = Timeout::from_nanos(10_000_000);

/// The most attempts under way at one time; the next then begins when one of them fails. At the usual pace that is 8 s
/// of silence, with a descriptor each.
const MOST_UNDER_WAY: usize = 32;

/// The candidates with their families taking turns, so that one family that is down costs one pause. The first stays the
/// first, and the order within a family the resolver's.
pub fn interleaved<T, F: PartialEq>(candidates: Vec<T>, family: impl Fn(&T) -> F) -> Vec<T> {
    let Some(first) = candidates.first().map(&family) else { return candidates };
    let count = candidates.len();
    let (first, other): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|it| family(it) == first);
    let (mut first, mut other) = (first.into_iter(), other.into_iter());
    let mut mixed = Vec::with_capacity(count);
    while mixed.len() < count {
        mixed.extend(first.next());
        mixed.extend(other.next());
    }
    mixed
}

/// Who makes the sockets of a race, and has the words for what becomes of them.
pub trait Entrants {
    /// One address to try.
    type Candidate;
    /// A socket that does not block, and is closed when it is dropped.
    type Socket;
    /// Why an attempt came to nothing.
    type Failure;
    /// What ends the whole race.
    type Stop;

    /// Makes the socket for a candidate, and the address that it is to connect to.
    ///
    /// # Errors
    /// Why there is no such attempt, or no race any more.
    fn prepare(&mut self, candidate: Self::Candidate) -> Result<(Self::Socket, SockAddr), Unfit<Self>>;

    /// The socket's descriptor; none, if somebody has closed it.
    fn descriptor(socket: &Self::Socket) -> Option<BorrowedHandle<'_>>;

    /// The system said no to an attempt at this address.
    fn refused(&mut self, errno: Errno, to: &SockAddr) -> Self::Failure;
}

/// Why a candidate takes no part.
pub enum Unfit<E: Entrants + ?Sized> {
    /// This one: on to the next.
    Failed(E::Failure),
    /// This one for now, since there was no descriptor or memory to spare: it may do in a moment.
    Short(E::Candidate, E::Failure),
    /// The race is to end: no other attempt is to be made.
    CalledOff(E::Stop),
}

/// How a race ended.
pub enum Finish<E: Entrants + ?Sized> {
    /// The first socket to be connected.
    Won(E::Socket),
    /// Every attempt has failed.
    Lost,
    /// The entrants gave it up.
    CalledOff(E::Stop),
}

/// The race, as one operation. It ends with the first connected socket, or with none when every attempt has failed; those
/// still under way are closed when it is dropped.
pub struct Race<E: Entrants> {
    entrants: E,
    /// Those not tried yet, by number.
    waiting: VecDeque<(usize, E::Candidate)>,
    /// Why the first of them could not be tried, and is to be tried again at `next`.
    shortage: Option<E::Failure>,
    /// Whether a shortage may be waited out where no attempt is under way.
    waits_out_shortage: bool,
    under_way: Vec<Attempt<E::Socket>>,
    failures: Vec<(usize, E::Failure)>,
    /// The time between one attempt and the next; never: only when one fails.
    pause: Timeout,
    /// When the next attempt is due, whatever becomes of those under way.
    next: Deadline,
}

struct Attempt<S> {
    number: usize,
    socket: S,
    to: SockAddr,
    connecting: Connecting,
    since: Deadline,
}

impl<E: Entrants> Race<E> {
    /// A race that begins now.
    pub fn new(entrants: E, candidates: Vec<E::Candidate>, pause: Timeout) -> Self {
        Self {
            entrants,
            waiting: candidates.into_iter().enumerate().collect(),
            shortage: None,
            waits_out_shortage: false,
            under_way: Vec::new(),
            failures: Vec::new(),
            pause,
            next: Deadline::now(),
        }
    }

    /// Whether the race waits out a shortage of descriptors or memory even while no attempt is under way. Only for a
    /// race under a limit: else it could wait for ever.
    #[must_use]
    pub(crate) fn waiting_out_shortage(mut self, waits_out_shortage: bool) -> Self {
        self.waits_out_shortage = waits_out_shortage;
        self
    }

    /// Whether anything was tried.
    pub fn has_begun(&self) -> bool {
        !(self.under_way.is_empty() && self.failures.is_empty() && self.shortage.is_none())
    }

    /// Ends the attempts under way, each with a failure made of its address and its beginning.
    pub fn give_up(&mut self, failure: impl Fn(&SockAddr, Deadline) -> E::Failure) {
        let ended = self.under_way.drain(..).map(|attempt| (attempt.number, failure(&attempt.to, attempt.since)));
        self.failures.extend(ended);
        let first = self.waiting.front().map(|(number, _)| *number);
        self.failures.extend(first.zip(self.shortage.take()));
    }

    /// Every attempt's failure, in the candidates' order.
    pub fn into_failures(mut self) -> Vec<E::Failure> {
        self.failures.sort_unstable_by_key(|(number, _)| *number);
        self.failures.into_iter().map(|(_, failure)| failure).collect()
    }

    /// Gives each attempt under way another try, and returns the winner, if there is one.
    fn look(&mut self, ready: Readiness) -> Option<Finish<E>> {
        // A wait tells the readiness of all attempts together: it says something of one only where that is alone.
        let ready = if self.under_way.len() == 1 { ready } else { Readiness::empty() };
        let mut at = 0;
        while let Some(attempt) = self.under_way.get_mut(at) {
            let tried = match E::descriptor(&attempt.socket) {
                Some(fd) => attempt.connecting.attempt(NonBlocking::known(fd), &attempt.to, ready),
                None => Err(Pause::Failed(Errno::BADF)),
            };
            match tried {
                Ok(()) => return Some(Finish::Won(self.under_way.remove(at).socket)),
                Err(Pause::Failed(errno)) => {
                    let Attempt { number, to, .. } = self.under_way.remove(at);
                    let failure = self.entrants.refused(errno, &to);
                    self.fail(number, failure);
                }
                Err(_) => at += 1,
            }
        }
        None
    }

    /// Begins the attempts that are due; gives the winner, if one has succeeded at once.
    fn begin_due(&mut self) -> Option<Finish<E>> {
        while self.has_room() && self.is_due() {
            let (number, candidate) = self.waiting.pop_front()?;
            self.shortage = None;
            let (socket, to) = match self.entrants.prepare(candidate) {
                Ok(prepared) => prepared,
                Err(Unfit::Short(candidate, failure)) if self.waits_out_shortage || !self.under_way.is_empty() => {
                    self.waiting.push_front((number, candidate));
                    self.shortage = Some(failure);
                    self.next = Deadline::now().plus(SHORTAGE);
                    return None;
                }
                Err(Unfit::Failed(failure) | Unfit::Short(_, failure)) => {
                    self.fail(number, failure);
                    continue;
                }
                Err(Unfit::CalledOff(stop)) => return Some(Finish::CalledOff(stop)),
            };
            let since = Deadline::now();
            self.next = since.plus(self.pause);
            self.under_way.push(Attempt { number, socket, to, connecting: Connecting::default(), since });
            // The new attempt's first try. The others get one too, which costs a call each.
            if let Some(winner) = self.look(Readiness::empty()) {
                return Some(winner);
            }
        }
        None
    }

    /// Notes a failure: the next attempt is due at once.
    fn fail(&mut self, number: usize, failure: E::Failure) {
        self.failures.push((number, failure));
        self.next = Deadline::now();
    }

    /// Whether the next attempt is to begin: after the pause, at once where nothing is under way, and after a shortage when
    /// there may be something to spare again.
    fn is_due(&self) -> bool {
        self.under_way.is_empty() && self.shortage.is_none() || Deadline::now() >= self.next
    }

    fn has_room(&self) -> bool {
        !self.waiting.is_empty() && self.under_way.len() < MOST_UNDER_WAY
    }
}

impl<E: Entrants> Operation for Race<E> {
    type Output = Finish<E>;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, ready: Readiness) -> Result<Finish<E>, Pause> {
        let (waiting, failed) = (self.waiting.len(), self.failures.len());
        if let Some(finish) = self.look(ready).or_else(|| self.begin_due()) {
            return Ok(finish);
        }
        if self.under_way.is_empty() && self.shortage.is_none() {
            return Ok(Finish::Lost);
        }
        // What woke it was not spurious if anything has come of it.
        let moved = (self.waiting.len(), self.failures.len()) != (waiting, failed);
        Err(if moved { Pause::Drained } else { Pause::WouldBlock })
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        let open = self.under_way.iter().filter_map(|attempt| E::descriptor(&attempt.socket));
        open.for_each(|fd| wanted.readiness(fd, Readiness::OUT));
        if self.has_room() {
            wanted.timer(self.next);
        }
    }

    fn subject(&self) -> Option<String> {
        // Mostly it is alone.
        self.under_way.last().map(|attempt| Address::from_sockaddr(&attempt.to).to_string())
    }
}
