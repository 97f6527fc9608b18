//! The pool with a stand-in for the resolver: it stalls until its latch is opened. Real threads, no sleeps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use super::*;
use crate::wait::{Canceller, Cancellers, ambient};

const SHORT: Duration = Duration::from_millis(60);
const PATIENT: Duration = Duration::from_secs(20);

impl Asked for &'static str {
    fn in_words(&self) -> String {
        (*self).to_owned()
    }
}

impl Asked for (usize, usize) {
    fn in_words(&self) -> String {
        format!("{self:?}")
    }
}

type TestPool = Arc<Pool<&'static str, String>>;

/// A pool whose every lookup says that it started, and then stalls until it gets leave to answer.
struct Stalled {
    pool: TestPool,
    started: Receiver<&'static str>,
    leave: Sender<()>,
    runs: Arc<AtomicUsize>,
}

impl Stalled {
    fn new(cap: usize) -> Self {
        let (say_started, started) = channel();
        let (leave, wait_for_leave) = channel::<()>();
        let (wait_for_leave, runs) = (Mutex::new(wait_for_leave), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&runs);
        let pool = Pool::new(crew(cap), threads(), move |request: &&'static str| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = say_started.send(*request);
            // Ends at the latest with the test, which drops the other end.
            let _ = wait_for_leave.lock().unwrap().recv();
            format!("answer to {request}")
        });
        Self { pool, started, leave, runs }
    }

    fn await_start(&self) -> &'static str {
        self.started.recv_timeout(PATIENT).expect("a worker takes the job up")
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

/// So many workers, and no more whatever happens.
fn crew(cap: usize) -> Crew {
    Crew { usual: cap, most: cap, grace: PATIENT.into() }
}

/// A pool in which every name hangs but "live", and where those that hang say that they do.
fn of_dead_and_live(crew: Crew) -> (TestPool, Receiver<&'static str>, Sender<()>) {
    let (say_started, started) = channel();
    let (leave, wait_for_leave) = channel::<()>();
    let wait_for_leave = Mutex::new(wait_for_leave);
    let pool = Pool::new(crew, threads(), move |request: &&'static str| {
        if *request != "live" {
            let _ = say_started.send(*request);
            let _ = wait_for_leave.lock().unwrap().recv();
        }
        (*request).to_owned()
    });
    (pool, started, leave)
}

fn threads() -> Spawn {
    Box::new(|work| thread::Builder::new().spawn(work).map(drop))
}

fn within(time: Duration) -> Limit<'static> {
    Limit { deadline: Deadline::after(time), ..Limit::NONE }
}

fn answer(outcome: crate::error::Result<Outcome<String>>) -> String {
    match outcome.expect("in time") {
        Outcome::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// Asks as this crate's own call of that name does.
fn ask<Q: Asked, A: Clone + Send + Sync + 'static>(
    pool: &Arc<Pool<Q, A>>,
    operation: &'static str,
    request: Q,
    limit: &Limit<'_>,
) -> crate::error::Result<Outcome<A>> {
    pool.ask(request, limit, &mut ambient::waiter(operation)).map_err(|why| why.error(operation))
}

/// Waits for the answer that a share was taken of.
fn wait_for(pool: &TestPool, share: Share<&'static str, String>, limit: &Limit<'_>) -> Outcome<String> {
    let mut asking = Asking { pool, request: share.job.request, share: Some(share) };
    drive(&mut asking, limit, &mut ambient::waiter("test")).expect("in time")
}

/// Every worker ends when there is nothing left to do; that is soon, but not at a moment that can be waited for.
#[track_caller]
fn assert_all_workers_end(pool: &TestPool) {
    let deadline = Deadline::after(PATIENT);
    while pool.lock().workers > 0 {
        assert!(!deadline.has_passed(), "a worker is left");
        thread::yield_now();
    }
    let state = pool.lock();
    assert!(state.queue.is_empty() && state.flights.is_empty());
}

#[test]
fn the_limit_ends_the_wait_and_never_early() {
    let stalled = Stalled::new(4);
    let started = Instant::now();
    let error = ask(&stalled.pool, "getaddrinfo", "a", &within(SHORT)).unwrap_err();
    let elapsed = started.elapsed();
    assert!(elapsed >= SHORT && elapsed < PATIENT, "{elapsed:?}");
    assert!(error.is_timeout());
    assert_eq!(error.limit(), Some(LimitKind::CallDeadline));
    // The deadline began before the call did.
    assert!(error.elapsed().unwrap() <= elapsed);
    assert!(matches!(error.reason(), Reason::TimedOut { .. }), "there was a worker for it: {error}");
}

#[test]
fn a_sockets_timeout_counts_and_is_named() {
    let stalled = Stalled::new(4);
    let limit = Limit { timeout: SHORT.into(), ..Limit::NONE };
    let started = Instant::now();
    let error = ask(&stalled.pool, "connect", "a", &limit).unwrap_err();
    let elapsed = started.elapsed();
    assert!(elapsed >= SHORT);
    assert_eq!(error.limit(), Some(LimitKind::SocketTimeout(SHORT.into())));
    assert!((SHORT..=elapsed).contains(&error.elapsed().unwrap()), "{error}");
}

#[test]
fn without_waiting_no_worker_is_bothered() {
    let stalled = Stalled::new(4);
    let limit = Limit { timeout: Timeout::ZERO, ..Limit::NONE };
    assert!(ask(&stalled.pool, "connect", "a", &limit).unwrap_err().is_would_block());
    assert!(ask(&stalled.pool, "getaddrinfo", "a", &within(Duration::ZERO)).unwrap_err().is_timeout());
    assert_eq!((stalled.runs(), stalled.pool.lock().workers), (0, 0));
}

#[test]
fn equal_lookups_in_flight_are_one() {
    let stalled = Stalled::new(64);
    let shares: Vec<_> = (0..8).map(|_| stalled.pool.join(&"a")).collect();
    let other = stalled.pool.join(&"b");
    let mut started = [stalled.await_start(), stalled.await_start()];
    started.sort_unstable();
    assert_eq!(started, ["a", "b"]);
    // One of the callers leaves; the others' answer comes all the same.
    let error = ask(&stalled.pool, "getaddrinfo", "a", &within(Duration::from_millis(1))).unwrap_err();
    assert!(error.is_timeout());
    thread::scope(|scope| {
        for share in shares {
            let pool = &stalled.pool;
            scope.spawn(move || {
                let outcome = wait_for(pool, share, &within(PATIENT));
                assert!(matches!(outcome, Outcome::Answer(answer) if answer == "answer to a"));
            });
        }
        stalled.leave.send(()).unwrap();
        stalled.leave.send(()).unwrap();
    });
    assert!(matches!(wait_for(&stalled.pool, other, &within(PATIENT)), Outcome::Answer(b) if b == "answer to b"));
    assert_eq!(stalled.runs(), 2);
    assert_all_workers_end(&stalled.pool);
}

#[test]
fn a_finished_lookup_is_not_kept() {
    let stalled = Stalled::new(4);
    for runs in 1..=2 {
        stalled.leave.send(()).unwrap();
        assert_eq!(answer(ask(&stalled.pool, "getaddrinfo", "a", &within(PATIENT))), "answer to a");
        assert_eq!(stalled.runs(), runs);
    }
    assert_all_workers_end(&stalled.pool);
}

#[test]
fn a_full_pool_is_named_only_to_those_whose_job_never_started() {
    let stalled = Stalled::new(1);
    let running = stalled.pool.join(&"a");
    assert_eq!(stalled.await_start(), "a");
    let started = Instant::now();
    let error = ask(&stalled.pool, "getaddrinfo", "b", &within(SHORT)).unwrap_err();
    assert!(started.elapsed() >= SHORT, "it queued until its limit");
    assert!(matches!(error.reason(), Reason::WorkerLimit { workers: 1, .. }), "{error}");
    assert!(error.is_timeout() && error.to_string().contains("all 1 lookup workers"), "{error}");
    let error = ask(&stalled.pool, "getaddrinfo", "a", &within(SHORT)).unwrap_err();
    assert!(matches!(error.reason(), Reason::TimedOut { .. }), "it was running: {error}");
    drop(running);
}

#[test]
fn dead_names_keep_a_live_one_waiting_for_the_grace_and_no_longer() {
    let (pool, started, _leave) = of_dead_and_live(Crew { usual: 2, most: 8, grace: SHORT.into() });
    // Two are taken up, two more queue before the live one; nobody but it waits.
    let _dead = ["a", "b", "c", "d"].map(|name| pool.join(&name));
    let begun = Instant::now();
    assert_eq!(answer(ask(&pool, "getaddrinfo", "live", &within(PATIENT))), "live");
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENT / 2, "{:?}", begun.elapsed());
    let mut hanging: Vec<_> = (0..4).map(|_| started.recv_timeout(PATIENT).unwrap()).collect();
    hanging.sort_unstable();
    assert_eq!(hanging, ["a", "b", "c", "d"], "those before it got their workers too");
}

#[test]
fn workers_that_hang_do_not_count() {
    let (pool, started, _leave) = of_dead_and_live(Crew { usual: 2, most: 8, grace: SHORT.into() });
    let _dead = ["a", "b"].map(|name| pool.join(&name));
    (0..2).for_each(|_| assert!(started.recv_timeout(PATIENT).is_ok()));
    // A moment that nothing tells: until then they might be slow and no more.
    let _nothing_comes = started.recv_timeout(SHORT + Duration::from_millis(1));
    assert_eq!(pool.lock().at_work(pool.crew, Deadline::now()), 0);
    let share = pool.join(&"live");
    assert!(pool.lock().workers > 2 || share.job.outcome.get().is_some(), "a worker at once, not after the grace");
    assert!(matches!(wait_for(&pool, share, &within(PATIENT)), Outcome::Answer(live) if live == "live"));
}

#[test]
fn there_are_never_more_workers_than_the_most() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let (pool, started, leave) = of_dead_and_live(Crew { usual: 1, most: 3, grace: Timeout::from(SHORT / 10) });
    thread::scope(|scope| {
        let callers =
            names.map(|name| scope.spawn(|| ask(&pool, "getaddrinfo", name, &within(SHORT * 4)).unwrap_err()));
        let errors = callers.map(|caller| caller.join().unwrap());
        let queued = errors.iter().filter(|error| matches!(error.reason(), Reason::WorkerLimit { workers: 3, .. }));
        assert_eq!(queued.count(), 5, "{errors:?}");
    });
    assert_eq!(started.try_iter().count(), 3);
    assert!(pool.lock().workers == 3 && pool.lock().queue.is_empty());
    drop(leave);
    assert_all_workers_end(&pool);
    assert!(pool.lock().under_way.is_empty());
}

#[test]
fn a_queued_job_that_nobody_waits_for_is_not_run() {
    let stalled = Stalled::new(1);
    let first = stalled.pool.join(&"a");
    assert_eq!(stalled.await_start(), "a");
    let abandoned = [stalled.pool.join(&"b"), stalled.pool.join(&"b")];
    let kept = stalled.pool.join(&"c");
    drop(abandoned);
    assert_eq!(stalled.pool.lock().queue.len(), 1);
    stalled.leave.send(()).unwrap();
    stalled.leave.send(()).unwrap();
    assert!(matches!(wait_for(&stalled.pool, kept, &within(PATIENT)), Outcome::Answer(c) if c == "answer to c"));
    drop(first);
    assert_eq!(stalled.await_start(), "c", "next after a, by the same worker");
    assert_eq!(stalled.runs(), 2);
    assert_all_workers_end(&stalled.pool);
}

#[test]
fn a_running_job_that_everyone_left_can_be_joined_again() {
    let stalled = Stalled::new(4);
    let first = stalled.pool.join(&"a");
    assert_eq!(stalled.await_start(), "a");
    drop(first);
    let again = stalled.pool.join(&"a");
    stalled.leave.send(()).unwrap();
    assert!(matches!(wait_for(&stalled.pool, again, &within(PATIENT)), Outcome::Answer(_)));
    assert_eq!(stalled.runs(), 1);
}

#[test]
fn a_panic_reaches_those_who_wait() {
    let pool: TestPool = Pool::new(crew(1), threads(), |request: &&'static str| panic!("no {request} today"));
    for _ in 0..2 {
        match ask(&pool, "getaddrinfo", "a", &within(PATIENT)) {
            Ok(Outcome::Panicked(message)) => assert_eq!(message, "no a today"),
            other => panic!("{other:?}"),
        }
    }
    assert_all_workers_end(&pool);
}

#[test]
fn cancelling_wakes_the_caller() {
    let stalled = Stalled::new(4);
    let canceller = Canceller::new();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let limit = Limit { cancellers: Cancellers::NONE.and(&canceller), ..Limit::NONE };
            ask(&stalled.pool, "getaddrinfo", "a", &limit).unwrap_err()
        });
        assert_eq!(stalled.await_start(), "a");
        canceller.cancel();
        assert!(waiting.join().unwrap().is_cancelled());
    });
}

#[test]
fn no_thread_is_an_error_unless_another_worker_is_alive() {
    let refuse = Arc::new(AtomicUsize::new(1));
    let refused = Arc::clone(&refuse);
    let (leave, wait_for_leave) = channel::<()>();
    let wait_for_leave = Mutex::new(wait_for_leave);
    let (say_started, started) = channel();
    let spawn: Spawn = Box::new(move |work| {
        if refused.load(Ordering::SeqCst) == 1 {
            return Err(io::Error::from_raw_os_error(Errno::AGAIN.raw_os_error()));
        }
        thread::Builder::new().spawn(work).map(drop)
    });
    let pool: TestPool = Pool::new(crew(4), spawn, move |request: &&'static str| {
        let _ = say_started.send(*request);
        let _ = wait_for_leave.lock().unwrap().recv();
        (*request).to_owned()
    });
    let outcome = ask(&pool, "getaddrinfo", "a", &within(PATIENT));
    assert!(matches!(outcome, Ok(Outcome::NoWorker(Errno::AGAIN))), "{outcome:?}");
    assert_all_workers_end(&pool);

    refuse.store(0, Ordering::SeqCst);
    let first = pool.join(&"a");
    assert_eq!(started.recv_timeout(PATIENT), Ok("a"));
    refuse.store(1, Ordering::SeqCst);
    let second = pool.join(&"b");
    leave.send(()).unwrap();
    leave.send(()).unwrap();
    assert!(matches!(wait_for(&pool, first, &within(PATIENT)), Outcome::Answer(_)));
    assert!(matches!(wait_for(&pool, second, &within(PATIENT)), Outcome::Answer(b) if b == "b"));
    assert_all_workers_end(&pool);
}

#[test]
fn many_callers_and_few_workers() {
    let pool: Arc<Pool<(usize, usize), usize>> =
        Pool::new(crew(3), threads(), |(thread, turn): &(usize, usize)| thread * turn);
    thread::scope(|scope| {
        for caller in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for turn in 0..200 {
                    // Two callers ask each question, now and then at the same time.
                    let question = (caller / 2, turn);
                    match ask(pool, "getaddrinfo", question, &within(PATIENT)).expect("in time") {
                        Outcome::Answer(answer) => assert_eq!(answer, question.0 * question.1),
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let deadline = Deadline::after(PATIENT);
    while pool.lock().workers > 0 {
        assert!(!deadline.has_passed());
        thread::yield_now();
    }
}
