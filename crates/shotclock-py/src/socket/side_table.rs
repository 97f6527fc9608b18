//! What is kept beside socket objects. Those of the interpreter's own class have no room for anything of ours, so it stands
//! in one table, by the object's address.
//!
//! **How long.** Another object may get the address, so whatever stands there has to be gone before its object is:
//! * A call that is inside of `_ssl` takes away what it has put here when it ends, and keeps the object alive until then.
//! * A policy stays until the object is closed or detached, or dies: a weak reference tells of the death, before another
//!   object can have the address.
//!
//! **Between two objects** a connection is only a number: `_accept` gives one, and `detach`, of which `ssl` makes an object
//! of its own. Then the policy stands by the number, until a socket object with that number first asks for one; whether it
//! is the same connection, and no later one that was given the number, the inode tells.
//!
//! **After a fork** the child has the parent's sockets, and so their policies; of the parent's calls none ends there, and
//! what they had put here is taken away.
//!
//! The lock is taken with the interpreter held, for a few instructions, and never over Python code: so fork finds it free.
//! Nobody takes it without a look at a count first, which says whether there is anything to find. What costs only time
//! where it is wrong or lost (`habit.rs`, `wait/low_water.rs`, `tls/silence.rs`) is not kept here, but in a fixed number of
//! places without a lock.

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use shotclock::unstable::PolicyState;

use crate::ffi::capi::{METH_O, PyCFunction_NewEx, PyLong_AsSize_t, PyMethodDef, PyObject, PyWeakref_NewRef};
use crate::ffi::own_object::method;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::PyResult;
use crate::socket::object::SocketRef;
use crate::socket::open;

/// What is kept beside one object.
#[derive(Default)]
pub(crate) struct Beside {
    policy: Option<UnderPolicy>,
    /// The try of `_ssl`'s that is under way.
    pub(crate) ssl_try: Option<Try>,
    /// The calls in which `_ssl` waits by itself, but for the one that has a place of its own (`in_ssl.rs`).
    pub(crate) ssl_waits: Vec<Wait>,
    /// Threads whose writes OpenSSL is in the middle of, or that wait for their turn; the first one's goes on.
    pub(crate) ssl_writers: Vec<usize>,
}

/// A try under way: the timeout in the object reads 0 meanwhile.
pub(crate) struct Try {
    pub(crate) thread: usize,
    /// The program's timeout, in nanoseconds.
    pub(crate) timeout: i64,
    /// Threads that want to make the next one.
    pub(crate) next: Vec<Thread>,
}

/// A thread is in a call in which `_ssl` waits by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) half: Half,
    pub(crate) thread: usize,
}

/// Which halves of an OpenSSL object a call uses, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Half {
    Receiving = 1,
    Sending = 2,
    Both = 3,
}

/// A policy, and what tells of the object's death.
pub(crate) struct UnderPolicy {
    pub(crate) state: Arc<PolicyState>,
    _reference: Owned,
}

// SAFETY: a reference that is used and given back with the interpreter held.
unsafe impl Send for UnderPolicy {}

/// The policy of a connection that no object stands for.
pub(crate) struct Numbered {
    pub(crate) inode: u64,
    pub(crate) state: Arc<PolicyState>,
}

struct SideTable {
    objects: BTreeMap<usize, Beside>,
    numbers: BTreeMap<RawFd, Numbered>,
}

static TABLE: Mutex<SideTable> = Mutex::new(SideTable { objects: BTreeMap::new(), numbers: BTreeMap::new() });

/// How many tries, waits and writers of `_ssl`'s the table has.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// How many policies the table has. They are counted among the open scopes as well, so that a call looks at one number for
/// both.
static POLICIES: AtomicUsize = AtomicUsize::new(0);

/// Whether any call is inside of `_ssl`, of those that the table has.
#[inline]
pub(crate) fn has_calls() -> bool {
    CALLS.load(Ordering::Relaxed) != 0
}

/// How many policies are kept.
#[inline]
pub(crate) fn policies() -> usize {
    POLICIES.load(Ordering::Relaxed)
}

/// Has `change` change what is kept beside the object, or put it there. It runs under the lock: what it takes away of
/// Python's it gives to its caller, who drops it.
pub(crate) fn beside<T>(socket: SocketRef, change: impl FnOnce(&mut Beside) -> T) -> T {
    table().change(socket.address(), change)
}

/// As [`beside`], where anything is kept.
pub(crate) fn find<T>(socket: SocketRef, change: impl FnOnce(&mut Beside) -> T) -> Option<T> {
    let mut table = table();
    table.objects.contains_key(&socket.address()).then(|| table.change(socket.address(), change))
}

/// The object's policy. Else what stands by its number, which is taken away: it is this connection's, or nobody's.
pub(crate) fn policy(socket: SocketRef) -> Result<Arc<PolicyState>, Option<Numbered>> {
    let mut table = table();
    match table.objects.get(&socket.address()).and_then(|beside| beside.policy.as_ref()) {
        Some(known) => Ok(Arc::clone(&known.state)),
        None => Err(table.take_numbered(socket.number())),
    }
}

/// Puts the object under a policy, until it is closed or dies. TypeError if nobody would tell of its death.
pub(crate) fn put_policy(socket: SocketRef, state: Arc<PolicyState>) -> PyResult<()> {
    let under = UnderPolicy { state, _reference: reference_to(socket)? };
    drop(beside(socket, |beside| beside.policy.replace(under)));
    Ok(())
}

/// Takes the object's policy away.
pub(crate) fn take_policy(socket: SocketRef) -> Option<UnderPolicy> {
    find(socket, |beside| beside.policy.take()).flatten()
}

/// Puts the connection of this number under a policy, until an object stands for it.
pub(crate) fn put_numbered(number: RawFd, numbered: Numbered) {
    let mut table = table();
    let before = table.numbers.insert(number, numbered);
    count(Count { policies: before.is_some().into(), calls: 0 }, Count { policies: 1, calls: 0 });
}

/// Takes away what stands by the number.
pub(crate) fn take_numbered(number: RawFd) -> Option<Numbered> {
    table().take_numbered(number)
}

/// In a forked child: the threads that were inside of `_ssl` are not there to leave it.
pub(crate) fn forget_calls_after_fork() {
    let mut table = table();
    for (address, beside) in &mut table.objects {
        beside.ssl_waits.clear();
        beside.ssl_writers.clear();
        if let Some(one) = beside.ssl_try.take() {
            // SAFETY: the frame of that try, which never ends here, keeps the object alive.
            unsafe { SocketRef::new(*address as *mut PyObject) }.set_timeout_field(one.timeout);
        }
    }
    table.objects.retain(|_, beside| !beside.is_empty());
    CALLS.store(0, Ordering::Relaxed);
}

/// A weak reference, by which the table learns that the object is no more.
fn reference_to(socket: SocketRef) -> PyResult<Owned> {
    struct Definition(*mut PyMethodDef);
    // SAFETY: written once, before it is shared, and only read afterwards.
    unsafe impl Send for Definition {}
    // SAFETY: as above.
    unsafe impl Sync for Definition {}
    static DIED: OnceLock<Definition> = OnceLock::new();
    let Definition(definition) =
        DIED.get_or_init(|| Definition(Box::leak(Box::new(method(c"died", died, METH_O, None)))));
    // SAFETY: the interpreter is held, the objects are alive, the definition lives for ever.
    unsafe {
        let address = Owned::size(socket.address())?;
        let callback = Owned::new(PyCFunction_NewEx(*definition, address.as_ptr(), ptr::null_mut()))?;
        Owned::new(PyWeakref_NewRef(socket.as_object(), callback.as_ptr()))
    }
}

/// The object of this address is no more. The interpreter says so before another can have the address.
unsafe extern "C" fn died(address: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the number that the function was made with.
    let address = unsafe { PyLong_AsSize_t(address) };
    let gone = table().change(address, |beside| beside.policy.take());
    drop(gone);
    returned(Ok(Owned::none()))
}

impl SideTable {
    fn change<T>(&mut self, address: usize, change: impl FnOnce(&mut Beside) -> T) -> T {
        let entry = self.objects.entry(address).or_default();
        let before = entry.count();
        let changed = change(entry);
        count(before, entry.count());
        if entry.is_empty() {
            self.objects.remove(&address);
        }
        changed
    }

    fn take_numbered(&mut self, number: RawFd) -> Option<Numbered> {
        let numbered = self.numbers.remove(&number)?;
        count(Count { policies: 1, calls: 0 }, Count { policies: 0, calls: 0 });
        Some(numbered)
    }
}

impl Beside {
    fn count(&self) -> Count {
        let calls = usize::from(self.ssl_try.is_some()) + self.ssl_waits.len() + self.ssl_writers.len();
        Count { policies: self.policy.is_some().into(), calls }
    }

    fn is_empty(&self) -> bool {
        self.count() == Count { policies: 0, calls: 0 }
    }
}

/// How much of each there is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Count {
    policies: usize,
    calls: usize,
}

/// So much there was at one place, and is now. With the lock.
fn count(before: Count, now: Count) {
    // Wraps around where they have become fewer.
    CALLS.fetch_add(now.calls.wrapping_sub(before.calls), Ordering::Relaxed);
    POLICIES.fetch_add(now.policies.wrapping_sub(before.policies), Ordering::Relaxed);
    open::count_policies(before.policies, now.policies);
}

fn table() -> MutexGuard<'static, SideTable> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
