//! Named options, each set and read; what the system refuses, named.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test; values are small")]

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use shotclock::{
    Error, Family, FilterInstruction, Kind, Membership, Membership6, MulticastInterface, OptionValue, Protocol, Socket,
    SocketOption, SourceMembership, SourceMembership6, TcpState, create_connection, create_server, if_nametoindex,
};

const LIMIT: Duration = Duration::from_secs(10);

fn socket(family: Family, kind: Kind) -> Socket {
    let socket = Socket::new(family, kind).unwrap();
    socket.set_timeout(LIMIT);
    socket
}

/// A socket of IPv6, if there is any here.
fn socket6(kind: Kind) -> Option<Socket> {
    let socket = Socket::new(Family::INET6, kind).ok().filter(|socket| socket.bind(("::1", 0)).is_ok());
    if socket.is_none() {
        println!("SKIP an option of IPv6: there is no IPv6 here");
    }
    socket
}

/// Sets and reads; of one that needs a privilege or a newer kernel, says that it was skipped.
fn keeps<T: OptionValue + PartialEq + Clone>(socket: &Socket, option: SocketOption<T>, value: T) {
    match socket.setsockopt(option, value.clone()) {
        Ok(()) => assert_eq!(socket.getsockopt(option).unwrap(), value, "{option}"),
        Err(error) => skip_or_fail(option, &error),
    }
}

/// EPERM, ENOPROTOOPT.
fn skip_or_fail<T>(option: SocketOption<T>, error: &Error) {
    assert!(matches!(error.raw_os_error(), Some(1 | 92)), "{error}");
    println!("SKIP {option}: {error}");
}

fn reads<T: OptionValue + Debug>(socket: &Socket, option: SocketOption<T>) {
    match socket.getsockopt(option) {
        Ok(value) => println!("{option}: {value:?}"),
        Err(error) => skip_or_fail(option, &error),
    }
}

#[test]
fn options_of_the_socket_itself() {
    let udp = socket(Family::INET, Kind::DGRAM);
    for option in [SocketOption::ZEROCOPY, SocketOption::TIMESTAMPNS, SocketOption::RXQ_OVFL] {
        keeps(&udp, option, true);
        keeps(&udp, option, false);
    }
    keeps(&udp, SocketOption::PREFER_BUSY_POLL, true);
    keeps(&udp, SocketOption::PRIORITY, 5);
    keeps(&udp, SocketOption::MARK, 0xdead_beef);
    keeps(&udp, SocketOption::INCOMING_CPU, 0);
    keeps(&udp, SocketOption::BUSY_POLL, 50);
    if let Err(error) = udp.setsockopt(SocketOption::BUSY_POLL_BUDGET, 8) {
        skip_or_fail(SocketOption::BUSY_POLL_BUDGET, &error);
    }
    keeps(&udp, SocketOption::MAX_PACING_RATE, 5_000_000_000);
    keeps(&udp, SocketOption::PEEK_OFF, 3);
    reads(&udp, SocketOption::INCOMING_NAPI_ID);
    reads(&udp, SocketOption::NETNS_COOKIE);
    assert_ne!(udp.getsockopt(SocketOption::COOKIE).unwrap(), 0);
    let cookie = || udp.getsockopt(SocketOption::COOKIE).unwrap();
    assert_eq!(cookie(), cookie());
    keeps(&socket(Family::UNIX, Kind::DGRAM), SocketOption::PASSPIDFD, true);
}

#[test]
fn buffers_beyond_the_cap_of_the_system() {
    let udp = socket(Family::INET, Kind::DGRAM);
    for (force, plain) in
        [(SocketOption::RCVBUFFORCE, SocketOption::RCVBUF), (SocketOption::SNDBUFFORCE, SocketOption::SNDBUF)]
    {
        match udp.setsockopt(force, 64 << 20) {
            Ok(()) => assert_eq!(udp.getsockopt(plain).unwrap(), 128 << 20),
            Err(error) => skip_or_fail(force, &error),
        }
    }
}

#[test]
fn options_of_tcp() {
    let tcp = socket(Family::INET, Kind::STREAM);
    keeps(&tcp, SocketOption::FASTOPEN_CONNECT, true);
    keeps(&tcp, SocketOption::NOTSENT_LOWAT, 16384);
    keeps(&tcp, SocketOption::USER_TIMEOUT, 30_000);
    keeps(&tcp, SocketOption::SYNCNT, 3);
    keeps(&tcp, SocketOption::LINGER2, 7);
    keeps(&tcp, SocketOption::KEEPIDLE, 60);
    keeps(&tcp, SocketOption::KEEPINTVL, 5);
    keeps(&tcp, SocketOption::KEEPCNT, 4);
    keeps(&tcp, SocketOption::DEFER_ACCEPT, 1);
    keeps(&tcp, SocketOption::SAVE_SYN, true);
    keeps(&tcp, SocketOption::CONGESTION, "reno".to_owned());
    tcp.setsockopt(SocketOption::WINDOW_CLAMP, 1 << 16).unwrap();
    assert_eq!(tcp.getsockopt(SocketOption::ULP).unwrap_or_default(), "");
    let error = tcp.setsockopt(SocketOption::CONGESTION, "no such".to_owned()).unwrap_err().to_string();
    assert!(error.starts_with("setsockopt TCP_CONGESTION (option 13 of level 6) to \"no such\": "), "{error}");
}

#[test]
fn options_of_ip() {
    let udp = socket(Family::INET, Kind::DGRAM);
    let all = [
        SocketOption::TRANSPARENT,
        SocketOption::FREEBIND,
        SocketOption::BIND_ADDRESS_NO_PORT,
        SocketOption::RECVTOS,
        SocketOption::RECVORIGDSTADDR,
        SocketOption::RECVERR,
        SocketOption::MULTICAST_ALL,
    ];
    for option in all {
        keeps(&udp, option, true);
        keeps(&udp, option, false);
    }
    keeps(&udp, SocketOption::MTU_DISCOVER, 2);
    keeps(&udp, SocketOption::MINTTL, 200);
    keeps(&udp, SocketOption::LOCAL_PORT_RANGE, 40_000 | 40_100 << 16);
    udp.connect(([127, 0, 0, 1], 9)).unwrap();
    assert!(udp.getsockopt(SocketOption::MTU).unwrap() >= 1280);
    match Socket::with_protocol(Family::INET, Kind::RAW, Protocol::ICMP) {
        Ok(raw) => keeps(&raw, SocketOption::HDRINCL, true),
        Err(error) => skip_or_fail(SocketOption::HDRINCL, &error),
    }
    let elsewhere = socket(Family::INET, Kind::STREAM);
    elsewhere.setsockopt(SocketOption::FREEBIND, true).unwrap();
    elsewhere.bind(([192, 0, 2, 1], 0)).expect("an address that nobody has here");
}

#[test]
fn options_of_ipv6() {
    let Some(udp) = socket6(Kind::DGRAM) else { return };
    let all = [
        SocketOption::TRANSPARENT6,
        SocketOption::FREEBIND6,
        SocketOption::RECVTCLASS,
        SocketOption::RECVHOPLIMIT,
        SocketOption::RECVORIGDSTADDR6,
        SocketOption::RECVERR6,
        SocketOption::MULTICAST_ALL6,
        SocketOption::MULTICAST_LOOP6,
    ];
    for option in all {
        keeps(&udp, option, true);
        keeps(&udp, option, false);
    }
    keeps(&udp, SocketOption::TCLASS, 0x28);
    keeps(&udp, SocketOption::MULTICAST_HOPS, 7);
    keeps(&udp, SocketOption::UNICAST_HOPS, 9);
    keeps(&udp, SocketOption::MINHOPCOUNT, 3);
    keeps(&udp, SocketOption::MTU_DISCOVER6, 2);
    udp.connect(("::1", 9)).unwrap();
    assert!(udp.getsockopt(SocketOption::MTU6).unwrap() >= 1280);
    match Socket::with_protocol(Family::INET6, Kind::RAW, Protocol::ICMPV6) {
        Ok(raw) => keeps(&raw, SocketOption::HDRINCL6, true),
        Err(error) => skip_or_fail(SocketOption::HDRINCL6, &error),
    }
}

#[test]
fn a_device_is_bound_to_by_its_name() {
    let udp = socket(Family::INET, Kind::DGRAM);
    assert_eq!(udp.getsockopt(SocketOption::BINDTODEVICE).unwrap(), "");
    keeps(&udp, SocketOption::BINDTODEVICE, "lo".to_owned());
    let error = udp.setsockopt(SocketOption::BINDTODEVICE, "lo0123456789abcdef".to_owned()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.ends_with("\"lo0123456789abcdef\": it has 18 bytes: expected at most 15"), "{text}");
    let error = udp.setsockopt(SocketOption::BINDTODEVICE, "lo\0x".to_owned()).unwrap_err().to_string();
    assert!(error.ends_with("\"lo\\0x\": a NUL would end it"), "{error}");
}

#[test]
fn multicast_goes_out_by_the_interface_that_was_named() {
    let group = Ipv4Addr::new(239, 255, 77, 1);
    let receiver = socket(Family::INET, Kind::DGRAM);
    receiver.bind(([0, 0, 0, 0], 0)).unwrap();
    let lo = if_nametoindex("lo").unwrap();
    let interface = lo.cast_signed();
    let membership = Membership { group, local: Ipv4Addr::UNSPECIFIED, interface };
    receiver.setsockopt(SocketOption::ADD_MEMBERSHIP, membership).unwrap();
    let to = (group, receiver.getsockname().unwrap().port().unwrap());

    let sender = socket(Family::INET, Kind::DGRAM);
    keeps(&sender, SocketOption::MULTICAST_IF, Ipv4Addr::LOCALHOST);
    sender.sendto(b"by address", to).unwrap();
    assert_eq!(receiver.recv(100).unwrap(), b"by address");
    let sender = socket(Family::INET, Kind::DGRAM);
    sender.setsockopt(SocketOption::MULTICAST_IF_INDEX, MulticastInterface(lo)).unwrap();
    sender.sendto(b"by index", to).unwrap();
    assert_eq!(receiver.recv(100).unwrap(), b"by index");
    let error = sender.getsockopt(SocketOption::MULTICAST_IF_INDEX).unwrap_err().to_string();
    assert!(error.ends_with("the value has 4 bytes: expected 12"), "{error}");
    let error =
        sender.setsockopt(SocketOption::MULTICAST_IF_INDEX, MulticastInterface(77_777)).unwrap_err().to_string();
    assert!(error.contains("MulticastInterface(77777)"), "{error}");
}

#[test]
fn only_the_sender_asked_for_is_heard() {
    let group = Ipv4Addr::new(232, 7, 7, 7);
    let receiver = socket(Family::INET, Kind::DGRAM);
    receiver.bind(([0, 0, 0, 0], 0)).unwrap();
    let membership = |source: [u8; 4]| SourceMembership { group, source: source.into(), local: Ipv4Addr::LOCALHOST };
    receiver.setsockopt(SocketOption::ADD_SOURCE_MEMBERSHIP, membership([127, 0, 0, 2])).unwrap();
    let to = (group, receiver.getsockname().unwrap().port().unwrap());
    for (from, text) in [([127, 0, 0, 3], b"no"), ([127, 0, 0, 2], b"ok")] {
        let sender = socket(Family::INET, Kind::DGRAM);
        sender.bind((from, 0)).unwrap();
        sender.setsockopt(SocketOption::MULTICAST_IF, Ipv4Addr::LOCALHOST).unwrap();
        sender.sendto(text, to).unwrap();
    }
    assert_eq!(receiver.recv(100).unwrap(), b"ok");
    receiver.setsockopt(SocketOption::DROP_SOURCE_MEMBERSHIP, membership([127, 0, 0, 2])).unwrap();
    assert!(receiver.setsockopt(SocketOption::DROP_SOURCE_MEMBERSHIP, membership([127, 0, 0, 2])).is_err());

    let all = Membership { group, local: Ipv4Addr::LOCALHOST, interface: 0 };
    receiver.setsockopt(SocketOption::ADD_MEMBERSHIP, all).unwrap();
    receiver.setsockopt(SocketOption::BLOCK_SOURCE, membership([127, 0, 0, 9])).unwrap();
    receiver.setsockopt(SocketOption::UNBLOCK_SOURCE, membership([127, 0, 0, 9])).unwrap();
}

#[test]
fn groups_of_ipv6_are_joined_by_interface() {
    let Some(receiver) = socket6(Kind::DGRAM) else { return };
    let lo = if_nametoindex("lo").unwrap();
    keeps(&receiver, SocketOption::MULTICAST_IF6, lo);
    let group: Ipv6Addr = "ff11::77".parse().unwrap();
    receiver.setsockopt(SocketOption::JOIN_GROUP, Membership6 { group, interface: lo }).unwrap();
    receiver.setsockopt(SocketOption::LEAVE_GROUP, Membership6 { group, interface: lo }).unwrap();
    let (group, source) = ("ff31::77".parse().unwrap(), Ipv6Addr::LOCALHOST);
    let membership = SourceMembership6 { group, source, interface: lo };
    receiver.setsockopt(SocketOption::JOIN_SOURCE_GROUP, membership).unwrap();
    receiver.setsockopt(SocketOption::LEAVE_SOURCE_GROUP, membership).unwrap();
    assert!(receiver.setsockopt(SocketOption::LEAVE_SOURCE_GROUP, membership).is_err(), "it has left");
    receiver.setsockopt(SocketOption::JOIN_GROUP, Membership6 { group, interface: lo }).unwrap();
    receiver.setsockopt(SocketOption::BLOCK_SOURCE6, membership).unwrap();
    receiver.setsockopt(SocketOption::UNBLOCK_SOURCE6, membership).unwrap();
    let gone = Membership6 { group, interface: 77_777 };
    let error = receiver.setsockopt(SocketOption::JOIN_GROUP, gone).unwrap_err().to_string();
    assert!(error.contains("interface: 77777"), "{error}");
}

#[test]
fn values_of_another_size_are_named_both_ways() {
    let tcp = socket(Family::INET, Kind::STREAM);
    let (level, name) = (SocketOption::COOKIE.level, SocketOption::COOKIE.name);
    let error = tcp.getsockopt(SocketOption::<i32>::new(level, name)).unwrap_err().to_string();
    assert_eq!(error, format!("getsockopt option {name} of level {level}: the value has 8 bytes: expected 4"));
    let error = tcp.getsockopt(SocketOption::<Ipv4Addr>::new(level, name)).unwrap_err().to_string();
    assert!(error.ends_with("has 8 bytes: expected 4"), "{error}");
    let error = tcp.getsockopt(SocketOption::<u64>::new(6, 11)).unwrap_err().to_string();
    assert!(error.ends_with("the value has 16 bytes or more: expected 8"), "{error}");
    assert!(tcp.getsockopt(SocketOption::<Vec<u8>>::new(6, 11)).unwrap().len() >= 104, "TCP_INFO as it is");
    let short = tcp.setsockopt(SocketOption::<Vec<u8>>::new(1, 8), vec![1, 2]).unwrap_err().to_string();
    assert!(short.starts_with("setsockopt option 8 of level 1 to [1, 2]: Invalid argument"), "{short}");
    let short = tcp.setsockopt_bytes(1, 8, &[1, 2]).unwrap_err().to_string();
    assert!(short.starts_with("setsockopt option 8 of level 1 to 2 bytes: Invalid argument"), "{short}");
}

#[test]
fn what_is_known_of_a_connection_is_decoded() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let client = create_connection(listener.getsockname().unwrap(), LIMIT).unwrap();
    let (server, _) = listener.within(LIMIT).accept().unwrap();
    assert_eq!(listener.tcp_info().unwrap().state, TcpState::LISTEN);
    client.sendall(&[7; 5000]).unwrap();
    server.within(LIMIT).recv_exact(&mut [0; 5000]).unwrap();
    let (ours, theirs) = (client.tcp_info().unwrap(), server.tcp_info().unwrap());
    assert_eq!((ours.state, theirs.state), (TcpState::ESTABLISHED, TcpState::ESTABLISHED));
    assert_eq!(theirs.bytes_received, Some(5000));
    assert!(ours.rtt > Duration::ZERO && ours.snd_mss > 500 && ours.snd_cwnd > 0, "{ours:?}");
    assert!(ours.bytes_sent.is_none_or(|sent| sent == 5000), "{ours:?}");
    assert!(ours.busy_time.is_some_and(|time| time < LIMIT), "{ours:?}");
    client.shutdown(shotclock::Shutdown::WRITE).unwrap();
    assert_eq!(server.within(LIMIT).recv(1).unwrap(), b"");
    assert_eq!(server.tcp_info().unwrap().state, TcpState::CLOSE_WAIT);
    assert!(socket(Family::INET, Kind::DGRAM).tcp_info().is_err());
}

#[test]
fn connections_are_shared_out_by_a_program() {
    let server = |port| {
        let listener = socket(Family::INET, Kind::STREAM);
        listener.setsockopt(SocketOption::REUSEPORT, true).unwrap();
        listener.bind(("127.0.0.1", port)).unwrap();
        listener.listen(5).unwrap();
        listener
    };
    let first = server(0);
    let second = server(first.getsockname().unwrap().port().unwrap());
    for (index, chosen) in [(1, &second), (0, &first)] {
        first.attach_reuseport_program(&[FilterInstruction::new(0x06, index)]).unwrap();
        for _ in 0..8 {
            let client = create_connection(first.getsockname().unwrap(), LIMIT).unwrap();
            assert_eq!(chosen.accept().unwrap().1, client.getsockname().unwrap());
        }
    }
    first.detach_reuseport_program().unwrap();
    let error = first.attach_reuseport_program(&[]).unwrap_err().to_string();
    assert_eq!(error, "attach_reuseport_program: 0 instructions: expected 1 to 4096");
    let error = first.attach_filter(&[FilterInstruction::new(0x06, 1); 4097]).unwrap_err().to_string();
    assert_eq!(error, "attach_filter: 4097 instructions: expected 1 to 4096");
    assert!(first.attach_filter(&[FilterInstruction::new(0xffff, 1)]).is_err(), "no instruction of any kernel");
}

#[test]
fn a_filter_that_is_locked_stays() {
    let udp = socket(Family::INET, Kind::DGRAM);
    udp.attach_filter(&[FilterInstruction::new(0x06, 12)]).unwrap();
    udp.setsockopt(SocketOption::LOCK_FILTER, true).unwrap();
    assert_eq!(udp.detach_filter().unwrap_err().raw_os_error(), Some(1));
    assert_eq!(udp.attach_filter(&[FilterInstruction::new(0x06, 9)]).unwrap_err().raw_os_error(), Some(1));
}

#[test]
fn multipath_tcp_is_a_protocol() {
    let listener = Socket::with_protocol(Family::INET, Kind::STREAM, Protocol::MPTCP).and_then(|listener| {
        listener.bind(("127.0.0.1", 0))?;
        listener.listen(5)?;
        Ok(listener)
    });
    let Ok(listener) = listener else {
        println!("SKIP Multipath TCP: this kernel has none");
        return;
    };
    let client = Socket::with_protocol(Family::INET, Kind::STREAM, Protocol::MPTCP).unwrap();
    client.within(LIMIT).connect(listener.getsockname().unwrap()).unwrap();
    let (server, _) = listener.within(LIMIT).accept().unwrap();
    client.sendall(b"hello").unwrap();
    assert_eq!(server.within(LIMIT).recv(100).unwrap(), b"hello");
    reads(&client, SocketOption::IS_MPTCP);
}
