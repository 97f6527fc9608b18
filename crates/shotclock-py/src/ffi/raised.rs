//! A value that says that a Python exception is set.

/// A Python exception is set.
#[derive(Debug)]
pub(crate) struct Raised;

pub(crate) type PyResult<T> = Result<T, Raised>;
