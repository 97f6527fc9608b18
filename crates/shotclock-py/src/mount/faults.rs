//! A misbehaving peer, in a capsule. Its threads know nothing of the interpreter: they only write down
//! what happens.

use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, SocketAddr};
use std::process;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shotclock::unstable::Errno;
use shotclock_faults::{Event, MODES, Mode, Peer, PeerBuilder, Side};

use crate::ffi::arguments::Buffer;
use crate::ffi::call::released;
use crate::ffi::capi::{Py_None, PyExc_RuntimeError, PyObject, variadic};
use crate::ffi::capsule::{Content, capsule, content};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};

/// So many events are kept: the first ones.
const MOST_EVENTS: usize = 1 << 16;

/// What a capsule holds.
struct Handle {
    /// `None` once it has been stopped.
    peer: Mutex<Option<Peer>>,
    log: Arc<Mutex<Log>>,
    /// A forked child has none of the peer's threads, and locks that they held stay locked there.
    process: u32,
}

impl Content for Handle {
    const NAME: &'static CStr = c"shotclock.faults.Peer";
}

impl Handle {
    fn stop(&self) {
        let peer = entered(&self.peer).take();
        // Its threads may take a moment.
        released(|| drop(peer));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Default)]
struct Log {
    events: Vec<Event>,
    is_full: bool,
}

impl Log {
    fn add(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        } else {
            self.is_full = true;
        }
    }
}

/// `_native.peer_modes()`: `[(mode, what it does, name of its argument, that one's default)]`, "" where it takes none.
pub(crate) unsafe extern "C" fn peer_modes(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(Owned::list(MODES.iter().map(mode_tuple)))
}

fn mode_tuple(mode: &Mode) -> PyResult<Owned> {
    let (keyword, default) = mode.argument().map_or(("", ""), |argument| (argument.keyword, argument.default));
    let (name, does) = (Owned::text(mode.name)?, Owned::text(&mode.to_string())?);
    let (keyword, default) = (Owned::text(keyword)?, Owned::text(default)?);
    // SAFETY: the interpreter is held; "N" takes over each object.
    Owned::new(unsafe {
        let (name, does, keyword, default) = (name.into_ptr(), does.into_ptr(), keyword.into_ptr(), default.into_ptr());
        variadic!(Py_BuildValue(c"NNNN".as_ptr(), name, does, keyword, default))
    })
}

/// `_native.start_peer(mode, amount, content, when_asked, host, port, skip, take, every, seed, max_connections,
/// max_bytes, to_host, to_port, side)`: a peer that runs, and where it listens: `(peer, host, port)`.
pub(crate) unsafe extern "C" fn start_peer(_: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let start = || {
        let log = Arc::new(Mutex::new(Log::default()));
        let written = Arc::clone(&log);
        let builder = builder_of(arguments)?.on_event(move |event| entered(&written).add(event));
        let peer = released(|| builder.start()).map_err(|error| raise(&error))?;
        let address = peer.address();
        let handle = Handle { peer: Mutex::new(Some(peer)), log, process: process::id() };
        let (peer, host) = (capsule(handle)?, Owned::text(&address.ip().to_string())?);
        let port = Owned::int(address.port())?;
        // SAFETY: the interpreter is held; "N" takes over each object.
        Owned::new(unsafe {
            variadic!(Py_BuildValue(c"NNN".as_ptr(), peer.into_ptr(), host.into_ptr(), port.into_ptr()))
        })
    };
    returned(start())
}

/// `_native.stop_peer(peer)`: ends it, and returns when nothing of it is left. In a forked child nothing is done.
pub(crate) unsafe extern "C" fn stop_peer(_: *mut PyObject, peer: *mut PyObject) -> *mut PyObject {
    let stop = || {
        // SAFETY: the interpreter calls this with a live object.
        let handle: &Handle = unsafe { content(peer)? };
        if handle.process == process::id() {
            handle.stop();
        }
        Ok(Owned::none())
    };
    returned(stop())
}

/// `_native.peer_events(peer)`: what happened so far, as tuples `(event, number, client, sent, received, query, error)`.
pub(crate) unsafe extern "C" fn peer_events(_: *mut PyObject, peer: *mut PyObject) -> *mut PyObject {
    let list = || {
        // SAFETY: as in `stop_peer`.
        let handle: &Handle = unsafe { content(peer)? };
        if handle.process != process::id() {
            // SAFETY: a static of the interpreter.
            return Err(exception::raise(unsafe { PyExc_RuntimeError }, c"a forked child has not its parent's peer"));
        }
        let (events, is_full) = {
            let log = entered(&handle.log);
            (log.events.clone(), log.is_full)
        };
        if is_full {
            let text = format!("more than the {MOST_EVENTS} events that are kept have happened");
            // SAFETY: a static of the interpreter.
            return Err(exception::raise_text(unsafe { PyExc_RuntimeError }, &text));
        }
        Owned::list(events.iter().map(event_tuple))
    };
    returned(list())
}

fn builder_of(arguments: *mut PyObject) -> PyResult<PeerBuilder> {
    let [mut mode, mut host, mut to_host, mut side]: [*const c_char; 4] = [ptr::null(); 4];
    let (mut amount, mut content) = (0_u64, ptr::null_mut::<PyObject>());
    let (mut port, mut to_port) = (0_u16, 0_u16);
    let mut when_asked: c_int = 0;
    let mut numbers = [0_u64; 6];
    let [skip, take, every, seed, max_connections, max_bytes] = &mut numbers;
    // SAFETY: the interpreter is held; the format's types are those of the pointers, in order. The texts are the
    // arguments' own, which stay alive for the call.
    let [mode, host, to_host, side] = unsafe {
        let parsed = variadic!(PyArg_ParseTuple(
            arguments,
            c"sKOpsHKKKKKKsHs:start_peer".as_ptr(),
            &raw mut mode,
            &raw mut amount,
            &raw mut content,
            &raw mut when_asked,
            &raw mut host,
            &raw mut port,
            ptr::from_mut(skip),
            ptr::from_mut(take),
            ptr::from_mut(every),
            ptr::from_mut(seed),
            ptr::from_mut(max_connections),
            ptr::from_mut(max_bytes),
            &raw mut to_host,
            &raw mut to_port,
            &raw mut side,
        ));
        if parsed == 0 {
            return Err(Raised);
        }
        [mode, host, to_host, side].map(|text| CStr::from_ptr(text).to_string_lossy())
    };
    let [skip, take, every, seed, max_connections, max_bytes] = numbers;
    let mode = Mode::named(&mode).ok_or_else(|| exception::value_error("start_peer() takes one of peer_modes()"))?;
    let side = Side::named(&side).ok_or_else(|| exception::value_error("start_peer() takes a side"))?;
    let mut builder = PeerBuilder::new(mode.fault(amount))
        .address(SocketAddr::new(ip(&host)?, port))
        .side(side)
        .skip(skip)
        .take(take)
        .every(every)
        .seed(seed)
        .when_asked(when_asked != 0)
        .max_connections(usize::try_from(max_connections).unwrap_or(usize::MAX))
        .max_bytes(max_bytes);
    if !to_host.is_empty() {
        builder = builder.to(SocketAddr::new(ip(&to_host)?, to_port));
    }
    // SAFETY: None lives for ever.
    if content == unsafe { Py_None() } { Ok(builder) } else { Ok(builder.content(Buffer::of(content)?.bytes())) }
}

fn ip(host: &str) -> PyResult<IpAddr> {
    host.parse().map_err(|_| exception::value_error(&format!("{host:?}: expected an IP address")))
}

fn event_tuple(event: &Event) -> PyResult<Owned> {
    let text = |text: Option<&str>| text.map_or_else(|| Ok(Owned::none()), Owned::text);
    let client = event.client.map(|client| client.to_string());
    let (name, client) = (Owned::text(event.kind.name())?, text(client.as_deref())?);
    let (query, error) = (text(event.query.as_deref())?, text(event.error.as_deref())?);
    let (number, sent, received) = (event.number, event.sent, event.received);
    // SAFETY: the interpreter is held; "N" takes over each object, "K" is a number of 64 bits.
    Owned::new(unsafe {
        let (name, client, query, error) = (name.into_ptr(), client.into_ptr(), query.into_ptr(), error.into_ptr());
        variadic!(Py_BuildValue(c"NKNKKNN".as_ptr(), name, number, client, sent, received, query, error))
    })
}

fn raise(error: &shotclock::Error) -> Raised {
    match error.raw_os_error() {
        Some(number) => exception::raise_errno(Errno::from_raw_os_error(number)),
        None => exception::os_error(&error.to_string()),
    }
}

/// A thread that panicked has left nothing half done here.
fn entered<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
