//! Accepting clients, each to be served in a thread of its own, no more than so many at once.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use shotclock::{Address, Result, Socket};

use crate::connection::Connection;
use crate::event::{Event, EventKind};
use crate::terms::Terms;

/// A connection's thread keeps little on its stack: a buffer of 16 KiB is the most.
const STACK: usize = 128 << 10;
/// When descriptors, memory or threads ran out: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Acceptor<S> {
    listener: Socket,
    terms: Arc<Terms>,
    serve: S,
    accepted: u64,
    threads: Vec<JoinHandle<()>>,
}

impl<S> Acceptor<S>
where
    S: Fn(&mut Connection) -> Result<()> + Clone + Send + 'static,
{
    pub(crate) fn new(listener: Socket, terms: Arc<Terms>, serve: S) -> Self {
        Self { listener, terms, serve, accepted: 0, threads: Vec::new() }
    }

    /// Accepts until the end is called for, and returns when each client's thread has ended.
    pub(crate) fn run(mut self) {
        let (leave, left) = mpsc::channel();
        let mut open = 0;
        while !self.terms.stop.is_cancelled() {
            open -= left.try_iter().count();
            if open >= self.terms.most_connections {
                self.terms.tell(Event::new(EventKind::Full, self.accepted, None));
                // Each client leaves when the end is called for, so this ends then, too.
                open -= left.recv().into_iter().count();
            }
            match self.listener.cancelled_by(&self.terms.stop).accept() {
                Ok((socket, from)) => {
                    open += 1;
                    self.welcome(socket, from, Place(leave.clone()));
                }
                Err(error) if error.is_cancelled() => {}
                Err(error) => self.pause(error.to_string()),
            }
        }
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    fn welcome(&mut self, socket: Socket, from: Address, place: Place) {
        self.accepted += 1;
        let Some(client) = from.as_inet() else { return };
        let connection = Connection::new(socket, client, self.accepted, Arc::clone(&self.terms));
        let serve = self.serve.clone();
        let run = move || {
            connection.run(serve);
            drop(place);
        };
        self.threads.retain(|thread| !thread.is_finished());
        match thread::Builder::new().name("faults".to_owned()).stack_size(STACK).spawn(run) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => self.pause(error.to_string()),
        }
    }

    fn pause(&self, error: String) {
        self.terms.tell(Event { error: Some(error), ..Event::new(EventKind::Failed, self.accepted, None) });
        // An error is the call to end, which whoever asks next sees.
        let _ended = self.terms.pause(LOOK_AGAIN);
    }
}

/// One client's place, which its thread gives back when it ends, in whatever way.
struct Place(mpsc::Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _nobody_waits = self.0.send(());
    }
}
