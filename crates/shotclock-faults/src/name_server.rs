//! A name server, by UDP and TCP, and how it reacts to each query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shotclock::Result;

use crate::connection::Connection;
use crate::datagram::{Reaction, When};
use crate::dns::Query;
use crate::event::{Event, EventKind};
use crate::fault::NameServerFault;
use crate::garbage::Garbage;
use crate::terms::Terms;

/// How long an answer of garbage is: less than any datagram's limit, more than a header.
const GARBAGE: usize = 64;

pub(crate) struct NameServer {
    fault: NameServerFault,
    terms: Arc<Terms>,
    /// Queries by UDP and TCP are counted together.
    asked: AtomicU64,
}

impl NameServer {
    pub(crate) fn new(fault: NameServerFault, terms: Arc<Terms>) -> Self {
        Self { fault, terms, asked: AtomicU64::new(0) }
    }

    /// What comes of a message by UDP.
    pub(crate) fn react(&self, message: &[u8]) -> Reaction {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(query) = Query::read(message) else {
            // Nothing a resolver would send; nothing to be answered.
            return Reaction { number, kind: EventKind::Dropped, query: None, answer: Vec::new(), when: When::Never };
        };
        let (kind, answer, when) = match self.fault {
            _ if !self.terms.selection.befalls(number) => (EventKind::Answered, query.answer(), When::Now),
            NameServerFault::Dead => (EventKind::Dropped, Vec::new(), When::Never),
            NameServerFault::Slow { delay } => (EventKind::Delayed, query.answer(), When::After(delay)),
            NameServerFault::Truncated => (EventKind::Truncated, query.truncated(), When::Now),
            NameServerFault::Garbage => (EventKind::Garbled, self.garbage(&query), When::Now),
        };
        Reaction { number, kind, query: Some(query.to_string()), answer, when }
    }

    /// Answers the queries of a connection, each with its length before it, until the client ends.
    pub(crate) fn serve(&self, connection: &mut Connection) -> Result<()> {
        loop {
            let mut length = [0; 2];
            if connection.receive_exact_or_end(&mut length)? {
                return Ok(());
            }
            let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
            connection.receive_exact(&mut message)?;
            let mut reaction = self.react(&message);
            if reaction.kind == EventKind::Truncated {
                // By TCP nothing is truncated: here the trap closes.
                (reaction.kind, reaction.when) = (EventKind::Dropped, When::Never);
            }
            self.answer(connection, reaction, message.len())?;
        }
    }

    fn answer(&self, connection: &mut Connection, reaction: Reaction, received: usize) -> Result<()> {
        let Reaction { number, kind, query, answer, when } = reaction;
        let event = Event { received: received as u64, query, ..Event::new(kind, number, Some(connection.client())) };
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
        let message = [&length, &*answer].concat();
        match when {
            When::Never => {
                self.terms.tell(event);
                connection.stall()
            }
            When::After(delay) => {
                self.terms.tell(event);
                self.terms.pause(delay)?;
                connection.send(&message)
            }
            When::Now | When::Twice | When::AfterTheNext => {
                connection.send(&message)?;
                self.terms.tell(Event { sent: answer.len() as u64, ..event });
                Ok(())
            }
        }
    }

    fn garbage(&self, query: &Query<'_>) -> Vec<u8> {
        let mut answer = vec![0; GARBAGE];
        Garbage::new(self.terms.seed).fill(&mut answer);
        answer[..2].copy_from_slice(&query.id);
        // A response it must say it is, or a resolver does not even look at it.
        answer[2] |= 0x80;
        answer
    }
}
