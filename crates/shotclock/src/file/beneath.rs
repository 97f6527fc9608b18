//! The socket beneath a file, for what a file does not do.

use super::{SocketFile, SocketHandle, SocketReader, SocketWriter};

macro_rules! get_ref {
    ($($file:ident, $prose:literal;)*) => {$(
        impl<S: SocketHandle> $file<S> {
            #[doc = $prose]
            ///
            /// What is received or sent there passes by the file's buffers. Source: std's `BufReader::get_ref`.
            ///
            /// ```
            /// use shotclock::{Family, Kind, socketpair};
            /// use std::time::Duration;
            #[doc = concat!("use shotclock::", stringify!($file), ";")]
            /// let (one, _other) = socketpair(Family::UNIX, Kind::STREAM)?;
            #[doc = concat!("let file = ", stringify!($file), "::new(one)?;")]
            /// file.get_ref().set_timeout(Duration::from_secs(30)); // for what comes next
            /// assert_eq!(file.get_ref().timeout().duration(), Some(Duration::from_secs(30)));
            /// # Ok::<(), shotclock::Error>(())
            /// ```
            pub fn get_ref(&self) -> &S {
                self.socket.handle()
            }
        }
    )*};
}

get_ref! {
    SocketFile, "What the file is over: its socket's timeout, addresses, `shutdown`.";
    SocketReader, "What the reader is over: its socket's timeout, addresses, `shutdown`.";
    SocketWriter, "What the writer is over: its socket's timeout, addresses, `shutdown`.";
}
