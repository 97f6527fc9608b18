//! Windows, by Winsock and the driver beneath it. Seen running under Wine, and nowhere else; what rests on a manual alone
//! says so where it stands.
//!
//! What it lacks answers "not supported on Windows": handles sent to other processes, control messages, and what was not yet
//! acknowledged. Local sockets are those of the system at hand, and no pairs; Wine 8 has none.

mod afd;
#[path = "../stub/batch.rs"]
pub(crate) mod batch;
mod birth;
mod calls;
mod event;
#[path = "../stub/file.rs"]
pub mod file;
#[path = "../stub/fork.rs"]
pub(crate) mod fork;
mod handle;
pub(crate) mod interface;
#[path = "../stub/interrupt.rs"]
pub mod interrupt;
pub(crate) mod message;
mod number;
pub mod numbers;
mod pair;
mod poll;
mod raw;
pub(crate) mod resolver;
pub(crate) mod socket;
#[path = "../stub/stuck.rs"]
pub mod stuck;
#[path = "../stub/syscall.rs"]
pub mod syscall;
#[path = "../stub/text.rs"]
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod timeouts;
pub(crate) mod wake;
#[path = "../stub/readiness.rs"]
mod ways;
#[path = "../stub/zero_copy.rs"]
pub(crate) mod zero_copy;

pub use handle::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
pub use number::Errno;
pub(crate) use number::describe;
pub(crate) use numbers as c;
pub(crate) use poll::{PollFd, poll, readiness};
pub use ways::Readiness;

/// A handle of the system's other objects.
type KernelHandle = std::os::windows::io::RawHandle;

/// A clock that never steps: std's, which counts what the machine sleeps.
pub(crate) fn monotonic_nanos() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    // Under 2^64 for 584 years; 0 is before all moments.
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}
