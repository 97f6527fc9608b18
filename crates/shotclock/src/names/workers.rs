//! Lookup workers: the threads on which the system's resolver runs when the caller cannot wait without end.
//!
//! A call into the system's resolver can be neither interrupted nor given a time, so under a limit it is made by a
//! worker, and the caller waits for the answer in the one timed loop. A worker is started when there is work that
//! nobody would take up, goes on while there is work, and ends: no thread ever idles, and no timer keeps one. Workers
//! are detached and never joined, so a lookup that hangs cannot hold up the end of the program.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::cancel::Signal;
use crate::deadline::Timeout;
use crate::error::{Error, Reason};
use crate::sys::{Errno, Readiness};
use crate::timed::{Interest, Limit, Operation, Pause, PollWaiter, Stop, Waiter, drive};

/// The most threads that look names up at one time, in the whole process.
///
/// Only *different* lookups that hang at the same moment need a thread each, since equal ones are shared; a resolver
/// gives each up by itself in the end (glibc: after 10 s for each dead name server). 64 leaves room for a program that
/// connects to dozens of hosts while its name server is dead, and costs no more than 64 small stacks at worst. Callers
/// beyond it queue, first come first served, until their limit; only then the error names this number.
///
/// ```
/// assert!(shotclock::LOOKUP_WORKERS >= 16);
/// ```
pub const LOOKUP_WORKERS: usize = 64;

/// What became of a job.
#[derive(Clone, Debug)]
pub(super) enum Outcome<A> {
    /// The answer.
    Answer(A),
    /// The resolver panicked, with this message.
    Panicked(String),
    /// No thread could be started for it.
    NoWorker(Errno),
}

impl<A> Outcome<A> {
    /// The answer, or why there never was anybody to give one: in its own words, since those of EAGAIN would sound like
    /// a socket's.
    pub(super) fn answered(self) -> Result<A, String> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::Panicked(message) => Err(format!("the lookup panicked: {message}")),
            Self::NoWorker(errno) => {
                Err(format!("no thread could be started for the lookup: {}", crate::sys::describe(errno)))
            }
        }
    }
}

/// Why a caller left without an answer.
pub(super) struct Left<I> {
    pub(super) stop: Stop<I>,
    /// No worker had taken the job up.
    pub(super) in_queue: bool,
}

/// Starts a thread.
type Spawn = Box<dyn Fn(Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync>;

/// A pool of workers and its queue. What a worker does with a request is handed in, so that tests can make it stall.
pub(super) struct Pool<Q, A> {
    resolve: Box<dyn Fn(&Q) -> A + Send + Sync>,
    spawn: Spawn,
    cap: usize,
    /// The process the pool belongs to: its lock means nothing in a forked child.
    process: u32,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    workers: usize,
    last_number: u64,
    /// Jobs that no worker has taken up, the oldest first.
    queue: BTreeMap<u64, Arc<Job<Q, A>>>,
    /// Jobs without an outcome, queued or running, and how many callers wait for each.
    flights: HashMap<Q, Flight<Q, A>>,
}

struct Flight<Q, A> {
    job: Arc<Job<Q, A>>,
    waiters: usize,
}

struct Job<Q, A> {
    number: u64,
    request: Q,
    outcome: OnceLock<Outcome<A>>,
    finished: Signal,
}

/// A caller's share of a job. Dropping it abandons the share; a queued job without any is taken off the queue.
struct Share<Q: Eq + Hash, A> {
    pool: Arc<Pool<Q, A>>,
    job: Arc<Job<Q, A>>,
}

impl<Q, A> Pool<Q, A>
where
    Q: Clone + Eq + Hash + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    /// A pool of at most `cap` workers that answer by `resolve`.
    pub(super) fn new(cap: usize, spawn: Spawn, resolve: impl Fn(&Q) -> A + Send + Sync + 'static) -> Arc<Self> {
        let state = State { workers: 0, last_number: 0, queue: BTreeMap::new(), flights: HashMap::new() };
        Arc::new(Self { resolve: Box::new(resolve), spawn, cap, process: std::process::id(), state: Mutex::new(state) })
    }

    /// Waits for the answer, as long as `limit` allows.
    ///
    /// # Errors
    /// The limit; `WorkerLimit` if the job was still in the queue then because all workers were busy.
    pub(super) fn ask(
        self: &Arc<Self>,
        operation: &'static str,
        request: Q,
        limit: &Limit<'_>,
    ) -> crate::error::Result<Outcome<A>> {
        if limit.timeout == Timeout::ZERO {
            // It cannot be answered in one try: do not bother a worker.
            return Err(Error::new(operation, Reason::WouldBlock));
        }
        self.ask_by(request, limit, &mut PollWaiter).map_err(|left| match left.stop {
            Stop::TimedOut { limit, elapsed } if left.in_queue => {
                Error::new(operation, Reason::WorkerLimit { limit, elapsed, cap: self.cap })
            }
            stop => Error::stopped(operation, stop),
        })
    }

    /// The same by any waiter; the timeout is not zero.
    ///
    /// # Errors
    /// Why the caller left.
    pub(super) fn ask_by<W: Waiter>(
        self: &Arc<Self>,
        request: Q,
        limit: &Limit<'_>,
        waiter: &mut W,
    ) -> Result<Outcome<A>, Left<W::Interrupt>> {
        let mut asking = Asking { pool: self, request, share: None };
        drive(&mut asking, limit, waiter).map_err(|stop| {
            let in_queue = asking.share.as_ref().is_some_and(Share::is_stuck_in_queue);
            Left { stop, in_queue }
        })
    }

    /// A share of the job for this request: of the one in flight, or of a new one.
    fn join(self: &Arc<Self>, request: &Q) -> Share<Q, A> {
        let mut state = self.lock();
        if let Some(flight) = state.flights.get_mut(request) {
            flight.waiters += 1;
            return Share { pool: Arc::clone(self), job: Arc::clone(&flight.job) };
        }
        state.last_number += 1;
        let number = state.last_number;
        let (outcome, finished) = (OnceLock::new(), Signal::default());
        let job = Arc::new(Job { number, request: request.clone(), outcome, finished });
        state.flights.insert(request.clone(), Flight { job: Arc::clone(&job), waiters: 1 });
        state.queue.insert(number, Arc::clone(&job));
        // Every worker there is has a job, or is about to look at the queue: one more is never too many by much.
        let wants_worker = state.workers < self.cap;
        state.workers += usize::from(wants_worker);
        drop(state);
        if wants_worker {
            self.start_worker();
        }
        Share { pool: Arc::clone(self), job }
    }

    /// Starts the worker that was counted already. If there is none at all now, the queue has nobody left to wait for.
    fn start_worker(self: &Arc<Self>) {
        let pool = Arc::clone(self);
        let Err(error) = (self.spawn)(Box::new(move || pool.work())) else { return };
        let mut state = self.lock();
        state.workers -= 1;
        if state.workers > 0 {
            return;
        }
        let orphans = std::mem::take(&mut state.queue);
        for job in orphans.values() {
            state.flights.remove(&job.request);
        }
        drop(state);
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::AGAIN);
        orphans.values().for_each(|job| job.finish(Outcome::NoWorker(errno)));
    }

    /// What a worker does: one job after the other, until there are no more.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            // The request and the pool are only read, and `resolve` is the system's resolver or a test.
            let outcome = match catch_unwind(AssertUnwindSafe(|| (self.resolve)(&job.request))) {
                Ok(answer) => Outcome::Answer(answer),
                Err(panic) => Outcome::Panicked(panic_message(panic.as_ref())),
            };
            self.lock().flights.remove(&job.request);
            job.finish(outcome);
        }
    }

    /// Takes a job off the queue; if there is none, the worker is counted out under the same lock.
    fn next_job(&self) -> Option<Arc<Job<Q, A>>> {
        let mut state = self.lock();
        let job = state.queue.pop_first().map(|(_, job)| job);
        state.workers -= usize::from(job.is_none());
        job
    }
}

impl<Q, A> Pool<Q, A> {
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> Job<Q, A> {
    fn finish(&self, outcome: Outcome<A>) {
        // Nobody else sets it: a job is taken off the queue once.
        let _ = self.outcome.set(outcome);
        self.finished.set();
    }
}

impl<Q: Eq + Hash, A> Share<Q, A> {
    /// Whether no worker has taken the job up, because there is none to spare.
    fn is_stuck_in_queue(&self) -> bool {
        let state = self.pool.lock();
        state.workers >= self.pool.cap && state.queue.contains_key(&self.job.number)
    }
}

impl<Q: Eq + Hash, A> Drop for Share<Q, A> {
    fn drop(&mut self) {
        // A share that was carried over a fork, by a handler that forked in the middle of a wait, is the parent's.
        if self.job.outcome.get().is_some() || self.pool.process != std::process::id() {
            return;
        }
        let mut state = self.pool.lock();
        let Some(flight) = state.flights.get_mut(&self.job.request) else { return };
        if flight.job.number != self.job.number {
            return;
        }
        flight.waiters -= 1;
        if flight.waiters == 0 && state.queue.remove(&self.job.number).is_some() {
            state.flights.remove(&self.job.request);
        }
    }
}

/// The wait for an answer. The first try, which the loop makes only if the limit allows, hands the request in.
struct Asking<'p, Q: Eq + Hash, A> {
    pool: &'p Arc<Pool<Q, A>>,
    request: Q,
    share: Option<Share<Q, A>>,
}

impl<Q, A> Operation for Asking<'_, Q, A>
where
    Q: Clone + Eq + Hash + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    type Output = Outcome<A>;

    fn attempt(&mut self, _ready: Readiness) -> Result<Outcome<A>, Pause> {
        let share = self.share.get_or_insert_with(|| self.pool.join(&self.request));
        share.job.outcome.get().cloned().ok_or(Pause::WouldBlock)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        if let Some(share) = &self.share {
            wanted.signal(&share.job.finished);
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
