//! Byte order, text forms and socket addresses, held against std and the C library on generated values.
#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use proptest::collection::vec;
use proptest::prelude::*;
use shotclock::{
    Address, Family, NetlinkAddress, PacketAddress, SockAddr, UnixAddress, cmsg_len, cmsg_space, htonl, htons,
    inet_aton, inet_ntoa, inet_ntop, inet_pton, ntohl, ntohs,
};

// The libc crate does not declare these three.
unsafe extern "C" {
    #[link_name = "inet_aton"]
    fn c_inet_aton(text: *const c_char, address: *mut [u8; 4]) -> c_int;
    #[link_name = "inet_pton"]
    fn c_inet_pton(family: c_int, text: *const c_char, address: *mut c_void) -> c_int;
    #[link_name = "inet_ntop"]
    fn c_inet_ntop(family: c_int, address: *const c_void, text: *mut c_char, size: libc::socklen_t) -> *const c_char;
}

/// Whose functions ours are.
const IS_GLIBC: bool = cfg!(target_env = "gnu");

proptest! {
    #[test]
    fn byte_order_is_the_networks(short: u16, long: u32) {
        prop_assert_eq!(htons(short).to_ne_bytes(), short.to_be_bytes());
        prop_assert_eq!(htonl(long).to_ne_bytes(), long.to_be_bytes());
        prop_assert_eq!(ntohs(htons(short)), short);
        prop_assert_eq!(ntohl(htonl(long)), long);
    }

    #[test]
    fn inet_aton_is_the_systems(text in classic_text()) {
        prop_assert_eq!(inet_aton(&text).ok(), system_aton(&text), "{:?}", text);
    }

    #[test]
    fn inet_aton_takes_nothing_after_the_address(address: u32, rest in "[ \t\n][ -~]{0,5}") {
        let text = format!("{}{rest}", inet_ntoa(address.into()));
        // That is what glibc's does, and musl's does not.
        prop_assert_eq!(system_aton(&text).is_some(), IS_GLIBC);
        let named = format!("{text:?}");
        prop_assert!(inet_aton(&text).unwrap_err().to_string().contains(&named));
    }

    #[test]
    fn inet_aton_and_inet_pton_take_any_text(text: String) {
        let _ = inet_aton(&text);
        let _ = inet_pton(Family::INET, &text);
        let _ = inet_pton(Family::INET6, &text);
    }

    #[test]
    fn inet_ntoa_comes_back(address: u32) {
        let address = Ipv4Addr::from(address);
        prop_assert_eq!(inet_aton(&inet_ntoa(address)).unwrap(), address);
        prop_assert_eq!(inet_pton(Family::INET, &inet_ntoa(address)).unwrap(), IpAddr::V4(address));
    }

    #[test]
    fn inet_pton_is_the_systems(text in address_text()) {
        for family in [Family::INET, Family::INET6] {
            let ours = inet_pton(family, &text).ok();
            prop_assert_eq!(ours, system_pton(family, &text), "{} {:?}", family, text);
        }
    }

    #[test]
    fn inet_ntop_is_the_systems(v4: [u8; 4], v6 in v6_octets()) {
        prop_assert_eq!(inet_ntop(Family::INET, &v4).unwrap(), system_ntop(Family::INET, &v4));
        let text = inet_ntop(Family::INET6, &v6).unwrap();
        // musl has other zeroes left out where there are several rows of them.
        prop_assert!(text == system_ntop(Family::INET6, &v6) || !IS_GLIBC);
        prop_assert_eq!(system_pton(Family::INET6, &text), Some(IpAddr::from(v6)));
        prop_assert_eq!(inet_pton(Family::INET6, &text).unwrap(), IpAddr::from(v6));
    }

    #[test]
    fn inet_ntop_takes_any_bytes(family in 0..50, bytes in vec(any::<u8>(), 0..20)) {
        let fits = matches!((family, bytes.len()), (libc::AF_INET, 4) | (libc::AF_INET6, 16));
        prop_assert_eq!(inet_ntop(Family(family), &bytes).is_ok(), fits);
    }

    #[test]
    fn control_sizes_are_the_systems(length in prop_oneof![0_u32..100, any::<u32>()]) {
        let beyond = |room: usize| length as usize > 0x7fff_ffff - room;
        // SAFETY: both only calculate; that they are unsafe is a habit of the libc crate.
        let (len, space) = unsafe { (libc::CMSG_LEN(length), libc::CMSG_SPACE(length)) };
        match cmsg_len(length as usize) {
            Ok(ours) => prop_assert_eq!(ours, len as usize),
            Err(_) => prop_assert!(beyond(cmsg_len(0).unwrap())),
        }
        match cmsg_space(length as usize) {
            Ok(ours) => prop_assert_eq!(ours, space as usize),
            Err(_) => prop_assert!(beyond(cmsg_space(1).unwrap())),
        }
    }

    #[test]
    fn addresses_come_back_from_their_bytes(address in address()) {
        let sockaddr = address.to_sockaddr();
        prop_assert_eq!(Address::from_sockaddr(&sockaddr), address);
        prop_assert_eq!(sockaddr.family(), address.family().0);
        prop_assert_eq!(SockAddr::new(sockaddr.as_bytes()), Some(sockaddr));
        prop_assert!(!address.to_string().is_empty());
        prop_assert!(!address.to_string().contains(char::is_control));
    }

    #[test]
    fn any_bytes_make_an_address(bytes in sockaddr_bytes()) {
        let sockaddr = SockAddr::new(&bytes).unwrap();
        let address = Address::from_sockaddr(&sockaddr);
        prop_assert_eq!(address.family(), Family(sockaddr.family()));
        match address {
            Address::Other(kept) => prop_assert_eq!(kept.as_bytes(), &bytes[..]),
            known => prop_assert_eq!(Address::from_sockaddr(&known.to_sockaddr()), known),
        }
        prop_assert!(!address.to_string().contains(char::is_control));
        let _ = (address.port(), address.ip(), format!("{address:?}"));
    }

    #[test]
    fn other_lengths_make_no_address(bytes in prop_oneof![vec(any::<u8>(), 0..2), vec(any::<u8>(), 129..300)]) {
        prop_assert_eq!(SockAddr::new(&bytes), None);
    }

    #[test]
    fn std_addresses_come_back(address in inet_address()) {
        let ours = Address::from(address);
        prop_assert_eq!(SocketAddr::try_from(ours).unwrap(), address);
        prop_assert_eq!(ours.as_inet(), Some(address));
        prop_assert_eq!((ours.ip(), ours.port()), (Some(address.ip()), Some(address.port())));
        prop_assert_eq!(ours.to_string(), address.to_string());
        prop_assert!(std::os::unix::net::SocketAddr::try_from(ours).is_err());
    }

    #[test]
    fn unix_addresses_come_back_from_std(address in unix_address()) {
        let theirs = std::os::unix::net::SocketAddr::try_from(address).unwrap();
        prop_assert_eq!(theirs.as_pathname(), address.as_path());
        prop_assert_eq!(theirs.is_unnamed(), address.is_unnamed());
        prop_assert_eq!(UnixAddress::from(theirs), address);
        prop_assert!(SocketAddr::try_from(Address::from(address)).is_err());
    }

    #[test]
    fn paths_of_any_bytes_are_kept_or_refused(bytes in vec(any::<u8>(), 0..130)) {
        let path = std::path::Path::new(OsStr::from_bytes(&bytes));
        let fits = (1..=107).contains(&bytes.len()) && !bytes.contains(&0);
        match UnixAddress::from_path(path) {
            Ok(address) => prop_assert!(fits && address.as_path() == Some(path)),
            Err(_) => prop_assert!(!fits),
        }
        match UnixAddress::from_abstract_name(&bytes) {
            Ok(address) => prop_assert_eq!(address.as_abstract_name(), Some(&bytes[..])),
            Err(_) => prop_assert!(bytes.len() > 107),
        }
    }

    #[test]
    fn bytes_lie_where_c_has_them(v4: (u32, u16), v6: (u128, u16, u32, u32), netlink: (u32, u32)) {
        let (ip, port) = (Ipv4Addr::from(v4.0), v4.1);
        let sockaddr = Address::from((ip, port)).to_sockaddr();
        let there: libc::sockaddr_in = as_c(&sockaddr);
        prop_assert_eq!(sockaddr.as_bytes().len(), size_of::<libc::sockaddr_in>());
        prop_assert_eq!((there.sin_port, there.sin_addr.s_addr), (htons(port), htonl(v4.0)));

        let address = SocketAddrV6::new(v6.0.into(), v6.1, v6.2, v6.3);
        let sockaddr = Address::from(address).to_sockaddr();
        let there: libc::sockaddr_in6 = as_c(&sockaddr);
        prop_assert_eq!(sockaddr.as_bytes().len(), size_of::<libc::sockaddr_in6>());
        prop_assert_eq!((there.sin6_port, there.sin6_addr.s6_addr), (htons(v6.1), address.ip().octets()));
        prop_assert_eq!((there.sin6_flowinfo, there.sin6_scope_id), (v6.2, v6.3));

        let sockaddr = Address::from(NetlinkAddress { pid: netlink.0, groups: netlink.1 }).to_sockaddr();
        let there: libc::sockaddr_nl = as_c(&sockaddr);
        prop_assert_eq!(sockaddr.as_bytes().len(), size_of::<libc::sockaddr_nl>());
        prop_assert_eq!((there.nl_pid, there.nl_groups), netlink);
    }

    #[test]
    fn packet_bytes_lie_where_c_has_them(address in packet_address()) {
        let sockaddr = Address::from(address).to_sockaddr();
        let there: libc::sockaddr_ll = as_c(&sockaddr);
        prop_assert_eq!(sockaddr.as_bytes().len(), size_of::<libc::sockaddr_ll>());
        prop_assert_eq!((there.sll_protocol, there.sll_ifindex as u32), (htons(address.protocol), address.interface));
        prop_assert_eq!((there.sll_hatype, there.sll_pkttype), (address.hatype, address.pkttype));
        prop_assert_eq!(&there.sll_addr[..usize::from(there.sll_halen)], address.address());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_system_gives_an_abstract_name_back(name in vec(any::<u8>(), 12..=107)) {
        let address = Address::from(UnixAddress::from_abstract_name(&name).unwrap());
        let socket = unix_socket();
        bind(&socket, &address.to_sockaddr());
        prop_assert_eq!(Address::from(local_address(&socket)), address);
        let theirs = UnixDatagram::from(socket).local_addr().unwrap();
        prop_assert_eq!(Address::from(theirs), address);
    }
}

#[test]
fn the_system_gives_paths_back() {
    let folder = std::env::temp_dir().join(format!("shotclock-bytes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let stem = folder.as_os_str().len() + 1;
    for len in [stem + 1, 106, 107] {
        let path = folder.join("p".repeat(len - stem));
        let address = Address::from(UnixAddress::from_path(&path).unwrap());
        let socket = unix_socket();
        bind(&socket, &address.to_sockaddr());
        assert!(path.exists(), "{}", path.display());
        assert_eq!(Address::from(local_address(&socket)), address);
    }
    // What only another program binds: all of sun_path, without a NUL. The system reports one byte more.
    let path = folder.join("p".repeat(108 - stem));
    let bytes = [&(libc::AF_UNIX as u16).to_ne_bytes()[..], path.as_os_str().as_bytes()].concat();
    let address = Address::from(SockAddr::new(&bytes).unwrap());
    let socket = unix_socket();
    bind(&socket, &address.to_sockaddr());
    assert_eq!(local_address(&socket).as_bytes().len(), 111);
    assert_eq!(Address::from(local_address(&socket)), address);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_unbound_socket_is_unnamed() {
    let socket = unix_socket();
    assert_eq!(Address::from(local_address(&socket)), Address::from(UnixAddress::UNNAMED));
}

#[test]
fn inet_addresses_are_those_std_sees() {
    for text in ["127.0.0.1:0", "[::1]:0"] {
        let socket = match UdpSocket::bind(text) {
            Ok(socket) => socket,
            Err(error) => {
                eprintln!("skipped {text}: {error}");
                continue;
            }
        };
        let theirs = socket.local_addr().unwrap();
        assert_eq!(Address::from(local_address(&OwnedFd::from(socket))), Address::from(theirs));
    }
}

/// std hands the flow information to the system unchanged, and so do we: the number's bytes are in network order.
#[test]
fn flow_information_is_as_in_std() {
    let socket = match UdpSocket::bind("[::1]:0") {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("skipped: no IPv6 here: {error}");
            return;
        }
    };
    let on: c_int = 1;
    // SAFETY: the option's value is an int, alive during the call.
    let set = unsafe {
        let (value, len) = ((&raw const on).cast(), size_of::<c_int>() as u32);
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_FLOWINFO_SEND, value, len)
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    // The traffic class alone: flow labels must be leased first.
    let flowinfo = htonl(0x0550_0000);
    let port = socket.local_addr().unwrap().port();
    let peer = SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, flowinfo, 0);
    socket.connect(peer).unwrap();
    let sockaddr = peer_address(&socket);
    assert_eq!(sockaddr.as_bytes()[4..8], [0x05, 0x50, 0, 0]);
    assert_eq!(Address::from(sockaddr), Address::V6(peer));
    assert_eq!(socket.peer_addr().unwrap(), SocketAddr::V6(peer));
}

#[test]
fn a_netlink_socket_has_the_address_it_was_bound_to() {
    // SAFETY: the call takes numbers only.
    let number = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE) };
    assert!(number >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the number is fresh from socket(2), and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    bind(&socket, &Address::from(NetlinkAddress { pid: 0, groups: 1 }).to_sockaddr());
    match Address::from(local_address(&socket)) {
        Address::Netlink(address) => assert!(address.pid != 0 && address.groups == 1, "{address}"),
        other => panic!("{other}"),
    }
}

fn classic_text() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        4 => any::<u8>().prop_map(|number| number.to_string()),
        1 => any::<u32>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        2 => any::<u32>().prop_map(|number| format!("{number:#x}")),
        1 => any::<u8>().prop_map(|number| format!("0X{number:03X}")),
        2 => any::<u8>().prop_map(|number| format!("0{number:o}")),
        1 => any::<u32>().prop_map(|number| format!("000{number:o}")),
        1 => "[0-9a-fA-FxX+b-]{0,4}",
        1 => select_edge(),
    ];
    prop_oneof![
        6 => vec(number, 1..6).prop_map(|parts| parts.join(".")),
        1 => "[0-9.xX]{0,12}",
        1 => "[!-~]{0,8}",
    ]
}

fn select_edge() -> impl Strategy<Value = String> {
    let edges = ["255", "256", "65535", "65536", "16777215", "16777216", "4294967295", "4294967296", "0", "08", "0x"];
    proptest::sample::select(edges.to_vec()).prop_map(str::to_owned)
}

fn address_text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any::<u32>().prop_map(|address| Ipv4Addr::from(address).to_string()),
        2 => v6_octets().prop_map(|octets| Ipv6Addr::from(octets).to_string()),
        1 => any::<[u16; 8]>().prop_map(|groups| groups.map(|group| format!("{group:04X}")).join(":")),
        2 => "(:|::)?([0-9a-fA-F]{0,5}:{1,2}){0,8}[0-9a-f]{0,4}",
        2 => "(:|::)?([0-9a-f]{1,4}:{1,2}){0,7}[0-9]{1,3}(\\.[0-9]{1,3}){3}",
        2 => "[0-9]{0,4}(\\.[0-9]{0,4}){2,4}",
        1 => "[0-9a-f:.%]{0,20}",
    ]
}

fn v6_octets() -> impl Strategy<Value = [u8; 16]> {
    // Many zero groups: the rules are about those.
    let group = prop_oneof![3 => Just(0_u16), 1 => Just(0xffff), 2 => any::<u16>()];
    proptest::array::uniform8(group).prop_map(|groups| Ipv6Addr::from(groups).octets())
}

fn inet_address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddr::V4(SocketAddrV4::new(ip.into(), port))),
        (v6_octets(), any::<(u16, u32, u32)>())
            .prop_map(|(ip, (port, flow, scope))| SocketAddr::V6(SocketAddrV6::new(ip.into(), port, flow, scope))),
    ]
}

fn unix_address() -> impl Strategy<Value = UnixAddress> {
    prop_oneof![
        Just(UnixAddress::UNNAMED),
        vec(1..=u8::MAX, 1..=107).prop_map(|path| UnixAddress::from_path(OsStr::from_bytes(&path)).unwrap()),
        vec(any::<u8>(), 0..=107).prop_map(|name| UnixAddress::from_abstract_name(name).unwrap()),
    ]
}

fn packet_address() -> impl Strategy<Value = PacketAddress> {
    (any::<(u32, u16, u16, u8)>(), vec(any::<u8>(), 0..=8)).prop_map(
        |((interface, protocol, hatype, pkttype), bytes)| {
            let mut address = PacketAddress::new(interface, protocol).with_address(&bytes).unwrap();
            (address.hatype, address.pkttype) = (hatype, pkttype);
            address
        },
    )
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        inet_address().prop_map(Address::from),
        unix_address().prop_map(Address::from),
        any::<(u32, u32)>().prop_map(|(pid, groups)| NetlinkAddress { pid, groups }.into()),
        packet_address().prop_map(Address::from),
        sockaddr_bytes().prop_map(|bytes| SockAddr::new(&bytes).unwrap().into()),
    ]
}

/// The bytes of an address: any, and those of known families with lengths about right.
fn sockaddr_bytes() -> impl Strategy<Value = Vec<u8>> {
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_VSOCK];
    let lengths = prop_oneof![0_usize..=126, proptest::sample::select(vec![10, 14, 16, 18, 26, 108, 109, 110])];
    let known =
        (proptest::sample::select(families.to_vec()), lengths, any::<bool>()).prop_flat_map(|(family, len, zeros)| {
            let byte = if zeros { prop_oneof![Just(0_u8), 0_u8..12].boxed() } else { any::<u8>().boxed() };
            vec(byte, len).prop_map(move |rest| [&(family as u16).to_ne_bytes()[..], &rest].concat())
        });
    prop_oneof![1 => vec(any::<u8>(), 2..=SockAddr::CAPACITY), 4 => known]
}

fn system_aton(text: &str) -> Option<Ipv4Addr> {
    let text = CString::new(text).ok()?;
    let mut octets = [0; 4];
    // SAFETY: the text is a C string, and inet_aton(3) writes the four bytes of a struct in_addr.
    let taken = unsafe { c_inet_aton(text.as_ptr(), &mut octets) };
    (taken != 0).then(|| octets.into())
}

fn system_pton(family: Family, text: &str) -> Option<IpAddr> {
    let text = CString::new(text).ok()?;
    let mut octets = [0_u8; 16];
    // SAFETY: the text is a C string, and inet_pton(3) writes 4 or 16 bytes.
    let taken = unsafe { c_inet_pton(family.0, text.as_ptr(), octets.as_mut_ptr().cast()) };
    let first: [u8; 4] = octets[..4].try_into().unwrap();
    (taken == 1).then(|| if family == Family::INET { first.into() } else { octets.into() })
}

fn system_ntop(family: Family, octets: &[u8]) -> String {
    let mut text = [0_u8; 64];
    assert!(octets.len() == if family == Family::INET { 4 } else { 16 });
    // SAFETY: the function reads the 4 or 16 bytes of the family, as asserted, and writes at most the size it is told.
    let written = unsafe { c_inet_ntop(family.0, octets.as_ptr().cast(), text.as_mut_ptr().cast(), 64) };
    assert!(!written.is_null());
    std::ffi::CStr::from_bytes_until_nul(&text).unwrap().to_str().unwrap().to_owned()
}

/// The C structure that begins with these bytes.
fn as_c<T: Copy>(sockaddr: &SockAddr) -> T {
    assert!(sockaddr.as_bytes().len() >= size_of::<T>());
    // SAFETY: only the sockaddr structures above are asked for, which are integers throughout: any bytes will do. There
    // are enough, as asserted.
    unsafe { sockaddr.as_bytes().as_ptr().cast::<T>().read_unaligned() }
}

fn unix_socket() -> OwnedFd {
    UnixDatagram::unbound().unwrap().into()
}

fn bind(socket: &OwnedFd, address: &SockAddr) {
    let bytes = address.as_bytes();
    // SAFETY: the pointer and the length are those of one slice, which the call only reads.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len() as libc::socklen_t) };
    assert_eq!(bound, 0, "{address:?}: {}", std::io::Error::last_os_error());
}

fn local_address(socket: &OwnedFd) -> SockAddr {
    // SAFETY: getsockname(2) writes at most the length it is told, as `ask` demands.
    ask(|address, len| unsafe { libc::getsockname(socket.as_raw_fd(), address, len) })
}

fn peer_address(socket: &UdpSocket) -> SockAddr {
    // SAFETY: getpeername(2) writes at most the length it is told, as `ask` demands.
    ask(|address, len| unsafe { libc::getpeername(socket.as_raw_fd(), address, len) })
}

/// The call must not write more than the length it is told.
fn ask(call: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> c_int) -> SockAddr {
    let mut bytes = [0_u64; SockAddr::CAPACITY / 8];
    let mut len = SockAddr::CAPACITY as libc::socklen_t;
    assert_eq!(call(bytes.as_mut_ptr().cast(), &mut len), 0, "{}", std::io::Error::last_os_error());
    let bytes: Vec<u8> = bytes.iter().flat_map(|word| word.to_ne_bytes()).collect();
    SockAddr::new(&bytes[..len as usize]).unwrap()
}
