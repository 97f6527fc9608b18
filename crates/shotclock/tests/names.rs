//! Names that need no network: numeric hosts, the hosts file's localhost, services and protocols.
#![cfg_attr(windows, allow(unused_imports, dead_code, reason = "what only Unix systems have is left out there"))]

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use shotclock::{
    Address, AddressInfoFlags, AddressInfoHints, Canceller, Deadline, Family, Kind, Lookup, LookupCode, NameInfoFlags,
    Protocol, getaddrinfo, getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, getnameinfo,
    getprotobyname, getservbyname, getservbyport, sethostname,
};

const STREAM: AddressInfoHints = AddressInfoHints {
    family: Family::UNSPEC,
    kind: Kind::STREAM,
    protocol: Protocol::DEFAULT,
    flags: AddressInfoFlags::NONE,
};
const PATIENT: Duration = Duration::from_secs(20);
const NUMERIC: NameInfoFlags = NameInfoFlags(NameInfoFlags::NUMERICHOST.0 | NameInfoFlags::NUMERICSERV.0);

#[cfg(unix)]
use libc::{EAI_NONAME, EAI_SERVICE};
/// Winsock's.
#[cfg(windows)]
const EAI_NONAME: i32 = 11001;
#[cfg(windows)]
const EAI_SERVICE: i32 = 10109;

/// With and without a limit: on a worker, and on this thread.
fn both_ways() -> [Lookup<'static>; 2] {
    [Lookup::new(), Lookup::within(PATIENT)]
}

/// Whether services and protocols have names here. Says aloud which test is skipped where they have none.
fn services_are_known(test: &str) -> bool {
    let known = ["/etc/services", "/etc/protocols"].iter().all(|file| std::path::Path::new(file).exists());
    if !known {
        let _ = writeln!(std::io::stderr(), "SKIP names::{test}: services have no names here (Debian: netbase)");
    }
    known
}

fn v4(address: &Address) -> Option<(Ipv4Addr, u16)> {
    match address {
        Address::V4(address) => Some((*address.ip(), address.port())),
        _ => None,
    }
}

#[test]
fn numeric_hosts() {
    for lookup in both_ways() {
        for host in ["127.0.0.1", "127.1", "0x7f000001"] {
            let found = lookup.getaddrinfo(host, 8881, &STREAM).unwrap();
            assert_eq!(found.len(), 1, "{host}");
            assert_eq!(v4(&found[0].address), Some((Ipv4Addr::LOCALHOST, 8881)), "{host}");
            assert_eq!(
                (found[0].family, found[0].kind, found[0].protocol),
                (Family::INET, Kind::STREAM, Protocol::TCP)
            );
            assert_eq!(found[0].canonname, None);
        }
        let found = lookup.getaddrinfo("::1", None, &STREAM).unwrap();
        assert!(matches!(&found[0].address, Address::V6(address) if address.ip().is_loopback() && address.port() == 0));
        let any_kind = lookup.getaddrinfo("127.0.0.1", "80", &AddressInfoHints::default()).unwrap();
        assert!(
            (any_kind.len() > 1 || cfg!(windows)) && any_kind.iter().all(|info| v4(&info.address).unwrap().1 == 80)
        );
    }
}

#[cfg(unix)]
#[test]
fn an_address_with_a_zone() {
    let found = getaddrinfo("fe80::1%lo", 80, &STREAM).unwrap();
    assert!(matches!(&found[0].address, Address::V6(address) if address.scope_id() != 0), "{found:?}");
    assert!(getaddrinfo("fe80::1%no-such-interface", 80, &STREAM).unwrap_err().is_lookup());
}

#[test]
fn no_host_is_loopback_or_the_wildcard() {
    let passive = AddressInfoHints { flags: AddressInfoFlags::PASSIVE, family: Family::INET, ..STREAM };
    let active = AddressInfoHints { family: Family::INET, ..STREAM };
    for lookup in both_ways() {
        for host in [None, Some("")] {
            let found = lookup.getaddrinfo(host, "80", &passive).unwrap();
            assert_eq!(v4(&found[0].address), Some((Ipv4Addr::UNSPECIFIED, 80)));
            let found = lookup.getaddrinfo(host, 80, &active).unwrap();
            assert_eq!(v4(&found[0].address), Some((Ipv4Addr::LOCALHOST, 80)));
        }
        let nothing = lookup.getaddrinfo(None, None, &STREAM).unwrap_err();
        assert_eq!(nothing.lookup_code(), Some(LookupCode::AddressInfo(EAI_NONAME)));
    }
}

#[test]
fn a_name_from_the_hosts_file() {
    if !services_are_known("a_name_from_the_hosts_file") {
        return;
    }
    let hints = AddressInfoHints { family: Family::INET, flags: AddressInfoFlags::CANONNAME, ..STREAM };
    for lookup in both_ways() {
        let found = lookup.getaddrinfo("localhost", "http", &hints).unwrap();
        assert_eq!(v4(&found[0].address), Some((Ipv4Addr::LOCALHOST, 80)));
        assert!(found[0].canonname.as_deref().is_some_and(|name| name.contains("localhost")), "{found:?}");
        assert_eq!(lookup.gethostbyname("localhost").unwrap(), Ipv4Addr::LOCALHOST);
        let entry = lookup.gethostbyname_ex("localhost").unwrap();
        assert!(entry.addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{entry:?}");
        let entry = lookup.gethostbyaddr("127.0.0.1").unwrap();
        assert_eq!(entry.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert!(!entry.name.is_empty());
    }
}

#[test]
fn unknown_hosts_carry_the_resolvers_code_and_text() {
    let numeric = AddressInfoHints { flags: AddressInfoFlags::NUMERICHOST, ..STREAM };
    for lookup in both_ways() {
        let error = lookup.getaddrinfo("not.a.number.invalid", 80, &numeric).unwrap_err();
        assert!(error.is_lookup() && !error.is_timeout());
        assert_eq!(error.lookup_code(), Some(LookupCode::AddressInfo(EAI_NONAME)));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!((error.operation(), error.target()), ("getaddrinfo", Some("not.a.number.invalid")));
        assert_eq!(error.raw_os_error(), None, "the resolver's codes are no error numbers");
        let text = error.to_string();
        assert!(text.starts_with("getaddrinfo not.a.number.invalid: ") && text.contains("EAI_NONAME"), "{text}");
        // An IPv6 address where IPv4 was asked for.
        assert!(lookup.gethostbyname("::1").unwrap_err().is_lookup());
        assert!(lookup.gethostbyname_ex("::1").unwrap_err().is_lookup());
    }
    let error = getaddrinfo("127.0.0.1", "no-such-service", &STREAM).unwrap_err();
    assert_eq!(error.lookup_code(), Some(LookupCode::AddressInfo(EAI_SERVICE)));
    assert_eq!(error.target(), Some("127.0.0.1, service no-such-service"));
    let error = getaddrinfo("127.0.0.1", 80, &AddressInfoHints { family: Family(999), ..STREAM }).unwrap_err();
    assert!(error.is_lookup(), "{error}");
}

#[test]
fn bad_input_is_named() {
    for lookup in both_ways() {
        let long = "x".repeat(1025);
        let refused = [
            (lookup.getaddrinfo("a\0b", 80, &STREAM).unwrap_err(), r"a\0b"),
            (lookup.getaddrinfo(long.as_str(), 80, &STREAM).unwrap_err(), "1025 bytes"),
            (lookup.getaddrinfo("127.0.0.1", 65536, &STREAM).unwrap_err(), "65536"),
            (lookup.getaddrinfo("127.0.0.1", "70000", &STREAM).unwrap_err(), "70000"),
            (lookup.getaddrinfo("127.0.0.1", -1, &STREAM).unwrap_err(), "-1"),
            (lookup.getaddrinfo("127.0.0.1", "h\0p", &STREAM).unwrap_err(), r"h\0p"),
            (lookup.gethostbyname("a\0b").unwrap_err(), r"a\0b"),
            (lookup.gethostbyname_ex("").unwrap_err(), "empty"),
            (lookup.gethostbyaddr("").unwrap_err(), "empty"),
            (lookup.getfqdn("a\0b").unwrap_err(), r"a\0b"),
            (lookup.getservbyname("h\0p", None).unwrap_err(), r"h\0p"),
            (lookup.getservbyport(80, Some("t\0p")).unwrap_err(), r"t\0p"),
            (lookup.getprotobyname("t\0p").unwrap_err(), r"t\0p"),
            (sethostname("a\0b").unwrap_err(), "expected"),
        ];
        for (error, shown) in refused {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains(shown), "{error}");
        }
    }
}

#[test]
#[cfg(feature = "idna")]
fn international_names_become_ascii() {
    let numeric = AddressInfoHints { flags: AddressInfoFlags::NUMERICHOST, ..STREAM };
    let error = getaddrinfo("bücher.invalid", 80, &numeric).unwrap_err();
    assert!(error.is_lookup() && error.target() == Some("bücher.invalid"), "{error}");
    assert_eq!(gethostbyname("１２７.0.0.1").unwrap(), Ipv4Addr::LOCALHOST);
}

#[test]
#[cfg(not(feature = "idna"))]
fn international_names_need_the_feature() {
    let error = gethostbyname("bücher.invalid").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("`idna`"), "{error}");
}

proptest! {
    /// Whatever is handed in, there is an answer or an error, and nobody is asked.
    #[test]
    fn any_text_is_an_answer_or_an_error(host in ".{0,40}", service in ".{0,12}", flags in 0..8_i32, number: i64) {
        let flags = AddressInfoFlags::NUMERICHOST | AddressInfoFlags::NUMERICSERV | AddressInfoFlags(flags);
        let hints = AddressInfoHints { flags, ..STREAM };
        for lookup in both_ways() {
            let _ = lookup.getaddrinfo(host.as_str(), service.as_str(), &hints);
            let by_number = lookup.getaddrinfo("127.0.0.1", number, &hints);
            prop_assert_eq!(by_number.is_ok(), u16::try_from(number).is_ok());
        }
    }
}

#[test]
fn special_names_of_gethostbyname() {
    assert_eq!(gethostbyname("").unwrap(), Ipv4Addr::UNSPECIFIED);
    assert_eq!(gethostbyname("<broadcast>").unwrap(), Ipv4Addr::BROADCAST);
    assert_eq!(gethostbyname("10.1").unwrap(), Ipv4Addr::new(10, 0, 0, 1));
    let entry = gethostbyname_ex("10.1").unwrap();
    assert_eq!((entry.name.as_str(), entry.aliases.len()), ("10.1", 0));
    assert_eq!(entry.addresses, [IpAddr::from([10, 0, 0, 1])]);
}

#[test]
fn names_of_addresses() {
    if !services_are_known("names_of_addresses") {
        return;
    }
    let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
    for lookup in both_ways() {
        assert_eq!(lookup.getnameinfo(&address, NUMERIC).unwrap(), ("127.0.0.1".into(), "80".into()));
        let (host, service) = lookup.getnameinfo(&address, NameInfoFlags::NONE).unwrap();
        assert!(!host.is_empty() && service == "http", "{host} {service}");
    }
    let v6 = Address::from(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 443)));
    assert_eq!(getnameinfo(&v6, NUMERIC).unwrap(), ("::1".into(), "443".into()));
}

#[test]
fn services_and_protocols() {
    if !services_are_known("services_and_protocols") {
        return;
    }
    for lookup in both_ways() {
        assert_eq!(lookup.getservbyname("http", Some("tcp")).unwrap(), 80);
        assert_eq!(lookup.getservbyname("domain", None).unwrap(), 53);
        assert_eq!(lookup.getservbyport(53, Some("udp")).unwrap(), "domain");
        assert_eq!(lookup.getprotobyname("udp").unwrap(), Protocol::UDP);
    }
    for error in [
        getservbyname("no-such-service", Some("tcp")).unwrap_err(),
        getservbyport(1, Some("no-such-protocol")).unwrap_err(),
        getprotobyname("no-such-protocol").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(!error.is_lookup() && error.to_string().contains("no-such"), "{error}");
    }
    let error = getservbyname("no-such-service", Some("tcp")).unwrap_err().to_string();
    assert!(error.contains(r#""no-such-service""#) && error.contains(r#""tcp""#), "{error}");
}

#[test]
fn full_names() {
    let own = gethostname().unwrap();
    for wildcard in ["0.0.0.0", "::", " 0.0.0.0 "] {
        assert_eq!(getfqdn(wildcard).unwrap(), own);
    }
    // A limit that has passed gives the answer for hosts without a full name; a cancellation is an error.
    let late = Lookup::within(Duration::ZERO);
    assert_eq!(late.getfqdn("somewhere.invalid").unwrap(), "somewhere.invalid");
    assert_eq!(late.getfqdn("").unwrap(), own);
    let canceller = Canceller::new();
    canceller.cancel();
    let error = late.cancelled_by(&canceller).getfqdn("somewhere.invalid").unwrap_err();
    assert!(error.is_cancelled() && error.operation() == "getfqdn", "{error}");
}

#[test]
fn a_limit_that_has_passed_is_kept_by_every_function() {
    let lookup = Lookup::until(Deadline::now());
    let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 80)));
    for error in [
        lookup.getaddrinfo("127.0.0.1", 80, &STREAM).unwrap_err(),
        lookup.getaddrinfo("somewhere.invalid", 80, &STREAM).unwrap_err(),
        lookup.getnameinfo(&address, NameInfoFlags::NONE).unwrap_err(),
        lookup.gethostbyname("somewhere.invalid").unwrap_err(),
        lookup.gethostbyname_ex("somewhere.invalid").unwrap_err(),
        lookup.gethostbyaddr("somewhere.invalid").unwrap_err(),
        lookup.getservbyname("http", None).unwrap_err(),
        lookup.getservbyport(80, None).unwrap_err(),
        lookup.getprotobyname("tcp").unwrap_err(),
    ] {
        assert!(error.is_timeout() && error.kind() == ErrorKind::TimedOut, "{error}");
        assert!(error.target().is_some(), "{error}");
    }
}

#[test]
fn many_threads_look_up_at_once() {
    if !services_are_known("many_threads_look_up_at_once") {
        return;
    }
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(Lookup::within(PATIENT).getservbyname("http", Some("tcp")).unwrap(), 80);
                    assert!(!Lookup::within(PATIENT).gethostbyaddr("127.0.0.1").unwrap().name.is_empty());
                }
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn a_forked_child_has_workers_of_its_own() {
    if !services_are_known("a_forked_child_has_workers_of_its_own") {
        return;
    }
    assert_eq!(Lookup::within(PATIENT).getservbyname("http", None).unwrap(), 80);
    // SAFETY: the child makes its lookup and leaves by _exit, under an alarm that ends it whatever happens.
    let status = unsafe {
        match libc::fork() {
            0 => {
                libc::alarm(30);
                let port = Lookup::within(PATIENT).getservbyname("http", None);
                libc::_exit(if matches!(port, Ok(80)) { 0 } else { 1 });
            }
            child => {
                let mut status = -1;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status
            }
        }
    };
    assert_eq!(status, 0, "the child's lookup failed or hung");
}

#[cfg(unix)]
#[test]
fn the_hosts_own_name_can_be_set() {
    // A UTS namespace is per thread: the machine keeps its name.
    thread::spawn(|| {
        // SAFETY: unshare changes this thread alone, which ends with the test.
        if unsafe { libc::unshare(libc::CLONE_NEWUTS) } != 0 {
            let line = b"SKIP names::the_hosts_own_name_can_be_set: no privilege for a UTS namespace\n";
            let _ = std::io::stderr().write_all(line);
            return;
        }
        sethostname("clock.shot.test").unwrap();
        assert_eq!(gethostname().unwrap(), "clock.shot.test");
    })
    .join()
    .unwrap();
}

#[test]
fn an_unknown_address_has_no_entry() {
    // The unspecified IPv6 address is refused by the resolver itself, before anybody is asked.
    let error = gethostbyaddr("::").unwrap_err();
    assert!(matches!(error.lookup_code(), Some(LookupCode::Host(_))), "{error}");
    assert_eq!(error.operation(), "gethostbyaddr");
}
