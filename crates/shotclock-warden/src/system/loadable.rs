//! The file that programs load the preload from.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io, process, ptr};

use rustix::fs::{FlockOperation, MemfdFlags, SealFlags, fcntl_add_seals, flock, memfd_create};

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preload.so"));

/// A folder that everybody has, also other users and most containers: `/proc` they may have of their own.
const FOLDER: &str = "/tmp/shotclock-XXXXXX";

/// What is loaded into programs, as a file, gone when this is dropped.
pub(crate) enum Loadable {
    InFolder {
        folder: PathBuf,
        // Whoever cleans such folders leaves alone what is locked.
        _lock: File,
    },
    InMemory(OwnedFd),
}

impl Loadable {
    /// `None` if there is none for this system. Where nothing may be run from the folder, it is in memory.
    pub(crate) fn new() -> io::Result<Option<Self>> {
        if BYTES.is_empty() {
            return Ok(None);
        }
        Self::in_folder().or_else(|_| Self::in_memory()).map(Some)
    }

    /// Where the loader finds it.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::InFolder { folder, .. } => folder.join("preload.so").display().to_string(),
            Self::InMemory(file) => format!("/proc/{}/fd/{}", process::id(), file.as_raw_fd()),
        }
    }

    fn in_folder() -> io::Result<Self> {
        remove_left(Path::new("/tmp"));
        let folder = new_folder()?;
        // From here on it is removed whatever happens.
        let made = Self::InFolder { _lock: File::open(&folder)?, folder };
        let Self::InFolder { folder, _lock } = &made else { unreachable!("just made") };
        flock(_lock, FlockOperation::NonBlockingLockShared)?;
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
        let file = folder.join("preload.so");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&file)?.write_all(BYTES)?;
        fs::set_permissions(&file, Permissions::from_mode(0o555))?;
        may_run(File::open(&file)?.as_fd())?;
        Ok(made)
    }

    fn in_memory() -> io::Result<Self> {
        let file = memfd_create("shotclock-preload", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut rest = BYTES;
        while !rest.is_empty() {
            rest = rest.get(rustix::io::write(&file, rest)?..).unwrap_or_default();
        }
        // What one program changed would be run by others.
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        may_run(file.as_fd())?;
        Ok(Self::InMemory(file))
    }
}

impl Drop for Loadable {
    fn drop(&mut self) {
        if let Self::InFolder { folder, .. } = self {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Removes what wardens of this user have left that were killed: nobody has it locked. Whoever has just made one and finds
/// it locked or gone has it in memory instead.
fn remove_left(among: &Path) {
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    let is_one = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().as_bytes();
        let found = fs::symlink_metadata(folder);
        name.len() == FOLDER.len() - "/tmp/".len()
            && name.starts_with(b"shotclock-")
            && found.is_ok_and(|found| found.is_dir() && found.uid() == user)
            && folder.join("preload.so").exists()
    };
    let entries = fs::read_dir(among).into_iter().flatten();
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_one) {
        let locked =
            File::open(&folder).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
        if locked {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// A new folder, which nobody else can have made.
fn new_folder() -> io::Result<PathBuf> {
    let mut name = CString::new(FOLDER)?.into_bytes_with_nul();
    // SAFETY: a text that ends, in memory of ours, of which only the last letters are changed.
    if unsafe { libc::mkdtemp(name.as_mut_ptr().cast()) }.is_null() {
        return Err(io::Error::last_os_error());
    }
    name.pop();
    Ok(PathBuf::from(OsStr::from_bytes(&name)))
}

/// Whether the loader may map code from it.
fn may_run(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a new mapping, gone at once.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_EXEC;
        let mapped = libc::mmap(ptr::null_mut(), BYTES.len(), access, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::munmap(mapped, BYTES.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_for_everybody_and_gone_in_the_end() {
        let Some(loadable) = Loadable::new().unwrap() else { return };
        let path = PathBuf::from(loadable.path());
        assert_eq!(fs::read(&path).unwrap(), BYTES);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o555);
        let folder = path.parent().unwrap();
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o711);
        drop(loadable);
        assert!(!folder.exists());
        // One that was killed leaves it, until the next begins.
        let killed = new_folder().unwrap();
        fs::write(killed.join("preload.so"), "").unwrap();
        let loadable = Loadable::new().unwrap().unwrap();
        let other = Loadable::new().unwrap().unwrap();
        assert!(!killed.exists() && Path::new(&loadable.path()).exists() && Path::new(&other.path()).exists());
        let in_memory = Loadable::in_memory().unwrap();
        assert_eq!(fs::read(in_memory.path()).unwrap(), BYTES);
    }
}
