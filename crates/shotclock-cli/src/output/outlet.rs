//! A bounded queue and the thread that writes it out, so that a reader who does not read holds up that thread alone.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use shotclock::{Canceller, Deadline, Kind, MessageFlags, Socket, socketpair};

use crate::system::PAIRS;
use crate::thread;

/// So many bytes wait to be written, besides those that the thread has taken; a line is dropped if it finds as many.
pub(super) const QUEUE: usize = 256 << 10;

pub(super) struct Outlet {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// A byte tells one who waits that something was written.
    wrote: Socket,
    heard: Socket,
    /// What it writes to, and the line that says how many were dropped.
    name: &'static str,
    dropped_line: fn(u64) -> String,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    /// Whether the thread is writing what it took.
    is_writing: bool,
    /// Lines dropped since the thread last took what was waiting, and ever.
    dropped: u64,
    dropped_ever: u64,
    is_awaited: bool,
    /// Whether somebody waited for the reader in vain.
    was_late: bool,
    failure: Option<Failed>,
    stop: Option<Canceller>,
}

/// An error that is told more than once.
struct Failed {
    kind: io::ErrorKind,
    text: String,
}

/// Why data was not written.
pub(super) enum Undelivered {
    /// Not by the deadline.
    Late,
    Failed(io::Error),
}

impl Outlet {
    pub(super) fn start(name: &'static str, target: File, dropped_line: fn(u64) -> String) -> io::Result<Arc<Self>> {
        let (wrote, heard) = socketpair(PAIRS, Kind::STREAM)?;
        let queue = Mutex::new(Queue::default());
        let outlet = Arc::new(Self { queue, filled: Condvar::new(), wrote, heard, name, dropped_line });
        let writer = Arc::clone(&outlet);
        thread::start(name, move || writer.write_all_that_comes(target))?;
        Ok(outlet)
    }

    /// Takes a line, or counts it as dropped if the queue is full. The error is that of an earlier write.
    pub(super) fn offer(&self, line: &[u8]) -> io::Result<()> {
        let mut queue = self.lock();
        queue.check()?;
        if queue.waiting.len() >= QUEUE {
            queue.dropped += 1;
            queue.dropped_ever += 1;
        } else {
            self.add(queue, line);
        }
        Ok(())
    }

    /// Takes data once there is room.
    pub(super) fn put(&self, data: &[u8], until: Deadline) -> Result<(), Undelivered> {
        let queue = self.wait(until, |queue| queue.waiting.len() < QUEUE)?;
        self.add(queue, data);
        Ok(())
    }

    /// Waits until all that was taken is written.
    pub(super) fn flush(&self, until: Deadline) -> Result<(), Undelivered> {
        self.wait(until, Queue::is_done).map(drop)
    }

    /// The same at the end: whoever was waited for in vain is not waited for again.
    pub(super) fn leave(&self, until: Deadline) -> Result<(), Undelivered> {
        let until = if self.lock().was_late { Deadline::now() } else { until };
        self.flush(until)
    }

    /// How many lines were dropped.
    pub(super) fn dropped_ever(&self) -> u64 {
        self.lock().dropped_ever
    }

    /// The error of an earlier write.
    pub(super) fn check(&self) -> io::Result<()> {
        self.lock().check()
    }

    pub(super) fn when_it_fails(&self, stop: &Canceller) {
        self.lock().stop = Some(stop.clone());
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue>, data: &[u8]) {
        queue.waiting.extend_from_slice(data);
        drop(queue);
        self.filled.notify_one();
    }

    /// Waits by a receive, which ends in time like any other.
    fn wait(&self, until: Deadline, is: impl Fn(&Queue) -> bool) -> Result<MutexGuard<'_, Queue>, Undelivered> {
        loop {
            let mut queue = self.lock();
            queue.check().map_err(Undelivered::Failed)?;
            if is(&queue) {
                return Ok(queue);
            }
            if until.has_passed() {
                queue.was_late = true;
                return Err(Undelivered::Late);
            }
            queue.is_awaited = true;
            drop(queue);
            match self.heard.until(until).recv_into(&mut [0; 64]) {
                Err(error) if !error.is_timeout() => return Err(Undelivered::Failed(error.into())),
                _ => {}
            }
        }
    }

    fn write_all_that_comes(&self, mut target: File) {
        loop {
            let (data, dropped) = self.take();
            let mut written = target.write_all(&data);
            if dropped > 0 {
                written = written.and_then(|()| target.write_all((self.dropped_line)(dropped).as_bytes()));
            }
            if !self.has_written(written) {
                return;
            }
        }
    }

    /// What is to be written next, and how many lines were dropped after it.
    fn take(&self) -> (Vec<u8>, u64) {
        let waits = |queue: &mut Queue| queue.waiting.is_empty() && queue.dropped == 0;
        let queue = self.filled.wait_while(self.lock(), waits);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        queue.is_writing = true;
        (mem::take(&mut queue.waiting), mem::take(&mut queue.dropped))
    }

    /// Whether to go on.
    fn has_written(&self, written: io::Result<()>) -> bool {
        let mut queue = self.lock();
        queue.is_writing = false;
        let goes_on = written.is_ok();
        if let Err(error) = written {
            queue.failure = Some(Failed { kind: error.kind(), text: format!("{}: {error}", self.name) });
            queue.waiting = Vec::new();
            queue.stop.take().inspect(Canceller::cancel);
        }
        if mem::take(&mut queue.is_awaited) {
            // If the pair is full, whoever waits has enough to hear already.
            let _full = self.wrote.with_flags(MessageFlags::DONTWAIT).send(&[0]);
        }
        goes_on
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing && self.dropped == 0
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            Some(Failed { kind, text }) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }
}
