//! Deadline scopes: one deadline for all that a thread does in a piece of code, through libraries that know nothing of
//! it; and one canceller for all of it.
//!
//! Each thread has a stack of the scopes and cancellers it is in. An operation reads the process-wide count of open scopes, and only
//! if that is not zero the stack.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use smallvec::SmallVec;

use super::cancel::Canceller;
use crate::deadline::{Deadline, Timeout};
use crate::scope_id::ScopeId;

/// Runs `work` with a deadline for all its waits together: every call of this crate that this thread makes in it, on
/// whatever socket, lookups and files included, ends at the latest so long from now.
///
/// The calls that would have to wait longer fail with a timeout whose [`Error::scope`](crate::Error::scope) names the
/// scope; once the deadline has passed, every call does, before it tries anything. Of nested scopes, and of a socket's
/// own timeout and a view's deadline, whatever ends first counts. Sockets with timeout zero never wait and are left
/// alone. Threads that `work` starts are outside, unless the scope is carried to them: [`Scope::carry`]. What does not
/// wait in this crate (computing, other I/O) is not interrupted. Who nests them, and asks which one it was, enters a
/// [`DeadlineScope`], whose id the error has.
///
/// ```
/// use shotclock::{Family, Kind, LimitKind, Result, Socket, socketpair, with_deadline};
/// use std::time::Duration;
///
/// // Somebody else's code, without a word about time.
/// fn exchange(socket: &Socket) -> Result<Vec<u8>> {
///     socket.sendall(b"a question")?;
///     socket.makefile_reader()?.readline()
/// }
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let error = with_deadline(Duration::from_millis(20), || exchange(&ours)).unwrap_err();
/// assert!(error.is_timeout() && error.scope().is_some());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[doc(alias = "timeout")]
pub fn with_deadline<T>(limit: impl Into<Timeout>, work: impl FnOnce() -> T) -> T {
    with_deadline_at(Deadline::after(limit), work)
}

/// [`with_deadline`], with the moment by which `work` must have ended.
///
/// ```
/// use shotclock::{Deadline, getfqdn, gethostbyname, with_deadline_at};
/// use std::time::Duration;
///
/// let deadline = Deadline::after(Duration::from_secs(5));
/// let (address, name) = with_deadline_at(deadline, || (gethostbyname("127.0.0.1"), getfqdn("localhost")));
/// assert!(address?.is_loopback() && name?.starts_with("localhost"));
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn with_deadline_at<T>(deadline: impl Into<Deadline>, work: impl FnOnce() -> T) -> T {
    Scope::new(deadline.into()).carry(work)
}

/// Runs `work` with a canceller for all its waits: every call of this crate that this thread makes in it, on whatever
/// socket, lookups and files included, ends with an error whose `is_cancelled()` is true once the canceller is used.
///
/// Of nested ones each counts, beside a view's. A call that need not wait fails as well once it is cancelled; sockets with
/// timeout zero too. Threads that `work` starts are outside, and may enter it themselves. A [`shield`] keeps it off. What
/// does not wait in this crate (computing, other I/O) is not interrupted.
///
/// ```
/// use shotclock::{Canceller, Family, Kind, Result, Socket, socketpair, with_canceller};
/// use std::thread;
///
/// // Somebody else's code, without a word about cancellation.
/// fn exchange(socket: &Socket) -> Result<Vec<u8>> {
///     socket.sendall(b"a question")?;
///     socket.makefile_reader()?.readline()
/// }
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let shutdown = Canceller::new();
/// let working = {
///     let shutdown = shutdown.clone();
///     thread::spawn(move || with_canceller(&shutdown, || exchange(&ours)))
/// };
/// shutdown.cancel();
/// assert!(working.join().unwrap().unwrap_err().is_cancelled());
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn with_canceller<T>(canceller: &Canceller, work: impl FnOnce() -> T) -> T {
    let _block = Block(push(Inside::Canceller(canceller.clone())));
    work()
}

/// [`with_canceller`], with several.
pub(crate) fn in_cancellers<'c, T>(cancellers: impl Iterator<Item = &'c Canceller>, work: impl FnOnce() -> T) -> T {
    // A block takes along what was entered in it.
    let mut outermost = None;
    for canceller in cancellers {
        let key = push(Inside::Canceller(canceller.clone()));
        outermost.get_or_insert(Block(key));
    }
    work()
}

/// The time that the scopes of this thread leave, in the nanoseconds of a [`Timeout`]: zero once one has passed,
/// [`Timeout::NEVER`] outside of all. For work that this crate does not wait in, to end by itself.
///
/// ```
/// use shotclock::{Timeout, remaining, with_deadline};
/// use std::time::Duration;
///
/// assert_eq!(remaining(), Timeout::NEVER);
/// assert!(with_deadline(Duration::from_secs(5), remaining) <= Timeout::from(Duration::from_secs(5)));
/// ```
pub fn remaining() -> Timeout {
    end().map_or(Timeout::NEVER, |(deadline, _)| deadline.remaining())
}

/// Runs clean-up code that is to be done even when the scopes of this thread have passed, or its cancellers were used: none
/// of those around it counts in `cleanup`, those it enters itself do. Give it a limit of its own. What the socket's own policy
/// demands counts on: [`without_policy`](crate::Socket::without_policy) leaves that out.
///
/// ```
/// use shotclock::{Family, Kind, shield, socketpair, with_deadline};
/// use std::time::Duration;
///
/// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
/// with_deadline(Duration::ZERO, || {
///     assert!(ours.sendall(b"too late").unwrap_err().is_timeout());
///     shield(|| with_deadline(Duration::from_secs(5), || ours.sendall(b"QUIT\r\n")))
/// })?;
/// assert_eq!(theirs.recv(100)?, b"QUIT\r\n");
/// # Ok::<(), shotclock::Error>(())
/// ```
pub fn shield<T>(cleanup: impl FnOnce() -> T) -> T {
    let _block = Block(push(Inside::Shield));
    cleanup()
}

/// A deadline scope as a value: which deadline, and what became of it. It limits nobody by itself: a thread is in it
/// while [`carry`](Self::carry), [`with_deadline`] or a [`DeadlineScope`] says so. Clones are the same scope.
///
/// ```
/// use shotclock::{DeadlineScope, Family, Kind, socketpair};
/// use std::time::Duration;
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let guard = DeadlineScope::enter(Duration::from_millis(20));
/// let error = ours.recv(1).unwrap_err();
/// assert_eq!(error.scope(), Some(guard.scope().id()));
/// assert!(guard.scope().expired());
/// # Ok::<(), shotclock::Error>(())
/// ```
#[derive(Clone)]
pub struct Scope(Arc<State>);

struct State {
    id: ScopeId,
    deadline: Deadline,
    expired: AtomicBool,
}

impl Scope {
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self(Arc::new(State { id: ScopeId::next(), deadline, expired: AtomicBool::new(false) }))
    }

    /// The scope that limits this thread now: of nested ones the one that ends first. `None` outside of all and in a
    /// [`shield`].
    ///
    /// ```
    /// use shotclock::{Deadline, Scope, with_deadline};
    /// use std::time::Duration;
    ///
    /// assert!(Scope::current().is_none());
    /// let scope = with_deadline(Duration::from_secs(5), || Scope::current().unwrap());
    /// assert!(scope.deadline() < Deadline::NEVER);
    /// ```
    pub fn current() -> Option<Self> {
        on_stack(|stack| stack.earliest().cloned())
    }

    /// Runs `work` under this scope, on whatever thread. Threads begin outside of every scope; this is how one is taken
    /// along on purpose. The deadline holds for all of `work`, whether or not its first thread has left the scope.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Scope, socketpair, with_deadline};
    /// use std::{thread, time::Duration};
    ///
    /// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
    /// let error = with_deadline(Duration::from_millis(20), || {
    ///     let scope = Scope::current().unwrap();
    ///     thread::spawn(move || scope.carry(|| ours.recv(1).unwrap_err())).join().unwrap()
    /// });
    /// assert!(error.scope().is_some());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn carry<T>(&self, work: impl FnOnce() -> T) -> T {
        let _block = Block(push(Inside::Scope(self.clone())));
        work()
    }

    /// What [`Error::scope`](crate::Error::scope) and [`LimitKind::Scope`](crate::LimitKind::Scope) call it.
    ///
    /// ```
    /// use shotclock::DeadlineScope;
    /// let (outer, inner) = (DeadlineScope::enter(None), DeadlineScope::enter(None));
    /// assert_ne!(outer.scope().id(), inner.scope().id());
    /// ```
    pub fn id(&self) -> ScopeId {
        self.0.id
    }

    /// The moment by which all that is in it must have ended.
    ///
    /// ```
    /// use shotclock::{Deadline, Scope, with_deadline_at};
    /// let deadline = Deadline::after(std::time::Duration::from_secs(5));
    /// assert_eq!(with_deadline_at(deadline, || Scope::current().unwrap().deadline()), deadline);
    /// ```
    pub fn deadline(&self) -> Deadline {
        self.0.deadline
    }

    /// Whether it has ended a call, of any thread it was carried to. It tells where a library has swallowed the error.
    ///
    /// ```
    /// use shotclock::{DeadlineScope, getfqdn};
    /// use std::time::Duration;
    /// let guard = DeadlineScope::enter(Duration::ZERO);
    /// assert_eq!(getfqdn("localhost")?, "localhost", "the answer where there is no time to look");
    /// assert!(guard.scope().expired());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn expired(&self) -> bool {
        self.0.expired.load(Ordering::Relaxed)
    }

    pub(crate) fn set_expired(&self) {
        self.0.expired.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { id, deadline, .. } = &*self.0;
        let mut scope = f.debug_struct("Scope");
        scope.field("id", &id.number()).field("deadline", deadline).field("expired", &self.expired()).finish()
    }
}

/// A deadline scope that this thread is in until the guard is dropped. Prefer [`with_deadline`], which cannot be left
/// too late, unless you want to know of nested ones which has ended a call:
///
/// ```
/// use shotclock::{DeadlineScope, Family, Kind, socketpair, with_deadline};
/// use std::time::Duration;
///
/// let (ours, _silent_peer) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let session = DeadlineScope::enter(Duration::from_millis(20));
/// let error = with_deadline(Duration::from_secs(5), || ours.recv(1)).unwrap_err(); // of one command
/// assert_eq!(error.scope(), Some(session.scope().id()), "the session's time is up, not the command's");
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// Guards may be dropped in any order: each ends its own scope and no other. One that is forgotten goes on limiting the
/// thread until the `with_deadline`, `carry` or `shield` around it returns, or the thread ends; what was entered inside
/// of these never outlives them.
///
/// ```
/// use shotclock::{DeadlineScope, Family, Kind, socketpair};
/// use std::time::Duration;
///
/// let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
/// let guard = DeadlineScope::enter(Duration::from_millis(20));
/// assert!(ours.recv(1).unwrap_err().is_timeout());
/// drop(guard);
/// theirs.sendall(b"x")?;
/// assert_eq!(ours.recv(1)?, b"x");
/// # Ok::<(), shotclock::Error>(())
/// ```
///
/// It belongs to its thread:
/// ```compile_fail,E0277
/// let guard = shotclock::DeadlineScope::enter(None);
/// std::thread::spawn(move || drop(guard));
/// ```
#[must_use = "the scope is left as soon as the guard is dropped"]
#[derive(Debug)]
pub struct DeadlineScope {
    scope: Scope,
    key: Key,
}

impl DeadlineScope {
    /// Enters a scope that ends so long from now.
    ///
    /// ```
    /// use shotclock::{DeadlineScope, Timeout, remaining};
    /// use std::time::Duration;
    /// let _guard = DeadlineScope::enter(Duration::from_secs(5));
    /// assert!(remaining() < Timeout::NEVER);
    /// ```
    pub fn enter(limit: impl Into<Timeout>) -> Self {
        Self::enter_until(Deadline::after(limit))
    }

    /// Enters a scope that ends at this moment.
    ///
    /// ```
    /// use shotclock::{Deadline, DeadlineScope, Timeout, remaining};
    /// let _guard = DeadlineScope::enter_until(Deadline::now());
    /// assert_eq!(remaining(), Timeout::ZERO);
    /// ```
    pub fn enter_until(deadline: impl Into<Deadline>) -> Self {
        let scope = Scope::new(deadline.into());
        let key = push(Inside::Scope(scope.clone()));
        Self { scope, key }
    }

    /// The scope, to ask later what became of it, or to carry it to another thread.
    ///
    /// ```
    /// let guard = shotclock::DeadlineScope::enter(None);
    /// assert!(!guard.scope().expired());
    /// ```
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Drop for DeadlineScope {
    fn drop(&mut self) {
        on_stack(|stack| {
            if let Some(at) = stack.find(&self.key) {
                stack.leave(at..at + 1);
            }
        });
    }
}

/// What a closure runs in: at its end the stack is again as it was, but for what was left meanwhile.
struct Block(Key);

impl Drop for Block {
    fn drop(&mut self) {
        on_stack(|stack| {
            if let Some(at) = stack.find(&self.0) {
                stack.leave(at..stack.entries.len());
            }
        });
    }
}

/// How many scopes and cancellers are entered in the whole process, on all threads. A forked child counts those of threads it does not
/// have, which costs it a look at its own stack and no more.
static OPEN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Without a destructor of its own, so that it is there to the very end of the thread: destructors of other values of
    /// the thread say goodbye to a peer, and are to be bounded too.
    static STACK: RefCell<ManuallyDrop<Stack>> = const { RefCell::new(ManuallyDrop::new(Stack::new())) };
    static FORGOTTEN: Forgotten = const { Forgotten };
}

/// What a thread is in, the innermost last.
struct Stack {
    entries: SmallVec<[Entry; 4]>,
    last_key: u64,
}

/// Takes along, when the thread ends, what guards that were forgotten have left on its stack.
struct Forgotten;

impl Drop for Forgotten {
    fn drop(&mut self) {
        on_stack(|stack| stack.leave(0..stack.entries.len()));
    }
}

struct Entry {
    key: u64,
    inside: Inside,
}

/// What a thread is inside of.
enum Inside {
    /// What is outside of it does not count.
    Shield,
    Scope(Scope),
    Canceller(Canceller),
}

impl Inside {
    /// What it adds to the process's count: a shield bounds nothing.
    fn count(&self) -> u32 {
        u32::from(!matches!(self, Self::Shield))
    }
}

/// Names an entry of this thread's stack. It means nothing on another thread's.
#[derive(Debug)]
struct Key(u64, PhantomData<*const ()>);

impl Stack {
    const fn new() -> Self {
        Self { entries: SmallVec::new_const(), last_key: 0 }
    }

    fn enter(&mut self, inside: Inside) -> u64 {
        OPEN.fetch_add(inside.count(), Ordering::Relaxed);
        self.last_key += 1;
        self.entries.push(Entry { key: self.last_key, inside });
        self.last_key
    }

    /// Takes these entries away, and out of the process's count.
    fn leave(&mut self, which: Range<usize>) {
        let left = self.entries.drain(which).map(|entry| entry.inside.count()).sum();
        OPEN.fetch_sub(left, Ordering::Relaxed);
        // Nobody else gives its memory back.
        if self.entries.is_empty() && self.entries.spilled() {
            self.entries = SmallVec::new();
        }
    }

    fn find(&self, key: &Key) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.key == key.0)
    }

    /// What counts: all since the last shield.
    fn counting(&self) -> impl Iterator<Item = &Inside> {
        self.entries.iter().rev().map(|entry| &entry.inside).take_while(|inside| !matches!(inside, Inside::Shield))
    }

    /// The scopes that count.
    fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.counting().filter_map(|inside| if let Inside::Scope(scope) = inside { Some(scope) } else { None })
    }

    /// The cancellers that count.
    fn cancellers(&self) -> impl Iterator<Item = &Canceller> {
        self.counting().filter_map(|inside| if let Inside::Canceller(one) = inside { Some(one) } else { None })
    }

    /// The scope that ends first, if any ends at all.
    fn earliest(&self) -> Option<&Scope> {
        self.scopes().filter(|scope| scope.deadline() != Deadline::NEVER).min_by_key(|scope| scope.deadline())
    }
}

/// The one way to the thread's stack. Never inlined: a runtime that moves a call in the middle from one thread to another
/// must not find the first one's address kept in a register.
#[inline(never)]
fn on_stack<T>(look: impl FnOnce(&mut Stack) -> T) -> T {
    STACK.with(|stack| look(&mut stack.borrow_mut()))
}

fn push(inside: Inside) -> Key {
    // While the thread's values are being destroyed it may be gone already; a guard that is forgotten then leaves the
    // process's count too high.
    let _may_be_gone = FORGOTTEN.try_with(|_| ());
    Key(on_stack(|stack| stack.enter(inside)), PhantomData)
}

/// How many scopes and cancellers are open in the process, on all threads. Where there are none, operations ask for no more than this.
#[inline(always)]
pub fn open_scopes() -> u32 {
    // Relaxed: whatever this thread has entered, it has counted itself.
    OPEN.load(Ordering::Relaxed)
}

/// When the scopes of this thread end, and which one of them.
#[inline(always)]
pub(crate) fn end() -> Option<(Deadline, ScopeId)> {
    if open_scopes() == 0 { None } else { end_on_stack() }
}

#[cold]
#[inline(never)]
fn end_on_stack() -> Option<(Deadline, ScopeId)> {
    on_stack(|stack| stack.earliest().map(|scope| (scope.deadline(), scope.id())))
}

/// The cancellers that this thread is in.
#[inline(always)]
pub(crate) fn cancellers() -> Vec<Canceller> {
    if open_scopes() == 0 { Vec::new() } else { cancellers_on_stack() }
}

#[cold]
#[inline(never)]
fn cancellers_on_stack() -> Vec<Canceller> {
    on_stack(|stack| stack.cancellers().cloned().collect())
}

/// Whether this thread is in any canceller.
pub(crate) fn is_in_canceller() -> bool {
    open_scopes() != 0 && on_stack(|stack| stack.cancellers().next().is_some())
}

/// Notes in a scope of this thread that it has ended a call.
#[cold]
pub(crate) fn expire(id: ScopeId) {
    on_stack(|stack| stack.scopes().filter(|scope| scope.id() == id).for_each(Scope::set_expired));
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::panic::catch_unwind;
    use std::thread;

    use super::*;

    fn at(nanos: u64) -> Deadline {
        Deadline::from_nanos(nanos)
    }

    fn current() -> Option<Deadline> {
        end().map(|(deadline, _)| deadline)
    }

    #[test]
    fn the_earliest_counts() {
        with_deadline_at(at(50), || {
            with_deadline_at(at(90), || assert_eq!(current(), Some(at(50)), "a longer one inside changes nothing"));
            with_deadline_at(at(20), || {
                assert_eq!(current(), Some(at(20)));
                with_deadline_at(Deadline::NEVER, || assert_eq!(current(), Some(at(20))));
            });
            assert_eq!(current(), Some(at(50)));
        });
        assert_eq!(current(), None);
        assert!(with_deadline(None, Scope::current).is_none(), "no end, no limit");
    }

    #[test]
    fn guards_are_dropped_in_any_order() {
        let [one, two, three] = [30, 10, 20].map(|end| DeadlineScope::enter_until(at(end)));
        drop(two);
        assert_eq!(current(), Some(at(20)));
        drop(one);
        assert_eq!(current(), Some(at(20)));
        drop(three);
        assert_eq!(current(), None);
    }

    #[test]
    fn a_forgotten_guard_ends_with_what_is_around_it() {
        with_deadline_at(at(50), || {
            with_deadline_at(at(40), || mem::forget(DeadlineScope::enter_until(at(10))));
            assert_eq!(current(), Some(at(50)));
            shield(|| mem::forget(DeadlineScope::enter_until(at(10))));
            assert_eq!(current(), Some(at(50)));
        });
        // A guard that is taken out of its closure limits nothing, and its drop takes nothing away.
        let stray = with_deadline_at(at(50), || DeadlineScope::enter_until(at(10)));
        let after = DeadlineScope::enter_until(at(60));
        drop(stray);
        assert_eq!(current(), Some(at(60)));
        drop(after);
        // Without anything around it, it lasts as long as its thread.
        let lasts = thread::spawn(|| {
            mem::forget(DeadlineScope::enter_until(at(10)));
            with_deadline_at(at(5), || ());
            current()
        });
        assert_eq!(lasts.join().unwrap(), Some(at(10)));
    }

    #[test]
    fn a_panic_leaves_its_scopes() {
        let guard = DeadlineScope::enter_until(at(50));
        let panicked = catch_unwind(|| {
            with_deadline_at(at(40), || {
                let _inner = DeadlineScope::enter_until(at(30));
                shield(|| std::panic::resume_unwind(Box::new(())));
            });
        });
        assert!(panicked.is_err());
        assert_eq!(current(), Some(at(50)), "the shield is gone as well");
        drop(guard);
        assert_eq!(current(), None);
    }

    #[test]
    fn a_shield_keeps_off_what_is_around_it() {
        with_deadline_at(at(10), || {
            shield(|| {
                assert_eq!((current(), remaining()), (None, Timeout::NEVER));
                with_deadline_at(at(70), || assert_eq!(current(), Some(at(70))));
                let guard = DeadlineScope::enter_until(at(60));
                shield(|| assert_eq!(current(), None));
                assert_eq!(current(), Some(at(60)));
                drop(guard);
            });
            assert_eq!((current(), remaining()), (Some(at(10)), Timeout::ZERO));
        });
    }

    #[test]
    fn cancellers_are_scopes_of_their_own() {
        let (one, other) = (Canceller::new(), Canceller::new());
        let count = || cancellers().len();
        with_canceller(&one, || {
            assert!(is_in_canceller() && count() == 1 && end().is_none());
            with_deadline_at(at(10), || with_canceller(&other, || assert_eq!((count(), current()), (2, Some(at(10))))));
            shield(|| {
                assert!(!is_in_canceller());
                with_canceller(&other, || assert_eq!(count(), 1));
            });
            let panicked =
                catch_unwind(|| with_canceller(&Canceller::new(), || std::panic::resume_unwind(Box::new(()))));
            assert!(panicked.is_err() && count() == 1);
            assert_eq!(thread::spawn(|| cancellers().len()).join().unwrap(), 0, "threads begin outside");
        });
        assert!(!is_in_canceller() && count() == 0);
    }

    #[test]
    fn a_scope_is_carried_on_purpose_only() {
        let (scope, inner) = with_deadline_at(at(20), || {
            let outer = Scope::current().unwrap();
            with_deadline_at(at(90), || (outer, Scope::current().unwrap()))
        });
        assert_eq!(inner.id(), scope.id(), "it is the one that counts");
        let elsewhere = thread::spawn(move || {
            assert_eq!(current(), None);
            scope.carry(|| {
                expire(scope.id());
                assert_eq!(current(), Some(at(20)));
            });
            assert_eq!(current(), None);
        });
        elsewhere.join().unwrap();
        assert!(inner.expired(), "what became of it is known everywhere");
    }

    #[test]
    fn a_destructor_of_the_thread_s_own_values_is_bounded() {
        struct Goodbye(std::sync::mpsc::Sender<[Option<Deadline>; 3]>);
        impl Drop for Goodbye {
            fn drop(&mut self) {
                let inside = with_deadline_at(at(10), || with_deadline_at(at(5), current));
                let shielded = with_deadline_at(at(10), || shield(current));
                self.0.send([inside, shielded, current()]).unwrap();
            }
        }
        thread_local! {
            static LAST: RefCell<Option<Goodbye>> = const { RefCell::new(None) };
        }
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            // Made first, so destroyed last: what scopes have made of their own is gone by then.
            LAST.with(|last| *last.borrow_mut() = Some(Goodbye(tell)));
            with_deadline_at(at(50), || mem::forget(DeadlineScope::enter(None)));
        });
        thread.join().unwrap();
        assert_eq!(told.recv().unwrap(), [Some(at(5)), None, None]);
    }

    #[test]
    fn a_deep_stack_gives_its_memory_back() {
        let guards: Vec<_> = (0..100).map(|_| DeadlineScope::enter(None)).collect();
        assert!(on_stack(|stack| stack.entries.spilled()));
        drop(guards);
        assert!(!on_stack(|stack| stack.entries.spilled()));
    }

    #[test]
    fn only_the_scope_that_ended_a_call_is_expired() {
        let (outer, inner) = (DeadlineScope::enter_until(at(9)), DeadlineScope::enter_until(at(5)));
        expire(end().unwrap().1);
        assert!(inner.scope().expired() && !outer.scope().expired());
    }
}
