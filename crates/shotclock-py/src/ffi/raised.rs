//! That an exception is set, as a value.

/// A Python exception is set.
#[derive(Debug)]
pub(crate) struct Raised;

pub(crate) type PyResult<T> = Result<T, Raised>;
