//! Bytes that have come and were not handed out yet, in one object of the interpreter's, so that all of them can be
//! handed out, or shown in an exception, without being copied.

use std::io::BufRead;
use std::ptr;
use std::ptr::NonNull;

use crate::ffi::capi::{_PyBytes_Resize, Py_REFCNT, PyBytes_AsString, PyBytes_FromStringAndSize};
use crate::ffi::owned::Owned;
use crate::ffi::raised::{PyResult, Raised};

/// Up to so many bytes a copy is cheaper.
const LITTLE: usize = 64 << 10;

/// Lines are short, mostly: so many bytes are looked at eight at a time, before a search that takes longer to begin.
const SHORT: usize = 64;

/// How long the first line is, with its end.
#[inline]
pub(crate) fn line_in(data: &[u8]) -> Option<usize> {
    let looked_at = match short_line_in(data) {
        Ok(len) => return Some(len),
        Err(looked_at) => looked_at,
    };
    let mut rest = &data[looked_at..];
    let len = looked_at + rest.skip_until(b'\n').unwrap_or(0);
    (len > looked_at && data[len - 1] == b'\n').then_some(len)
}

/// The same, if it is found by looking at eight bytes at a time; else how many have no end of a line.
#[inline(always)]
fn short_line_in(data: &[u8]) -> Result<usize, usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut looked_at = 0;
    for eight in data[..data.len().min(SHORT)].as_chunks::<8>().0 {
        // What is zero in here is an end of a line. The lowest bit that is left is that of the first one.
        let differences = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b'\n'));
        let ends = differences.wrapping_sub(ONES) & !differences & (ONES << 7);
        if ends != 0 {
            return Ok(looked_at + ends.trailing_zeros() as usize / 8 + 1);
        }
        looked_at += 8;
    }
    Err(looked_at)
}

/// A bytes object, written from the front and read from the front.
pub(crate) struct Store {
    /// Written to only while nobody else has a reference to it.
    bytes: Option<Owned>,
    /// Where the object's bytes are; nowhere if there is none.
    first: NonNull<u8>,
    capacity: usize,
    start: usize,
    end: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self { bytes: None, first: NonNull::dangling(), capacity: 0, start: 0, end: 0 }
    }
}

impl Store {
    /// The store of an object, whose first `end` bytes are written.
    fn of(bytes: Owned, capacity: usize, end: usize) -> Self {
        // SAFETY: a bytes object, whose bytes are where they are as long as it lives.
        let first = NonNull::new(unsafe { PyBytes_AsString(bytes.as_ptr()) }.cast()).unwrap_or(NonNull::dangling());
        Self { bytes: Some(bytes), first, capacity, start: 0, end }
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// What is there.
    pub(crate) fn all(&self) -> &[u8] {
        // SAFETY: the object has `capacity` bytes, of which those up to `end` are written; nobody writes them while this
        // is borrowed. Without an object there are none.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr().add(self.start), self.len()) }
    }

    /// Hands out the first line, if it is there and short.
    #[inline(always)]
    pub(crate) fn take_short_line(&mut self) -> Option<PyResult<Owned>> {
        let data = self.all();
        let len = short_line_in(data).ok()?;
        let line = Owned::bytes(&data[..len]);
        if line.is_ok() {
            self.start += len;
            if self.start == self.end {
                self.skip(0);
            }
        }
        Some(line)
    }

    /// How long the first line is, with its end; `from` bytes are known to have none.
    pub(crate) fn line(&self, from: usize) -> Option<usize> {
        line_in(&self.all()[from..]).map(|len| from + len)
    }

    /// Room for so many more bytes at least, after those that are there.
    pub(crate) fn room(&mut self, wanted: usize) -> PyResult<&mut [u8]> {
        self.make_room(wanted)?;
        // SAFETY: the object has `capacity` bytes, and nobody else has it, so it may be written. What the room holds is
        // never read before it is.
        unsafe { Ok(std::slice::from_raw_parts_mut(self.first.as_ptr().add(self.end), self.capacity - self.end)) }
    }

    /// So many bytes of the room were written.
    pub(crate) fn add(&mut self, count: usize) {
        self.end = self.capacity.min(self.end + count);
    }

    /// So many bytes from the front were handed out.
    pub(crate) fn skip(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end && self.is_ours_alone() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Hands out so many bytes.
    pub(crate) fn take(&mut self, count: usize) -> PyResult<Owned> {
        if count == self.len() && count > LITTLE && self.start == 0 {
            self.trim()?;
            let whole = self.bytes.take().ok_or(Raised)?;
            *self = Self::default();
            return Ok(whole);
        }
        let taken = Owned::bytes(&self.all()[..count])?;
        self.skip(count);
        Ok(taken)
    }

    /// Shows everything, which stays there.
    pub(crate) fn show(&mut self) -> PyResult<Owned> {
        if self.len() <= LITTLE {
            return Owned::bytes(self.all());
        }
        if self.start > 0 {
            self.make_room(0)?;
            self.move_to_front();
        }
        self.trim()?;
        // SAFETY: alive.
        self.bytes.as_ref().map(|bytes| unsafe { Owned::borrowed(bytes.as_ptr()) }).ok_or(Raised)
    }

    /// Another thread may still write to the object: so it is never freed, and never used again.
    pub(crate) fn keep_for_ever(&mut self) {
        if let Some(bytes) = std::mem::take(self).bytes {
            let _ = bytes.into_ptr();
        }
    }

    fn is_ours_alone(&self) -> bool {
        // SAFETY: alive.
        self.bytes.as_ref().is_some_and(|bytes| unsafe { Py_REFCNT(bytes.as_ptr()) } == 1)
    }

    fn make_room(&mut self, wanted: usize) -> PyResult<()> {
        if !self.is_ours_alone() {
            return self.renew(wanted);
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.capacity - self.end >= wanted {
            return Ok(());
        }
        // What is moved is no more than what was handed out before, or is little.
        if self.start >= self.len() || self.len() <= LITTLE {
            self.move_to_front();
        }
        let least = self.end + wanted;
        if self.capacity < least {
            self.resize(least.max(self.capacity + self.capacity / 2))?;
        }
        Ok(())
    }

    /// Copies the content into a new object: somebody else has this one, and a bytes object must not change.
    fn renew(&mut self, wanted: usize) -> PyResult<()> {
        let capacity = self.len() + wanted;
        // SAFETY: the interpreter is held.
        let new = Owned::new(unsafe { PyBytes_FromStringAndSize(ptr::null(), capacity.cast_signed()) })?;
        let new = Self::of(new, capacity, self.len());
        let all = self.all();
        // SAFETY: the new object is ours alone, and long enough.
        unsafe { ptr::copy_nonoverlapping(all.as_ptr(), new.first.as_ptr(), all.len()) };
        *self = new;
        Ok(())
    }

    fn move_to_front(&mut self) {
        let (start, len) = (self.start, self.len());
        if start > 0 {
            // SAFETY: within the object, which is ours alone where this is called.
            unsafe { ptr::copy(self.first.as_ptr().add(start), self.first.as_ptr(), len) };
            (self.start, self.end) = (0, len);
        }
    }

    /// Frees the room behind the content.
    fn trim(&mut self) -> PyResult<()> {
        if self.capacity == self.end || !self.is_ours_alone() {
            // If not, somebody was shown the whole object, and has it.
            return if self.capacity == self.end { Ok(()) } else { self.renew(0) };
        }
        self.resize(self.end)
    }

    fn resize(&mut self, capacity: usize) -> PyResult<()> {
        let Some(bytes) = self.bytes.take() else { return Err(Raised) };
        let mut object = bytes.into_ptr();
        // SAFETY: the interpreter is held, and the reference is the only one. Where it fails it has given the object up.
        if unsafe { _PyBytes_Resize(&raw mut object, capacity.cast_signed()) } != 0 {
            *self = Self::default();
            return Err(Raised);
        }
        let (start, end) = (self.start, self.end);
        *self = Self { start, ..Self::of(Owned::new(object)?, capacity, end) };
        Ok(())
    }
}
