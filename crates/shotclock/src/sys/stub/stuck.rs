//! Threads that are stuck in a call of a library's own: nobody says where.

/// Nothing is said.
pub fn is_known() -> bool {
    false
}

/// They are not.
pub fn reach_lookups() -> bool {
    false
}

/// Threads have no numbers.
pub fn own_number() -> u32 {
    0
}

/// Nobody knows.
pub fn is_there(_thread: u32) -> bool {
    false
}

/// Nobody knows.
pub fn kept_from_running(_thread: u32) -> Option<u64> {
    None
}

/// Nobody knows.
pub fn is_at_connection(_thread: u32) -> bool {
    false
}

/// Nobody knows.
pub fn is_at_set_of_events(_thread: u32) -> bool {
    false
}

/// None.
pub fn end_connections(_thread: u32, _may: impl Fn(i32) -> bool) -> usize {
    0
}
