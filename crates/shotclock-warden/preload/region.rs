//! Memory that is shared with a warden: which connections it ended, and what happened here.

use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::sync::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::form::{BY_TOTAL, COOKIES, Form, NAME, NOTES};
use crate::{c, ended, real};

const MOST: usize = 4;
const PATH: usize = 48;

/// The paths, which end in zeroes, and the regions once they were asked for.
static PATHS: [[AtomicU64; PATH / 8]; MOST] = [const { [const { AtomicU64::new(0) }; PATH / 8] }; MOST];
static REGIONS: [AtomicPtr<Form>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Takes a region's path. No region is mapped before something is to be looked up in it: most programs never do.
pub(crate) fn add(path: &[u8], known: &AtomicUsize) {
    let at = known.fetch_add(1, Relaxed);
    let Some(place) = PATHS.get(at).filter(|_| path.len() < PATH) else { return };
    for (word, bytes) in place.iter().zip(path.chunks(8)) {
        let mut all = [0; 8];
        all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        word.store(u64::from_ne_bytes(all), Relaxed);
    }
    COUNT.store(at + 1, Release);
}

/// Whether a warden ended the connection, or code of ours in this process. Keeps errno.
#[cold]
pub(crate) fn has_ended(fd: c_int) -> bool {
    if COUNT.load(Acquire) == 0 && !ended::is_any() {
        return false;
    }
    let errno = c::errno();
    let mut cookie = 0u64;
    let mut size = 8 as c::socklen_t;
    // SAFETY: there is room for as much as it says.
    let known = unsafe {
        let value = (&raw mut cookie).cast::<c_void>();
        real::getsockopt(fd, c::SOL_SOCKET, c::SO_COOKIE, value, &raw mut size) == 0
    };
    let by_warden = || (0..MOST).filter_map(region).any(|region| has(region, cookie));
    let is_ended = known && cookie != 0 && (ended::has(cookie) || by_warden());
    c::set_errno(errno);
    is_ended
}

/// Whether any connection was ended yet, in whatever process. Keeps errno.
pub(crate) fn is_any_ended() -> bool {
    let errno = c::errno();
    let any = ended::is_any() || (0..MOST).filter_map(region).any(|region| region.ended.load(Acquire) != 0);
    c::set_errno(errno);
    any
}

/// Tells the first warden of a lookup that a limit ended.
#[cold]
pub(crate) fn note_lookup(name: *const c_char, milliseconds: u64, by_total: bool) {
    let errno = c::errno();
    if let Some(region) = region(0) {
        let number = region.noted.fetch_add(1, Relaxed);
        let note = &region.notes[(number % NOTES as u64) as usize];
        // SAFETY: names that were looked up end.
        let size = if name.is_null() { 0 } else { unsafe { c::strlen(name) }.min(NAME - 1) };
        for (at, word) in note.name.iter().enumerate() {
            let mut bytes = [0u8; 8];
            for (offset, byte) in bytes.iter_mut().enumerate() {
                if at * 8 + offset < size {
                    // SAFETY: before its end.
                    *byte = unsafe { *name.add(at * 8 + offset) }.cast_unsigned();
                }
            }
            word.store(u64::from_ne_bytes(bytes), Relaxed);
        }
        let mut program = [0u64; 2];
        // SAFETY: there is room for the 16 bytes that it writes.
        unsafe { c::prctl(c::PR_GET_NAME, program.as_mut_ptr()) };
        note.program.iter().zip(program).for_each(|(to, from)| to.store(from, Relaxed));
        // SAFETY: it has no preconditions.
        note.pid.store(unsafe { c::getpid() }.cast_unsigned(), Relaxed);
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX).min(BY_TOTAL - 1);
        note.milliseconds.store(if by_total { milliseconds | BY_TOTAL } else { milliseconds }, Relaxed);
        note.ready.store(number + 1, Release);
    }
    c::set_errno(errno);
}

fn has(region: &Form, cookie: u64) -> bool {
    let ended = usize::try_from(region.ended.load(Acquire)).unwrap_or(COOKIES).min(COOKIES);
    region.cookies[..ended].iter().any(|each| each.load(Relaxed) == cookie)
}

/// The region, mapped at first need. A thread that maps it at once with another leaves a mapping behind.
fn region(at: usize) -> Option<&'static Form> {
    if at >= COUNT.load(Acquire) {
        return None;
    }
    let known = REGIONS[at].load(Acquire);
    let known = if known.is_null() { map(at) } else { known };
    // SAFETY: mapped, as large as the form, for as long as the process lives; all of it atomics.
    (known.addr() != usize::MAX).then(|| unsafe { &*known })
}

#[cold]
fn map(at: usize) -> *mut Form {
    let mut path = [0u8; PATH];
    for (bytes, word) in path.chunks_mut(8).zip(&PATHS[at]) {
        bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
    }
    let mapped = if is_region(&path) { map_file(&path) } else { ptr::without_provenance_mut(usize::MAX) };
    REGIONS[at].store(mapped.cast(), Release);
    mapped.cast()
}

/// Whether that is what the path leads to: in another namespace of processes it leads to a stranger's file, or nowhere.
fn is_region(path: &[u8; PATH]) -> bool {
    const NAME: &[u8] = b"/memfd:shotclock-run";
    let mut name = [0u8; NAME.len()];
    // SAFETY: a path that ends; as much room as is said.
    let size = unsafe { c::readlink(path.as_ptr().cast(), name.as_mut_ptr().cast(), name.len()) };
    size == NAME.len().cast_signed() && name == NAME
}

fn map_file(path: &[u8; PATH]) -> *mut c_void {
    // SAFETY: a path that ends; a descriptor of ours; a new mapping.
    unsafe {
        let fd = c::open(path.as_ptr().cast(), c::O_RDWR_CLOEXEC);
        if fd < 0 {
            return ptr::without_provenance_mut(usize::MAX);
        }
        let mapped = c::mmap(ptr::null_mut(), size_of::<Form>(), c::PROT_READ_WRITE, c::MAP_SHARED, fd, 0);
        c::syscall(c::call::CLOSE, fd);
        mapped
    }
}
