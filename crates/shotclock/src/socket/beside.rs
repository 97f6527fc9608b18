//! What few sockets have beside their descriptor and their timeout: a policy, another timeout for sending.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::deadline::Timeout;
use crate::wait::PolicyState;

/// The timeout of sending is that of receiving: no timeout that anybody would set, 1 ns less than for ever.
const THE_SAME: u64 = Timeout::NEVER.nanos() - 1;

/// What is kept beside a socket, in memory of its own.
pub(super) struct Beside {
    /// Made when a policy is first set, and kept until the socket's end. Whether there is a policy now, the gate says.
    policy: OnceLock<PolicyState>,
    write_timeout: AtomicU64,
}

impl Default for Beside {
    fn default() -> Self {
        Self { policy: OnceLock::new(), write_timeout: AtomicU64::new(THE_SAME) }
    }
}

impl Beside {
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
