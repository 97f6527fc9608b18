//! A platform that can do nothing: `cargo xtask lint` compiles the core over it, and runs this.
#![cfg(shotclock_stub)]

use std::io;
use std::time::Duration;

use shotclock::{Canceller, Family, Kind, Lookup, Socket, create_connection, with_deadline};

fn is_unsupported<T>(called: shotclock::Result<T>) -> bool {
    called.is_err_and(|error| error.kind() == io::ErrorKind::Unsupported)
}

#[test]
fn every_call_that_needs_the_system_says_that_it_is_unsupported() {
    assert!(is_unsupported(Socket::new(Family::INET, Kind::STREAM)));
    assert!(is_unsupported(shotclock::socketpair(Family::UNIX, Kind::STREAM)));
    assert!(is_unsupported(shotclock::gethostbyname_ex("localhost")));
    assert!(is_unsupported(Lookup::within(Duration::from_secs(5)).gethostbyname("localhost")));
    assert!(is_unsupported(shotclock::if_nameindex()));
    assert!(create_connection(("127.0.0.1", 1), None).is_err());
}

#[test]
fn what_needs_no_system_is_there() {
    let canceller = Canceller::new();
    canceller.cancel();
    assert!(canceller.is_cancelled());
    assert!(with_deadline(Duration::from_secs(5), shotclock::remaining) > Duration::ZERO.into());
    assert_eq!(shotclock::htons(0x1234).to_ne_bytes(), [0x12, 0x34]);
}
