//! The feature `serde`: addresses are texts that say all there is in them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddrV6;

use proptest::prelude::*;
use shotclock::{Address, SockAddr, UnixAddress};

fn text(address: impl Into<Address>) -> String {
    serde_json::to_value(address.into()).unwrap().as_str().unwrap().to_owned()
}

fn read(text: &str) -> Result<Address, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

#[test]
fn texts_are_as_people_write_them() {
    let v6 = |flow, scope| SocketAddrV6::new("fe80::1".parse().unwrap(), 80, flow, scope);
    assert_eq!(text(([127, 0, 0, 1], 8881)), "127.0.0.1:8881");
    assert_eq!(text(v6(0, 0)), "[fe80::1]:80");
    assert_eq!(text(v6(0, 2)), "[fe80::1%2]:80");
    assert!(text(v6(7, 2)).starts_with("raw:"), "no other text has the flow information");
    assert_eq!(text(UnixAddress::from_path("/run/echo").unwrap()), "unix:/run/echo");
    assert_eq!(text(UnixAddress::UNNAMED), "unix:");
    assert_eq!(text(UnixAddress::from_path("@a\\b\n").unwrap()), "unix:\\x40a\\\\b\\x0a");
    for address in [Address::V6(v6(7, 2)), UnixAddress::from_path("@a\\b\n").unwrap().into()] {
        assert_eq!(read(&text(address)), Ok(address));
    }
}

#[test]
fn a_text_that_is_none_is_named() {
    let long = format!("unix:{}", "x".repeat(109));
    for bad in
        ["", "localhost:80", "127.0.0.1", "::1:80", "raw:0", "raw:xx", "raw:02", "unix:a\\q", "unix:\\x00a", &long]
    {
        let error = read(bad).unwrap_err();
        assert!(error.contains(&format!("{bad:?}")) && error.contains("expected an address"), "{error}");
    }
    let error = serde_json::from_str::<UnixAddress>("7").unwrap_err().to_string();
    assert!(error.contains("integer `7`, expected a path"), "{error}");
}

proptest! {
    #[test]
    fn every_address_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..127), family in 0_u16..20) {
        let bytes = [&family.to_ne_bytes()[..], &bytes].concat();
        let address = Address::from(SockAddr::new(&bytes).unwrap());
        prop_assert_eq!(read(&text(address)), Ok(address));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_local_name_comes_back(name in prop::collection::vec(any::<u8>(), 0..107), path in "[^\0]{1,26}") {
        for local in [UnixAddress::from_abstract_name(name).unwrap(), UnixAddress::from_path(path).unwrap()] {
            let json = serde_json::to_string(&local).unwrap();
            prop_assert_eq!(serde_json::from_str::<UnixAddress>(&json).unwrap(), local);
        }
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in ".*") {
        for text in [text.clone(), format!("unix:{text}"), format!("raw:{text}")] {
            let _either = read(&text);
        }
    }
}
