//! Waiting for sockets, by the driver beneath Winsock: one request for a set of handles, which it answers once one of them is
//! ready. Its interface stands in no manual of Microsoft's; mio, polling, libuv and Wine agree on what is used here.
//!
//! What the system writes into belongs to the request, which is freed only after the system has said that it is done with it.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle as KernelObject};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{FILE_OPEN, NtCancelIoFileEx, NtCreateFile};
use windows_sys::Wdk::System::IO::NtDeviceIoControlFile;
use windows_sys::Win32::Foundation::{
    NTSTATUS, RtlNtStatusToDosError, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, STATUS_TIMEOUT, UNICODE_STRING,
};
use windows_sys::Win32::Networking::WinSock as w;
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE, SYNCHRONIZE};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

use super::event::Event;
use super::handle::InUse;
use super::{BorrowedHandle, Errno, Readiness};

const IOCTL_AFD_POLL: u32 = 0x0001_2024;

const RECEIVE: u32 = 0x001;
const RECEIVE_EXPEDITED: u32 = 0x002;
const SEND: u32 = 0x004;
/// The peer sends no more.
const DISCONNECT: u32 = 0x008;
/// The connection was reset, by either side.
const ABORT: u32 = 0x010;
const LOCAL_CLOSE: u32 = 0x020;
const ACCEPT: u32 = 0x080;
const CONNECT_FAIL: u32 = 0x100;

fn events_of(wanted: Readiness) -> u32 {
    let mut events = ABORT | LOCAL_CLOSE | CONNECT_FAIL;
    let mut add = |way, more| events |= if wanted.intersects(way) { more } else { 0 };
    add(Readiness::IN, RECEIVE | ACCEPT | DISCONNECT);
    add(Readiness::RDHUP, DISCONNECT);
    add(Readiness::PRI, RECEIVE_EXPEDITED);
    add(Readiness::OUT, SEND);
    events
}

/// The end of what the peer sends is something to be received, and no RDHUP: that stands for a receive that would not tell.
fn readiness_of(events: u32) -> Readiness {
    let mut found = Readiness::empty();
    found.set(Readiness::IN, events & (RECEIVE | ACCEPT | DISCONNECT) != 0);
    found.set(Readiness::PRI, events & RECEIVE_EXPEDITED != 0);
    found.set(Readiness::OUT, events & SEND != 0);
    found.set(Readiness::ERR, events & CONNECT_FAIL != 0);
    found.set(Readiness::HUP, events & (ABORT | LOCAL_CLOSE) != 0);
    found
}

/// What a request begins with; as many entries as it says follow.
#[repr(C)]
struct Header {
    timeout: i64,
    count: u32,
    is_exclusive: u32,
}

#[repr(C)]
struct Entry {
    handle: usize,
    events: u32,
    status: NTSTATUS,
}

/// What the system writes into: its word on how the request ended, and header and entries, of those that are ready.
struct Shared {
    outcome: IO_STATUS_BLOCK,
    bytes: SmallVec<[u64; 10]>,
}

/// A question that the driver was asked: which of these are ready?
pub(super) struct Request<'a, 'e> {
    /// Null where nothing was asked.
    shared: *mut Shared,
    event: &'e Arc<Event>,
    asked: SmallVec<[Asked<'a>; 4]>,
}

/// A socket that the driver is asked about: it is not closed before the request has ended.
pub(super) struct Asked<'a> {
    /// As the driver knows it.
    base: usize,
    wanted: Readiness,
    _entered: InUse<'a>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(handle: BorrowedHandle<'a>, entered: InUse<'a>, wanted: Readiness) -> Self {
        Self { base: base(handle, &entered), wanted, _entered: entered }
    }
}

impl<'a, 'e> Request<'a, 'e> {
    /// Asks, and has the event set once there is an answer.
    pub(super) fn begin(asked: SmallVec<[Asked<'a>; 4]>, event: &'e Arc<Event>) -> Result<Self, Errno> {
        let entry = |one: &Asked<'_>| Entry { handle: one.base, events: events_of(one.wanted), status: STATUS_SUCCESS };
        let entries: SmallVec<[Entry; 4]> = asked.iter().map(entry).collect();
        let mut request = Self { shared: ptr::null_mut(), event, asked };
        if !entries.is_empty() {
            request.ask(&entries)?;
        }
        Ok(request)
    }

    fn ask(&mut self, entries: &[Entry]) -> Result<(), Errno> {
        let driver = driver()?;
        let len = size_of::<Header>() + size_of_val(entries);
        let mut bytes: SmallVec<[u64; 10]> = SmallVec::from_elem(0, len.div_ceil(size_of::<u64>()));
        let count = u32::try_from(entries.len()).map_err(|_| Errno::INVAL)?;
        let header = bytes.as_mut_ptr().cast::<Header>();
        // SAFETY: there is room for the header and so many entries, and what is 8-aligned is aligned for both.
        unsafe {
            header.write(Header { timeout: i64::MAX, count, is_exclusive: 0 });
            ptr::copy_nonoverlapping(entries.as_ptr(), header.add(1).cast::<Entry>(), entries.len());
        }
        let mut outcome = IO_STATUS_BLOCK::default();
        outcome.Anonymous.Status = STATUS_PENDING;
        let shared = Box::into_raw(Box::new(Shared { outcome, bytes }));
        self.shared = shared;
        let len = u32::try_from(len).map_err(|_| Errno::INVAL)?;
        // SAFETY: event and driver are open handles. What is read and written is in `shared`, for as many bytes as it says;
        // it stays where it is until `end` has seen that the system is done.
        let status = unsafe {
            let bytes = (*shared).bytes.as_mut_ptr().cast();
            let outcome = &raw mut (*shared).outcome;
            let (code, none) = (IOCTL_AFD_POLL, ptr::null());
            NtDeviceIoControlFile(driver, self.event.raw(), None, none, outcome, code, bytes, len, bytes, len)
        };
        // What fails at once is never written to, nor is the event set.
        if status < 0 {
            self.status().store(status, Ordering::Release);
            return Err(errno_of(status));
        }
        Ok(())
    }

    /// The system's word, which it writes before it sets the event.
    fn status(&self) -> &AtomicI32 {
        // SAFETY: `shared` is alive, and this number of it is written by the system alone, aligned and in one piece.
        unsafe { AtomicI32::from_ptr((&raw mut (*self.shared).outcome.Anonymous.Status).cast()) }
    }

    /// Whether the system is done with it.
    pub(super) fn is_done(&self) -> bool {
        !self.shared.is_null() && self.status().load(Ordering::Acquire) != STATUS_PENDING
    }

    /// Takes the question back, if it was not answered yet, and waits until the system is done with it.
    ///
    /// # Errors
    /// That of an answer which is one.
    pub(super) fn end(&mut self) -> Result<(), Errno> {
        if self.shared.is_null() {
            return Ok(());
        }
        self.take_back();
        match self.status().load(Ordering::Acquire) {
            STATUS_CANCELLED => Ok(()),
            status if status < 0 => Err(errno_of(status)),
            _ => Ok(()),
        }
    }

    fn take_back(&self) {
        if self.is_done() {
            return;
        }
        if let Ok(driver) = driver() {
            let mut ignored = IO_STATUS_BLOCK::default();
            // SAFETY: the request is named by where its outcome is to be written, which is alive. If it has just ended
            // the system says that there is no such request.
            unsafe { NtCancelIoFileEx(driver, &raw const (*self.shared).outcome, &mut ignored) };
        }
        while !self.is_done() {
            // Bells set it too: so it is asked again each time.
            self.event.await_set();
        }
    }

    /// What was found of each socket, in the order in which they were asked for; after the end.
    pub(super) fn found(&self) -> impl Iterator<Item = Readiness> {
        let ready = self.ready();
        self.asked.iter().map(move |one| {
            let own = ready.iter().filter(|entry| entry.handle == one.base);
            readiness_of(own.fold(0, |all, entry| all | entry.events))
        })
    }

    fn ready(&self) -> &[Entry] {
        if !self.is_done() || !matches!(self.status().load(Ordering::Acquire), STATUS_SUCCESS) {
            return &[];
        }
        // SAFETY: the system is done, so that nobody writes any more. There is a header, and there are as many entries as
        // were asked for; of a greater number nothing is believed.
        unsafe {
            let header = (*self.shared).bytes.as_ptr().cast::<Header>();
            let count = ((*header).count as usize).min(self.asked.len());
            std::slice::from_raw_parts(header.add(1).cast::<Entry>(), count)
        }
    }
}

impl Drop for Request<'_, '_> {
    fn drop(&mut self) {
        if !self.shared.is_null() {
            self.take_back();
            // SAFETY: it came from a box, and the system is done with it.
            drop(unsafe { Box::from_raw(self.shared) });
        }
    }
}

/// The number by which the driver knows a socket: without those that other programs put over it, as old firewalls do.
fn base(handle: BorrowedHandle<'_>, entered: &InUse<'_>) -> usize {
    let known = handle.owner().map_or(0, |owner| owner.base.load(Ordering::Relaxed));
    if known != 0 {
        return known;
    }
    let asked = |code| {
        let (mut base, mut len) = (0_usize, 0);
        let room = (&raw mut base).cast();
        // SAFETY: `base` has room for the handle that is asked for, and nothing is done behind the call.
        let failed = unsafe {
            let size = size_of::<usize>() as u32;
            w::WSAIoctl(entered.socket(), code, ptr::null(), 0, room, size, &mut len, ptr::null_mut(), None)
        };
        (failed == 0 && base != 0).then_some(base)
    };
    let base = asked(w::SIO_BASE_HANDLE).or_else(|| asked(w::SIO_BSP_HANDLE_POLL)).unwrap_or(entered.socket());
    if let Some(owner) = handle.owner() {
        owner.base.store(base, Ordering::Relaxed);
    }
    base
}

/// The driver, opened once.
fn driver() -> Result<super::KernelHandle, Errno> {
    static DRIVER: OnceLock<KernelObject> = OnceLock::new();
    if let Some(driver) = DRIVER.get() {
        return Ok(driver.as_raw_handle());
    }
    let opened = open()?;
    Ok(DRIVER.get_or_init(|| opened).as_raw_handle())
}

fn open() -> Result<KernelObject, Errno> {
    let mut name: Vec<u16> = r"\Device\Afd\Shotclock".encode_utf16().collect();
    // A short name.
    let bytes = size_of_val(&name[..]) as u16;
    let name = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: name.as_mut_ptr() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        ObjectName: &raw const name,
        ..OBJECT_ATTRIBUTES::default()
    };
    let (mut driver, mut outcome) = (ptr::null_mut(), IO_STATUS_BLOCK::default());
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE;
    // SAFETY: the attributes and the name in them outlive the call, which is over when it returns: a driver is opened at once.
    let status = unsafe {
        let (no_size, no_more) = (ptr::null(), ptr::null());
        let io = &mut outcome;
        NtCreateFile(&mut driver, SYNCHRONIZE, &attributes, io, no_size, 0, share, FILE_OPEN, 0, no_more, 0)
    };
    if status < 0 {
        return Err(errno_of(status));
    }
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { KernelObject::from_raw_handle(driver) })
}

fn errno_of(status: NTSTATUS) -> Errno {
    debug_assert_ne!(status, STATUS_TIMEOUT);
    // SAFETY: plain numbers.
    Errno::of(unsafe { RtlNtStatusToDosError(status) }.cast_signed())
}
