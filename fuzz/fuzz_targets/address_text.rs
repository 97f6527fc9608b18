//! Any text as an address: no panic, std agrees, and what is accepted comes back the same.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use shotclock::{Family, Target, UnixAddress, inet_aton, inet_ntoa, inet_ntop, inet_pton};

fuzz_target!(|text: &str| {
    if let Ok(address) = inet_aton(text) {
        let plain = inet_ntoa(address);
        assert_eq!(inet_aton(&plain).expect("the plain form is one of the classic forms"), address);
    }
    let four = inet_pton(Family::INET, text).ok();
    assert_eq!(four, text.parse::<Ipv4Addr>().ok().map(IpAddr::V4), "{text:?}");
    let six = inet_pton(Family::INET6, text).ok();
    assert_eq!(six, text.parse::<Ipv6Addr>().ok().map(IpAddr::V6), "{text:?}");
    for address in [four, six].into_iter().flatten() {
        let (family, shown) = match address {
            IpAddr::V4(address) => (Family::INET, inet_ntop(Family::INET, &address.octets())),
            IpAddr::V6(address) => (Family::INET6, inet_ntop(Family::INET6, &address.octets())),
        };
        let shown = shown.expect("as many bytes as the family has");
        assert_eq!(inet_pton(family, &shown).expect("shown by inet_ntop"), address);
    }
    if let Ok(Target::Name { host, port }) = Target::parse(text) {
        assert!(text.contains(host) && text.ends_with(|last: char| last.is_ascii_digit()), "{text:?}: {host:?} {port}");
    }
    if let Ok(path) = UnixAddress::from_path(text) {
        assert!(!text.contains('\0') && !path.to_string().is_empty(), "{text:?}");
    }
});
