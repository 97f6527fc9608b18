//! Files of any kind: none.

use super::{BorrowedHandle, Errno, OwnedHandle, Readiness};

/// Nothing waits.
pub fn may_block(_fd: BorrowedHandle<'_>, _toward: Readiness) -> bool {
    false
}

/// There are no disks.
pub fn is_of_a_disk(_fd: BorrowedHandle<'_>) -> bool {
    false
}

/// Unsupported.
///
/// # Errors
/// ENOSYS.
pub fn process(_pid: i32) -> Result<OwnedHandle, Errno> {
    Err(Errno::NOSYS)
}

/// Nobody knows.
pub fn is_main_thread() -> bool {
    true
}
