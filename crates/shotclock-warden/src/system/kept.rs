//! The file that programs load the preload from, kept in a folder of this user's for the next wardens as well: to make it
//! took longer than the rest of a warden's beginning.
//!
//! `/tmp` is everybody's, so a folder counts only if it is this user's and nobody else may write there, and a file only if it
//! is so too and has the very bytes. The folder's name has their hash: another version has another.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{process, ptr};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

/// What the names of all such folders begin with.
const BEGINS: &str = "shotclock-";
const FILE: &str = "preload.so";

/// The folder, locked as long as this lives: whoever cleans up leaves alone what is locked.
pub(crate) struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// The folder among these with a file of these bytes, made if it is not there.
    pub(super) fn of(among: &Path, hash: u64, bytes: &[u8]) -> io::Result<Self> {
        let folder = among.join(format!("{BEGINS}{}-{hash:016x}", user()));
        Self::found(&folder, bytes).or_else(|_| {
            remove_left(among);
            make(&folder, bytes)?;
            Self::found(&folder, bytes)
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn found(folder: &Path, bytes: &[u8]) -> io::Result<Self> {
        let lock = our_folder(folder)?;
        flock(&lock, FlockOperation::NonBlockingLockShared)?;
        // If it was removed before it was locked, there is no file in it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&lock, FILE, flags, Mode::empty())?);
        let size = bytes.len() as u64;
        let mut found = Vec::with_capacity(bytes.len() + 1);
        let is_ours = is_ours(&file.metadata()?) && file.metadata()?.len() == size;
        if !is_ours || (&file).take(size + 1).read_to_end(&mut found)? as u64 != size || found != bytes {
            return Err(io::Error::other("not what it is to be"));
        }
        may_run(file.as_fd(), bytes.len())?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }
}

/// The folder, if it is this user's alone.
fn our_folder(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    let opened = options.open(folder)?;
    if is_ours(&opened.metadata()?) { Ok(opened) } else { Err(io::Error::other("somebody else's")) }
}

fn is_ours(status: &fs::Metadata) -> bool {
    status.uid() == user() && status.mode() & 0o022 == 0
}

fn user() -> u32 {
    // SAFETY: it has no preconditions.
    unsafe { libc::geteuid() }
}

/// Makes the folder if it is not there, and the file in one step, whoever else does so at the same time.
fn make(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = DirBuilder::new().mode(0o711).create(folder)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    // Whatever this user's files are to be in general: programs become other users, too.
    our_folder(folder)?.set_permissions(Permissions::from_mode(0o711))?;
    let new = folder.join(format!("new-{}", process::id()));
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    let written = options.write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(0o555))?;
        fs::rename(&new, folder.join(FILE))
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Removes what other versions have left for this user, where nobody has it locked, nor can lock it meanwhile.
fn remove_left(among: &Path) {
    let entries = fs::read_dir(among).into_iter().flatten();
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|folder| is_named_so(folder)) {
        if let Ok(locked) = our_folder(&folder)
            && flock(&locked, FlockOperation::NonBlockingLockExclusive).is_ok()
            && folder.join(FILE).exists()
        {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether it has the name of such a folder of this user's. Others that begin so are somebody's work.
fn is_named_so(folder: &Path) -> bool {
    let begins = format!("{BEGINS}{}-", user());
    let hash = folder.file_name().and_then(|name| name.as_bytes().strip_prefix(begins.as_bytes()));
    hash.is_some_and(|hash| hash.len() == 16 && hash.iter().all(u8::is_ascii_hexdigit))
}

/// Whether the loader may map code from it.
pub(super) fn may_run(file: BorrowedFd<'_>, size: usize) -> io::Result<()> {
    // SAFETY: a new mapping, gone at once.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_EXEC;
        let mapped = libc::mmap(ptr::null_mut(), size, access, libc::MAP_PRIVATE, file.as_raw_fd(), 0);
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        libc::munmap(mapped, size);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"what is loaded";

    /// A folder for folders, empty.
    fn among(name: &str) -> PathBuf {
        let among = std::env::temp_dir().join(format!("kept-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&among);
        fs::create_dir(&among).unwrap();
        among
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn one_file_serves_all_and_everybody_may_read_it() {
        let among = among("one");
        let first = Kept::of(&among, 7, BYTES).unwrap();
        let inode = fs::metadata(first.path()).unwrap().ino();
        assert_eq!(fs::read(first.path()).unwrap(), BYTES);
        assert_eq!((mode(&first.path()), mode(first.path().parent().unwrap())), (0o555, 0o711));
        let second = Kept::of(&among, 7, BYTES).unwrap();
        drop((first, second));
        let third = Kept::of(&among, 7, BYTES).unwrap();
        assert_eq!(fs::metadata(third.path()).unwrap().ino(), inode, "kept, whoever has left");
        // Another version removes it, unless somebody has it.
        let other = Kept::of(&among, 8, BYTES).unwrap();
        assert!(third.path().exists() && other.path().exists());
        let path = third.path();
        drop((third, other));
        Kept::of(&among, 9, BYTES).unwrap();
        assert!(!path.exists() && fs::read_dir(&among).unwrap().count() == 1);
        fs::remove_dir_all(among).unwrap();
    }

    #[test]
    fn what_was_changed_is_made_anew_and_what_others_may_change_is_not_taken() {
        let among = among("changed");
        let kept = Kept::of(&among, 7, BYTES).unwrap();
        let (path, folder) = (kept.path(), kept.folder.clone());
        drop(kept);
        for bad in [&b"What is loaded"[..], b"", b"what is loaded, and more"] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, bad).unwrap();
            Kept::of(&among, 7, BYTES).unwrap();
            assert_eq!(fs::read(&path).unwrap(), BYTES);
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        Kept::of(&among, 7, BYTES).unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        // A folder that others may write to, or that is none.
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        assert!(Kept::of(&among, 7, BYTES).is_err());
        fs::remove_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink("/", &folder).unwrap();
        assert!(Kept::of(&among, 7, BYTES).is_err());
        fs::remove_dir_all(among).unwrap();
    }

    #[test]
    fn nobody_takes_what_another_is_removing() {
        let among = among("removed");
        let folder = Kept::of(&among, 7, BYTES).unwrap().folder.clone();
        // So that it takes a while.
        (0..2000).for_each(|number| drop(File::create(folder.join(format!("new-{number}"))).unwrap()));
        let changed = || fs::metadata(&folder).map(|folder| (folder.mtime(), folder.mtime_nsec())).ok();
        let before = changed();
        std::thread::scope(|scope| {
            let remover = scope.spawn(|| Kept::of(&among, 8, BYTES).unwrap());
            while changed() == before {
                std::thread::yield_now();
            }
            let taken = Kept::found(&folder, BYTES);
            remover.join().unwrap();
            assert!(taken.is_err() && !folder.exists());
        });
        fs::remove_dir_all(among).unwrap();
    }

    #[test]
    fn what_only_begins_like_ours_stays() {
        let among = among("work");
        let work = among.join("shotclock-work");
        fs::create_dir(&work).unwrap();
        fs::write(work.join(FILE), "somebody's").unwrap();
        Kept::of(&among, 7, BYTES).unwrap();
        assert!(work.join(FILE).exists());
        fs::remove_dir_all(among).unwrap();
    }

    #[test]
    fn other_users_may_load_it_whatever_the_folder_was_made_with() {
        let among = among("mask");
        let folder = Kept::of(&among, 7, BYTES).unwrap().folder.clone();
        fs::remove_file(folder.join(FILE)).unwrap();
        // As with the mask 077.
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let kept = Kept::of(&among, 7, BYTES).unwrap();
        assert_eq!((mode(&kept.folder), mode(&kept.path())), (0o711, 0o555));
        fs::remove_dir_all(among).unwrap();
    }
}
