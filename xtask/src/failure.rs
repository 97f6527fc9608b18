//! Why a chore failed.

/// For people.
pub(crate) type Failure = Box<dyn std::error::Error>;
