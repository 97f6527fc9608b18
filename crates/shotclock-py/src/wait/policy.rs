//! Server policies: how a policy gets to a socket, and from a listener to what it accepts. Where it is kept, the side
//! table knows.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use shotclock::unstable::{PolicyState, numbers, syscall};
use shotclock::{Deadline, Kind, LimitKind, Protocol, ServerPolicy, Timeout};

use crate::ffi::capi::{PyErr_Clear, PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::kinds::is_socket;
use crate::socket::object::SocketRef;
use crate::socket::side_table::{self, Numbered};
use crate::wait::lent::Descriptor;

/// The policy of a socket.
#[inline]
pub(crate) fn of(socket: SocketRef) -> Option<Arc<PolicyState>> {
    if side_table::policies() == 0 { None } else { look(socket) }
}

#[inline(never)]
fn look(socket: SocketRef) -> Option<Arc<PolicyState>> {
    let numbered = match side_table::policy(socket) {
        Ok(state) => return Some(state),
        Err(numbered) => numbered.filter(|numbered| inode_of(socket) == Some(numbered.inode))?,
    };
    // Only an object that somebody made of `_socket.socket` itself takes no weak references.
    if side_table::put_policy(socket, Arc::clone(&numbered.state)).is_err() {
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
    if side_table::policies() == 0 || number < 0 {
        return;
    }
    if let Some(gone) = side_table::take_policy(socket) {
        // SAFETY: not negative; what it stands for is looked at and not touched.
        put_by_number(unsafe { BorrowedFd::borrow_raw(number) }, Arc::clone(&gone.state));
    }
}

/// The object closes this number.
pub(crate) fn forget(socket: SocketRef, number: RawFd) {
    if side_table::policies() != 0 {
        drop((side_table::take_policy(socket), side_table::take_numbered(number)));
    }
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
                side_table::put_policy(socket, Arc::new(PolicyState::new(&policy, Deadline::now())))?;
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
    returned(Owned::size(side_table::policies()))
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

/// Checks that the socket is a server's: ValueError for a datagram socket, and for a client's, as far as the system can
/// tell.
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

fn put_by_number(fd: BorrowedFd<'_>, state: Arc<PolicyState>) {
    if let Ok(inode) = syscall::inode(fd) {
        side_table::put_numbered(fd.as_raw_fd(), Numbered { inode, state });
    }
}

fn inode_of(socket: SocketRef) -> Option<u64> {
    Descriptor::of(socket).held(syscall::inode).ok()
}
