//! A platform that can do nothing: what the contract asks for, and "unsupported" for an answer. It compiles for any target,
//! so that whatever reaches behind the contract does not, and is what the porter to a new platform begins with.

#[cfg(unix)]
pub(crate) mod address_of_std;
pub(crate) mod batch;
pub mod file;
pub(crate) mod fork;
#[cfg(not(unix))]
mod handle;
pub(crate) mod interface;
pub mod interrupt;
pub(crate) mod message;
mod number;
pub mod numbers;
mod readiness;
pub(crate) mod resolver;
pub(crate) mod socket;
pub mod stuck;
pub mod syscall;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod timeouts;
pub(crate) mod wake;
pub(crate) mod zero_copy;

#[cfg(not(unix))]
pub(crate) use handle::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
pub use number::Errno;
pub(crate) use numbers as c;
pub use readiness::Readiness;
use std::marker::PhantomData;
#[cfg(unix)]
pub(crate) use std::os::fd::{
    AsFd as AsHandle, AsRawFd as AsRawHandle, BorrowedFd as BorrowedHandle, OwnedFd as OwnedHandle, RawFd as RawHandle,
};

/// A clock that never steps: std's.
pub(crate) fn monotonic_nanos() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    // Under 2^64 for 584 years; 0 is before all moments.
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

/// A handle, and what it is waited for.
pub(crate) struct PollFd<'a>(PhantomData<BorrowedHandle<'a>>);

impl<'a> PollFd<'a> {
    pub(crate) fn from_borrowed_fd(_fd: BorrowedHandle<'a>, _wanted: Readiness) -> Self {
        Self(PhantomData)
    }

    pub(crate) fn revents(&self) -> Readiness {
        Readiness::empty()
    }
}

/// Waits for nothing.
pub(crate) fn poll(_fds: &mut [PollFd<'_>], _nanos: Option<u64>) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

/// Ready for nothing.
pub(crate) fn readiness(_fd: BorrowedHandle<'_>, _wanted: Readiness) -> Result<Readiness, Errno> {
    Err(Errno::NOSYS)
}

/// The system's words for an error number.
pub(crate) fn describe(errno: Errno) -> String {
    match errno {
        Errno::NOSYS => "not supported on this platform".to_owned(),
        errno => format!("error {}", errno.raw_os_error()),
    }
}
