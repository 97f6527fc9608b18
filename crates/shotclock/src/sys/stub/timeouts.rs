//! The timeouts of std's types: none.

use std::time::Duration;

use super::BorrowedHandle;

pub(crate) fn of_both(_fd: BorrowedHandle<'_>) -> [Option<Duration>; 2] {
    [None; 2]
}

pub(crate) fn set_both(_fd: BorrowedHandle<'_>, _timeouts: [Option<Duration>; 2]) {}
