//! The timeouts of std's types: none.

use std::time::Duration;

use super::BorrowedHandle;

pub(crate) fn shorter(_fd: BorrowedHandle<'_>) -> Option<Duration> {
    None
}

pub(crate) fn set_both(_fd: BorrowedHandle<'_>, _timeout: Option<Duration>) {}
