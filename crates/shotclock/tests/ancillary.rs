//! What travels beside the bytes, over loopback and both ways; the other side is std's socket where that means something.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod peers;

use std::io::IoSlice;
use std::mem::{discriminant, size_of_val};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, SystemTime};

use peers::{LIMIT, in_own_process, open_descriptors, tcp_pair, thread_time, times_out, udp};
use shotclock::{
    Address, Ancillary, ControlMessage, Ecn, ErrorCause, Family, Kind, Message, MessageFlags, PacketInfo, PacketInfo6,
    Socket, SocketOption, TrafficClass, cmsg_len, cmsg_space, if_nametoindex, socketpair,
};

/// Long enough for anything that is to come.
const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: usize = 1024;

fn udp6() -> Socket {
    let socket = Socket::new(Family::INET6, Kind::DGRAM).unwrap();
    socket.bind(("::1", 0)).unwrap();
    socket
}

#[track_caller]
fn sent(from: &Socket, to: &Socket, ancillary: &[ControlMessage]) -> Message {
    let address = to.getsockname().unwrap();
    from.sendmsg(&[IoSlice::new(b"x")], ancillary, Some(address.into())).unwrap();
    to.within(PATIENCE).recvmsg(9, ROOM).unwrap()
}

fn find<T>(message: &Message, which: impl Fn(&ControlMessage) -> Option<T>) -> T {
    message.ancillary.iter().find_map(which).unwrap_or_else(|| panic!("{message:?}"))
}

/// SO_TIMESTAMPING, and what asks for the time of the system's own clock at each receive.
const TIMESTAMPING: (SocketOption<i32>, i32) = (SocketOption::new(1, 37), 1 << 3 | 1 << 4);

#[test]
fn the_room_that_each_kind_is_said_to_take_is_enough() {
    let ask_v4: [(SocketOption<bool>, usize); 5] = [
        (SocketOption::TIMESTAMPNS, 16),
        (SocketOption::RECVTTL, 4),
        (SocketOption::RECVTOS, 4),
        (SocketOption::PKTINFO, 12),
        (SocketOption::RECVORIGDSTADDR, 28),
    ];
    let ask_v6: [(SocketOption<bool>, usize); 5] = [
        (SocketOption::TIMESTAMPNS, 16),
        (SocketOption::RECVHOPLIMIT, 4),
        (SocketOption::RECVTCLASS, 4),
        (SocketOption::RECVPKTINFO, 20),
        (SocketOption::RECVORIGDSTADDR6, 28),
    ];
    for (make, ask) in [(udp as fn() -> Socket, ask_v4), (udp6, ask_v6)] {
        for (option, bytes) in ask {
            let socket = make();
            socket.setsockopt(option, true).unwrap();
            socket.sendto(b"x", socket.getsockname().unwrap()).unwrap();
            let message = socket.within(PATIENCE).recvmsg(9, cmsg_space(bytes).unwrap()).unwrap();
            assert!(!message.flags.contains(MessageFlags::CTRUNC), "{option}: {message:?}");
            assert_eq!(message.ancillary.len(), 1, "{option}: {message:?}");
        }
        // All of them, and the longest: six kinds.
        let socket = make();
        ask.iter().for_each(|(option, _)| socket.setsockopt(*option, true).unwrap());
        socket.setsockopt(TIMESTAMPING.0, TIMESTAMPING.1).unwrap();
        socket.sendto(b"x", socket.getsockname().unwrap()).unwrap();
        let message = socket.within(PATIENCE).recvmsg(9, 256).unwrap();
        assert!(!message.flags.contains(MessageFlags::CTRUNC), "{message:?}");
        assert_eq!(message.ancillary.len(), 6, "{message:?}");
    }
}

#[test]
fn what_the_headers_of_ipv4_say_goes_both_ways() {
    let (one, other) = (udp(), udp());
    for option in [SocketOption::PKTINFO, SocketOption::RECVTTL, SocketOption::RECVTOS] {
        other.setsockopt(option, true).unwrap();
    }
    let source = PacketInfo::from_source(Ipv4Addr::LOCALHOST);
    let class = TrafficClass(0xb8).with_ecn(Ecn::Capable0);
    let all = [ControlMessage::PacketInfo(source), ControlMessage::Ttl(9), ControlMessage::Tos(class)];
    let message = sent(&one, &other, &all);
    assert_eq!(message.ancillary.len(), 3, "{message:?}");
    let loopback = if_nametoindex("lo").unwrap();
    find(&message, |one| match one {
        ControlMessage::PacketInfo(PacketInfo { interface, local, destination }) => {
            assert_eq!((*interface, *local, *destination), (loopback, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST));
            Some(())
        }
        _ => None,
    });
    assert_eq!(find(&message, |one| if let ControlMessage::Ttl(hops) = one { Some(*hops) } else { None }), 9);
    let tos = find(&message, |one| if let ControlMessage::Tos(class) = one { Some(*class) } else { None });
    assert_eq!((tos, tos.dscp(), tos.ecn()), (class, 46, Ecn::Capable0));
    // By the interface alone.
    let by = PacketInfo { interface: loopback, local: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::UNSPECIFIED };
    assert_eq!(sent(&one, &other, &[ControlMessage::PacketInfo(by)]).data, b"x");
}

#[test]
fn what_the_headers_of_ipv6_say_goes_both_ways() {
    let (one, other) = (udp6(), udp6());
    for option in [SocketOption::RECVPKTINFO, SocketOption::RECVHOPLIMIT, SocketOption::RECVTCLASS] {
        other.setsockopt(option, true).unwrap();
    }
    let loopback = if_nametoindex("lo").unwrap();
    let by = PacketInfo6 { interface: loopback, address: Ipv6Addr::LOCALHOST };
    let class = TrafficClass(0).with_ecn(Ecn::Experienced);
    let all = [ControlMessage::PacketInfo6(by), ControlMessage::HopLimit(0), ControlMessage::TrafficClass(class)];
    let message = sent(&one, &other, &all[..1]);
    assert_eq!(message.ancillary.len(), 3, "{message:?}");
    let message = sent(&one, &other, &[ControlMessage::HopLimit(9), ControlMessage::TrafficClass(class)]);
    assert_eq!(find(&message, |one| if let ControlMessage::PacketInfo6(by) = one { Some(*by) } else { None }), by);
    assert_eq!(find(&message, |one| if let ControlMessage::HopLimit(hops) = one { Some(*hops) } else { None }), 9);
    let got = find(&message, |one| if let ControlMessage::TrafficClass(class) = one { Some(*class) } else { None });
    assert_eq!(got.ecn(), Ecn::Experienced);
    assert_eq!(discriminant(&all[1]), discriminant(&ControlMessage::HopLimit(1)), "0 hops stay on this machine");
}

#[test]
fn an_answer_leaves_by_the_address_that_was_asked() {
    let server = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    server.bind(("0.0.0.0", 0)).unwrap();
    server.setsockopt(SocketOption::PKTINFO, true).unwrap();
    let port = server.getsockname().unwrap().port().unwrap();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for asked in ["127.0.0.2", "127.3.4.5"] {
        client.connect((asked, port)).unwrap();
        client.send(b"question").unwrap();
        let question = server.within(PATIENCE).recvmsg(100, ROOM).unwrap();
        let to = question.address.map(Into::into);
        server.sendmsg(&[IoSlice::new(b"answer")], &question.ancillary, to).unwrap();
        // A connected socket takes what comes from its peer's address alone.
        let mut buffer = [0; 9];
        assert_eq!(client.recv(&mut buffer).unwrap(), 6);
    }
}

#[test]
fn timestamps_are_of_now() {
    let (one, other) = (udp(), udp());
    for option in [SocketOption::TIMESTAMP, SocketOption::TIMESTAMPNS] {
        let before = SystemTime::now() - Duration::from_millis(1);
        other.setsockopt(option, true).unwrap();
        let message = sent(&one, &other, &[]);
        let [ControlMessage::Timestamp(time)] = message.ancillary[..] else { panic!("{message:?}") };
        assert!(before <= time && time <= SystemTime::now(), "{time:?}");
    }
}

#[test]
fn timestamps_of_what_was_sent_come_by_the_error_queue() {
    let (one, other) = (udp(), udp());
    // TX_SOFTWARE, SOFTWARE, OPT_ID, TX_SCHED, OPT_TSONLY. Source: linux/net_tstamp.h.
    let timestamping = SocketOption::<u32>::new(libc::SOL_SOCKET, libc::SO_TIMESTAMPING);
    one.setsockopt(timestamping, 1 << 1 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 11).unwrap();
    let before = SystemTime::now() - Duration::from_millis(1);
    for _datagram in 0..2 {
        one.sendto(b"x", other.getsockname().unwrap()).unwrap();
    }
    for _entry in 0..2 {
        let entry = one.within(PATIENCE).recv_error_queue(100).unwrap();
        assert!(matches!(entry.error.cause(), ErrorCause::Timestamp { stage: 0 | 1, id: 0 | 1 }), "{entry:?}");
        assert_eq!(entry.error.errno, libc::ENOMSG);
        let [ControlMessage::Timestamping(times)] = &entry.ancillary[..] else { panic!("{entry:?}") };
        let time = times.software.unwrap();
        assert!(before <= time && time <= SystemTime::now() && times.hardware.is_none(), "{times:?}");
        assert!(entry.data.is_empty() && entry.flags.contains(MessageFlags::ERRQUEUE), "{entry:?}");
    }
}

#[test]
fn datagrams_are_cut_on_the_way_out_and_joined_on_the_way_in() {
    let (one, other) = (udp(), udp());
    let to = other.getsockname().unwrap();
    let data: Vec<u8> = (0..=255).cycle().take(2500).collect();
    let cut = Ancillary::new().gso_size(1000);
    assert_eq!(one.sendmsg(&[IoSlice::new(&data)], &cut, Some(to.into())).unwrap(), 2500);
    for part in data.chunks(1000) {
        assert_eq!(other.within(PATIENCE).recv(2000).unwrap(), part);
    }
    let gro = SocketOption::<bool>::new(libc::SOL_UDP, 104);
    other.setsockopt(gro, true).unwrap();
    assert_eq!(one.sendmsg(&[IoSlice::new(&data)], &cut, Some(to.into())).unwrap(), 2500);
    let message = other.within(PATIENCE).recvmsg(1 << 16, ROOM).unwrap();
    assert!(matches!(message.ancillary[..], [ControlMessage::GroSize(1000)]), "{message:?}");
    assert_eq!(message.data, data);
}

#[test]
fn drops_are_counted() {
    let (one, other) = (udp(), udp());
    other.setsockopt(SocketOption::RXQ_OVFL, true).unwrap();
    other.setsockopt(SocketOption::RCVBUF, 4096).unwrap();
    let to = other.getsockname().unwrap();
    for _datagram in 0..100 {
        one.sendto(&[7; 1000], to).unwrap();
    }
    let mut received = 0;
    while other.with_flags(MessageFlags::DONTWAIT).recv(1).is_ok() {
        received += 1;
    }
    let message = sent(&one, &other, &[]);
    let [ControlMessage::Drops(dropped)] = message.ancillary[..] else { panic!("{message:?}") };
    assert_eq!(dropped + received, 100);
}

#[test]
fn a_time_to_send_at_is_taken() {
    let (one, other) = (udp(), udp());
    // SO_TXTIME: a clock, and flags. Source: linux/net_tstamp.h.
    let [clock, flags] = [libc::CLOCK_MONOTONIC.to_ne_bytes(), 0_u32.to_ne_bytes()];
    one.setsockopt_bytes(libc::SOL_SOCKET, libc::SO_TXTIME, &[clock, flags].concat()).unwrap();
    assert_eq!(sent(&one, &other, &[ControlMessage::TxTime(Duration::from_nanos(1))]).data, b"x");
    let late = ControlMessage::TxTime(Duration::MAX);
    let error = one.sendmsg(&[IoSlice::new(b"x")], &[late], None).unwrap_err();
    assert!(error.to_string().ends_with("to send at: expected under 2^64 nanoseconds"), "{error}");
}

#[test]
fn processes_and_credentials_come_by_their_own_kinds() {
    if !in_own_process("processes_and_credentials_come_by_their_own_kinds") {
        return;
    }
    let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    let before = open_descriptors();
    if let Err(error) = other.setsockopt(SocketOption::PASSPIDFD, true) {
        assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT), "{error}");
        return eprintln!("SKIP ancillary::processes_and_credentials: SO_PASSPIDFD before Linux 6.5");
    }
    other.setsockopt(SocketOption::PASSCRED, true).unwrap();
    one.send(b"x").unwrap();
    let message = other.within(PATIENCE).recvmsg(1, ROOM).unwrap();
    let process = find(&message, |one| match one {
        ControlMessage::ProcessFd(process) => Some(process.as_raw_fd()),
        _ => None,
    });
    // SAFETY: it reads the flags of a descriptor that is open.
    assert_eq!(unsafe { libc::fcntl(process, libc::F_GETFD) }, libc::FD_CLOEXEC);
    let who = find(&message, |one| if let ControlMessage::Credentials(who) = one { Some(*who) } else { None });
    assert_eq!(who.pid.unsigned_abs(), std::process::id());
    drop(message);
    assert_eq!(open_descriptors(), before);
    // Room for the credentials and less than a descriptor beside them; then for all but its last byte.
    for room in [cmsg_space(12).unwrap(), cmsg_space(12).unwrap() + 16, cmsg_space(12).unwrap() + 19] {
        one.send(b"x").unwrap();
        let message = other.within(PATIENCE).recvmsg(1, room).unwrap();
        assert!(message.flags.contains(MessageFlags::CTRUNC), "{message:?}");
        drop(message);
        assert_eq!(open_descriptors(), before, "with room for {room}");
    }
}

#[test]
fn what_is_cut_in_its_middle_is_said_to_be() {
    let (one, other) = (udp(), udp());
    for option in [SocketOption::RECVTTL, SocketOption::PKTINFO] {
        other.setsockopt(option, true).unwrap();
    }
    let to = other.getsockname().unwrap();
    let whole = sent(&one, &other, &[]);
    assert!(!whole.flags.contains(MessageFlags::CTRUNC) && whole.ancillary.len() == 2, "{whole:?}");
    for room in 0..=cmsg_space(12).unwrap() + cmsg_len(4).unwrap() {
        one.sendto(b"xyz", to).unwrap();
        let message = other.within(PATIENCE).recvmsg(9, room).unwrap();
        assert_eq!((&message.data[..], message.address), (&b"xyz"[..], Some(one.getsockname().unwrap())));
        let is_cut = message.flags.contains(MessageFlags::CTRUNC);
        let parts: Vec<_> = message.ancillary.iter().filter(|one| matches!(one, ControlMessage::Cut { .. })).collect();
        let is_whole = message.ancillary.len() == 2 && parts.is_empty();
        assert_eq!(is_cut, !is_whole, "with room for {room}: {message:?}");
        assert!(parts.len() <= 1, "only the last may be cut: {message:?}");
        for part in parts {
            let ControlMessage::Cut { level, kind, data } = part else { unreachable!() };
            assert_eq!(*level, libc::IPPROTO_IP);
            assert!([(libc::IP_PKTINFO, 12), (libc::IP_TTL, 4)].iter().any(|(k, n)| k == kind && data.len() < *n));
        }
    }
}

#[test]
fn bad_values_are_named() {
    let (one, _other) = (udp(), udp());
    let to = one.getsockname().unwrap();
    let refused = |ancillary: Ancillary<'_>| {
        let error = one.sendmsg(&[IoSlice::new(b"x")], &ancillary, Some(to.into())).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        error.to_string()
    };
    assert_eq!(refused(Ancillary::new().ttl(0)), "sendmsg: a time to live of 0: expected 1 to 255");
    assert_eq!(refused(Ancillary::new().gso_size(0)), "sendmsg: datagrams of 0 bytes: expected 1 to 65535");
    for (level, kind, size) in [(0, 8, 12), (41, 50, 20), (41, 52, 4), (17, 103, 2), (1, 61, 8), (1, 2, 12)] {
        let message = format!("sendmsg: control message {kind} of level {level} has 3 bytes: expected {size}");
        assert_eq!(refused(Ancillary::new().other(level, kind, &[1, 2, 3])), message);
    }
    let received = ControlMessage::Drops(7);
    let mut ancillary = Ancillary::new().ttl(0);
    ancillary.push(&received);
    assert!(refused(ancillary.clone()).contains("time to live of 0"), "the first is told");
    ancillary.clear();
    ancillary.push(&received);
    assert_eq!(refused(ancillary.clone()), "sendmsg: Drops(7): it is only received, not sent");
    ancillary.clear();
    assert_eq!(one.sendmsg(&[IoSlice::new(b"x")], &ancillary, Some(to.into())).unwrap(), 1, "nothing is left of it");
    // What is known to nobody here is the system's to take or not.
    let unknown = Ancillary::new().other(libc::SOL_SOCKET, 9999, &[1]);
    let error = one.sendmsg(&[IoSlice::new(b"x")], unknown, Some(to.into())).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn an_interface_or_an_address_that_is_not_there_is_named() {
    let four = udp();
    let to: Address = four.getsockname().unwrap();
    let gone = PacketInfo { interface: 99_999, local: Ipv4Addr::LOCALHOST, destination: Ipv4Addr::UNSPECIFIED };
    let error = four.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().packet_info(gone), Some(to.into())).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    assert_eq!(
        error.to_string(),
        format!("sendmsg {to} by interface 99999 from 127.0.0.1: No such device (os error 19)")
    );
    let foreign = PacketInfo::from_source([192, 0, 2, 1].into());
    let error = four.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().packet_info(foreign), Some(to.into()));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with(&format!("sendmsg {to} from 192.0.2.1: ")), "{error}");

    let six = udp6();
    let to = six.getsockname().unwrap();
    let gone = PacketInfo6 { interface: 99_999, address: Ipv6Addr::LOCALHOST };
    let error = six.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().packet_info6(gone), Some(to.into())).unwrap_err();
    assert_eq!(error.to_string(), format!("sendmsg {to} by interface 99999 from ::1: No such device (os error 19)"));
    let error =
        six.connect(to).and_then(|()| six.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().packet_info6(gone), None));
    assert!(error.unwrap_err().to_string().contains(&format!("{to} by interface 99999")), "of a connected one too");
}

#[test]
fn what_icmp_says_is_told_with_its_destination() {
    for (socket, nobody) in [(udp(), udp()), (udp6(), udp6())] {
        let is_v6 = socket.family().unwrap() == Family::INET6;
        socket.setsockopt(if is_v6 { SocketOption::RECVERR6 } else { SocketOption::RECVERR }, true).unwrap();
        let address = nobody.getsockname().unwrap();
        drop(nobody);
        socket.sendto(b"anybody there?", address).unwrap();
        let entry = socket.within(PATIENCE).recv_error_queue(7).unwrap();
        let cause = if is_v6 { ErrorCause::Icmp6 { kind: 1, code: 4 } } else { ErrorCause::Icmp { kind: 3, code: 3 } };
        assert_eq!((entry.error.cause(), entry.error.errno), (cause, libc::ECONNREFUSED));
        assert_eq!((entry.destination, &entry.data[..]), (Some(address), &b"anybody"[..]));
        assert_eq!(entry.error.offender.map(|who| who.ip()), address.ip());
        assert!(entry.flags.contains(MessageFlags::TRUNC | MessageFlags::ERRQUEUE), "{:?}", entry.flags);
        let text = entry.error.to_string();
        assert!(text.starts_with("port unreachable (ICMP") && text.ends_with("refused (os error 111)"), "{text}");
    }
}

#[test]
fn a_wait_for_the_error_queue_ends_in_time_and_burns_no_core() {
    let (one, other) = (udp(), udp());
    one.setsockopt(SocketOption::RECVERR, true).unwrap();
    // Ordinary data is there all the time.
    other.sendto(b"x", one.getsockname().unwrap()).unwrap();
    let limit = 4 * LIMIT;
    let before = thread_time();
    times_out(limit, || one.within(limit).recv_error_queue(9));
    assert!(thread_time() - before < limit / 4, "beside data: {:?}", thread_time() - before);
    // An error that is no entry: poll reports it until somebody asks for it, which this does not.
    let plain = udp();
    let nobody = udp().getsockname().unwrap();
    plain.connect(nobody).unwrap();
    plain.send(b"x").unwrap();
    let before = thread_time();
    times_out(limit, || plain.within(limit).recv_error_queue(9));
    assert!(thread_time() - before < limit / 4, "beside an error: {:?}", thread_time() - before);
    assert_eq!(
        plain.within(PATIENCE).recv(1).unwrap_err().raw_os_error(),
        Some(libc::ECONNREFUSED),
        "it is there still"
    );
    // A connection that is over.
    let (client, server) = tcp_pair();
    drop(server);
    client.shutdown(shotclock::Shutdown::BOTH).unwrap();
    let before = thread_time();
    times_out(limit, || client.within(limit).recv_error_queue(9));
    assert!(thread_time() - before < limit / 4, "beside an end: {:?}", thread_time() - before);
    assert!(one.with_flags(MessageFlags::DONTWAIT).recv_error_queue(9).unwrap_err().is_would_block());
}

#[test]
fn zero_copy_sends_are_told_by_their_numbers() {
    let (one, other) = (udp(), udp());
    one.setsockopt(SocketOption::ZEROCOPY, true).unwrap();
    let to = other.getsockname().unwrap();
    let zero_copy = one.with_flags(MessageFlags(libc::MSG_ZEROCOPY));
    for _send in 0..3 {
        zero_copy.sendto(&[7; 30_000], to).unwrap();
        assert_eq!(other.within(PATIENCE).recv(1 << 16).unwrap().len(), 30_000);
    }
    let mut next = 0;
    while next < 3 {
        let entry = one.within(PATIENCE).recv_error_queue(0).unwrap();
        let ErrorCause::Zerocopy { first, last, copied } = entry.error.cause() else { panic!("{entry:?}") };
        assert!(first == next && last < 3 && copied, "loopback copies: {entry:?}");
        next = last + 1;
    }
}

#[test]
fn rights_by_value_and_by_loan_are_the_same() {
    if !in_own_process("rights_by_value_and_by_loan_are_the_same") {
        return;
    }
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let before = open_descriptors();
    one.sendmsg(&[IoSlice::new(b"x")], Ancillary::new().rights(&[one.as_fd(), other.as_fd()]), None).unwrap();
    let message = other.recvmsg(1, ROOM).unwrap();
    // What was received can be sent on as it is.
    one.sendmsg(&[IoSlice::new(b"y")], &message.ancillary, None).unwrap();
    drop(message);
    let received = other.recv_fds(1, 2).unwrap();
    assert_eq!((received.fds.len(), received.flags), (2, MessageFlags::NONE));
    drop(received);
    assert_eq!(open_descriptors(), before);
    assert!(size_of_val(&ControlMessage::Ttl(1)) <= 64, "{}", size_of_val(&ControlMessage::Ttl(1)));
}
