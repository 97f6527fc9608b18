//! The system: processes, signals that are held back, connections of other processes. The only home of libc, rustix and unsafe
//! code.

pub(crate) mod call;
mod children;
mod connection;
mod kept;
mod loadable;
mod passing;
mod process;
mod region;

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use std::{io, ptr};

pub(crate) use children::{Children, End, Heard, next_end, ring_at_ends};
pub(crate) use connection::Connection;
pub(crate) use loadable::Loadable;
pub(crate) use passing::Passing;
pub(crate) use process::{Process, adopt_orphans};
pub(crate) use region::{Noted, Region};

use crate::numbers::Numbers;

/// Signals that are passed on to a program, unless a terminal sent them to all.
pub(crate) const PASSED_ON: [c_int; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGWINCH,
];

/// Signals by which a terminal stops programs.
pub(crate) const STOPPING: [c_int; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Asks a process to end.
pub(crate) const TERMINATE: c_int = libc::SIGTERM;
/// Ends a process.
pub(crate) const KILL: c_int = libc::SIGKILL;
/// Lets a process go on that was stopped.
pub(crate) const CONTINUE: c_int = libc::SIGCONT;

/// Signals that are held back from this thread and those that it makes, and in children until they take them again.
pub(crate) struct Held {
    before: libc::sigset_t,
}

impl Held {
    /// Holds these back.
    pub(crate) fn new(signals: &[c_int]) -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: the set is made by the first call before it is used; the mask that was is written if all went well.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            match libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr()) {
                0 => Ok(Self { before: before.assume_init() }),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    /// Lets the command have them as this process did before, and the ends of its children as `children` says.
    pub(crate) fn not_in(&self, command: &mut Command, children: Children) {
        let before = self.before;
        let give_back = move || {
            if children == Children::Ignored {
                // SAFETY: it may be called between fork and exec.
                unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
            }
            // SAFETY: it may be called between fork and exec, and the set lives through the call.
            match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) } {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        };
        // SAFETY: what it does may be done there.
        unsafe { command.pre_exec(give_back) };
    }

    /// Lets this thread have them again as before.
    pub(crate) fn let_go(&self) {
        // SAFETY: the set lives through the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}

/// Which of the two a process is after a fork.
pub(crate) enum Fork {
    Child,
    Parent,
}

/// Makes a second process of this one, which has to have one thread.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: with one thread nothing can be held by others.
    match unsafe { libc::fork() } {
        0 => Ok(Fork::Child),
        pid if pid > 0 => Ok(Fork::Parent),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process at once: no destructors, nothing written that was not.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: it has no preconditions.
    unsafe { libc::_exit(c_int::from(code)) }
}

/// Ends this process by a signal, as the signal ended another.
pub(crate) fn die_of(signal: c_int) -> ! {
    // SAFETY: plain numbers, and a set that is made by the first call before it is used.
    unsafe {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // The other's core is the one of interest.
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
        libc::raise(signal);
    }
    exit(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// The descriptors of this process, from the fourth on, that a program which it starts inherits.
pub(crate) fn inherited() -> Vec<c_int> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers: Vec<c_int> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    // SAFETY: only asked about.
    let is_inherited = |number: &c_int| *number > 2 && unsafe { libc::fcntl(*number, libc::F_GETFD) } == 0;
    numbers.into_iter().filter(is_inherited).collect()
}

/// Closes what nothing in this process knows of but the program that it started.
pub(crate) fn close_all(numbers: &[c_int]) {
    for number in numbers {
        // SAFETY: they were there before anything of ours was opened, so nothing of ours has them.
        unsafe { libc::close(*number) };
    }
}

/// The number of a file, which another may have once it is closed.
#[cfg(test)]
pub(crate) fn inode(file: BorrowedFd<'_>) -> u64 {
    rustix::fs::fstat(file).unwrap().st_ino
}

/// Since when the system's clock that never steps counts; the preload reads the same.
pub(crate) fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The number of a socket, which no other ever has.
pub(crate) fn cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(rustix::net::sockopt::socket_cookie(socket)?)
}

/// What is opened so has nobody wait for who reads it.
pub(crate) fn do_not_wait(options: &mut OpenOptions) {
    options.custom_flags(libc::O_NONBLOCK);
}

/// Puts `/dev/null` in the place of standard input, output and error.
pub(crate) fn let_go_of_terminal() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

/// The numbers of a TCP connection.
pub(crate) fn numbers(socket: BorrowedFd<'_>) -> io::Result<Numbers> {
    let mut information = [0u8; 256];
    let mut size = size_of_val(&information) as libc::socklen_t;
    // SAFETY: there is room for as much as it says, and no more is written.
    let outcome = unsafe {
        let room = information.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, room, &raw mut size)
    };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    let information = information.get(..size as usize).unwrap_or_default();
    let state = information.first().copied().unwrap_or_default();
    let numbers = Numbers::parse(state, information);
    let numbers = numbers.ok_or_else(|| io::Error::other("the system counts no bytes of connections"))?;
    Ok(numbers.with_queues(queued(socket, libc::FIONREAD)?, queued(socket, libc::TIOCOUTQ)?))
}

/// How many bytes wait in a queue of the socket's. Source: tcp(7), on ioctls.
fn queued(socket: BorrowedFd<'_>, queue: libc::Ioctl) -> io::Result<u32> {
    let mut size: c_int = 0;
    // SAFETY: it lives through the call, and is what both requests write.
    if unsafe { libc::ioctl(socket.as_raw_fd(), queue, &raw mut size) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(size.unsigned_abs())
}
