//! `SocketIO.readall`, where a limit may end it: however much had come, its end takes no longer.

use std::ptr;

use shotclock::unstable::drop_elsewhere;

use crate::ffi::call::{call_method, call_method_with};
use crate::ffi::capi::{
    Py_None, PyBUF_WRITE, PyBytes_AsString, PyBytes_FromStringAndSize, PyLong_AsSize_t, PyMemoryView_FromMemory,
    PyObject,
};
use crate::ffi::exception;
use crate::ffi::owned::{Owned, returned};
use crate::ffi::raised::{PyResult, Raised};
use crate::socket::open;

/// Up to so many bytes are freed at once; more of them by a thread.
const LITTLE: usize = 16 << 20;

/// `SocketIO.readall()`.
pub(crate) unsafe extern "C" fn readall(me: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the descriptor has checked the type; it is alive for the call.
    let file = unsafe { Owned::borrowed(me) };
    if !open::is_any_open() {
        return returned(call_method(&file, c"_readall_by_io"));
    }
    let mut pieces = Pieces::default();
    returned(match pieces.fill(&file) {
        Ok(is_end) if is_end || pieces.len > 0 => pieces.joined(),
        Ok(_) => Ok(Owned::none()),
        Err(raised) => {
            pieces.throw_away();
            Err(raised)
        }
    })
}

/// What has come, in pieces of memory that are not the interpreter's, each larger than the one before.
#[derive(Default)]
struct Pieces {
    all: Vec<Vec<u8>>,
    len: usize,
}

impl Pieces {
    const FIRST: usize = 64 << 10;
    const LARGEST: usize = 64 << 20;

    /// Reads until the end of the data; false if the socket does not wait and has no more for now.
    fn fill(&mut self, file: &Owned) -> PyResult<bool> {
        loop {
            let count = self.read_into_room(file)?;
            // SAFETY: alive.
            unsafe {
                if count.as_ptr() == Py_None() {
                    return Ok(false);
                }
                let count = PyLong_AsSize_t(count.as_ptr());
                if exception::is_raised() {
                    return Err(Raised);
                }
                let Some(piece) = self.all.last_mut() else { return Ok(true) };
                if count == 0 || count > piece.capacity() - piece.len() {
                    return Ok(true);
                }
                // The file says that it has written so many bytes, for which there was room.
                piece.set_len(piece.len() + count);
                self.len += count;
            }
        }
    }

    fn read_into_room(&mut self, file: &Owned) -> PyResult<Owned> {
        if self.all.last().is_none_or(|piece| piece.len() == piece.capacity()) {
            let size = self.len.clamp(Self::FIRST, Self::LARGEST);
            let mut piece = Vec::new();
            piece.try_reserve_exact(size).map_err(|_| exception::out_of_memory())?;
            self.all.push(piece);
        }
        let room = self.all.last_mut().ok_or(Raised)?.spare_capacity_mut();
        // SAFETY: the interpreter is held. The view is released below, before the room can be freed or moved, or the room
        // is never freed.
        unsafe {
            let (start, len) = (room.as_mut_ptr().cast(), room.len().cast_signed());
            let view = Owned::new(PyMemoryView_FromMemory(start, len, PyBUF_WRITE))?;
            let outcome = call_method_with(file, c"readinto", view.as_ptr());
            let kept = outcome.is_err().then(exception::Kept::take);
            if call_method(&view, c"release").is_err() {
                // Somebody still has it.
                std::mem::forget(std::mem::take(&mut self.all));
                return Err(Raised);
            }
            if let Some(kept) = kept {
                kept.restore();
            }
            outcome
        }
    }

    fn joined(self) -> PyResult<Owned> {
        // SAFETY: the interpreter is held; the object is new, ours alone, and as long as all the pieces together.
        unsafe {
            let joined = Owned::new(PyBytes_FromStringAndSize(ptr::null(), self.len.cast_signed()))?;
            let mut to = PyBytes_AsString(joined.as_ptr()).cast::<u8>();
            for piece in self.all {
                ptr::copy_nonoverlapping(piece.as_ptr(), to, piece.len());
                to = to.add(piece.len());
            }
            Ok(joined)
        }
    }

    /// To free gigabytes takes the system a while: a thread does it, not the caller.
    fn throw_away(self) {
        if self.len > LITTLE {
            drop_elsewhere(self.all);
        }
    }
}
