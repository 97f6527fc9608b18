//! TLS on the clock: the calls of `_ssl`'s objects.

pub(crate) mod guard;
pub(crate) mod guarded;
pub(crate) mod original;
pub(crate) mod silence;
pub(crate) mod tls_call;
pub(crate) mod tries;
