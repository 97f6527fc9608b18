//! What programs load the preload from.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::kept::{Kept, may_run};

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preload.so"));
const HASH: u64 = hash(BYTES);

/// A folder that everybody has, also other users and most containers: `/proc` they may have of their own.
const AMONG: &str = "/tmp";

/// What is loaded into programs, as a file that is there as long as this is.
pub(crate) enum Loadable {
    InFolder(Kept),
    InMemory(OwnedFd),
}

impl Loadable {
    /// `None` if there is none for this system. Where nothing may be run from the folder, it is in memory.
    pub(crate) fn new() -> io::Result<Option<Self>> {
        if BYTES.is_empty() {
            return Ok(None);
        }
        let kept = Kept::of(Path::new(AMONG), HASH, BYTES).map(Self::InFolder);
        kept.or_else(|_| Self::in_memory()).map(Some)
    }

    /// Where the loader finds it.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::InFolder(kept) => kept.path().display().to_string(),
            Self::InMemory(file) => format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd()),
        }
    }

    fn in_memory() -> io::Result<Self> {
        let file = memfd_create("shotclock-preload", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut rest = BYTES;
        while !rest.is_empty() {
            rest = rest.get(rustix::io::write(&file, rest)?..).unwrap_or_default();
        }
        // What one program changed would be run by others.
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        may_run(file.as_fd(), BYTES.len())?;
        Ok(Self::InMemory(file))
    }
}

/// Another for each version. Whoever takes the file compares its bytes, so this guards against nobody.
const fn hash(bytes: &[u8]) -> u64 {
    // FNV-1a.
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_a_file_in_a_folder_or_in_memory() {
        let Some(loadable) = Loadable::new().unwrap() else { return };
        assert!(loadable.path().starts_with("/tmp/shotclock-"));
        let in_memory = Loadable::in_memory().unwrap();
        for loadable in [loadable, in_memory] {
            assert_eq!(fs::read(loadable.path()).unwrap(), BYTES);
        }
    }
}
