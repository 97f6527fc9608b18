//! Names with a name server: one that answers, and one that never does, in a network namespace of the test's own.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use shotclock::{
    Address, AddressInfo, AddressInfoFlags, AddressInfoHints, Canceller, DeadlineScope, Error, Family, Kind, Lookup,
    LookupCode, NameInfoFlags, Protocol, Socket, create_connection, getfqdn, gethostname, with_deadline,
};

mod netns;

use netns::NameServer;

/// Whose resolver says less, and in other words.
const IS_MUSL: bool = cfg!(target_env = "musl");
const LIMIT: Duration = Duration::from_millis(200);
/// What a lookup under `LIMIT` never takes, however busy the machine; the resolver itself would take a minute.
const MUCH_LATER: Duration = Duration::from_secs(10);
const PATIENT: Duration = Duration::from_secs(20);
const STREAM: AddressInfoHints = AddressInfoHints {
    family: Family::UNSPEC,
    kind: Kind::STREAM,
    protocol: Protocol::DEFAULT,
    flags: AddressInfoFlags::CANONNAME,
};
const HOSTS: &str = "127.0.0.1 localhost
192.0.2.10 printer.test printer lp
192.0.2.11 bare baremetal
192.0.2.12 short short.example.test
";
const RECORDS: [&str; 6] = [
    "--host-record=many.test,192.0.2.1",
    "--host-record=many.test,192.0.2.2",
    "--cname=www.test,many.test",
    "--host-record=six.test,2001:db8::6",
    "--host-record=both.test,192.0.2.3,2001:db8::3",
    "--ptr-record=9.2.0.192.in-addr.arpa,nine.test",
];

fn with_names(test: &str, body: impl FnOnce()) {
    netns::run("names_netns", test, &["dnsmasq"], HOSTS, || {
        let _server = NameServer::start(&RECORDS);
        body();
    });
}

/// The body gets the socket to which the questions go.
fn with_dead_server(test: &str, body: impl FnOnce(&UdpSocket)) {
    netns::run("names_netns", test, &[], HOSTS, || {
        body(&UdpSocket::bind("127.0.0.1:53").expect("port 53 of the namespace is free"));
    });
}

/// On this thread, and on a worker.
fn both_ways() -> [Lookup<'static>; 2] {
    [Lookup::new(), Lookup::within(PATIENT)]
}

fn ips(found: &[AddressInfo]) -> Vec<IpAddr> {
    let ip = |info: &AddressInfo| match &info.address {
        Address::V4(address) => IpAddr::V4(*address.ip()),
        Address::V6(address) => IpAddr::V6(*address.ip()),
        other => panic!("{other:?}"),
    };
    let mut ips: Vec<_> = found.iter().map(ip).collect();
    ips.sort_unstable();
    ips
}

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

#[test]
fn aliases_and_several_addresses() {
    with_names("aliases_and_several_addresses", || {
        for lookup in both_ways() {
            let mut entry = lookup.gethostbyname_ex("www.test").unwrap();
            entry.addresses.sort_unstable();
            assert_eq!((entry.name.as_str(), entry.aliases), ("many.test", vec!["www.test".to_owned()]));
            assert_eq!(entry.addresses, [v4(1), v4(2)]);
            let found = lookup.getaddrinfo("www.test", 80, &STREAM).unwrap();
            assert_eq!(ips(&found), [v4(1), v4(2)]);
            assert_eq!(found[0].canonname.as_deref(), Some("many.test"));
            assert_eq!(found[1].canonname, None);
            assert!([v4(1), v4(2)].contains(&lookup.gethostbyname("www.test").unwrap().into()));
            assert_eq!(ips(&lookup.getaddrinfo("both.test", "http", &STREAM).unwrap()), [v4(3), v6(3)]);
            let only_v6 = AddressInfoHints { family: Family::INET6, ..STREAM };
            assert_eq!(ips(&lookup.getaddrinfo("both.test", 80, &only_v6).unwrap()), [v6(3)]);
        }
    });
}

#[test]
fn reverse_names() {
    with_names("reverse_names", || {
        for lookup in both_ways() {
            let entry = lookup.gethostbyaddr("192.0.2.9").unwrap();
            assert_eq!((entry.name.as_str(), entry.addresses), ("nine.test", vec![v4(9)]));
            let entry = lookup.gethostbyaddr("2001:db8::6").unwrap();
            assert_eq!((entry.name.as_str(), entry.addresses), ("six.test", vec![v6(6)]));
            // A name is looked up for its address first.
            let entry = lookup.gethostbyaddr("six.test").unwrap();
            assert_eq!((entry.name.as_str(), entry.addresses), ("six.test", vec![v6(6)]));
            let address = Address::from(SocketAddr::from((v4(9), 80)));
            let names = lookup.getnameinfo(&address, NameInfoFlags::NONE).unwrap();
            assert_eq!(names, ("nine.test".to_owned(), "http".to_owned()));
            assert_eq!(lookup.getfqdn("192.0.2.9").unwrap(), "nine.test");
        }
    });
}

#[test]
#[cfg_attr(shotclock_bsd, ignore = "there hosts come from getaddrinfo, which tells no aliases")]
fn alias_lists_of_the_hosts_file() {
    with_names("alias_lists_of_the_hosts_file", || {
        for lookup in both_ways() {
            let by_name = lookup.gethostbyname_ex("lp").unwrap();
            let by_address = lookup.gethostbyaddr("192.0.2.10").unwrap();
            for (entry, is_by_name) in [(by_name, true), (by_address, false)] {
                assert_eq!((entry.name.as_str(), entry.addresses), ("printer.test", vec![v4(10)]));
                // musl knows of none but the name that was asked for.
                let known: &[&str] = match (IS_MUSL, is_by_name) {
                    (false, _) => &["printer", "lp"],
                    (true, true) => &["lp"],
                    (true, false) => &[],
                };
                assert_eq!(entry.aliases, known);
            }
        }
    });
}

#[test]
#[cfg_attr(shotclock_bsd, ignore = "there hosts come from getaddrinfo, which tells no aliases")]
fn full_names_in_the_documented_order() {
    with_names("full_names_in_the_documented_order", || {
        for lookup in both_ways() {
            assert_eq!(lookup.getfqdn("lp").unwrap(), "printer.test", "the main name has a period");
            let alias = if IS_MUSL { "short" } else { "short.example.test" };
            assert_eq!(lookup.getfqdn("short").unwrap(), alias, "an alias has one, where aliases are known");
            assert_eq!(lookup.getfqdn("baremetal").unwrap(), "baremetal", "none has one: the name is unchanged");
            assert_eq!(lookup.getfqdn("nowhere.test").unwrap(), "nowhere.test");
            assert_eq!(lookup.getfqdn("192.0.2.99").unwrap(), "192.0.2.99");
        }
    });
}

#[test]
fn unknown_names_carry_the_resolvers_code_and_text() {
    with_names("unknown_names_carry_the_resolvers_code_and_text", || {
        let nobody = Address::from(SocketAddr::from((v4(99), 80)));
        let no_name = LookupCode::AddressInfo(libc::EAI_NONAME);
        let host_not_found = LookupCode::Host(1);
        for lookup in both_ways() {
            let by_code = [
                (lookup.getaddrinfo("nowhere.test", 80, &STREAM).unwrap_err(), no_name),
                (lookup.gethostbyname("nowhere.test").unwrap_err(), no_name),
                (lookup.gethostbyname_ex("nowhere.test").unwrap_err(), host_not_found),
                (lookup.gethostbyaddr("nowhere.test").unwrap_err(), no_name),
                (lookup.gethostbyaddr("192.0.2.99").unwrap_err(), host_not_found),
                (lookup.getnameinfo(&nobody, NameInfoFlags::NAMEREQD).unwrap_err(), no_name),
            ];
            for (error, code) in by_code {
                assert_eq!(error.lookup_code(), Some(code), "{error}");
                assert!(error.is_lookup() && !error.is_timeout() && error.kind() == ErrorKind::NotFound);
                let texts = if IS_MUSL {
                    ["Name does not resolve", "Host not found"]
                } else {
                    ["Name or service not known", "Unknown host"]
                };
                assert!(error.to_string().contains(texts[usize::from(code != no_name)]), "{error}");
                assert!(error.target().is_some_and(|target| target.contains("nowhere.test") || target.contains("99")));
                assert_eq!(error.raw_os_error(), None);
            }
        }
    });
}

/// Every function that would hang, by name.
type Hanging = (&'static str, fn(Lookup<'_>) -> Result<(), Error>);

const HANGING: [Hanging; 6] = [
    ("getaddrinfo", |lookup| lookup.getaddrinfo("stuck.test", 80, &STREAM).map(drop)),
    ("gethostbyname", |lookup| lookup.gethostbyname("stuck.test").map(drop)),
    ("gethostbyname_ex", |lookup| lookup.gethostbyname_ex("stuck.test").map(drop)),
    ("gethostbyaddr", |lookup| lookup.gethostbyaddr("192.0.2.7").map(drop)),
    ("gethostbyaddr", |lookup| lookup.gethostbyaddr("stuck.test").map(drop)),
    ("getnameinfo", |lookup| {
        let address = Address::from(SocketAddr::from((v4(7), 80)));
        lookup.getnameinfo(&address, NameInfoFlags::NONE).map(drop)
    }),
];

#[test]
fn the_limit_holds_with_a_dead_name_server() {
    with_dead_server("the_limit_holds_with_a_dead_name_server", |_| {
        for (name, call) in HANGING {
            let started = Instant::now();
            let error = call(Lookup::within(LIMIT)).unwrap_err();
            let elapsed = started.elapsed();
            assert!(elapsed >= LIMIT, "{name} ended early, after {elapsed:?}");
            assert!(elapsed < MUCH_LATER, "{name} ended late, after {elapsed:?}");
            assert!(error.is_timeout() && error.operation() == name, "{error}");
            assert!(error.target().is_some(), "{error}");
        }
    });
}

#[test]
fn full_names_give_way_with_a_dead_name_server() {
    with_dead_server("full_names_give_way_with_a_dead_name_server", |_| {
        let own = gethostname().unwrap();
        for (name, answer) in [("stuck.test", "stuck.test"), ("192.0.2.7", "192.0.2.7"), ("", own.as_str())] {
            let started = Instant::now();
            assert_eq!(Lookup::within(LIMIT).getfqdn(name).unwrap(), answer);
            let elapsed = started.elapsed();
            assert!(elapsed >= LIMIT && elapsed < MUCH_LATER, "{name:?}: {elapsed:?}");
        }
        // These need nobody.
        assert_eq!(Lookup::new().getfqdn("0.0.0.0").unwrap(), own);
        assert_eq!(Lookup::within(PATIENT).getfqdn("lp").unwrap(), "printer.test");
    });
}

#[test]
fn cancelling_ends_a_lookup_with_a_dead_name_server() {
    with_dead_server("cancelling_ends_a_lookup_with_a_dead_name_server", |server| {
        let full_name: Hanging = ("getfqdn", |lookup| lookup.getfqdn("other.test").map(drop));
        for (name, call) in HANGING.into_iter().chain([full_name]) {
            let canceller = Canceller::new();
            forget_questions(server);
            let started = Instant::now();
            let error = thread::scope(|scope| {
                let waiting = scope.spawn(|| call(Lookup::new().cancelled_by(&canceller)).unwrap_err());
                server.recv(&mut [0; 512]).expect("a question comes");
                canceller.cancel();
                waiting.join().unwrap()
            });
            assert!(error.is_cancelled() && error.operation() == name, "{name}: {error}");
            assert!(!error.is_timeout() && started.elapsed() < MUCH_LATER);
        }
    });
}

#[test]
fn a_scope_bounds_lookups_that_know_nothing_of_it() {
    with_dead_server("a_scope_bounds_lookups_that_know_nothing_of_it", |_| {
        for (name, call) in HANGING {
            let started = Instant::now();
            let guard = DeadlineScope::enter(LIMIT);
            let error = call(Lookup::new()).unwrap_err();
            assert!(error.is_timeout() && started.elapsed() >= LIMIT, "{name}: {error}");
            assert!(started.elapsed() < MUCH_LATER, "{name}: {:?}", started.elapsed());
            assert_eq!(error.scope(), Some(guard.scope().id()), "{name}");
        }
        let guard = DeadlineScope::enter(LIMIT);
        assert_eq!(getfqdn("scoped.test").unwrap(), "scoped.test");
        assert!(guard.scope().expired(), "though nobody saw an error");
        drop(guard);
        let error = with_deadline(LIMIT, || create_connection(("scoped.test", 80), None)).unwrap_err();
        assert!(error.is_timeout() && error.scope().is_some() && error.operation() == "getaddrinfo", "{error}");
        let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
        let error = with_deadline(LIMIT, || socket.connect(("scoped.test", 80))).unwrap_err();
        assert!(error.is_timeout() && error.scope().is_some(), "{error}");
    });
}

/// So that the next question is one of the next lookup.
fn forget_questions(server: &UdpSocket) {
    server.set_nonblocking(true).expect("a socket of ours");
    while server.recv(&mut [0; 512]).is_ok() {}
    server.set_nonblocking(false).expect("a socket of ours");
}

#[test]
fn numeric_hosts_and_files_need_no_name_server() {
    with_dead_server("numeric_hosts_and_files_need_no_name_server", |_| {
        // Seventy different lookups hang: more than there are workers, until one has queued for a second.
        let hang =
            |n: usize| Lookup::within(Duration::from_millis(800)).gethostbyname(&format!("stuck{n}.test")).unwrap_err();
        let errors: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..70).map(|n| scope.spawn(move || hang(n))).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        assert!(errors.iter().all(Error::is_timeout));
        let named = errors.iter().filter(|error| error.to_string().contains("all 64 lookup workers")).count();
        assert!((1..=6).contains(&named), "those who never got a worker are told so: {named}");
        let lookup = Lookup::within(PATIENT);
        let started = Instant::now();
        assert_eq!(
            lookup.gethostbyname("lp").unwrap(),
            Ipv4Addr::new(192, 0, 2, 10),
            "those that hang keep it out no more"
        );
        assert!(started.elapsed() < MUCH_LATER, "{:?}", started.elapsed());
        assert_eq!(ips(&lookup.getaddrinfo("192.0.2.10", 80, &STREAM).unwrap()), [v4(10)]);
        assert_eq!(lookup.gethostbyname("127.1").unwrap(), Ipv4Addr::LOCALHOST);
        assert_eq!(Lookup::new().gethostbyname("lp").unwrap(), Ipv4Addr::new(192, 0, 2, 10), "on this thread");
    });
}

#[test]
fn a_forked_child_is_free_of_its_parents_lookups() {
    with_dead_server("a_forked_child_is_free_of_its_parents_lookups", |_| {
        assert!(Lookup::within(LIMIT).gethostbyname("stuck.test").unwrap_err().is_timeout());
        // SAFETY: the child looks up and leaves by _exit, under an alarm that ends it whatever happens.
        let status = unsafe {
            match libc::fork() {
                0 => {
                    libc::alarm(30);
                    let stuck =
                        Lookup::within(LIMIT).gethostbyname("stuck.test").is_err_and(|error| error.is_timeout());
                    let found = Lookup::within(PATIENT).gethostbyname("lp").is_ok();
                    libc::_exit(if stuck && found { 0 } else { 1 });
                }
                child => {
                    let mut status = -1;
                    assert_eq!(libc::waitpid(child, &mut status, 0), child);
                    status
                }
            }
        };
        assert_eq!(status, 0, "the child's lookup failed or hung");
    });
}
