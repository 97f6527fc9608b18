//! Server policies: which sockets are under one, and how a policy gets from a listener to what it accepts.
//!
//! Objects of the interpreter's own class have no room for one, so they stand in a table, by the object's address, until
//! the object is closed or dies. Between two objects a connection is only a number: `_accept` gives one, and `detach`,
//! of which `ssl` makes an object of its own. Then the policy stands by the number, until a socket object with that
//! number first waits; whether it is the same connection, and no later one that got the number, the inode tells.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use shotclock::unstable::{PolicyState, numbers, syscall};
use shotclock::{Deadline, Kind, LimitKind, Protocol, ServerPolicy, Timeout};

use crate::ffi::capi::{
    METH_O, PyCFunction_NewEx, PyErr_Clear, PyLong_AsSize_t, PyMethodDef, PyObject, PyWeakref_NewRef, variadic,
};
use crate::ffi::exception;
use crate::ffi::own_object::method;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::wait::lent::Descriptor;
use crate::wait::open;

struct UnderPolicy {
    state: Arc<PolicyState>,
    /// Tells of the object's death.
    _reference: Owned,
}

// SAFETY: a reference that is used and given back with the interpreter held.
unsafe impl Send for UnderPolicy {}

struct Numbered {
    inode: u64,
    state: Arc<PolicyState>,
}

struct Table {
    objects: BTreeMap<usize, UnderPolicy>,
    numbers: BTreeMap<RawFd, Numbered>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { objects: BTreeMap::new(), numbers: BTreeMap::new() });

/// How many entries there are, so that nobody takes the lock where there is none. They are counted among the open scopes
/// as well, so that a call looks at one number for both.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many policies are kept.
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// The policy of a socket.
pub(crate) fn of(socket: SocketRef) -> Option<Arc<PolicyState>> {
    if count() == 0 {
        return None;
    }
    let number = socket.number();
    let mut all = all();
    if let Some(known) = all.objects.get(&key(socket)) {
        return Some(Arc::clone(&known.state));
    }
    let numbered = all.numbers.remove(&number);
    all.recount();
    // Unlocked, since from here on the interpreter is asked.
    drop(all);
    let numbered = numbered.filter(|numbered| inode_of(socket) == Some(numbered.inode))?;
    // Only an object that somebody made of `_socket.socket` itself takes no weak references.
    if keep(socket, Arc::clone(&numbered.state)).is_err() {
        // SAFETY: the interpreter is held.
        unsafe { PyErr_Clear() };
    }
    Some(numbered.state)
}

/// Gives a connection that was accepted just now the listener's policy.
pub(crate) fn hand_down(listener: SocketRef, accepted: BorrowedFd<'_>) {
    if let Some(state) = of(listener) {
        let state = PolicyState::new(&state.policy(), Deadline::now());
        put_by_number(accepted, Arc::new(state));
    }
}

/// The object has given up this number, and the connection goes on by it.
pub(crate) fn detach(socket: SocketRef, number: RawFd) {
    if count() == 0 || number < 0 {
        return;
    }
    let mut all = all();
    let gone = all.objects.remove(&key(socket));
    all.recount();
    drop(all);
    if let Some(gone) = &gone {
        // SAFETY: not negative; what it stands for is looked at and not touched.
        put_by_number(unsafe { BorrowedFd::borrow_raw(number) }, Arc::clone(&gone.state));
    }
}

/// The object closes this number.
pub(crate) fn forget(socket: SocketRef, number: RawFd) {
    if count() == 0 {
        return;
    }
    let mut all = all();
    let gone = (all.objects.remove(&key(socket)), all.numbers.remove(&number));
    all.recount();
    drop(all);
    drop(gone);
}

/// What the exception calls a limit of a policy.
pub(crate) fn name_of(limit: LimitKind) -> Option<&'static str> {
    match limit {
        LimitKind::FirstByte(_) => Some("first byte"),
        LimitKind::Idle(_) => Some("idle"),
        LimitKind::Total(_) => Some("total"),
        _ => None,
    }
}

/// `_native.set_policy(sock, first_byte, idle, total)`: in nanoseconds, -1 for no limit.
pub(crate) unsafe extern "C" fn set_policy(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let set = || {
        let (mut object, mut limits): (*mut PyObject, [i64; 3]) = (ptr::null_mut(), [-1; 3]);
        let [first_byte, idle, total] = &mut limits;
        let format = c"OLLL:set_policy".as_ptr();
        let (a, b, c): (*mut i64, *mut i64, *mut i64) = (first_byte, idle, total);
        // SAFETY: the interpreter is held; the format's types are those of the pointers, in order.
        if unsafe { variadic!(PyArg_ParseTuple(arguments, format, &raw mut object, a, b, c)) } == 0 {
            return Err(Raised);
        }
        let [first_byte, idle, total] =
            limits.map(|nanos| u64::try_from(nanos).map_or(Timeout::NEVER, |nanos| Duration::from_nanos(nanos).into()));
        let policy = ServerPolicy::new().first_byte(first_byte).idle(idle).total(total);
        // SAFETY: an argument is alive.
        let socket = unsafe { open_socket(object)? };
        match of(socket) {
            Some(state) => state.set_policy(&policy),
            None => {
                check_server(socket)?;
                keep(socket, Arc::new(PolicyState::new(&policy, Deadline::now())))?;
            }
        }
        Ok(Owned::none())
    };
    returned(set())
}

/// `_native.remove_policy(sock)`.
pub(crate) unsafe extern "C" fn remove_policy(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: an argument is alive.
    let socket = unsafe { socket_of(object) };
    returned(socket.map(|socket| {
        forget(socket, socket.number());
        Owned::none()
    }))
}

/// `_native.policy(sock)`: `(first_byte, idle, total)` in nanoseconds, -1 for no limit; None without a policy.
pub(crate) unsafe extern "C" fn policy(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: an argument is alive.
    let socket = unsafe { socket_of(object) };
    returned(socket.and_then(|socket| {
        let Some(state) = of(socket) else { return Ok(Owned::none()) };
        let ServerPolicy { first_byte, idle, total, .. } = state.policy();
        let [a, b, c] = [first_byte, idle, total]
            .map(|limit| limit.duration().map_or(-1, |limit| i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX)));
        // SAFETY: the interpreter is held; the format's types are those of the numbers.
        Owned::new(unsafe { variadic!(Py_BuildValue(c"LLL".as_ptr(), a, b, c)) })
    }))
}

/// `_native.policies()`: how many are kept.
pub(crate) unsafe extern "C" fn policies(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(Owned::size(count()))
}

/// # Safety
/// `object` must be alive.
unsafe fn socket_of(object: *mut PyObject) -> PyResult<SocketRef> {
    // SAFETY: by the caller's promise; its type is looked at before it is read as a socket.
    unsafe {
        if is_socket(object)? { Ok(SocketRef::new(object)) } else { Err(exception::type_error("expected a socket")) }
    }
}

/// # Safety
/// As above.
unsafe fn open_socket(object: *mut PyObject) -> PyResult<SocketRef> {
    // SAFETY: by the caller's promise.
    let socket = unsafe { socket_of(object)? };
    Descriptor::of(socket).check().map(|()| socket).map_err(exception::raise_errno)
}

/// That it is a server's: ValueError for a datagram socket, and for a client's as far as the system knows.
fn check_server(socket: SocketRef) -> PyResult<()> {
    let refuse = |what: &str| {
        Err(exception::value_error(&format!(
            "{what}: a policy is for a listening socket, or a connection that it accepts"
        )))
    };
    if socket.kind() == Kind::DGRAM.0 {
        return refuse("a datagram socket");
    }
    let mut info = TcpInfo::default();
    let ask = |fd: BorrowedFd<'_>| syscall::getsockopt(fd, Protocol::TCP.0, numbers::TCP_INFO, &mut info.0);
    match Descriptor::of(socket).held(ask) {
        Ok(len) if len == info.0.len() && info.is_client() => refuse("a client's socket"),
        _ => Ok(()),
    }
}

/// `struct tcp_info` of linux/tcp.h, as far as its bytes_sent; that of Linux before 4.19 is shorter.
struct TcpInfo([u8; 208]);

impl Default for TcpInfo {
    fn default() -> Self {
        Self([0; 208])
    }
}

impl TcpInfo {
    /// Whether it has sent a SYN of its own: more is acknowledged than it has sent in data, and no FIN is on its way. While
    /// data is in flight this says no of a client, too.
    fn is_client(&self) -> bool {
        const ESTABLISHED: u8 = 1;
        const CLOSE_WAIT: u8 = 8;
        let number = |offset: usize| self.0[offset..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        let (acknowledged, sent) = (number(120), number(200));
        [ESTABLISHED, CLOSE_WAIT].contains(&self.0[0]) && acknowledged > sent
    }
}

/// Puts an object into the table, until it is closed or dies. TypeError if nobody would tell of its death.
fn keep(socket: SocketRef, state: Arc<PolicyState>) -> PyResult<()> {
    let entry = UnderPolicy { state, _reference: reference_to(socket)? };
    let mut all = all();
    let before = all.objects.insert(key(socket), entry);
    all.recount();
    drop(all);
    drop(before);
    Ok(())
}

fn put_by_number(fd: BorrowedFd<'_>, state: Arc<PolicyState>) {
    let Ok(inode) = syscall::inode(fd) else { return };
    let mut all = all();
    all.numbers.insert(fd.as_raw_fd(), Numbered { inode, state });
    all.recount();
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
        let key = Owned::size(key(socket))?;
        let callback = Owned::new(PyCFunction_NewEx(*definition, key.as_ptr(), ptr::null_mut()))?;
        Owned::new(PyWeakref_NewRef(socket.as_object(), callback.as_ptr()))
    }
}

/// The object of this address is no more. The interpreter says so before another can have the address.
unsafe extern "C" fn died(key: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the number that the function was made with.
    let key = unsafe { PyLong_AsSize_t(key) };
    let mut all = all();
    let gone = all.objects.remove(&key);
    all.recount();
    drop(all);
    drop(gone);
    returned(Ok(Owned::none()))
}

impl Table {
    fn recount(&self) {
        let now = self.objects.len() + self.numbers.len();
        let before = COUNT.swap(now, Ordering::Relaxed);
        open::count_policies(before, now);
    }
}

/// Taken with the interpreter held, and for a few instructions: fork finds it free.
fn all() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inode_of(socket: SocketRef) -> Option<u64> {
    Descriptor::of(socket).held(syscall::inode).ok()
}

fn key(socket: SocketRef) -> usize {
    socket.as_object().addr()
}
