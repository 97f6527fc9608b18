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

/// There are no devices.
pub fn is_device(_fd: BorrowedHandle<'_>) -> bool {
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

/// Unsupported.
///
/// # Errors
/// ENOSYS.
pub fn read_now(_fd: BorrowedHandle<'_>, _room: &mut [u8]) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

/// Unsupported.
///
/// # Errors
/// ENOSYS.
pub fn write_now(_fd: BorrowedHandle<'_>, _bytes: &[u8]) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}
