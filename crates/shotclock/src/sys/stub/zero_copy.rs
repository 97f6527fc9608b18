//! Sends out of memory that the system does not copy: it always does.

use super::{BorrowedHandle, Errno};

/// No flag.
pub(crate) const FLAG: i32 = 0;

/// Memory like any other: nobody but its owner has it.
#[derive(Debug)]
pub(crate) struct Pages(Vec<u8>);

impl Pages {
    pub(crate) fn new(len: usize) -> Result<Self, Errno> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| Errno::NOMEM)?;
        bytes.resize(len, 0);
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

pub(crate) fn is_allowed(_fd: BorrowedHandle<'_>) -> Result<bool, Errno> {
    Ok(false)
}

pub(crate) fn allow(_fd: BorrowedHandle<'_>, _allowed: bool) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

pub(crate) fn done_with(_fd: BorrowedHandle<'_>) -> Result<(u32, bool), Errno> {
    Err(Errno::AGAIN)
}
