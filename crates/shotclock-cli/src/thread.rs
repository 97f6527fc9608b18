//! The threads of the command: with little on their stacks, and an error that says so if there is none to be had.

use std::io;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// Enough for all that the command does in one.
const STACK: usize = 512 << 10;

/// Starts a thread; the error names it.
pub(crate) fn start<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    builder(name).spawn(work).map_err(|error| no_thread(name, &error))
}

/// The same, in a scope.
pub(crate) fn start_in<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    builder(name).spawn_scoped(scope, work).map_err(|error| no_thread(name, &error))
}

fn builder(name: &str) -> Builder {
    Builder::new().name(name.to_owned()).stack_size(STACK)
}

fn no_thread(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("no thread could be started ({name}): {error}"))
}
