//! The extension module `shotclock._native`.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use crate::ffi::arguments::descriptor;
use crate::ffi::capi::{
    METH_NOARGS, METH_O, METH_VARARGS, Py_TYPE, Py_mod_exec, PyCFunction_NewEx, PyDescr_NewMethod, PyDict_New,
    PyDict_SetItemString, PyExc_ImportError, PyInterpreterState_Get, PyInterpreterState_GetID, PyMethodDef,
    PyModule_AddObjectRef, PyModuleDef, PyModuleDef_HEAD_INIT, PyModuleDef_Init, PyModuleDef_Slot, PyObject,
    PyType_Check, PyType_IsSubtype, variadic,
};
use crate::ffi::exception;
use crate::ffi::own_object::{fast, method};
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::files::{at_once, raw, reader, recv_exact, text, text_writer, writer};
use crate::functions::{control, race};
use crate::hooks::{caller, event_loop, install};
use crate::methods::{adopt, batch, readable, sendfile};
use crate::mount::table::Definitions;
use crate::mount::{faults, own_type};
use crate::socket::object::SocketRef;
use crate::socket::stock::stock;
use crate::socket::{accepted, kinds, stock, waiting};
use crate::tls::{guard, tries};
use crate::wait::{canceller, chain, link_type, lookup_limit, low_water, policy, seen, statement};
use crate::watch::{context, watcher};

/// `_native.prepare(stock)`: takes what is needed from the interpreter's own `_socket`.
unsafe extern "C" fn prepare(_: *mut PyObject, module: *mut PyObject) -> *mut PyObject {
    returned(stock::prepare(module).map(|()| Owned::none()))
}

/// `_native.descriptors(class)`: `{name: descriptor}`, of the methods and of `timeout`, for this subclass of
/// `_socket.socket`, the interpreter's or ours.
///
/// Python decides which of them go onto the class, and which beneath a method of socket.py's. They are made for the
/// subclass, since the interpreter's fast path for calls takes a descriptor only for objects of its very type.
unsafe extern "C" fn descriptors(_: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    let make = || {
        // SAFETY: the objects are alive; what is not a type is not read as one.
        unsafe {
            if PyType_Check(class) == 0 || !kinds::is_class_of_sockets(class.cast())? {
                return Err(exception::type_error("descriptors() takes a class of sockets"));
            }
        }
        let definitions = Definitions::of_methods()?.iter();
        // SAFETY: the type is alive, the definition lives for ever.
        let make = |definition| unsafe { PyDescr_NewMethod(class.cast(), definition) };
        let all = dict_of(definitions, make)?;
        // SAFETY: the dict and the class are alive.
        let set = unsafe {
            let timeout = own_type::timeout_descriptor(class.cast())?;
            PyDict_SetItemString(all.as_ptr(), own_type::TIMEOUT.as_ptr(), timeout.as_ptr())
        };
        // While the interpreter's own methods were in place a low water mark may have been set unseen.
        low_water::forget_all();
        if set == 0 { Ok(all) } else { Err(Raised) }
    };
    returned(make())
}

/// `_native.file_descriptors(class)`: `{name: descriptor}`, of what `SocketIO` of socket.py gets in the place of its own.
unsafe extern "C" fn file_descriptors(_: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    let make = || {
        // SAFETY: alive.
        if unsafe { PyType_Check(class) } == 0 {
            return Err(exception::type_error("file_descriptors() takes a class"));
        }
        // SAFETY: the type is alive, the definition lives for ever.
        let make = |definition| unsafe { PyDescr_NewMethod(class.cast(), definition) };
        let all = dict_of(Definitions::of_file_methods(class)?.iter(), make)?;
        // SAFETY: the dict and the class are alive.
        let set = unsafe {
            raw::remember(class.cast());
            let closed = raw::closed_descriptor(class.cast())?;
            PyDict_SetItemString(all.as_ptr(), raw::IS_CLOSED.as_ptr(), closed.as_ptr())
        };
        if set == 0 { Ok(all) } else { Err(Raised) }
    };
    returned(make())
}

/// `_native.functions(module)`: `{name: function}`, the functions of `_socket`, as members of that module.
unsafe extern "C" fn functions(_: *mut PyObject, module: *mut PyObject) -> *mut PyObject {
    let make = || {
        let name = Owned::text("_socket")?;
        // SAFETY: module and name are alive, the definition lives for ever.
        let make = |definition| unsafe { PyCFunction_NewEx(definition, module, name.as_ptr()) };
        dict_of(Definitions::of_functions()?.iter(), make)
    };
    returned(make())
}

/// `_native.socket_type()`: the type of our own.
unsafe extern "C" fn socket_type(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type is alive.
    returned(kinds::socket_type().map(|made| unsafe { Owned::borrowed(made.cast()) }))
}

/// `_native.capi()`: the capsule `_socket.CAPI` that holds it.
unsafe extern "C" fn capi(_: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    returned(own_type::capsule())
}

/// `_native.layout(sock)`: descriptor, family, kind, protocol, and timeout in nanoseconds, as read at the offsets the methods
/// use.
unsafe extern "C" fn layout(_: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    let read = || {
        let stock = stock()?;
        // SAFETY: the interpreter is held, both objects are alive.
        unsafe {
            if PyType_IsSubtype(Py_TYPE(object), stock.socket) == 0 {
                return Err(exception::type_error("layout() takes a socket"));
            }
            let socket = SocketRef::new(object);
            Owned::new(variadic!(Py_BuildValue(
                c"iiiiL".as_ptr(),
                socket.number(),
                socket.family(),
                socket.kind(),
                socket.protocol(),
                socket.timeout_field()
            )))
        }
    };
    returned(read())
}

/// `_native.waiters(number)`: how many threads use the descriptor of this number at this moment.
unsafe extern "C" fn waiters(_: *mut PyObject, number: *mut PyObject) -> *mut PyObject {
    let count = || match descriptor(number)? {
        number if number < 0 => Err(exception::value_error("negative file descriptor")),
        number => Owned::size(waiting::waiters(number)),
    };
    returned(count())
}

fn dict_of(
    definitions: impl Iterator<Item = (&'static CStr, *mut PyMethodDef)>,
    make: impl Fn(*mut PyMethodDef) -> *mut PyObject,
) -> PyResult<Owned> {
    // SAFETY: the interpreter is held; names end with a NUL.
    unsafe {
        let dict = Owned::new(PyDict_New())?;
        for (name, definition) in definitions {
            let made = Owned::new(make(definition))?;
            if PyDict_SetItemString(dict.as_ptr(), name.as_ptr(), made.as_ptr()) != 0 {
                return Err(Raised);
            }
        }
        Ok(dict)
    }
}

/// Only for the main interpreter, since types and exceptions are kept for the whole process.
unsafe extern "C" fn execute(module: *mut PyObject) -> c_int {
    // SAFETY: the interpreter is held during import.
    unsafe {
        if PyInterpreterState_GetID(PyInterpreterState_Get()) == 0 {
            kinds::made_by(own_type::make);
            return if add_types(module).and_then(|()| add_version(module)).is_ok() { 0 } else { -1 };
        }
        let Raised =
            exception::raise(PyExc_ImportError, c"shotclock works in the main interpreter, not in subinterpreters");
        -1
    }
}

/// The types of what bounds calls.
fn add_types(module: *mut PyObject) -> PyResult<()> {
    chain::prepare()?;
    for (name, made) in [(c"Link", link_type::link_type()?), (c"Canceller", canceller::canceller_type()?)] {
        // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL.
        if unsafe { PyModule_AddObjectRef(module, name.as_ptr(), made.cast()) } != 0 {
            return Err(Raised);
        }
    }
    Ok(())
}

/// `__version__`, which asks no metadata: it is right wherever the package lies.
fn add_version(module: *mut PyObject) -> PyResult<()> {
    let version = Owned::text(env!("CARGO_PKG_VERSION"))?;
    // SAFETY: the interpreter is held, the objects are alive, the name ends with a NUL.
    let added = unsafe { PyModule_AddObjectRef(module, c"__version__".as_ptr(), version.as_ptr()) };
    if added == 0 { Ok(()) } else { Err(Raised) }
}

/// The module's own functions, and the empty definition that ends them.
fn definitions() -> Vec<PyMethodDef> {
    let mut all = of_sockets();
    all.extend(of_accepted());
    all.extend(of_batches());
    all.extend(of_messages());
    all.extend(of_files());
    all.extend(of_limits());
    all.extend(of_waits());
    all.extend(of_watcher());
    all.extend(of_peers());
    all.extend(of_sight());
    all.push(PyMethodDef::zeroed());
    all
}

/// Those of control messages.
fn of_messages() -> Vec<PyMethodDef> {
    vec![method(
        c"control_message",
        control::decoded,
        METH_VARARGS,
        c"control_message(level, type, data, /)\n--\n\nThe class's name and the fields of a control message, or None.",
    )]
}

/// Those of files that survive.
fn of_files() -> Vec<PyMethodDef> {
    vec![
        method(
            c"know_turn",
            at_once::know_turn,
            METH_O,
            c"know_turn(function, /)\n--\n\nA function that does nothing.",
        ),
        method(
            c"recv_exact",
            recv_exact::recv_exact,
            METH_VARARGS,
            c"recv_exact(sock, tls, count, partial, /)\n--\n\nSo many bytes, in time.",
        ),
        fast(
            c"file_reader",
            reader::file_reader,
            c"file_reader(sock, size, /)\n--\n\nThe reading half of a file that survives.",
        ),
        fast(
            c"file_writer",
            writer::file_writer,
            c"file_writer(sock, size, /)\n--\n\nThe writing half of a file that survives.",
        ),
        fast(
            c"file_text",
            text::file_text,
            c"file_text(reader, errors, decoder, newlines, newline, /)\n--\n\nText over such a reading half.",
        ),
        fast(
            c"file_text_writer",
            text_writer::file_text_writer,
            c"file_text_writer(writer, encoder, newline, /)\n--\n\nText over such a writing half.",
        ),
    ]
}

/// Those of batches of datagrams.
fn of_batches() -> Vec<PyMethodDef> {
    vec![
        method(
            c"recv_batch",
            batch::recv_batch,
            METH_VARARGS,
            c"recv_batch(sock, n, size, join, /)\n--\n\nMany datagrams, in time.",
        ),
        method(
            c"send_batch",
            batch::send_batch,
            METH_VARARGS,
            c"send_batch(sock, datagrams, /)\n--\n\nMany datagrams, in time.",
        ),
        method(
            c"set_batch_calls",
            batch::set_calls,
            METH_VARARGS,
            c"set_batch_calls(which, /)\n--\n\nBy which of the system's calls batches go: for tests.",
        ),
    ]
}

/// Those of sockets.
fn of_sockets() -> Vec<PyMethodDef> {
    vec![
        method(
            c"prepare",
            prepare,
            METH_O,
            c"prepare(stock, /)\n--\n\nTake what is needed from the interpreter's own _socket.",
        ),
        method(c"descriptors", descriptors, METH_O, c"descriptors(class, /)\n--\n\nMethods for a class of sockets."),
        method(
            c"file_descriptors",
            file_descriptors,
            METH_O,
            c"file_descriptors(class, /)\n--\n\nMethods for SocketIO of socket.py.",
        ),
        method(c"functions", functions, METH_O, c"functions(module, /)\n--\n\nThe functions of _socket."),
        method(c"socket_type", socket_type, METH_NOARGS, c"socket_type()\n--\n\nThe socket type in Rust."),
        method(c"capi", capi, METH_NOARGS, c"capi()\n--\n\nThe capsule _socket.CAPI of that type."),
        method(
            c"sendfile",
            sendfile::sendfile,
            METH_VARARGS,
            c"sendfile(sock, file, offset, count, before=0, /)\n--\n\nOne part of a file, in time.",
        ),
        method(
            c"wait_readable",
            readable::wait_readable,
            METH_VARARGS,
            c"wait_readable(sock, nanoseconds, accepts, /)\n--\n\nWhether the socket is readable in time.",
        ),
        method(
            c"race",
            race::race,
            METH_VARARGS,
            c"race(infos, delay, prepare, failures, /)\n--\n\nThe first of several sockets to be connected.",
        ),
        method(c"waiters", waiters, METH_O, c"waiters(number, /)\n--\n\nHow many threads use the descriptor now."),
        method(c"guard_tls", guard::guard_tls, METH_O, c"guard_tls(class, /)\n--\n\nGuard _ssl's calls that wait."),
        method(c"unguard_tls", guard::unguard_tls, METH_NOARGS, c"unguard_tls()\n--\n\nAs if none had been guarded."),
        method(c"guards_tls", guard::guards_tls, METH_O, c"guards_tls(class, /)\n--\n\nWhether they are guarded."),
        method(
            c"forget_after_fork",
            tries::forget_after_fork,
            METH_NOARGS,
            c"forget_after_fork()\n--\n\nFor os.register_at_fork.",
        ),
        method(
            c"layout",
            layout,
            METH_O,
            c"layout(sock, /)\n--\n\nWhat the methods read: descriptor, family, kind, protocol, timeout (ns).",
        ),
    ]
}

/// Those of what `accept` gives.
fn of_accepted() -> Vec<PyMethodDef> {
    vec![
        method(
            c"know_accept",
            accepted::know_accept,
            METH_O,
            c"know_accept(code, /)\n--\n\nThe code of a socket.py's own accept.",
        ),
        fast(
            c"adopt",
            adopt::adopt,
            c"adopt(class, listener, number, /)\n--\n\nAn object for what was accepted just now, or None.",
        ),
        method(
            c"made_alike",
            adopt::made_alike,
            METH_O,
            c"made_alike(sock, /)\n--\n\nAnother as adopt makes them, without a descriptor; None if it is not the same.",
        ),
    ]
}

/// Those of what bounds calls.
fn of_limits() -> Vec<PyMethodDef> {
    vec![
        method(
            c"set_lookup_timeout",
            lookup_limit::set_lookup_timeout,
            METH_O,
            c"set_lookup_timeout(nanoseconds, /)\n--\n\nThe limit on each lookup; 0 is none.",
        ),
        method(
            c"attempt_delays",
            race::attempt_delays,
            METH_NOARGS,
            c"attempt_delays()\n--\n\nThe usual pause between attempts and the shortest, in nanoseconds.",
        ),
        method(c"earliest", chain::earliest, METH_O, c"earliest(link, /)\n--\n\nThe scope that ends first, or None."),
        method(c"is_bounded", chain::is_bounded, METH_NOARGS, c"is_bounded()\n--\n\nWhether anything counts here."),
        method(c"put_outermost", chain::put_outermost, METH_O, c"put_outermost(link, /)\n--\n\nFor ever, everywhere."),
        method(c"outermost", chain::get_outermost, METH_NOARGS, c"outermost()\n--\n\nThe link around all, or None."),
        method(c"leave_all", chain::leave_all, METH_NOARGS, c"leave_all()\n--\n\nNothing entered counts any more."),
        method(c"links", chain::count, METH_NOARGS, c"links()\n--\n\nHow many are entered."),
        method(
            c"reach_every_socket",
            chain::reach,
            METH_NOARGS,
            c"reach_every_socket()\n--\n\nSee to it that no limit is without effect.",
        ),
        method(c"monotonic_ns", chain::monotonic_ns, METH_NOARGS, c"monotonic_ns()\n--\n\nThe system's own clock."),
        method(
            c"set_policy",
            policy::set_policy,
            METH_VARARGS,
            c"set_policy(sock, first_byte, idle, total, /)\n--\n\nIn nanoseconds, -1 for no limit.",
        ),
        method(c"remove_policy", policy::remove_policy, METH_O, c"remove_policy(sock, /)\n--\n\nPut it under none."),
        method(c"policy", policy::policy, METH_O, c"policy(sock, /)\n--\n\nAs set_policy takes it, or None."),
        method(c"policies", policy::policies, METH_NOARGS, c"policies()\n--\n\nHow many sockets are under one."),
    ]
}

/// Those of waits beside sockets.
fn of_waits() -> Vec<PyMethodDef> {
    vec![
        fast(c"hook", install::hook, c"hook(name, owner, /)\n--\n\nPut a hook in place; say why it cannot be."),
        method(c"unhook", install::unhook, METH_NOARGS, c"unhook()\n--\n\nPut back what was there."),
        method(c"hooks", install::hooks, METH_NOARGS, c"hooks()\n--\n\nThe names of those in place."),
        method(c"know_spawn", caller::know_spawn, METH_O, c"know_spawn(code, /)\n--\n\nThe code that starts a child."),
        fast(
            c"know_lock_takers",
            caller::know_lock_takers,
            c"know_lock_takers(restore, join, wait, event, start, /)\n--\n\nCode that must not be told that it cannot have a lock.",
        ),
        method(
            c"know_process_condition",
            caller::know_process_condition,
            METH_O,
            c"know_process_condition(wait, /)\n--\n\nThe code of a condition of processes, which takes its lock back.",
        ),
        method(
            c"check_join",
            install::check_join,
            METH_NOARGS,
            c"check_join()\n--\n\nRaise what has ended the waits around a join, if anything has.",
        ),
        fast(
            c"know_asyncio",
            event_loop::know_asyncio,
            c"know_asyncio(running, turn, callback, is_turn, ends, begins, /)\n--\n\nTell asyncio's loops from their callbacks.",
        ),
        fast(
            c"know_trio",
            event_loop::know_trio,
            c"know_trio(wait, ends, /)\n--\n\nTell where trio's loop waits.",
        ),
    ]
}

/// Those of what waits now.
fn of_sight() -> Vec<PyMethodDef> {
    vec![
        method(c"waits", seen::waits_now, METH_NOARGS, c"waits()\n--\n\nWhat waits now, a tuple each."),
        method(c"address_of", seen::address_of, METH_O, c"address_of(number, /)\n--\n\nOf a descriptor's other end."),
        method(c"watch", seen::watch, METH_O, c"watch(is, /)\n--\n\nWhether plain calls are told of as well."),
        fast(
            c"keep_account",
            statement::keep_account,
            c"keep_account(folders, packages, /)\n--\n\nEnter what waits from now on.",
        ),
        method(c"account", statement::account, METH_NOARGS, c"account()\n--\n\nWhat was entered, or None."),
        method(c"close_account", statement::close_account, METH_NOARGS, c"close_account()\n--\n\nEnter no more."),
    ]
}

/// Those of the thread that looks after scopes.
fn of_watcher() -> Vec<PyMethodDef> {
    vec![
        method(
            c"prove_context",
            context::prove_context,
            METH_O,
            c"prove_context(context, /)\n--\n\nFind where a thread has its context; called within that one.",
        ),
        method(
            c"begin_watch",
            watcher::begin_watch,
            METH_NOARGS,
            c"begin_watch()\n--\n\nLook after scopes; say what cannot be done.",
        ),
        method(c"end_watch", watcher::end_watch, METH_NOARGS, c"end_watch()\n--\n\nLook after none."),
        method(c"pause_watch", watcher::pause_watch, METH_NOARGS, c"pause_watch()\n--\n\nBefore a fork."),
        method(c"resume_watch", watcher::resume_watch, METH_NOARGS, c"resume_watch()\n--\n\nIn the parent after it."),
        method(c"watch_anew", watcher::watch_anew, METH_NOARGS, c"watch_anew()\n--\n\nIn the child."),
        method(c"watcher", watcher::watcher, METH_NOARGS, c"watcher()\n--\n\nThe number of the thread, or 0."),
    ]
}

/// Those of misbehaving peers.
fn of_peers() -> Vec<PyMethodDef> {
    vec![
        method(c"peer_modes", faults::peer_modes, METH_NOARGS, c"peer_modes()\n--\n\nHow a peer can misbehave."),
        method(
            c"start_peer",
            faults::start_peer,
            METH_VARARGS,
            c"start_peer(mode, amount, content, when_asked, host, port, skip, take, every, seed, \
              max_connections, max_bytes, to_host, to_port, side, /)\n--\n\nA misbehaving peer, and where it listens.",
        ),
        method(c"stop_peer", faults::stop_peer, METH_O, c"stop_peer(peer, /)\n--\n\nEnd it."),
        method(c"peer_events", faults::peer_events, METH_O, c"peer_events(peer, /)\n--\n\nWhat happened so far."),
    ]
}

/// Loads the module.
///
/// # Safety
/// To be called by the interpreter's import machinery alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit__native() -> *mut PyObject {
    let slots = [
        PyModuleDef_Slot { slot: Py_mod_exec, value: execute as *mut c_void },
        PyModuleDef_Slot { slot: 0, value: ptr::null_mut() },
    ];
    let definition = Box::leak(Box::new(PyModuleDef {
        m_base: PyModuleDef_HEAD_INIT,
        m_name: c"shotclock._native".as_ptr(),
        m_doc: c"CPython's _socket in Rust.".as_ptr(),
        m_size: 0,
        m_methods: definitions().leak().as_mut_ptr(),
        m_slots: Box::leak(Box::new(slots)).as_mut_ptr(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: the interpreter is held during import; the definition lives for ever.
    unsafe { PyModuleDef_Init(definition) }
}
