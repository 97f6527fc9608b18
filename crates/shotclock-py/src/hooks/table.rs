//! Every function that is replaced: its name, and what waits in its place.

use std::ffi::CStr;

use crate::hooks::functions::{Functions, Handled, Handler};
use crate::hooks::places::{self, Place};
use crate::hooks::slot::Slot;
use crate::hooks::{child, event_loop, eventfd, file, file_lock, fork, lock, poll, signal, sleep, transfer};

/// One of them.
pub(crate) struct Hook {
    /// As people know it.
    pub(super) name: &'static str,
    /// As its table has it.
    pub(super) function: &'static CStr,
    pub(super) slot: &'static Slot,
    /// Whether the function waits: some are there for what comes with them.
    pub(super) waits: bool,
    pub(super) functions: Functions,
}

macro_rules! hooks {
    ($($place:ident: $name:literal, $function:literal, $what:literal, $handler:path;)*) => {
        $(
            impl Handled for places::$place {
                const WHAT: &'static str = $what;
                const HANDLER: Handler = $handler;
            }
        )*

        /// All of them.
        pub(super) static HOOKS: std::sync::LazyLock<Vec<Hook>> = std::sync::LazyLock::new(|| vec![
            $(Hook { name: $name, function: $function, slot: places::$place::slot(), waits: !$what.is_empty(), functions: Functions::of::<places::$place>() },)*
        ]);
    };
}

hooks! {
    Sleep: "time.sleep", c"sleep", "sleep", sleep::sleep;

    Select: "select.select", c"select", "select", poll::on_select;
    Poll: "select.poll.poll", c"poll", "poll", poll::on_poll;
    Epoll: "select.epoll.poll", c"poll", "poll", poll::on_epoll;

    LockAcquire: "_thread.lock.acquire", c"acquire", "lock", lock::lock_acquire;
    LockAcquireLock: "_thread.lock.acquire_lock", c"acquire_lock", "lock", lock::lock_acquire;
    LockEnter: "_thread.lock.__enter__", c"__enter__", "lock", lock::lock_enter;
    RlockAcquire: "_thread.RLock.acquire", c"acquire", "lock", lock::rlock_acquire;
    RlockEnter: "_thread.RLock.__enter__", c"__enter__", "lock", lock::rlock_enter;
    SemlockAcquire: "_multiprocessing.SemLock.acquire", c"acquire", "semaphore", lock::semlock_acquire;
    SemlockEnter: "_multiprocessing.SemLock.__enter__", c"__enter__", "semaphore", lock::semlock_enter;
    Join: "_thread._ThreadHandle.join", c"join", "join", lock::join;
    QueueGet: "_queue.SimpleQueue.get", c"get", "queue", lock::queue_get;

    Read: "posix.read", c"read", "read", file::read;
    Readv: "posix.readv", c"readv", "read", file::readv;
    Readinto: "posix.readinto", c"readinto", "read", file::readinto;
    Write: "posix.write", c"write", "write", file::write;
    Writev: "posix.writev", c"writev", "write", file::writev;
    EventfdRead: "posix.eventfd_read", c"eventfd_read", "read", eventfd::read;
    EventfdWrite: "posix.eventfd_write", c"eventfd_write", "write", eventfd::write;
    Sendfile: "posix.sendfile", c"sendfile", "write", transfer::sendfile;
    Splice: "posix.splice", c"splice", "splice", transfer::splice;
    FileRead: "_io.FileIO.read", c"read", "read", file::file_read;
    FileReadall: "_io.FileIO.readall", c"readall", "read", file::file_readall;
    FileReadinto: "_io.FileIO.readinto", c"readinto", "read", file::file_readinto;
    FileWrite: "_io.FileIO.write", c"write", "write", file::file_write;

    Waitpid: "posix.waitpid", c"waitpid", "child", child::waitpid;
    Wait: "posix.wait", c"wait", "child", child::wait;
    Wait3: "posix.wait3", c"wait3", "child", child::wait3;
    Wait4: "posix.wait4", c"wait4", "child", child::wait4;
    Waitid: "posix.waitid", c"waitid", "child", child::waitid;

    Sigwait: "_signal.sigwait", c"sigwait", "signal", signal::sigwait;
    Sigwaitinfo: "_signal.sigwaitinfo", c"sigwaitinfo", "signal", signal::sigwaitinfo;
    Sigtimedwait: "_signal.sigtimedwait", c"sigtimedwait", "signal", signal::sigtimedwait;
    Pause: "_signal.pause", c"pause", "signal", signal::pause;

    Fork: "posix.fork", c"fork", "", fork::fork;
    Forkpty: "posix.forkpty", c"forkpty", "", fork::fork;
    ForkExec: "_posixsubprocess.fork_exec", c"fork_exec", "", fork::fork;

    Flock: "fcntl.flock", c"flock", "file lock", file_lock::flock;
    Lockf: "fcntl.lockf", c"lockf", "file lock", file_lock::lockf;
    Fcntl: "fcntl.fcntl", c"fcntl", "file lock", file_lock::fcntl;
    PosixLockf: "posix.lockf", c"lockf", "file lock", file_lock::posix_lockf;

    SetRunningLoop: "_asyncio._set_running_loop", c"_set_running_loop", "", event_loop::on_set_running_loop;
}
