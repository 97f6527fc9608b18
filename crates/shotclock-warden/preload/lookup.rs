//! Lookups: each in a thread of its own, which is left behind when time is up. The resolver's own waits are inside the C
//! library, where nothing can end them.

use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire},
};

use crate::c::{self, addrinfo, hostent, size_t, socklen_t, timespec};
use crate::place::{self, Place};
use crate::{real, region, terms};

/// What is asked.
#[derive(Clone, Copy)]
enum Question {
    Addresses { hints: Option<addrinfo> },
    Name { flags: c_int },
    ByName { family: Option<c_int> },
    ByAddress { family: c_int },
}

/// Room for a name, and for a service's; as large as any (NI_MAXHOST, NI_MAXSERV).
const NAME: usize = 1025;
const SERVICE: usize = 32;
/// Room for what an address is.
const ADDRESS: usize = 128;
/// More room than that nobody gives for an entry.
const MOST_ROOM: usize = 1 << 20;

/// A question, and its answer. Whoever comes last frees it: who asked, or the thread that was left behind.
struct Lookup {
    state: AtomicU32,
    /// Where who asked waits.
    bell: &'static AtomicU32,
    question: Question,
    host: [c_char; NAME],
    service: [c_char; NAME],
    has_host: bool,
    has_service: bool,
    address: [u8; ADDRESS],
    address_size: socklen_t,
    room: *mut c_char,
    room_size: size_t,
    entry: hostent,
    found_entry: *mut hostent,
    found: *mut addrinfo,
    gave: c_int,
    errno: c_int,
    h_errno: c_int,
}

const UNDER_WAY: u32 = 0;
const ANSWERED: u32 = 1;
const LEFT: u32 = 2;

/// How a question ended.
enum Outcome {
    Answered(Answer),
    TimeIsUp,
    /// There was no room to ask it so: the program asks as if we were not there.
    Unasked,
}

/// An answer, freed when it is dropped.
struct Answer(*mut Lookup);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the other has gone.
        unsafe { free(self.0) }
    }
}

impl Answer {
    fn lookup(&mut self) -> &mut Lookup {
        // SAFETY: the other has gone, and this has it alone.
        unsafe { &mut *self.0 }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::getaddrinfo(host, service, hints, found) };
    // SAFETY: hints are whole, if there are any.
    let asked = (!hints.is_null()).then(|| unsafe { *hints });
    let is_numeric = asked.is_some_and(|hints| hints.ai_flags & c::AI_NUMERICHOST != 0) || is_address(host);
    let Some(end) = terms::end_of_lookup().filter(|_| !is_numeric) else { return plain() };
    let hints = asked.map(|hints| addrinfo {
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
        ..hints
    });
    match ask(Question::Addresses { hints }, host, service, &[], 0, 0, end) {
        Outcome::Answered(mut answer) => {
            let lookup = answer.lookup();
            if lookup.gave == 0 {
                // SAFETY: where the caller wants it.
                unsafe { *found = lookup.found };
                lookup.found = ptr::null_mut();
            }
            c::set_errno(lookup.errno);
            lookup.gave
        }
        Outcome::TimeIsUp => c::EAI_FAIL,
        Outcome::Unasked => plain(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnameinfo(
    of: *const c_void,
    length: socklen_t,
    host: *mut c_char,
    host_size: socklen_t,
    service: *mut c_char,
    service_size: socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::getnameinfo(of, length, host, host_size, service, service_size, flags) };
    let needs_none = host.is_null() || host_size == 0 || flags & c::NI_NUMERICHOST != 0;
    // SAFETY: so many bytes of an address are there.
    let address = unsafe { bytes(of, length as usize) };
    let Some(end) = terms::end_of_lookup().filter(|_| !needs_none && !address.is_empty()) else { return plain() };
    match ask(Question::Name { flags }, ptr::null(), ptr::null(), address, 0, 0, end) {
        Outcome::Answered(mut answer) => {
            let lookup = answer.lookup();
            c::set_errno(lookup.errno);
            if lookup.gave != 0 {
                return lookup.gave;
            }
            // SAFETY: both are as large as said.
            let fits = unsafe {
                copy_text(&lookup.host, host, host_size)
                    && (service.is_null() || copy_text(&lookup.service[..SERVICE], service, service_size))
            };
            if fits { 0 } else { c::EAI_OVERFLOW }
        }
        Outcome::TimeIsUp => c::EAI_FAIL,
        Outcome::Unasked => plain(),
    }
}

/// The last entry that was given away: it stays until the next, as the C library's own.
static ENTRY: AtomicPtr<Lookup> = AtomicPtr::new(ptr::null_mut());

fn entry(outcome: Outcome, plain: impl FnOnce() -> *mut hostent) -> *mut hostent {
    match outcome {
        Outcome::Answered(mut answer) => {
            let lookup = answer.lookup();
            c::set_errno(lookup.errno);
            c::set_h_errno(lookup.h_errno);
            let found = lookup.found_entry;
            if found.is_null() {
                return found;
            }
            let before = ENTRY.swap(answer.0, AcqRel);
            core::mem::forget(answer);
            if !before.is_null() {
                drop(Answer(before));
            }
            found
        }
        Outcome::TimeIsUp => {
            c::set_h_errno(c::NO_RECOVERY);
            ptr::null_mut()
        }
        Outcome::Unasked => plain(),
    }
}

/// As much room as the C library has for its own entry at most.
const ENTRY_ROOM: usize = 1 << 16;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname(name: *const c_char) -> *mut hostent {
    // SAFETY: the caller's own argument.
    let plain = || unsafe { real::gethostbyname(name) };
    let Some(end) = terms::end_of_lookup().filter(|_| !is_address(name)) else { return plain() };
    entry(ask(Question::ByName { family: None }, name, ptr::null(), &[], ENTRY_ROOM, 0, end), plain)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::gethostbyname2(name, family) };
    let Some(end) = terms::end_of_lookup().filter(|_| !is_address(name)) else { return plain() };
    entry(ask(Question::ByName { family: Some(family) }, name, ptr::null(), &[], ENTRY_ROOM, 0, end), plain)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyaddr(address: *const c_void, length: socklen_t, family: c_int) -> *mut hostent {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::gethostbyaddr(address, length, family) };
    // SAFETY: so many bytes of an address are there.
    let bytes = unsafe { bytes(address, length as usize) };
    let Some(end) = terms::end_of_lookup().filter(|_| !bytes.is_empty()) else { return plain() };
    entry(ask(Question::ByAddress { family }, ptr::null(), ptr::null(), bytes, ENTRY_ROOM, 0, end), plain)
}

/// Where a caller wants an entry.
#[derive(Clone, Copy)]
struct Wanted {
    entry: *mut hostent,
    room: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    error: *mut c_int,
}

impl Wanted {
    /// So that what is copied there is aligned as it was.
    fn offset(&self) -> usize {
        self.room.addr() % 16
    }

    /// Looks it up under the limit, or as if we were not there: without a limit, and where nothing needs a lookup.
    ///
    /// # Safety
    /// All are the caller's own.
    unsafe fn look_up(
        &self,
        question: Question,
        name: *const c_char,
        address: &[u8],
        needs_lookup: bool,
        plain: impl FnOnce() -> c_int,
    ) -> c_int {
        let Some(end) = terms::end_of_lookup().filter(|_| needs_lookup) else { return plain() };
        let outcome = ask(question, name, ptr::null(), address, self.size, self.offset(), end);
        // SAFETY: the caller's own arguments.
        unsafe { self.give(outcome, plain) }
    }

    /// # Safety
    /// All are the caller's own.
    unsafe fn give(&self, outcome: Outcome, plain: impl FnOnce() -> c_int) -> c_int {
        match outcome {
            Outcome::Answered(mut answer) => {
                let lookup = answer.lookup();
                c::set_errno(lookup.errno);
                // SAFETY: where the caller wants it; the entry's parts are in the lookup's room, which is as large.
                unsafe {
                    *self.error = lookup.h_errno;
                    *self.found = ptr::null_mut();
                    if !lookup.found_entry.is_null() {
                        move_entry(lookup, self);
                        *self.found = self.entry;
                    }
                }
                lookup.gave
            }
            Outcome::TimeIsUp => {
                // SAFETY: where the caller wants it.
                unsafe {
                    *self.error = c::NO_RECOVERY;
                    *self.found = ptr::null_mut();
                }
                c::set_h_errno(c::NO_RECOVERY);
                c::ETIMEDOUT
            }
            Outcome::Unasked => plain(),
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname_r(
    name: *const c_char,
    host: *mut hostent,
    room: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::gethostbyname_r(name, host, room, size, found, error) };
    let wanted = Wanted { entry: host, room, size, found, error };
    // SAFETY: the caller's own arguments.
    unsafe { wanted.look_up(Question::ByName { family: None }, name, &[], !is_address(name), plain) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    host: *mut hostent,
    room: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::gethostbyname2_r(name, family, host, room, size, found, error) };
    let wanted = Wanted { entry: host, room, size, found, error };
    // SAFETY: the caller's own arguments.
    unsafe { wanted.look_up(Question::ByName { family: Some(family) }, name, &[], !is_address(name), plain) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyaddr_r(
    address: *const c_void,
    length: socklen_t,
    family: c_int,
    host: *mut hostent,
    room: *mut c_char,
    size: size_t,
    found: *mut *mut hostent,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's own arguments.
    let plain = || unsafe { real::gethostbyaddr_r(address, length, family, host, room, size, found, error) };
    // SAFETY: so many bytes of an address are there.
    let bytes = unsafe { bytes(address, length as usize) };
    let wanted = Wanted { entry: host, room, size, found, error };
    // SAFETY: the caller's own arguments.
    unsafe { wanted.look_up(Question::ByAddress { family }, ptr::null(), bytes, !bytes.is_empty(), plain) }
}

/// Asks in a thread of its own, and waits until the end, or until it is ended.
fn ask(
    question: Question,
    host: *const c_char,
    service: *const c_char,
    address: &[u8],
    room: size_t,
    offset: usize,
    end: u64,
) -> Outcome {
    let (begun, place) = (c::now(), Place::take());
    let bell = place.bell();
    let Some(lookup) = new(question, host, service, address, room, offset, bell) else { return Outcome::Unasked };
    if !start(lookup) {
        // SAFETY: nobody else has it.
        unsafe { free(lookup) };
        return Outcome::Unasked;
    }
    // SAFETY: whoever comes last frees it, which this is until it leaves.
    let state = unsafe { &(*lookup).state };
    loop {
        let rung = bell.load(Acquire);
        if state.load(Acquire) == ANSWERED {
            return Outcome::Answered(Answer(lookup));
        }
        let (now, is_ended) = (c::now(), place.is_ended());
        if now < end && !is_ended {
            wait(bell, rung, end - now);
        } else if state.compare_exchange(UNDER_WAY, LEFT, AcqRel, Acquire).is_ok() {
            let by_total = terms::is_of_total(end);
            // Who ended it says so, and who keeps to the total by itself has said so.
            let is_told = is_ended || by_total && place::are_all_asked_apart();
            if !is_told {
                region::note_lookup(host, (now - begun) / 1_000_000, by_total);
            }
            c::set_errno(c::ETIMEDOUT);
            return Outcome::TimeIsUp;
        }
    }
}

fn new(
    question: Question,
    host: *const c_char,
    service: *const c_char,
    address: &[u8],
    room: size_t,
    offset: usize,
    bell: &'static AtomicU32,
) -> Option<*mut Lookup> {
    if room > MOST_ROOM || address.len() > ADDRESS {
        return None;
    }
    let mut lookup = Lookup {
        state: AtomicU32::new(UNDER_WAY),
        bell,
        question,
        host: [0; NAME],
        service: [0; NAME],
        has_host: !host.is_null(),
        has_service: !service.is_null(),
        address: [0; ADDRESS],
        address_size: address.len() as socklen_t,
        room: ptr::null_mut(),
        room_size: room,
        entry: hostent {
            h_name: ptr::null_mut(),
            h_aliases: ptr::null_mut(),
            h_addrtype: 0,
            h_length: 0,
            h_addr_list: ptr::null_mut(),
        },
        found_entry: ptr::null_mut(),
        found: ptr::null_mut(),
        gave: 0,
        errno: 0,
        h_errno: 0,
    };
    lookup.address[..address.len()].copy_from_slice(address);
    // SAFETY: texts that end, if there are any.
    let whole = unsafe { take_text(host, &mut lookup.host) && take_text(service, &mut lookup.service) };
    if !whole {
        return None;
    }
    // SAFETY: as much as the form needs, with room behind it; aligned for anything.
    unsafe {
        let place = c::malloc(size_of::<Lookup>().next_multiple_of(16) + offset + room).cast::<Lookup>();
        if place.is_null() {
            return None;
        }
        lookup.room = place.cast::<c_char>().add(size_of::<Lookup>().next_multiple_of(16) + offset);
        place.write(lookup);
        Some(place)
    }
}

/// # Safety
/// Nobody else has it.
unsafe fn free(lookup: *mut Lookup) {
    // SAFETY: made by `new`, and nobody's list but its.
    unsafe {
        if !(*lookup).found.is_null() {
            c::freeaddrinfo((*lookup).found);
        }
        c::free(lookup.cast());
    }
}

fn start(lookup: *mut Lookup) -> bool {
    let (mut all, mut before) = (c::sigset_t::NONE, c::sigset_t::NONE);
    let mut attributes = c::pthread_attr_t::NONE;
    let mut thread = 0;
    // SAFETY: all live through their calls. The thread takes no signals: those are the program's.
    unsafe {
        c::sigfillset(&raw mut all);
        c::pthread_sigmask(c::SIG_SETMASK, &raw const all, &raw mut before);
        c::pthread_attr_init(&raw mut attributes);
        c::pthread_attr_setdetachstate(&raw mut attributes, c::PTHREAD_CREATE_DETACHED);
        let gave = c::pthread_create(&raw mut thread, &raw const attributes, run, lookup.cast());
        c::pthread_attr_destroy(&raw mut attributes);
        c::pthread_sigmask(c::SIG_SETMASK, &raw const before, ptr::null_mut());
        gave == 0
    }
}

extern "C" fn run(lookup: *mut c_void) -> *mut c_void {
    let lookup = lookup.cast::<Lookup>();
    // SAFETY: this thread alone has all but the state until it says so by that.
    unsafe {
        answer(&mut *lookup);
        // Its memory may be gone once it is said to be answered.
        let bell = (*lookup).bell;
        if (*lookup).state.swap(ANSWERED, AcqRel) == LEFT {
            free(lookup);
        } else {
            place::ring(bell);
        }
    }
    ptr::null_mut()
}

/// # Safety
/// The lookup is this thread's.
unsafe fn answer(lookup: &mut Lookup) {
    let host = if lookup.has_host { lookup.host.as_ptr() } else { ptr::null() };
    let service = if lookup.has_service { lookup.service.as_ptr() } else { ptr::null() };
    let address = lookup.address.as_ptr().cast::<c_void>();
    let (entry, room, size) = (&raw mut lookup.entry, lookup.room, lookup.room_size);
    let (found, error) = (&raw mut lookup.found_entry, &raw mut lookup.h_errno);
    // SAFETY: all are the lookup's own.
    lookup.gave = unsafe {
        match lookup.question {
            Question::Addresses { hints } => {
                let hints = hints.as_ref().map_or(ptr::null(), ptr::from_ref);
                real::getaddrinfo(host, service, hints, &raw mut lookup.found)
            }
            Question::Name { flags } => {
                let (host, service) = (lookup.host.as_mut_ptr(), lookup.service.as_mut_ptr());
                let (host_size, service_size) = (NAME as socklen_t, SERVICE as socklen_t);
                real::getnameinfo(address, lookup.address_size, host, host_size, service, service_size, flags)
            }
            Question::ByName { family: None } => real::gethostbyname_r(host, entry, room, size, found, error),
            Question::ByName { family: Some(family) } => {
                real::gethostbyname2_r(host, family, entry, room, size, found, error)
            }
            Question::ByAddress { family } => {
                real::gethostbyaddr_r(address, lookup.address_size, family, entry, room, size, found, error)
            }
        }
    };
    lookup.errno = c::errno();
}

/// Waits at a bell that was rung so often.
fn wait(bell: &AtomicU32, rung: u32, nanoseconds: u64) {
    let time = timespec {
        tv_sec: (nanoseconds / 1_000_000_000).cast_signed(),
        tv_nsec: (nanoseconds % 1_000_000_000).cast_signed(),
    };
    // SAFETY: both live through the call.
    unsafe {
        c::syscall(c::call::FUTEX, ptr::from_ref(bell), c::FUTEX_WAIT_PRIVATE, rung, &raw const time);
    }
}

/// Whether the name needs no lookup.
fn is_address(name: *const c_char) -> bool {
    let mut address = [0u8; 16];
    let room = address.as_mut_ptr().cast();
    // SAFETY: a text that ends; room for the largest.
    name.is_null() || unsafe { c::inet_pton(c::AF_INET, name, room) == 1 || c::inet_pton(c::AF_INET6, name, room) == 1 }
}

/// Copies a text that ends; says whether it is whole. Nothing is nothing.
///
/// # Safety
/// It ends.
unsafe fn take_text(text: *const c_char, to: &mut [c_char]) -> bool {
    if text.is_null() {
        return true;
    }
    // SAFETY: as said.
    let bytes = unsafe { core::slice::from_raw_parts(text, c::strlen(text)) };
    let Some(place) = to.get_mut(..bytes.len()).filter(|place| place.len() < NAME) else { return false };
    place.copy_from_slice(bytes);
    true
}

/// Copies a text with its end, if there is room.
///
/// # Safety
/// There is as much room as said.
unsafe fn copy_text(from: &[c_char], to: *mut c_char, size: socklen_t) -> bool {
    let length = from.iter().position(|byte| *byte == 0).unwrap_or(from.len() - 1) + 1;
    if length > size as usize {
        return false;
    }
    // SAFETY: as said.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, length) };
    true
}

/// # Safety
/// So many bytes are there, if there are any.
unsafe fn bytes<'a>(at: *const c_void, size: usize) -> &'a [u8] {
    if at.is_null() || size > ADDRESS {
        return &[];
    }
    // SAFETY: as said.
    unsafe { core::slice::from_raw_parts(at.cast(), size) }
}

/// Copies an entry to where it is wanted: its room as a whole, and pointers into it that go with it.
///
/// # Safety
/// The entry's parts are in the lookup's room; the room that is wanted is as large.
unsafe fn move_entry(lookup: &Lookup, wanted: &Wanted) {
    let there = |pointer: *mut c_void| {
        let offset = pointer.addr().wrapping_sub(lookup.room.addr());
        if pointer.is_null() || offset > wanted.size { pointer } else { wanted.room.wrapping_add(offset).cast() }
    };
    // SAFETY: as said. The lists end in null pointers.
    unsafe {
        ptr::copy_nonoverlapping(lookup.room, wanted.room, wanted.size);
        let of = &lookup.entry;
        let moved = hostent {
            h_name: there(of.h_name.cast()).cast(),
            h_aliases: there(of.h_aliases.cast()).cast(),
            h_addr_list: there(of.h_addr_list.cast()).cast(),
            ..*of
        };
        for list in [moved.h_aliases, moved.h_addr_list] {
            let mut each = list;
            while !each.is_null() && !(*each).is_null() {
                *each = there((*each).cast()).cast();
                each = each.add(1);
            }
        }
        *wanted.entry = moved;
    }
}
