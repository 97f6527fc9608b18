//! What all families need to turn an address into bytes, back, and into text.

use std::fmt::{self, Write};

use crate::constant::Family;
use crate::sys::address;

/// The first two bytes of an address.
pub(super) fn family_bytes(family: Family) -> [u8; 2] {
    // The families of this module are small positive numbers.
    address::family_bytes(family.0)
}

/// The `N` bytes that begin at `start`, if there are so many.
pub(super) fn field<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    bytes.get(start..)?.first_chunk().copied()
}

/// Writes bytes as text: what a terminal could stumble over, and a backslash, as an escape.
pub(super) fn write_escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' | '"' => f.write_char(character)?,
                '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(character))?,
                _ => write!(f, "{}", character.escape_debug())?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
    }
    Ok(())
}
