//! What is not the same on all systems: the program's own streams and pairs of sockets, and the bytes of its arguments.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
#[cfg(windows)]
use std::os::windows::io::AsHandle;

use shotclock::Family;

/// The family of the program's own pairs of sockets. Windows has none of its local one.
pub(crate) const PAIRS: Family = if cfg!(windows) { Family::INET } else { Family::UNIX };

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident = $stream:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name() -> io::Result<File> {
            #[cfg(unix)]
            return $stream.as_fd().try_clone_to_owned().map(File::from);
            #[cfg(windows)]
            $stream.as_handle().try_clone_to_owned().map(File::from)
        }
    )*};
}

streams! {
    /// Standard input. Not by the library's own, which takes one that cannot be read for one that is at its end.
    input = io::stdin();
    /// Standard output.
    output = io::stdout();
    /// Standard error.
    errors = io::stderr();
}

/// An argument as it was given; on Windows as UTF-8.
pub(crate) fn bytes_of(argument: &OsStr) -> &[u8] {
    #[cfg(unix)]
    return argument.as_bytes();
    #[cfg(windows)]
    argument.as_encoded_bytes()
}
