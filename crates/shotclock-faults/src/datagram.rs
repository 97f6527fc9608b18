//! Datagrams that come, and what comes of each: answers at once, later, twice, or none.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shotclock::{Deadline, Error, Socket};

use crate::event::{Event, EventKind};
use crate::fault::DatagramFault;
use crate::terms::{Selection, Terms};

/// Longer than any datagram.
const BUFFER: usize = 64 << 10;
/// How many answers may be due later; what comes beyond them is dropped.
const MOST_LATE: usize = 1024;
/// How long a datagram may wait for room in the send buffer; later it is dropped, as the network would.
const ROOM: Duration = Duration::from_millis(100);
/// When the system fails to receive: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What comes of a datagram.
pub(crate) struct Reaction {
    pub(crate) number: u64,
    pub(crate) kind: EventKind,
    pub(crate) query: Option<String>,
    pub(crate) answer: Vec<u8>,
    pub(crate) when: When,
}

/// When the answer goes.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Now,
    Twice,
    After(Duration),
    AfterTheNext,
    Never,
}

/// An answer and to whom.
struct Letter {
    to: SocketAddr,
    data: Vec<u8>,
}

pub(crate) struct DatagramServer<R> {
    socket: Socket,
    terms: Arc<Terms>,
    react: R,
    /// In the order in which they are due: all have the same delay.
    late: VecDeque<(Deadline, Letter)>,
    held_back: Option<Letter>,
    sent: u64,
}

impl<R: FnMut(&[u8]) -> Reaction> DatagramServer<R> {
    pub(crate) fn new(socket: Socket, terms: Arc<Terms>, react: R) -> Self {
        Self { socket, terms, react, late: VecDeque::new(), held_back: None, sent: 0 }
    }

    /// Answers until the end is called for.
    pub(crate) fn run(mut self) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let until = self.late.front().map_or(Deadline::NEVER, |(due, _)| *due);
            match self.socket.until(until).cancelled_by(&self.terms.stop).recvfrom_into(&mut buffer) {
                Ok((length, from)) => {
                    let from = from.and_then(|from| from.as_inet());
                    from.into_iter().for_each(|from| self.receive(&buffer[..length], from));
                }
                Err(error) if error.is_timeout() => self.send_what_is_due(),
                Err(error) if error.is_cancelled() => return,
                Err(error) => {
                    self.tell_failure(&error, None);
                    // An error is the call to end, which the next receive sees.
                    let _ended = self.terms.pause(LOOK_AGAIN);
                }
            }
        }
    }

    fn receive(&mut self, data: &[u8], from: SocketAddr) {
        let Reaction { number, kind, query, answer, when } = (self.react)(data);
        let before = self.sent;
        let kind = self.dispatch(Letter { to: from, data: answer }, kind, when);
        let (sent, received) = (self.sent - before, data.len() as u64);
        self.terms.tell(Event { sent, received, query, ..Event::new(kind, number, Some(from)) });
    }

    /// Sends the answer, or keeps it for later; gives what has come of it in the end.
    fn dispatch(&mut self, letter: Letter, kind: EventKind, when: When) -> EventKind {
        if self.sent >= self.terms.most_bytes {
            return EventKind::Full;
        }
        match when {
            When::Never => return kind,
            When::After(_) if self.late.len() >= MOST_LATE => return EventKind::Full,
            When::After(delay) => {
                self.late.push_back((Deadline::after(delay), letter));
                return kind;
            }
            When::AfterTheNext if self.held_back.is_none() => {
                self.held_back = Some(letter);
                return kind;
            }
            When::Now | When::AfterTheNext => self.send(&letter),
            When::Twice => {
                self.send(&letter);
                self.send(&letter);
            }
        }
        if let Some(before) = self.held_back.take() {
            self.send(&before);
        }
        if matches!(when, When::AfterTheNext) { EventKind::Answered } else { kind }
    }

    fn send_what_is_due(&mut self) {
        while self.late.front().is_some_and(|(due, _)| due.has_passed()) {
            if let Some((_, letter)) = self.late.pop_front() {
                self.send(&letter);
            }
        }
    }

    fn send(&mut self, letter: &Letter) {
        let room = self.socket.within(ROOM).cancelled_by(&self.terms.stop);
        match room.sendto(&letter.data, letter.to) {
            Ok(sent) => self.sent += sent as u64,
            Err(error) if error.is_cancelled() => {}
            Err(error) => self.tell_failure(&error, Some(letter.to)),
        }
    }

    fn tell_failure(&self, error: &Error, client: Option<SocketAddr>) {
        self.terms.tell(Event { error: Some(error.to_string()), ..Event::new(EventKind::Failed, 0, client) });
    }
}

/// An echo server's reaction to each datagram.
pub(crate) fn echo(fault: DatagramFault, selection: Selection) -> impl FnMut(&[u8]) -> Reaction {
    let mut number = 0;
    move |data| {
        number += 1;
        let (kind, when) = match fault {
            _ if !selection.befalls(number) => (EventKind::Answered, When::Now),
            DatagramFault::Drop => (EventKind::Dropped, When::Never),
            DatagramFault::Duplicate => (EventKind::Duplicated, When::Twice),
            DatagramFault::Reorder => (EventKind::HeldBack, When::AfterTheNext),
            DatagramFault::Late { delay } => (EventKind::Delayed, When::After(delay)),
        };
        Reaction { number, kind, query: None, answer: data.to_vec(), when }
    }
}
