//! Whole timing tests in microseconds: a scripted operation, a scripted waiter, a fake clock.

use std::sync::Barrier;

use super::super::scope;
use super::*;
use crate::sys::{AsHandle, OwnedHandle, socket};
use crate::wait::{Canceller, Cancellers, PolicyState, ServerPolicy};

/// An operation that answers from a list; it must not be tried more often than the list is long.
struct Script {
    answers: Vec<Result<u32, Pause>>,
    seen: Vec<Readiness>,
    moves: Moves,
    fd: OwnedHandle,
}

impl Script {
    fn new(answers: &[Result<u32, Pause>]) -> Self {
        let fd = socket::socket(crate::Family::INET.0, crate::Kind::DGRAM.0, 0).unwrap();
        Self { answers: answers.iter().rev().copied().collect(), seen: Vec::new(), moves: Moves::In, fd }
    }

    fn moving(mut self, moves: Moves) -> Self {
        self.moves = moves;
        self
    }
}

impl Operation for Script {
    type Output = u32;

    fn attempt(&mut self, ready: Readiness) -> Result<u32, Pause> {
        self.seen.push(ready);
        self.answers.pop().expect("tried more often than scripted")
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        wanted.readiness(self.fd.as_fd(), Readiness::IN);
    }

    fn moves(&self) -> Moves {
        self.moves
    }
}

/// The same, made of many steps.
struct Composite(Script);

impl Operation for Composite {
    type Output = u32;
    const COMPOSITE: bool = true;

    fn attempt(&mut self, ready: Readiness) -> Result<u32, Pause> {
        self.0.attempt(ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.0.interest(wanted);
    }

    fn moves(&self) -> Moves {
        self.0.moves()
    }
}

/// A waiter with its own clock. Each wait takes the next of `waits` and says "ready"; beyond the list it sleeps until
/// its end and says nothing, or breaks in.
#[derive(Default)]
struct Clock {
    now: std::cell::Cell<u64>,
    /// What each look at the clock costs.
    tick: u64,
    waits: Vec<i64>,
    until: Vec<Deadline>,
    backing_off: Vec<bool>,
    breaks_in: Option<&'static str>,
    cancels: Option<Canceller>,
    /// The descriptor is always "ready", after so long.
    spurious_after: Option<u64>,
    /// The lengths of the waits that left the descriptor out, in ms.
    rests: Vec<u64>,
}

impl Waiter for Clock {
    type Interrupt = &'static str;

    fn now(&self) -> Deadline {
        self.now.set(self.now.get() + self.tick);
        at(self.now.get())
    }

    fn interrupted(&mut self) -> Result<(), Stop<&'static str>> {
        self.breaks_in.map_or(Ok(()), |why| Err(Stop::Interrupt(why)))
    }

    fn progressed(&mut self) -> Result<(), Stop<&'static str>> {
        self.interrupted()
    }

    fn wait(&mut self, wanted: &Interest<'_>, _: Deadline, until: Deadline) -> Result<Readiness, Stop<&'static str>> {
        self.until.push(until);
        self.backing_off.push(wanted.is_backing_off());
        if let Some(canceller) = &self.cancels {
            canceller.cancel();
        }
        if let (Some(after), false) = (self.spurious_after, wanted.is_backing_off()) {
            self.now.set(self.now.get() + after);
            return Ok(Readiness::IN);
        }
        if wanted.is_backing_off() {
            self.rests.push(until.since(at(self.now.get())).nanos().div_ceil(MS));
        }
        if let Some(by) = self.waits.pop() {
            self.now.set(self.now.get().saturating_add_signed(by));
            return Ok(if wanted.is_backing_off() { Readiness::empty() } else { Readiness::IN });
        }
        match self.breaks_in {
            Some(why) => Err(Stop::Interrupt(why)),
            None if until == Deadline::NEVER => panic!("an endless wait"),
            None => {
                self.now.set(self.now.get().max(until.since(at(0)).nanos()));
                Ok(Readiness::empty())
            }
        }
    }
}

fn at(nanos: u64) -> Deadline {
    Deadline::from_nanos(nanos)
}

fn clock(waits: &[i64]) -> Clock {
    let clock = Clock { waits: waits.iter().rev().copied().collect(), ..Clock::default() };
    clock.now.set(START);
    clock
}

fn timeout(nanos: u64) -> Limit<'static> {
    Limit { timeout: Timeout::from_nanos(nanos), ..Limit::NONE }
}

fn deadline(nanos: u64) -> Limit<'static> {
    Limit { deadline: at(nanos), ..Limit::NONE }
}

fn timed_out<T>(limit: LimitKind, elapsed: u64) -> Result<T, Stop<&'static str>> {
    Err(Stop::TimedOut { limit, elapsed: Duration::from_nanos(elapsed) })
}

const START: u64 = 1_000_000;
const MS: u64 = 1_000_000;
const AGAIN: Result<u32, Pause> = Err(Pause::WouldBlock);
const PROGRESS: Result<u32, Pause> = Err(Pause::Progress);

#[test]
fn data_there_neither_waits_nor_reads_the_clock() {
    let mut clock = Clock { tick: 1, ..clock(&[]) };
    assert_eq!(drive(&mut Script::new(&[Ok(7)]), &timeout(5), &mut clock), Ok(7));
    assert!(clock.until.is_empty());
    assert_eq!(clock.now.get(), START, "the clock was read");
}

#[test]
fn a_zero_timeout_never_waits() {
    let mut clock = clock(&[]);
    assert_eq!(drive(&mut Script::new(&[AGAIN]), &timeout(0), &mut clock), Err(Stop::WouldBlock));
    let mut composite = Composite(Script::new(&[PROGRESS, PROGRESS, AGAIN]));
    assert_eq!(drive(&mut composite, &timeout(0), &mut clock), Err(Stop::WouldBlock));
    let passed = Limit { deadline: at(1), ..timeout(0) };
    assert_eq!(drive(&mut Script::new(&[Ok(3)]), &passed, &mut clock), Ok(3), "no clock concerns it");
    assert!(clock.until.is_empty());
}

#[test]
fn false_readiness_and_interruptions_keep_the_end() {
    let mut clock = clock(&[100_000, 100_000, 100_000]);
    let mut script = Script::new(&[AGAIN, AGAIN, PROGRESS, AGAIN, Ok(1)]);
    assert_eq!(drive(&mut script, &timeout(MS), &mut clock), Ok(1));
    assert_eq!(clock.until, [at(START + MS); 3]);
    let empty = Readiness::empty();
    assert_eq!(script.seen, [empty, Readiness::IN, Readiness::IN, empty, Readiness::IN]);
}

#[test]
fn it_expires_exactly_and_never_early() {
    let mut clock1 = clock(&[]);
    let by_timeout = LimitKind::SocketTimeout(Timeout::from_nanos(9));
    assert_eq!(drive(&mut Script::new(&[AGAIN, AGAIN]), &timeout(9), &mut clock1), timed_out(by_timeout, 9));
    assert_eq!(clock1.now.get(), START + 9);

    // A waiter that returns a nanosecond early is sent to wait again.
    let mut clock2 = clock(&[99_999]);
    let by_timeout = LimitKind::SocketTimeout(Timeout::from_nanos(100_000));
    let result = drive(&mut Script::new(&[AGAIN, AGAIN, AGAIN]), &timeout(100_000), &mut clock2);
    assert_eq!(result, timed_out(by_timeout, 100_000));
    assert_eq!(clock2.until.len(), 2);
}

#[test]
fn data_that_came_with_the_end_is_taken() {
    assert_eq!(drive(&mut Script::new(&[AGAIN, Ok(4)]), &timeout(9), &mut clock(&[9])), Ok(4));
}

#[test]
fn a_passed_deadline_is_not_even_tried() {
    let result = drive(&mut Script::new(&[]), &deadline(START), &mut clock(&[]));
    assert_eq!(result, timed_out(LimitKind::CallDeadline, 0));
}

#[test]
fn a_flood_cannot_outrun_a_deadline() {
    // Never a would-block: each try makes progress, and each look at the clock costs a little.
    let flood = [PROGRESS; 100];
    let mut clock1 = Clock { tick: 10, ..clock(&[]) };
    let result = drive(&mut Script::new(&flood), &deadline(START + 95), &mut clock1);
    assert!(matches!(result, Err(Stop::TimedOut { limit: LimitKind::CallDeadline, .. })));
    assert!(clock1.now.get() < START + 120 && clock1.until.is_empty());

    let mut clock2 = Clock { tick: 10, ..clock(&[]) };
    let result = drive(&mut Composite(Script::new(&flood)), &timeout(95), &mut clock2);
    assert!(matches!(result, Err(Stop::TimedOut { limit: LimitKind::SocketTimeout(_), .. })));
}

#[test]
fn many_steps_share_one_timeout() {
    // Progress after each wait does not start the clock again.
    let mut clock = clock(&[400_000, 400_000]);
    let mut composite = Composite(Script::new(&[PROGRESS, AGAIN, PROGRESS, AGAIN, PROGRESS, AGAIN, AGAIN]));
    let by_timeout = LimitKind::SocketTimeout(Timeout::from_nanos(MS));
    assert_eq!(drive(&mut composite, &timeout(MS), &mut clock), timed_out(by_timeout, MS));
    assert_eq!(clock.until, [at(START + MS); 3]);
}

#[test]
fn a_call_of_several_waits_has_one_budget() {
    let begun = timeout(MS).begun(at(START));
    let mut clock = clock(&[]);
    clock.now.set(START + 600_000);
    let by_timeout = LimitKind::SocketTimeout(Timeout::from_nanos(MS));
    assert_eq!(drive(&mut Script::new(&[AGAIN, AGAIN]), &begun, &mut clock), timed_out(by_timeout, MS));
    assert_eq!(timeout(0).begun(at(START)).timeout, Timeout::ZERO, "non-blocking stays so");
}

#[test]
fn the_earlier_limit_is_named() {
    let both = |timeout: u64, end: u64| Limit { deadline: at(START + end), ..self::timeout(timeout) };
    let end = |limit| match drive(&mut Script::new(&[AGAIN, AGAIN]), &limit, &mut clock(&[])) {
        Err(Stop::TimedOut { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(end(both(5, 9)), LimitKind::SocketTimeout(Timeout::from_nanos(5)));
    let mut deadline_first = clock(&[]);
    let result = drive(&mut Script::new(&[AGAIN, AGAIN]), &both(9, 5), &mut deadline_first);
    assert_eq!(result, timed_out(LimitKind::CallDeadline, 5));
}

#[test]
fn endless_false_readiness_backs_off() {
    // "Ready" at once or after 60 us (a waiter that is slow to wake up), whenever the descriptor is looked at.
    for wake_up in [0, 60_000] {
        let mut clock = Clock { spurious_after: Some(wake_up), ..clock(&[]) };
        let result = drive(&mut Script::new(&[AGAIN; 60]), &timeout(200 * MS), &mut clock);
        assert!(matches!(result, Err(Stop::TimedOut { .. })));
        assert!(clock.now.get() >= START + 200 * MS);
        assert_eq!(clock.backing_off[..7], [false, false, false, true, false, true, false], "it looks in between");
        assert_eq!(clock.rests[..8], [1, 2, 4, 8, 16, 32, 32, 32]);
        assert!(clock.until.len() < 40, "{} waits", clock.until.len());
    }
}

#[test]
fn progress_ends_the_backing_off() {
    let mut clock = Clock { spurious_after: Some(0), ..clock(&[]) };
    let answers = [&[AGAIN; 8][..], &[PROGRESS], &[AGAIN; 3], &[Ok(1)]].concat();
    assert_eq!(drive(&mut Script::new(&answers), &timeout(200 * MS), &mut clock), Ok(1));
    assert_eq!(clock.rests[..3], [1, 2, 4]);
    assert_eq!(clock.backing_off[clock.backing_off.len() - 3..], [false; 3], "the count begins anew");
}

#[test]
fn slow_or_fruitful_waits_do_not_back_off() {
    let mut slow = clock(&[1_000_000; 20]);
    assert_eq!(drive(&mut Script::new(&[&[AGAIN; 20][..], &[Ok(1)]].concat()), &timeout(MS * 100), &mut slow), Ok(1));
    assert!(!slow.backing_off.contains(&true));
    let mut fruitful = clock(&[0; 20]);
    let answers = [&[AGAIN, PROGRESS].repeat(10)[..], &[Ok(1)]].concat();
    assert_eq!(drive(&mut Script::new(&answers), &timeout(MS), &mut fruitful), Ok(1));
    assert!(!fruitful.backing_off.contains(&true));
}

#[test]
fn cancelling_ends_a_wait_and_is_sticky() {
    let canceller = Canceller::new();
    let limit = Limit { cancellers: Cancellers::NONE.and(&canceller), ..Limit::NONE };
    let mut clock1 = Clock { cancels: Some(canceller.clone()), ..clock(&[5]) };
    assert_eq!(drive(&mut Script::new(&[AGAIN, AGAIN]), &limit, &mut clock1), Err(Stop::Cancelled));
    assert_eq!(drive(&mut Script::new(&[]), &limit, &mut clock(&[])), Err(Stop::Cancelled), "not even tried");
}

#[test]
fn closing_ends_a_wait() {
    let gate = Gate::default();
    gate.close();
    let limit = Limit { gate: Some(&gate), ..Limit::NONE };
    assert_eq!(drive(&mut Script::new(&[]), &limit, &mut clock(&[])), Err(Stop::Closed));
}

/// The same as a script, taking what comes.
struct Taker(Script);

impl Operation for Taker {
    type Output = u32;

    fn attempt(&mut self, ready: Readiness) -> Result<u32, Pause> {
        self.0.attempt(ready)
    }

    fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
        self.0.interest(wanted);
    }

    fn takes_what_comes(&self) -> bool {
        true
    }
}

/// What each try saw of a call that begins at a moment, and finds these answers.
fn tries(limit: &Limit<'_>, begin: u64, answers: &[Result<u32, Pause>]) -> Vec<Readiness> {
    let mut taker = Taker(Script::new(answers));
    let mut waiter = clock(&[5, 5]);
    waiter.now.set(begin);
    let _would_block_or_done = drive(&mut taker, limit, &mut waiter);
    assert!(taker.0.answers.is_empty(), "each answer is asked for");
    taker.0.seen
}

#[test]
fn a_socket_that_had_to_wait_lately_waits_first() {
    const AT_ONCE: Readiness = Readiness::empty();
    const LOOKS: u64 = START + 64;
    assert!(looks_all_the_same(at(LOOKS)) && !looks_all_the_same(at(START)));
    let gate = Gate::default();
    let limits = [timeout(500), Limit::NONE, Limit { idle: Timeout::from_nanos(500), ..deadline(START + 5000) }];
    for limit in limits.map(|limit| Limit { gate: Some(&gate), ..limit }) {
        assert_eq!(tries(&limit, LOOKS, &[AGAIN, Ok(1)]), [AT_ONCE, Readiness::IN]);
        // Nothing was there, so the next call waits, and the next but one.
        for _ in 0..2 {
            assert_eq!(tries(&limit, START, &[Ok(1)]), [Readiness::IN]);
        }
        assert_eq!(tries(&limit, START, &[AGAIN, Ok(1)]), [Readiness::IN, Readiness::IN], "readiness may be spurious");
        // One in eight looks at once: nothing is there, and it goes on like that.
        assert_eq!(tries(&limit, LOOKS, &[AGAIN, Ok(1)]), [AT_ONCE, Readiness::IN]);
        assert_eq!(tries(&limit, START, &[Ok(1)]), [Readiness::IN]);
        // Or something is there: from now on nobody waits for what is there.
        assert_eq!(tries(&limit, LOOKS, &[Ok(1)]), [AT_ONCE]);
        assert_eq!(tries(&limit, START, &[Ok(1)]), [AT_ONCE]);
    }
}

#[test]
fn who_never_waits_and_what_is_over_are_not_kept_by_a_quiet_socket() {
    let gate = Gate::default();
    gate.set_quiet(true);
    let zero = Limit { gate: Some(&gate), ..timeout(0) };
    assert_eq!(tries(&zero, START, &[Ok(1)]), [Readiness::empty()], "a timeout of zero is one try");
    let passed = Limit { gate: Some(&gate), ..deadline(START) };
    assert_eq!(tries(&passed, START, &[]), []);
    gate.close();
    assert_eq!(
        drive(&mut Taker(Script::new(&[])), &Limit { gate: Some(&gate), ..Limit::NONE }, &mut clock(&[])),
        Err(Stop::Closed)
    );
}

#[test]
fn clock_steps_do_no_harm() {
    // Backwards: it waits on, towards the same end. Forwards: it ends.
    let mut back = clock(&[-500_000, 0]);
    assert!(matches!(drive(&mut Script::new(&[AGAIN; 4]), &timeout(MS), &mut back), Err(Stop::TimedOut { .. })));
    assert_eq!(back.now.get(), START + MS);
    let mut forth = clock(&[i64::MAX]);
    assert!(matches!(drive(&mut Script::new(&[AGAIN, AGAIN]), &timeout(MS), &mut forth), Err(Stop::TimedOut { .. })));
    assert_eq!(forth.until.len(), 1);
}

#[test]
fn the_longest_timeout_does_not_overflow() {
    let longest = Limit { timeout: Timeout::from(Duration::from_secs(18_446_744_073)), ..Limit::NONE };
    let mut clock = clock(&[5]);
    assert_eq!(drive(&mut Script::new(&[AGAIN, Ok(3)]), &longest, &mut clock), Ok(3));
}

#[test]
fn errors_and_interrupts_come_through() {
    let refused = Err(Pause::Failed(Errno::CONNREFUSED));
    assert_eq!(
        drive(&mut Script::new(&[refused]), &timeout(5), &mut clock(&[])),
        Err(Stop::System(Errno::CONNREFUSED))
    );
    let late = drive(&mut Script::new(&[AGAIN, refused]), &timeout(5), &mut clock(&[1]));
    assert_eq!(late, Err(Stop::System(Errno::CONNREFUSED)));
    let mut breaks_in = Clock { breaks_in: Some("KeyboardInterrupt"), ..clock(&[]) };
    let result = drive(&mut Script::new(&[AGAIN]), &Limit::NONE, &mut breaks_in);
    assert_eq!(result, Err(Stop::Interrupt("KeyboardInterrupt")));
}

#[test]
fn an_interrupted_first_try_is_tried_again() {
    assert_eq!(drive(&mut Script::new(&[PROGRESS, Ok(2)]), &timeout(5), &mut clock(&[])), Ok(2));
    assert_eq!(Pause::from(Errno::INTR), Pause::Interrupted);
}

#[test]
fn an_interrupted_try_lets_the_waiter_break_in() {
    let interrupted = Err(Pause::Interrupted);
    let mut handles = Clock { breaks_in: Some("KeyboardInterrupt"), ..clock(&[]) };
    let result = drive(&mut Script::new(&[interrupted]), &timeout(5), &mut handles);
    assert_eq!(result, Err(Stop::Interrupt("KeyboardInterrupt")));
    assert_eq!(drive(&mut Script::new(&[interrupted, Ok(2)]), &timeout(5), &mut clock(&[])), Ok(2));
    assert_eq!(drive(&mut Script::new(&[interrupted, Ok(2)]), &timeout(0), &mut clock(&[])), Ok(2), "it is no wait");
}

#[test]
fn an_operations_own_timer_wakes_it() {
    struct Staggered(Deadline, u32);
    impl Operation for Staggered {
        type Output = u32;
        fn attempt(&mut self, _: Readiness) -> Result<u32, Pause> {
            self.1 += 1;
            if self.1 == 2 { Ok(self.1) } else { Err(Pause::WouldBlock) }
        }
        fn interest<'s>(&'s self, wanted: &mut Interest<'s>) {
            wanted.timer(self.0);
        }
    }
    let mut clock = clock(&[]);
    assert_eq!(drive(&mut Staggered(at(START + 7), 0), &timeout(MS), &mut clock), Ok(2));
    assert_eq!(clock.until, [at(START + 7)]);
}

#[test]
fn a_scope_is_looked_at_before_the_first_try() {
    let passed = scope::with_deadline_at(at(START), || drive(&mut Script::new(&[]), &Limit::NONE, &mut clock(&[])));
    assert!(matches!(passed, Err(Stop::TimedOut { limit: LimitKind::Scope(_), elapsed: Duration::ZERO })));
    let mut clock = Clock { tick: 1, ..clock(&[]) };
    let (begun, done) = (Barrier::new(2), Barrier::new(2));
    let result = std::thread::scope(|threads| {
        threads.spawn(|| {
            let _elsewhere = scope::DeadlineScope::enter_until(at(START));
            begun.wait();
            done.wait();
        });
        begun.wait();
        let result = drive(&mut Script::new(&[Ok(7)]), &timeout(5), &mut clock);
        done.wait();
        result
    });
    assert_eq!(result, Ok(7));
    assert_eq!(clock.now.get(), START, "a scope elsewhere does not make this thread read the clock");
}

#[test]
fn the_earliest_of_scopes_timeout_and_deadline_is_named() {
    let limit = |timeout: u64, end: u64| Limit { deadline: at(START + end), ..self::timeout(timeout) };
    let ended = |limit: Limit<'_>| match drive(&mut Script::new(&[AGAIN, AGAIN]), &limit, &mut clock(&[])) {
        Err(Stop::TimedOut { limit, elapsed }) => (limit, elapsed.as_nanos()),
        other => panic!("{other:?}"),
    };
    let outer = scope::DeadlineScope::enter_until(at(START + 20));
    let inner = scope::DeadlineScope::enter_until(at(START + 10));
    assert_eq!(ended(limit(15, 15)), (LimitKind::Scope(inner.scope().id()), 10));
    assert_eq!(ended(limit(5, 15)), (LimitKind::SocketTimeout(Timeout::from_nanos(5)), 5));
    assert_eq!(ended(limit(15, 5)), (LimitKind::CallDeadline, 5));
    assert!(inner.scope().expired() && !outer.scope().expired());
    drop(inner);
    assert_eq!(ended(Limit::NONE), (LimitKind::Scope(outer.scope().id()), 20));
    assert_eq!(
        ended(timeout(90).begun(at(START))),
        (LimitKind::Scope(outer.scope().id()), 20),
        "in a call of many waits"
    );
    assert_eq!(scope::shield(|| ended(limit(25, 30))).1, 25);
}

#[test]
fn a_flood_cannot_outrun_a_scope() {
    let mut clock = Clock { tick: 10, ..clock(&[]) };
    let drive = || drive(&mut Script::new(&[PROGRESS; 100]), &Limit::NONE, &mut clock);
    let result = scope::with_deadline_at(at(START + 95), drive);
    assert!(matches!(result, Err(Stop::TimedOut { limit: LimitKind::Scope(_), .. })));
    assert!(clock.now.get() < START + 120 && clock.until.is_empty());
}

#[test]
fn a_scope_leaves_a_zero_timeout_alone() {
    let guard = scope::DeadlineScope::enter_until(at(1));
    let mut clock = clock(&[]);
    assert_eq!(drive(&mut Script::new(&[Ok(3)]), &timeout(0), &mut clock), Ok(3));
    assert_eq!(drive(&mut Script::new(&[AGAIN]), &timeout(0), &mut clock), Err(Stop::WouldBlock));
    let mut composite = Composite(Script::new(&[PROGRESS, AGAIN]));
    assert_eq!(drive(&mut composite, &timeout(0).begun(at(START)), &mut clock), Err(Stop::WouldBlock));
    assert!(clock.until.is_empty() && !guard.scope().expired());
}

fn idle(nanos: u64) -> Limit<'static> {
    Limit { idle: nanos_of(nanos), ..Limit::NONE }
}

fn nanos_of(nanos: u64) -> Timeout {
    Timeout::from_nanos(nanos)
}

#[test]
fn each_byte_puts_the_idle_limit_off() {
    // Three waits of nine tenths of it, each with some bytes; then none.
    let mut clock = clock(&[900, 900, 900]);
    let drip = [AGAIN, PROGRESS, AGAIN, PROGRESS, AGAIN, PROGRESS, AGAIN, AGAIN];
    let result = drive(&mut Composite(Script::new(&drip)), &idle(1000), &mut clock);
    assert_eq!(result, timed_out(LimitKind::Idle(nanos_of(1000)), 3700), "counted from the last byte");
    assert_eq!(clock.until, [1000, 1900, 2800, 3700].map(|end| at(START + end)));
}

#[test]
fn the_total_counts_beside_the_idle_limit() {
    let drip = [&[AGAIN, PROGRESS].repeat(3)[..], &[AGAIN, AGAIN]].concat();
    let limit = Limit { deadline: at(START + 2000), ..idle(1000) };
    let mut clock1 = clock(&[900, 900]);
    assert_eq!(
        drive(&mut Composite(Script::new(&drip)), &limit, &mut clock1),
        timed_out(LimitKind::CallDeadline, 2000)
    );
    assert_eq!(clock1.until, [1000, 1900, 2000].map(|end| at(START + end)));
    let mut clock2 = clock(&[900, 900]);
    let result =
        drive(&mut Composite(Script::new(&drip)), &Limit { idle: nanos_of(1000), ..timeout(2500) }, &mut clock2);
    assert_eq!(result, timed_out(LimitKind::SocketTimeout(nanos_of(2500)), 2500));
}

#[test]
fn what_moves_nothing_puts_no_idle_limit_off() {
    // Spurious readiness, interruptions and tries that are to be tried again.
    let (again, interrupted) = (Err(Pause::Again), Err(Pause::Interrupted));
    let mut clock1 = clock(&[300, 300, 300]);
    let nothing = [AGAIN, AGAIN, AGAIN, again, AGAIN, interrupted, AGAIN, AGAIN];
    let result = drive(&mut Script::new(&nothing), &idle(1000), &mut clock1);
    assert_eq!(result, timed_out(LimitKind::Idle(nanos_of(1000)), 1000));
    assert_eq!(clock1.until, [at(START + 1000); 4]);
    // Drained is progress where something had woken it, and may be none where nothing had.
    let drained = Err(Pause::Drained);
    let mut clock2 = clock(&[600]);
    let result = drive(&mut Script::new(&[drained, drained, drained]), &idle(1000), &mut clock2);
    assert_eq!(result, timed_out(LimitKind::Idle(nanos_of(1000)), 1600));
}

#[test]
fn an_idle_limit_is_never_early_and_ends_no_call_that_need_not_wait() {
    // A waiter that returns a nanosecond early is sent to wait again; data that came with the end is taken.
    let mut early = clock(&[999]);
    let result = drive(&mut Script::new(&[AGAIN, AGAIN, AGAIN]), &idle(1000), &mut early);
    assert_eq!(result, timed_out(LimitKind::Idle(nanos_of(1000)), 1000));
    assert_eq!(drive(&mut Script::new(&[AGAIN, Ok(4)]), &idle(9), &mut clock(&[9])), Ok(4));
    // Each step takes longer than the limit, and none waits.
    let mut slow = Clock { tick: 10, ..clock(&[]) };
    let busy = [&[PROGRESS; 9][..], &[Ok(1)]].concat();
    assert_eq!(drive(&mut Composite(Script::new(&busy)), &idle(5), &mut slow), Ok(1));
    assert_eq!(
        drive(&mut Script::new(&[AGAIN]), &Limit { idle: nanos_of(5), ..timeout(0) }, &mut slow),
        Err(Stop::WouldBlock)
    );
    assert!(slow.until.is_empty());
}

#[test]
fn an_idle_limit_of_what_moves_nothing_begins_with_the_call() {
    let mut clock = clock(&[]);
    clock.now.set(START + 600);
    let connect = &mut Script::new(&[AGAIN, AGAIN]).moving(Moves::Nothing);
    assert_eq!(
        drive(connect, &idle(1000).begun(at(START)), &mut clock),
        timed_out(LimitKind::Idle(nanos_of(1000)), 1000)
    );
    assert_eq!(clock.until, [at(START + 1000)]);
}

#[test]
fn between_the_parts_the_waiter_may_break_in() {
    let mut clock = Clock { breaks_in: Some("KeyboardInterrupt"), ..clock(&[]) };
    let result = drive(&mut Composite(Script::new(&[PROGRESS])), &Limit::NONE, &mut clock);
    assert_eq!(result, Err(Stop::Interrupt("KeyboardInterrupt")));
}

/// A policy of so many nanoseconds (0: no limit) until the first byte, between bytes, and in total, since the start.
fn state([first_byte, idle, total]: [u64; 3]) -> PolicyState {
    let limit = |nanos| if nanos == 0 { Timeout::NEVER } else { nanos_of(nanos) };
    PolicyState::new(&ServerPolicy { first_byte: limit(first_byte), idle: limit(idle), total: limit(total) }, at(START))
}

fn under(state: &PolicyState) -> Limit<'_> {
    Limit { policy: Some(state), ..Limit::NONE }
}

/// How a call at this moment ends, of which no byte comes.
fn ended(limit: &Limit<'_>, moves: Moves, now: u64) -> (LimitKind, u64) {
    let mut clock = clock(&[]);
    clock.now.set(START + now);
    match drive(&mut Script::new(&[AGAIN, AGAIN]).moving(moves), limit, &mut clock) {
        Err(Stop::TimedOut { limit, .. }) => (limit, clock.now.get() - START),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_policys_first_byte_is_counted_from_accept_and_bounds_what_receives() {
    let state = state([1000, 400, 0]);
    let first_byte = LimitKind::FirstByte(nanos_of(1000));
    assert_eq!(ended(&under(&state), Moves::In, 700), (first_byte, 1000));
    assert_eq!(ended(&under(&state), Moves::In, 1500), (first_byte, 1500), "looked at once, and not waited for");
    assert_eq!(ended(&under(&state), Moves::In, 200), (LimitKind::Idle(nanos_of(400)), 600), "whichever is earlier");
    assert_eq!(ended(&under(&state), Moves::Out, 900), (LimitKind::Idle(nanos_of(400)), 1300));
    // It was there all the time: how late the server asks is no fault of the client's, whether it tries or looks first.
    let (another, mut looks) = (self::state([1000, 0, 0]), clock(&[0]));
    looks.now.set(START + 5000);
    assert_eq!(wait_out(&mut Script::new(&[Ok(1)]), &under(&another), &mut looks, Pause::WouldBlock), Ok(1));
    assert_eq!(looks.until, [at(START + 1000)]);
    let mut late = clock(&[]);
    late.now.set(START + 5000);
    assert_eq!(drive(&mut Script::new(&[Ok(1)]), &under(&state), &mut late), Ok(1));
    assert_eq!(
        ended(&under(&state), Moves::In, 6000),
        (LimitKind::Idle(nanos_of(400)), 6400),
        "the first byte has come"
    );
}

#[test]
fn a_policys_idle_limit_counts_from_the_last_byte_of_any_call() {
    let state = state([0, 1000, 0]);
    let idle = LimitKind::Idle(nanos_of(1000));
    assert_eq!(ended(&under(&state), Moves::In, 5000), (idle, 6000), "the server's own time does not count");
    // Another thread sends while this one waits.
    struct Sending<'w>(Clock, &'w PolicyState, u64);
    impl Waiter for Sending<'_> {
        type Interrupt = &'static str;
        fn now(&self) -> Deadline {
            self.0.now()
        }
        fn wait(
            &mut self,
            wanted: &Interest<'_>,
            now: Deadline,
            until: Deadline,
        ) -> Result<Readiness, Stop<&'static str>> {
            if self.2 > 0 {
                self.2 -= 1;
                let sent = drive(
                    &mut Script::new(&[Ok(1)]).moving(Moves::Out),
                    &under(self.1),
                    &mut Clock { now: (self.0.now.get() + 600).into(), ..Clock::default() },
                );
                assert_eq!(sent, Ok(1));
            }
            self.0.wait(wanted, now, until)
        }
    }
    let mut waiter = Sending(clock(&[]), &state, 2);
    waiter.0.now.set(START + 10_000);
    let result = drive(&mut Script::new(&[AGAIN; 4]), &under(&state), &mut waiter);
    assert_eq!(result, timed_out(idle, 1000 + 600 + 1000));
}

#[test]
fn a_flood_cannot_outrun_a_policys_total() {
    let state = state([0, 50, 95]);
    let total = LimitKind::Total(nanos_of(95));
    for composite in [false, true] {
        let mut clock = Clock { tick: 10, ..clock(&[]) };
        let flood = Script::new(&[PROGRESS; 100]);
        let result = if composite {
            drive(&mut Composite(flood), &under(&state), &mut clock)
        } else {
            drive(&mut { flood }, &under(&state), &mut clock)
        };
        assert!(matches!(result, Err(Stop::TimedOut { limit, .. }) if limit == total), "{result:?}");
        assert!(clock.now.get() < START + 120 && clock.until.is_empty());
    }
    let mut over = clock(&[]);
    over.now.set(START + 95);
    assert_eq!(drive(&mut Script::new(&[]), &under(&state), &mut over), timed_out(total, 0), "not even tried");
}

#[test]
fn a_policy_concerns_neither_what_moves_nothing_nor_what_does_not_wait() {
    let state = state([1, 1, 1]);
    let by_timeout = LimitKind::SocketTimeout(nanos_of(500));
    let limit = Limit { policy: Some(&state), ..timeout(500) };
    assert_eq!(ended(&limit, Moves::Nothing, 9000), (by_timeout, 9500));
    let mut clock = clock(&[]);
    clock.now.set(START + 9000);
    let nonblocking = Limit { policy: Some(&state), ..timeout(0) };
    assert_eq!(drive(&mut Script::new(&[Ok(1)]), &nonblocking, &mut clock), Ok(1));
    assert_eq!(drive(&mut Script::new(&[AGAIN]), &nonblocking, &mut clock), Err(Stop::WouldBlock));
}

#[test]
fn the_earliest_of_a_policy_and_all_other_limits_is_named() {
    let state = state([0, 300, 2000]);
    let limit =
        |timeout: u64, end: u64| Limit { deadline: at(START + end), policy: Some(&state), ..self::timeout(timeout) };
    assert_eq!(ended(&limit(200, 9000), Moves::In, 0), (LimitKind::SocketTimeout(nanos_of(200)), 200));
    assert_eq!(ended(&limit(900, 250), Moves::In, 0), (LimitKind::CallDeadline, 250));
    assert_eq!(ended(&limit(900, 9000), Moves::In, 0), (LimitKind::Idle(nanos_of(300)), 300));
    assert_eq!(ended(&limit(900, 9000), Moves::In, 1800), (LimitKind::Total(nanos_of(2000)), 2000));
    let scope = scope::DeadlineScope::enter_until(at(START + 100));
    assert_eq!(ended(&limit(900, 9000), Moves::In, 0), (LimitKind::Scope(scope.scope().id()), 100));
}

#[test]
fn a_policy_that_changes_is_seen_at_the_next_look() {
    let state = state([0, 300, 0]);
    state.set_policy(&ServerPolicy::new().idle(Duration::from_nanos(700)));
    assert_eq!(ended(&under(&state), Moves::Out, 0), (LimitKind::Idle(nanos_of(700)), 700));
    assert_eq!(state.policy(), ServerPolicy::new().idle(Duration::from_nanos(700)));
    let copy = state.clone();
    copy.set_policy(&ServerPolicy::new().total(Duration::from_nanos(900)));
    assert_eq!(ended(&under(&copy), Moves::Out, 0), (LimitKind::Total(nanos_of(900)), 900), "since the same accept");
}
