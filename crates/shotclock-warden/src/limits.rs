//! What is asked of a warden.

use std::time::Duration;

use crate::exemption::Exemption;

/// The limits on a program and its children. Those of `None` do not hold.
///
/// ```
/// use shotclock_warden::Limits;
/// use std::time::Duration;
///
/// let mut limits = Limits::default();
/// limits.timeout = Some(Duration::from_secs(20));
/// assert_eq!(limits.kill_after, Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a TCP connection may stay without a byte that arrives or is acknowledged.
    pub timeout: Option<Duration>,
    /// How long a connection may take to be made; without it `timeout` holds.
    pub connect_timeout: Option<Duration>,
    /// How long a name lookup may take, in programs that the C library looks names up for; without it `timeout` holds.
    pub lookup_timeout: Option<Duration>,
    /// How long a connection that the program has accepted may stay silent; without it `timeout` holds.
    pub idle: Option<Duration>,
    /// How long a connection that the program has accepted may take to its first byte.
    pub first_byte: Option<Duration>,
    /// When the program and all its children have to be over.
    pub total: Option<Duration>,
    /// How long they have to leave, after SIGTERM at the end of `total`, before SIGKILL. Five seconds by default.
    pub kill_after: Duration,
    /// Connections that are off the clock until `total`.
    pub exempt: Vec<Exemption>,
    /// Whether a small library is loaded into the programs, so that they see ETIMEDOUT, and lookups and datagrams have limits.
    /// It is by default.
    pub preload: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: None,
            connect_timeout: None,
            lookup_timeout: None,
            idle: None,
            first_byte: None,
            total: None,
            kill_after: Duration::from_secs(5),
            exempt: Vec::new(),
            preload: true,
        }
    }
}
