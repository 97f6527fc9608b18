//! Memory that a receive fills, and that nobody has to write before.

use std::mem::MaybeUninit;

/// Memory that may not be initialized yet. Only what the system is known to have written counts as filled.
pub(crate) struct Unfilled<'m> {
    memory: &'m mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'m> Unfilled<'m> {
    pub(crate) fn new(memory: &'m mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0 }
    }

    /// Where the system is to write.
    pub(super) fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        self.memory
    }

    /// # Safety
    /// The system has written the first `bytes` bytes, or as many as there are.
    pub(super) unsafe fn is_filled(&mut self, bytes: usize) {
        self.filled = bytes.min(self.memory.len());
    }

    /// What the system has written.
    pub(crate) fn into_filled(self) -> &'m mut [u8] {
        let (filled, _) = self.memory.split_at_mut(self.filled);
        // SAFETY: initialized, by `is_filled`; a byte and a maybe byte are laid out alike.
        unsafe { &mut *(std::ptr::from_mut(filled) as *mut [u8]) }
    }
}

/// Has `receive` fill the room that `vector` has left, and appends what it has filled.
pub(crate) fn append<T, E>(
    vector: &mut Vec<u8>,
    receive: impl FnOnce(&mut Unfilled<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut unfilled = Unfilled::new(vector.spare_capacity_mut());
    let received = receive(&mut unfilled);
    let filled = unfilled.filled;
    // SAFETY: so many bytes after those that were there are initialized, and there is room for them.
    unsafe { vector.set_len(vector.len() + filled) };
    received
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_there() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut unfilled = Unfilled::new(&mut memory);
        unfilled.memory().iter_mut().zip(b"abc").for_each(|(place, byte)| _ = place.write(*byte));
        // SAFETY: three were just written.
        unsafe { unfilled.is_filled(3) };
        assert_eq!(unfilled.into_filled(), b"abc");
        assert_eq!(Unfilled::new(&mut memory).into_filled(), b"");
    }

    #[test]
    fn a_vector_keeps_what_it_had_whatever_comes_of_the_receive() {
        let mut vector = Vec::with_capacity(8);
        vector.extend(b"ab");
        let failed: Result<(), &str> = append(&mut vector, |_| Err("late"));
        assert_eq!((failed, &vector[..]), (Err("late"), &b"ab"[..]));
        let received: Result<(), ()> = append(&mut vector, |unfilled| {
            unfilled.memory()[0].write(b'c');
            // SAFETY: just written.
            unsafe { unfilled.is_filled(1) };
            Ok(())
        });
        assert_eq!((received, &vector[..]), (Ok(()), &b"abc"[..]));
    }
}
