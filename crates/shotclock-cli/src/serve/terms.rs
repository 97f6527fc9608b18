//! What all servers and connections of one run share: limits, the call to end, and whom to tell.

use std::num::NonZeroU32;
use std::time::Duration;

use shotclock::{Canceller, ServerPolicy, Timeout};

use super::event::Talk;
use crate::tls::Server;

/// How long clients may take to leave once the end was called for.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// How long connections that are cut off may take to notice.
pub(crate) const CUT_OFF: Duration = Duration::from_secs(1);

pub(crate) struct Terms {
    /// The longest wait for one client.
    pub(crate) timeout: Timeout,
    /// What bounds each connection as a whole.
    pub(crate) policy: ServerPolicy,
    /// With what TCP clients are met.
    pub(crate) tls: Option<Server>,
    /// How many TCP clients at once.
    pub(crate) most_connections: usize,
    /// How many datagrams a second one source gets.
    pub(crate) most_answers: Option<NonZeroU32>,
    /// Cancelled: nobody new, and what was sent is answered.
    pub(crate) stop: Canceller,
    /// Cancelled: the end, whatever is under way.
    pub(crate) abort: Canceller,
    pub(crate) talk: Talk,
}

impl Terms {
    pub(crate) fn new(talk: Talk) -> Self {
        Self {
            timeout: Duration::from_secs(60).into(),
            policy: ServerPolicy::new(),
            tls: None,
            most_connections: 4096,
            most_answers: NonZeroU32::new(1000),
            stop: Canceller::new(),
            abort: Canceller::new(),
            talk,
        }
    }
}
