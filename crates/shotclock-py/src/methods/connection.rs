//! Names and connections: bind, listen, accept, connect, shutdown, and the two ends' addresses.

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd};

use shotclock::unstable::{self, Errno, Moves, Pause, Readiness, Stop, numbers, syscall};
use shotclock::{Address, LimitKind, Phase, SockAddr};

use crate::address;
use crate::ffi::arguments::int;
use crate::ffi::capi::{PyObject, variadic};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::methods::state;
use crate::socket::audit::audit;
use crate::socket::object::SocketRef;
use crate::wait::lent::{Attempt, Call, Descriptor};
use crate::wait::manner::Manner;
use crate::wait::policy;
use crate::wait::timing::{First, Timing};

/// How many connections wait to be accepted where nobody says how many.
const BACKLOG: c_int = 128;

/// `socket._accept()`: a descriptor and an address.
pub(crate) unsafe extern "C" fn accept(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this with a live socket object.
    returned(accept_checked(unsafe { SocketRef::new(me) }))
}

/// `socket.bind(address)`.
pub(crate) unsafe extern "C" fn bind(me: *mut PyObject, to: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let bind = || {
        let address = address::from_python(socket, &Timing::of(socket, Phase::Lookup)?, to, "bind")?;
        audit(c"socket.bind", &[me, to])?;
        Descriptor::of(socket).released(|fd| syscall::bind(fd, &address)).map_err(exception::raise_errno)
    };
    returned(bind().map(|()| Owned::none()))
}

/// `socket.connect(address)`.
pub(crate) unsafe extern "C" fn connect(me: *mut PyObject, to: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let connect = || {
        let timing = Timing::of(socket, Phase::Connect)?;
        connect_to(socket, &timing, to, "connect")?.map_err(|stop| timing.raise(stop))
    };
    returned(connect().map(|()| Owned::none()))
}

/// `socket.connect_ex(address)`: an error number, 0 for none.
pub(crate) unsafe extern "C" fn connect_ex(me: *mut PyObject, to: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let connect = || {
        let timing = Timing::of(socket, Phase::Connect)?;
        match connect_to(socket, &timing, to, "connect_ex")? {
            Ok(()) => Ok(0),
            Err(Stop::System(errno)) => Ok(errno.raw_os_error()),
            Err(Stop::TimedOut { limit: LimitKind::SocketTimeout(_), .. } | Stop::WouldBlock) => {
                Ok(Errno::AGAIN.raw_os_error())
            }
            // A scope's end is raised as an exception: no error number would say it.
            Err(stop) => Err(timing.raise(stop)),
        }
    };
    returned(connect().and_then(Owned::int))
}

/// `socket.getpeername()`.
pub(crate) unsafe extern "C" fn getpeername(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let name = || {
        address::check_family(socket)?;
        let peer = Descriptor::of(socket).held(syscall::getpeername).map_err(exception::raise_errno)?;
        address::to_python_on(socket, peer.as_ref())
    };
    returned(name())
}

/// `socket.getsockname()`.
pub(crate) unsafe extern "C" fn getsockname(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let name = || {
        address::check_family(socket)?;
        let own = Descriptor::of(socket).held(syscall::getsockname).map_err(exception::raise_errno)?;
        address::to_python_on(socket, Some(&own))
    };
    returned(name())
}

/// `socket.listen([backlog])`.
pub(crate) unsafe extern "C" fn listen(me: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`; the format's type is that of the pointer.
    let (socket, backlog) = unsafe {
        let mut backlog = BACKLOG;
        if variadic!(PyArg_ParseTuple(arguments, c"|i:listen".as_ptr(), &raw mut backlog)) == 0 {
            return std::ptr::null_mut();
        }
        (SocketRef::new(me), backlog)
    };
    // A negative backlog counts as 0 on some systems, and is an error on others.
    let listen = || {
        Descriptor::of(socket).held(|fd| syscall::listen(fd, backlog.max(0))).map_err(exception::raise_errno)?;
        // Those who are forked from here on may have the listener.
        unstable::notice_forks();
        Ok(Owned::none())
    };
    returned(listen())
}

/// `socket.shutdown(how)`.
pub(crate) unsafe extern "C" fn shutdown(me: *mut PyObject, how: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `accept`.
    let socket = unsafe { SocketRef::new(me) };
    let shutdown = || {
        let how = int(how)?;
        Descriptor::of(socket).released(|fd| syscall::shutdown(fd, how)).map_err(exception::raise_errno)
    };
    returned(shutdown().map(|()| Owned::none()))
}

fn accept_checked(socket: SocketRef) -> PyResult<Owned> {
    address::check_family(socket)?;
    let timing = Timing::of(socket, Phase::Accept)?;
    let manner = timing.manner();
    let try_once = |listener: BorrowedFd<'_>| syscall::accept(listener).map_err(|errno| manner.pause(errno));
    let mut accept = Call::new(Readiness::IN, try_once);
    let (fd, peer) =
        timing.run(&mut accept, first_of_accept(Descriptor::of(socket), manner)).map_err(|stop| timing.raise(stop))?;
    policy::hand_down(socket, fd.as_fd());
    let peer = address::to_python_on(socket, peer.as_ref())?;
    // SAFETY: the interpreter is held; "N" takes over the address, also if it fails.
    let result = unsafe { Owned::new(variadic!(Py_BuildValue(c"iN".as_ptr(), fd.as_raw_fd(), peer.into_ptr())))? };
    // The number is the caller's from here on.
    state::remember_accepted(fd.into_raw_fd(), socket.timeout());
    Ok(result)
}

/// With a wait, where other processes may have the file block between the look at it and the call: then the call finds a
/// connection, and only who takes that away in the very moment could have it wait. What does not listen is tried at once,
/// for its error.
fn first_of_accept(descriptor: Descriptor, manner: Manner) -> First {
    if manner.is_timed() && unstable::has_forked() && does_listen(descriptor) {
        First::Tried(Pause::WouldBlock)
    } else {
        First::Try
    }
}

/// Asks the system: the number may have become another file's, by means that nobody here sees.
fn does_listen(descriptor: Descriptor) -> bool {
    let mut is_listening = [0; 4];
    let ask =
        |fd: BorrowedFd<'_>| syscall::getsockopt(fd, numbers::SOL_SOCKET, numbers::SO_ACCEPTCONN, &mut is_listening);
    descriptor.held(ask).is_ok() && is_listening != [0; 4]
}

/// Connects. What has ended it the caller raises, or gives as a number.
fn connect_to(
    socket: SocketRef,
    timing: &Timing,
    to: *mut PyObject,
    caller: &str,
) -> PyResult<Result<(), Stop<Raised>>> {
    let address = address::from_python(socket, timing, to, caller)?;
    audit(c"socket.connect", &[socket.as_object(), to])?;
    Ok(timing.run(&mut Connect { address, manner: timing.manner(), begun: false }, First::Try))
}

/// connect(2), and its end once the descriptor is ready.
struct Connect {
    address: SockAddr,
    manner: Manner,
    begun: bool,
}

impl Attempt for Connect {
    type Output = ();
    const HAS_FLAG: bool = false;

    fn attempt(&mut self, fd: BorrowedFd<'_>, ready: Readiness) -> Result<(), Pause> {
        if !self.begun {
            return self.begin(fd);
        }
        if ready.is_empty() {
            return Err(Pause::WouldBlock);
        }
        // Writable without error or hang-up is connected. Source: tcp_poll in the kernel.
        if ready == Readiness::OUT {
            return Ok(());
        }
        match syscall::take_error(fd) {
            Ok(()) | Err(Errno::ISCONN) => Ok(()),
            Err(errno) => Err(Pause::Failed(errno)),
        }
    }

    fn may_block(&self) -> bool {
        !self.begun
    }

    fn toward(&self) -> Readiness {
        Readiness::OUT
    }

    fn moves(&self) -> Moves {
        Moves::Nothing
    }

    fn subject(&self) -> Option<String> {
        Some(Address::from_sockaddr(&self.address).to_string())
    }

    fn run_out(&mut self) -> Result<(), Pause> {
        Err(Pause::Failed(if self.begun { Errno::INPROGRESS } else { Errno::AGAIN }))
    }
}

impl Connect {
    fn begin(&mut self, fd: BorrowedFd<'_>) -> Result<(), Pause> {
        match syscall::connect(fd, &self.address) {
            Ok(()) => Ok(()),
            // An interrupted connect goes on by itself; only its end is waited for (PEP 475).
            Err(Errno::INTR) if self.manner != Manner::Once => {
                self.begun = true;
                Err(Pause::Interrupted)
            }
            Err(Errno::INPROGRESS) if self.manner.is_timed() => {
                self.begun = true;
                Err(Pause::WouldBlock)
            }
            // A Unix listener's queue is full: nothing has begun, and it is tried again for as long as there is time.
            Err(Errno::AGAIN) if self.manner.is_timed() => Err(Pause::WouldBlock),
            Err(errno) => Err(Pause::Failed(errno)),
        }
    }
}
