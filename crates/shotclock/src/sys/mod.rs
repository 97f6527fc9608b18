//! The system: the only home of libc and rustix, and of `unsafe`.
//!
//! # What a platform must offer
//! * `OwnedHandle`, `BorrowedHandle`, `RawHandle`, and the traits `AsHandle`, `AsRawHandle`: sockets and files of the
//!   system.
//! * `Errno`, `PollFd`, `Readiness`, `c` (the C numbers that have names in the core), `describe(errno)`.
//! * `monotonic_nanos`: a clock that never steps.
//! * `poll(fds, timeout)`: waits for readiness, no longer than asked, and says so when interrupted.
//! * `readiness(handle, wanted)`: looks at one handle, and never waits.
//! * `socket`: every socket call as one non-blocking try, close-on-exec and without SIGPIPE; `bury`, which ends what a
//!   number stands for and keeps the number; whether all that was sent has arrived.
//! * `message`: sendmsg and recvmsg with control messages; no descriptor is lost.
//! * `batch`: many datagrams by one call, where the system has it.
//! * `zero_copy`: memory that is sent from without a copy, where the system has that.
//! * `interface`: network interfaces by name and index.
//! * `wake`: bells that other threads can ring: `bell`, `ring`, `retire`.
//! * `resolver`: the system's own lookups, reentrant, in owned values.
//! * `thread`: threads that take no signals, detached or to be waited for; what the running one is called.
//! * `timeouts`: the timeouts that std's types keep in the system, and none of our calls obeys; `address_of_std`:
//!   abstract names in std's addresses.
//! * `text`: names that the system gives or takes, as bytes.
//! * `fork`: values that start anew in a forked child.
//! * `syscall`, `interrupt`: for the Python face alone, socket calls as they are asked for, which may wait, and waking a
//!   thread out of one.
//! * `stuck`: for the Python face alone, which call a thread sits in, and the end of the connections it sits on.
//! * `file`: for the Python face alone, whether a file of any kind may have a call wait, and the end of a child as a file.
//!
//! Nothing here loops, and nothing waits but `poll`, `syscall` where it is asked to, and `alarm`, for a thread of ours that no
//! call waits for.
//!
//! `unix` has what Unix systems share, `linux` what only Linux has, `bsd` what macOS and FreeBSD do otherwise, `windows` all of
//! Windows. `stub` offers all of it and can do nothing: what asks a platform for more than this does not compile over it, and
//! `cargo xtask lint` tries. Addresses, the questions and answers of lookups, and messages as values, and memory that a
//! receive fills, are the same everywhere, and stand beside the platforms.
#![allow(unsafe_code)]

pub(crate) mod address;
mod alarm;
pub(crate) mod datagrams;
mod lookup;

/// Each item for the first condition that holds, and none for those after it; so each condition stands once. (By this name
/// rustfmt knows that there are modules in it.)
macro_rules! cfg_if {
    (@after $before:meta; if #[cfg($this:meta)] { $($item:item)* } else $($rest:tt)+) => {
        $(#[cfg(all($this, not($before)))] $item)*
        cfg_if! { @after any($before, $this); $($rest)+ }
    };
    (@after $before:meta; { $($item:item)* }) => {
        $(#[cfg(not($before))] $item)*
    };
    (if $($chain:tt)+) => {
        cfg_if! { @after any(); if $($chain)+ }
    };
}

// `shotclock_stub` puts the stub in the place of any platform, and `shotclock_bsd` `bsd` in that of `linux`, to be tried there.
cfg_if! {
    if #[cfg(any(
        shotclock_stub,
        not(any(
            windows,
            target_os = "macos",
            target_os = "freebsd",
            all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))
        ))
    ))] {
        #[allow(dead_code, reason = "there are no control messages")]
        pub(crate) mod control;
        #[allow(dead_code, reason = "nothing is received")]
        pub(crate) mod unfilled;
        #[allow(dead_code, unreachable_pub, reason = "a platform offers all of the contract, whatever is asked for just now")]
        mod stub;
        use stub as platform;
    } else if #[cfg(windows)] {
        #[allow(dead_code, reason = "there are no control messages")]
        pub(crate) mod control;
        pub(crate) mod unfilled;
        #[allow(unreachable_pub, reason = "other platforms show more of it")]
        mod windows;
        use windows as platform;
        pub use windows::{AsHandle, BorrowedHandle, OwnedHandle};
    } else if #[cfg(all(target_os = "linux", not(shotclock_bsd)))] {
        pub(crate) mod control;
        pub(crate) mod unfilled;
        mod linux;
        mod unix;
        use linux as platform;
    } else {
        pub(crate) mod control;
        pub(crate) mod unfilled;
        #[allow(dead_code, unreachable_pub, reason = "some of it is for the Python face, which runs on Linux")]
        mod bsd;
        #[allow(dead_code, unreachable_pub, reason = "some of it is for the Python face, which runs on Linux")]
        mod unix;
        use bsd as platform;
    }
}

/// Has a type be made of a descriptor's number as well, by way of `OwnedFd`: what is unsafe stands here.
#[cfg(unix)]
macro_rules! from_raw_handle {
    ($(#[$doc:meta])* $type:ty) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "a macro of `sys`")]
        impl std::os::fd::FromRawFd for $type {
            unsafe fn from_raw_fd(number: std::os::fd::RawFd) -> Self {
                // SAFETY: what is asked of the caller is what is asked here.
                Self::from(unsafe { std::os::fd::OwnedFd::from_raw_fd(number) })
            }
        }
    };
}
#[cfg(unix)]
pub(crate) use from_raw_handle;
#[cfg(unix)]
pub(crate) use std::os::fd::IntoRawFd as IntoRawHandle;

pub(crate) use platform::*;
// Part of what the crate shows, hence by name: a glob takes only what every item allows.
pub use alarm::Alarm;
pub use platform::{Errno, Readiness, file, interrupt, stuck, syscall};

/// How poll says that the peer sends no more, where it says so; macOS does not. Source: poll(2).
#[cfg(not(all(target_os = "macos", not(shotclock_stub))))]
pub(crate) const PEER_IS_DONE: Readiness = Readiness::RDHUP;
#[cfg(all(target_os = "macos", not(shotclock_stub)))]
pub(crate) const PEER_IS_DONE: Readiness = Readiness::empty();
