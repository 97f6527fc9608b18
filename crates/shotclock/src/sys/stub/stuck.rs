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

/// What a thread has had of the machine so far: nobody knows.
#[derive(Clone, Copy, Debug)]
pub struct Turns;

impl Turns {
    /// Nothing is said.
    pub fn of(_thread: u32) -> Option<Self> {
        None
    }

    /// Nobody knows.
    #[must_use]
    pub fn kept_from(self, _before: Self, _nanos: u64) -> u64 {
        0
    }
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
