//! What few sockets have beside their descriptor and their timeout: a policy, another timeout for sending, what batches know.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::deadline::Timeout;
use crate::wait::PolicyState;

/// The timeout of sending is that of receiving: no timeout that anybody would set, 1 ns less than for ever.
const THE_SAME: u64 = Timeout::NEVER.nanos() - 1;

/// What is kept beside a socket, in memory of its own.
pub(super) struct Beside {
    /// Made when a policy is first set, and kept until the socket's end. Whether there is a policy now, the gate says.
    policy: OnceLock<PolicyState>,
    write_timeout: AtomicU64,
    /// What batches need not ask the system again.
    batches: AtomicU8,
}

impl Default for Beside {
    fn default() -> Self {
        Self { policy: OnceLock::new(), write_timeout: AtomicU64::new(THE_SAME), batches: AtomicU8::new(0) }
    }
}

impl Beside {
    /// It is of datagrams.
    pub(super) const DATAGRAMS: u8 = 1;
    /// The system was told to join them.
    pub(super) const JOINS: u8 = 2;

    /// The system cuts messages apart, and nobody has said into what.
    pub(super) const CUTS: u8 = 4;
    /// The program sets options of UDP itself: what the system says of them may change.
    pub(super) const SETS_OPTIONS: u8 = 8;

    /// Whether all this was noted for batches.
    pub(super) fn knows(&self, facts: u8) -> bool {
        self.batches.load(Ordering::Relaxed) & facts == facts
    }

    /// Notes what stays so until the socket's end.
    pub(super) fn note(&self, facts: u8) {
        self.batches.fetch_or(facts, Ordering::Relaxed);
    }

    pub(super) fn policy(&self) -> Option<&PolicyState> {
        self.policy.get()
    }

    /// Notes the first policy.
    pub(super) fn put_under(&self, state: PolicyState) {
        self.policy.get_or_init(|| state);
    }

    /// The timeout of sending, if it is one of its own.
    pub(super) fn write_timeout(&self) -> Option<Timeout> {
        let nanos = self.write_timeout.load(Ordering::Relaxed);
        (nanos != THE_SAME).then(|| Timeout::from_nanos(nanos))
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Timeout>) {
        let nanos = timeout.map_or(THE_SAME, |timeout| match timeout.nanos() {
            THE_SAME => THE_SAME - 1,
            nanos => nanos,
        });
        self.write_timeout.store(nanos, Ordering::Relaxed);
    }
}
