//! Lookup workers: the threads on which the system's resolver runs when the caller cannot wait without end.
//!
//! A call into the system's resolver can be neither interrupted nor given a time, so under a limit it is made by a
//! worker, and the caller waits for the answer in the one timed loop. Workers that hang do not count as workers, up to a
//! bound, so that names whose server is dead keep no others out. A worker is started when there is work that
//! nobody would take up, goes on while there is work, and ends: no thread ever idles, and no timer keeps one. Workers
//! are detached and never joined, so a lookup that hangs cannot hold up the end of the program.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::Hash;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::deadline::{Deadline, Timeout};
use crate::error::{Error, LimitKind, Reason};
use crate::sys::{Errno, Readiness};
use crate::wait::{Interest, Latch, Limit, Operation, Pause, Stop, Waiter, drive};

/// How many threads look names up at one time, in the whole process, before a further lookup queues. Those that have been
/// at one name for over a second do not count: a name server that is dead for some names keeps no others out.
///
/// Only *different* lookups that hang at the same moment need a thread each, since equal ones are shared; a resolver
/// gives each up by itself in the end (glibc: after 10 s for each dead name server). Whoever has queued for a second gets a
/// thread, and so does everybody before it, up to [`LOOKUP_WORKERS_AT_MOST`] in all.
///
/// ```
/// assert!(shotclock::LOOKUP_WORKERS >= 16);
/// ```
pub const LOOKUP_WORKERS: usize = 64;

/// The most threads that look names up at one time, in the whole process, however many names hang.
///
/// 256 leaves room for a program that connects to hundreds of hosts while the name server of most is dead, and costs no
/// more than 256 small stacks at worst. Callers beyond it queue, first come first served, until their limit; only then the
/// error says so.
///
/// ```
/// assert!(shotclock::LOOKUP_WORKERS_AT_MOST >= 2 * shotclock::LOOKUP_WORKERS);
/// ```
pub const LOOKUP_WORKERS_AT_MOST: usize = 256;

/// How many workers a pool may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crew {
    /// How many may be at work, those that hang not counted.
    pub(super) usual: usize,
    /// How many there may be in all.
    pub(super) most: usize,
    /// A worker that has been at one job for longer counts as hanging, and a job that has queued for longer gets a
    /// worker of its own.
    pub(super) grace: Timeout,
}

impl Crew {
    /// The process's own.
    pub(super) const OF_PROCESS: Self =
        Self { usual: LOOKUP_WORKERS, most: LOOKUP_WORKERS_AT_MOST, grace: Timeout::from_nanos(1_000_000_000) };
}

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
    /// The answer, or why nobody could give one. In words of ours: the system's text for EAGAIN would sound like a
    /// socket's.
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

/// Why a request under a limit was not answered.
#[derive(Clone, Debug)]
pub enum Unanswered<I> {
    /// The limit, or the waiter.
    Stopped(Stop<I>),
    /// A limit passed while all workers were busy.
    AllBusy {
        /// Which one.
        limit: LimitKind,
        /// How long the call had waited.
        elapsed: Duration,
        /// How many workers there are.
        workers: usize,
    },
    /// Nobody could ask the system; this says why.
    Failed(String),
}

impl Unanswered<Infallible> {
    /// The error of this crate's own call of that name.
    pub(super) fn error(self, operation: &'static str) -> Error {
        match self {
            Self::Stopped(stop) => Error::stopped(operation, stop),
            Self::AllBusy { limit, elapsed, workers } => {
                Error::new(operation, Reason::WorkerLimit { limit, elapsed, workers })
            }
            Self::Failed(why) => Error::new(operation, Reason::NoAnswer(io::Error::other(why).into())),
        }
    }
}

/// Starts a thread.
type Spawn = Box<dyn Fn(Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync>;

/// What a worker can be asked.
pub(super) trait Asked: Clone + Eq + Hash + Send + Sync + 'static {
    /// In a few words, for whoever looks at who waits.
    fn in_words(&self) -> String;
}

/// A pool of workers and its queue. What a worker does with a request is handed in, so that tests can make it stall.
pub(super) struct Pool<Q, A> {
    resolve: Box<dyn Fn(&Q) -> A + Send + Sync>,
    spawn: Spawn,
    crew: Crew,
    /// The process the pool belongs to: its lock means nothing in a forked child.
    process: u32,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    workers: usize,
    /// When each job that a worker is at was taken up.
    under_way: BTreeMap<u64, Deadline>,
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
    queued: Deadline,
    /// Whether it has queued for longer than the grace, and a worker was started for it.
    is_overdue: AtomicBool,
    outcome: OnceLock<Outcome<A>>,
    finished: Latch,
}

/// A caller's share of a job. Dropping it abandons the share; a queued job without any is taken off the queue.
struct Share<Q: Eq + Hash, A> {
    pool: Arc<Pool<Q, A>>,
    job: Arc<Job<Q, A>>,
}

impl<Q, A> Pool<Q, A>
where
    Q: Asked,
    A: Clone + Send + Sync + 'static,
{
    /// A pool of workers that answer by `resolve`.
    pub(super) fn new(crew: Crew, spawn: Spawn, resolve: impl Fn(&Q) -> A + Send + Sync + 'static) -> Arc<Self> {
        let (queue, flights) = (BTreeMap::new(), HashMap::new());
        let state = State { workers: 0, under_way: BTreeMap::new(), last_number: 0, queue, flights };
        let (process, state) = (std::process::id(), Mutex::new(state));
        Arc::new(Self { resolve: Box::new(resolve), spawn, crew, process, state })
    }

    /// Waits for the answer by any waiter, as long as `limit` allows.
    ///
    /// # Errors
    /// Why there is none: `AllBusy` if the job was still in the queue then because all workers were busy.
    pub(super) fn ask<W: Waiter>(
        self: &Arc<Self>,
        request: Q,
        limit: &Limit<'_>,
        waiter: &mut W,
    ) -> Result<Outcome<A>, Unanswered<W::Interrupt>> {
        if limit.timeout == Timeout::ZERO {
            // It cannot be answered in one try: do not bother a worker.
            return Err(Unanswered::Stopped(Stop::WouldBlock));
        }
        let mut asking = Asking { pool: self, request, share: None };
        drive(&mut asking, limit, waiter).map_err(|stop| {
            match (stop, asking.share.as_ref().and_then(Share::all_busy)) {
                (Stop::TimedOut { limit, elapsed }, Some(workers)) => Unanswered::AllBusy { limit, elapsed, workers },
                (stop, _) => Unanswered::Stopped(stop),
            }
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
        let now = Deadline::now();
        let job = Arc::new(Job {
            number,
            request: request.clone(),
            queued: now,
            is_overdue: AtomicBool::new(false),
            outcome: OnceLock::new(),
            finished: Latch::default(),
        });
        state.flights.insert(request.clone(), Flight { job: Arc::clone(&job), waiters: 1 });
        state.queue.insert(number, Arc::clone(&job));
        // Any worker that has no job is about to look at the queue, so one more may be one too many, and then ends at
        // once.
        let wants_worker = state.workers < self.crew.most && state.at_work(self.crew, now) < self.crew.usual;
        state.workers += usize::from(wants_worker);
        drop(state);
        if wants_worker {
            self.start_worker();
        }
        Share { pool: Arc::clone(self), job }
    }

    /// Starts a worker for a job that has queued for too long, and for each that came before it.
    fn relieve(self: &Arc<Self>, job: &Job<Q, A>) {
        let mut state = self.lock();
        let waiting = if state.queue.contains_key(&job.number) { state.queue.range(..=job.number).count() } else { 0 };
        let more = waiting.min(self.crew.most.saturating_sub(state.workers));
        state.workers += more;
        drop(state);
        (0..more).for_each(|_| self.start_worker());
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
            let mut state = self.lock();
            state.flights.remove(&job.request);
            state.under_way.remove(&job.number);
            drop(state);
            job.finish(outcome);
        }
    }

    /// Takes a job off the queue; if there is none, the worker is counted out under the same lock.
    fn next_job(&self) -> Option<Arc<Job<Q, A>>> {
        let mut state = self.lock();
        let Some((number, job)) = state.queue.pop_first() else {
            state.workers -= 1;
            return None;
        };
        state.under_way.insert(number, Deadline::now());
        Some(job)
    }
}

impl<Q, A> Pool<Q, A> {
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> State<Q, A> {
    /// The workers that do not hang.
    fn at_work(&self, crew: Crew, now: Deadline) -> usize {
        let hang = self.under_way.values().filter(|began| began.plus(crew.grace) <= now).count();
        self.workers - hang
    }
}

impl<Q, A> Job<Q, A> {
    /// When its grace in the queue is over; `NEVER` once a worker was started for that.
    fn due(&self, crew: Crew) -> Deadline {
        if self.is_overdue.load(Ordering::Relaxed) { Deadline::NEVER } else { self.queued.plus(crew.grace) }
    }

    fn finish(&self, outcome: Outcome<A>) {
        // Nobody else sets it: a job is taken off the queue once.
        let _ = self.outcome.set(outcome);
        self.finished.set();
    }
}

impl<Q: Eq + Hash, A> Share<Q, A> {
    /// How many workers are busy, if none has taken the job up because there is none to spare.
    fn all_busy(&self) -> Option<usize> {
        let state = self.pool.lock();
        let is_stuck = state.workers >= self.pool.crew.usual && state.queue.contains_key(&self.job.number);
        is_stuck.then_some(state.workers)
    }
}

impl<Q: Eq + Hash, A> Drop for Share<Q, A> {
    fn drop(&mut self) {
        // A signal handler may have forked in the middle of this wait: then the share is the parent's, and is left
        // alone.
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
    Q: Asked,
    A: Clone + Send + Sync + 'static,
{
    type Output = Outcome<A>;

    fn attempt(&mut self, _ready: Readiness) -> Result<Outcome<A>, Pause> {
        let share = self.share.get_or_insert_with(|| self.pool.join(&self.request));
        if let Some(outcome) = share.job.outcome.get() {
            return Ok(outcome.clone());
        }
        let job = &share.job;
        if Deadline::now() >= job.due(self.pool.crew) && !job.is_overdue.swap(true, Ordering::Relaxed) {
            self.pool.relieve(job);
        }
        Err(Pause::WouldBlock)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        if let Some(share) = &self.share {
            wanted.latch(&share.job.finished);
            wanted.timer(share.job.due(self.pool.crew));
        }
    }

    fn subject(&self) -> Option<String> {
        Some(self.request.in_words())
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
