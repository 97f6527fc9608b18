//! Every lookup, at a name server that never answers.

use std::net::{SocketAddr, ToSocketAddrs};

use shotclock::{Address, AddressInfoHints, Lookup, NameInfoFlags};

use crate::cells::{Answer, Cell, LIMIT, call};

const NOBODY: &str = "192.0.2.1";

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("getaddrinfo", "dead DNS", Some(|_| call(|| ("slow.example", 80).to_socket_addrs())), |_| {
            call(|| Lookup::within(LIMIT).getaddrinfo("slow.example", 80, &AddressInfoHints::default()))
        }),
        Cell::new("gethostbyname", "dead DNS", None, |_| call(|| Lookup::within(LIMIT).gethostbyname("slow.example"))),
        Cell::new("gethostbyname_ex", "dead DNS", None, |_| {
            call(|| Lookup::within(LIMIT).gethostbyname_ex("slow.example"))
        }),
        Cell::new("gethostbyaddr", "dead DNS", None, |_| call(|| Lookup::within(LIMIT).gethostbyaddr(NOBODY))),
        Cell::new("getnameinfo", "dead DNS", None, |_| {
            let address = Address::from(SocketAddr::new(NOBODY.parse()?, 80));
            call(move || Lookup::within(LIMIT).getnameinfo(&address, NameInfoFlags::NONE))
        }),
        Cell::new("getfqdn", "dead DNS", None, |_| call(|| Lookup::within(LIMIT).getfqdn(NOBODY))).or(Answer::Fallback),
    ]
}
