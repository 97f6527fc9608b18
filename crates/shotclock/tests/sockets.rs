//! What each call of a socket does, and what it says to bad input.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod peers;

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use peers::{LIMIT, LOOSE, full_backlog, in_own_process, open_descriptors, tcp_pair, times_out, udp};
use shotclock::{
    Address, ControlMessage, Credentials, Family, Kind, MessageFlags, NetlinkAddress, Protocol, ServerBuilder,
    Shutdown, SockAddr, Socket, SocketOption, Target, Timeout, UnixAddress, cmsg_space, create_connection,
    create_server, default_timeout, has_dualstack_ipv6, set_default_timeout, socketpair,
};

#[test]
fn sockets_are_born_close_on_exec_and_small() {
    assert!(size_of::<Socket>() <= 24, "{}", size_of::<Socket>());
    assert_eq!(size_of::<shotclock::Error>(), size_of::<usize>());
    let (client, server) = tcp_pair();
    let (one, other) = socketpair(Family::UNIX, Kind::SEQPACKET).unwrap();
    one.send_fds(&[IoSlice::new(b"x")], &[client.as_fd()]).unwrap();
    let received = other.recv_fds(1, 1).unwrap().fds.remove(0);
    let received = Socket::from(received);
    let copy = client.dup().unwrap();
    for socket in [&client, &server, &one, &other, &received, &copy, &Socket::fromfd(&client).unwrap()] {
        assert!(!socket.get_inheritable().unwrap(), "{socket:?}");
    }
    client.set_inheritable(true).unwrap();
    assert!(client.get_inheritable().unwrap());
    client.set_inheritable(false).unwrap();
    assert!(!client.get_inheritable().unwrap());
}

#[test]
fn a_socket_knows_what_it_is() {
    let socket = Socket::new(Family::INET6, Kind::STREAM).unwrap();
    assert_eq!(socket.family().unwrap(), Family::INET6);
    assert_eq!(socket.kind().unwrap(), Kind::STREAM);
    assert_eq!(socket.protocol().unwrap(), Protocol::TCP);
    let netlink = Socket::with_protocol(Family(16), Kind(3), Protocol(0)).unwrap();
    assert_eq!(netlink.family().unwrap(), Family::NETLINK, "plain integers are always possible");
    for (family, kind) in [(Family(-1), Kind::STREAM), (Family(9999), Kind::STREAM), (Family::INET, Kind(77))] {
        let error = Socket::new(family, kind).unwrap_err();
        assert!(error.raw_os_error().is_some() && error.to_string().contains(&format!("{family}")), "{error}");
    }
}

#[test]
fn nobody_is_killed_by_sigpipe() {
    if !in_own_process("nobody_is_killed_by_sigpipe") {
        return;
    }
    // SAFETY: restoring the default disposition, which ends the process, is the point of the test.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    drop(other);
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let pipe = |error: shotclock::Error| assert_eq!(error.raw_os_error(), Some(32), "{error}");
    pipe(one.send(b"x").unwrap_err());
    pipe(one.sendall(b"x").unwrap_err());
    pipe(one.sendmsg(&[IoSlice::new(b"x")], &[], None).unwrap_err());
    pipe(one.sendfile(&file, 0, None).unwrap_err());
    assert_eq!((&one).write_all(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    let mut writer = one.makefile_writer().unwrap();
    writer.write_all(b"x").unwrap();
    assert_eq!(writer.flush().unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_closed_socket_says_so_to_every_call() {
    let (socket, _peer) = tcp_pair();
    let address = socket.getsockname().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    socket.close().unwrap();
    socket.close().unwrap();
    let said = |error: shotclock::Error| assert!(error.is_closed() && error.to_string().contains("closed"), "{error}");
    said(socket.accept().unwrap_err());
    said(socket.bind(address).unwrap_err());
    said(socket.connect(address).unwrap_err());
    said(socket.connect(("localhost", 1)).unwrap_err());
    said(socket.dup().unwrap_err());
    said(socket.get_inheritable().unwrap_err());
    said(socket.getpeername().unwrap_err());
    said(socket.getsockname().unwrap_err());
    said(socket.getsockopt(SocketOption::REUSEADDR).unwrap_err());
    said(socket.listen(1).unwrap_err());
    said(socket.makefile().unwrap_err());
    said(socket.makefile_reader().unwrap_err());
    said(socket.makefile_writer().unwrap_err());
    said(socket.recv(1).unwrap_err());
    said(socket.recv_exact(&mut [0]).unwrap_err());
    said(socket.recv_fds(1, 1).unwrap_err());
    said(socket.recv_into(&mut [0]).unwrap_err());
    said(socket.recvfrom(1).unwrap_err());
    said(socket.recvfrom_into(&mut [0]).unwrap_err());
    said(socket.recvmsg(1, 0).unwrap_err());
    said(socket.send(b"x").unwrap_err());
    said(socket.send_fds(&[IoSlice::new(b"x")], &[file.as_fd()]).unwrap_err());
    said(socket.sendall(b"x").unwrap_err());
    said(socket.sendfile(&file, 0, None).unwrap_err());
    said(socket.sendmsg(&[IoSlice::new(b"x")], &[], None).unwrap_err());
    said(socket.sendto(b"x", address).unwrap_err());
    said(socket.set_inheritable(true).unwrap_err());
    said(socket.setsockopt(SocketOption::REUSEADDR, true).unwrap_err());
    said(socket.shutdown(Shutdown::BOTH).unwrap_err());
    assert_eq!(socket.connect_ex(address).unwrap(), 9, "EBADF, as in Python");
    assert_eq!((&socket).read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::NotConnected);
    assert!(format!("{socket:?}").contains("closed"));
}

#[test]
fn close_works_without_a_descriptor_to_spare() {
    if !in_own_process("close_works_without_a_descriptor_to_spare") {
        return;
    }
    let (socket, peer) = tcp_pair();
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    let closed = socket.close();
    let answers = (socket.send(b"x").unwrap_err().is_closed(), peer.recv_into(&mut [0]));
    drop(hoard);
    closed.unwrap();
    assert!(answers.0);
    assert_eq!(answers.1.unwrap(), 0, "the peer sees the end");
}

#[test]
fn connecting_waits_for_a_descriptor_to_spare_while_time_is_left() {
    if !in_own_process("connecting_waits_for_a_descriptor_to_spare_while_time_is_left") {
        return;
    }
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let to = listener.getsockname().unwrap();
    let silent = udp();
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    let for_ever = create_connection(to, None).map(drop);
    let in_vain = create_connection(to, LIMIT).map(drop);
    let connected = thread::scope(|threads| {
        let connecting = threads.spawn(|| create_connection(to, Duration::from_secs(30)).map(drop));
        let _a_moment = silent.within(LIMIT).recv(1);
        drop(std::mem::take(&mut hoard));
        connecting.join().unwrap()
    });
    connected.unwrap();
    assert_eq!(for_ever.unwrap_err().raw_os_error(), Some(24), "EMFILE: without an end there is nothing to wait for");
    let error = in_vain.unwrap_err();
    assert!(error.is_timeout() && error.attempts()[0].raw_os_error() == Some(24), "{error}");
}

#[test]
fn the_system_says_no_in_its_own_words() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let address = listener.getsockname().unwrap();
    let errno = |result: shotclock::Result<()>, number: i32| {
        let error = result.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(number), "{error}");
        assert!(error.to_string().contains(&format!("os error {number}")), "{error}");
    };
    errno(Socket::new(Family::INET, Kind::STREAM).unwrap().bind(address), 98); // EADDRINUSE
    errno(listener.bind(("127.0.0.1", 0)), 22); // bound already
    errno(udp().accept().map(drop), 95); // EOPNOTSUPP: a datagram socket
    errno(Socket::new(Family::INET, Kind::STREAM).unwrap().accept().map(drop), 22); // does not listen
    errno(udp().listen(1), 95);
    errno(udp().getpeername().map(drop), 107); // ENOTCONN
    errno(udp().send(b"x").map(drop), 89); // EDESTADDRREQ
    errno(listener.recv(1).map(drop), 107);
    errno(udp().sendto(&vec![0; 70_000], address).map(drop), 90); // EMSGSIZE
    errno(listener.setsockopt_bytes(9999, 1, &[0; 4]), 92); // ENOPROTOOPT
    errno(udp().shutdown(Shutdown::BOTH), 107);
    assert_eq!(
        create_server(("127.0.0.1", address.port().unwrap())).unwrap_err().kind(),
        std::io::ErrorKind::AddrInUse
    );
}

#[test]
fn connect_ex_gives_numbers() {
    let nobody = udp().getsockname().unwrap();
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    assert_eq!(socket.connect_ex(nobody).unwrap(), 111);
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    assert_eq!(socket.connect_ex(listener.getsockname().unwrap()).unwrap(), 0);
    // The system tells a success that nobody asked for once more, then that there is a connection.
    socket.connect(listener.getsockname().unwrap()).unwrap();
    assert_eq!(socket.connect_ex(listener.getsockname().unwrap()).unwrap(), 106, "EISCONN");
}

#[test]
fn an_address_of_another_family_is_named() {
    let v4 = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let v6 = Socket::new(Family::INET6, Kind::STREAM).unwrap();
    let path = UnixAddress::from_path("/nonexistent/socket").unwrap();
    let mixed = [
        v4.connect(("::1", 1)),
        v4.connect(std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 1))),
        v4.bind(("::1", 0)),
        v4.connect(path),
        v6.connect(([127, 0, 0, 1], 1)),
        v6.bind(("127.0.0.1", 0)),
        udp().sendto(b"x", path).map(drop),
    ];
    for (number, result) in mixed.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{number}: {error}");
        let text = error.to_string();
        assert!(text.contains("AF_INET") && text.contains("family is"), "{number}: {text}");
    }
}

#[test]
fn bad_input_is_named() {
    let contains = |error: shotclock::Error, text: &str| {
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(text), "{error} lacks {text:?}");
    };
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    contains(socket.connect(("nul\0inside", 1)).unwrap_err(), "nul\\0inside");
    contains(UnixAddress::from_path("nul\0inside").unwrap_err(), "NUL");
    contains(UnixAddress::from_path("x".repeat(200)).unwrap_err(), "200");
    contains(Target::parse("localhost:65536").unwrap_err(), "65536");
    for bad in [-1.0, f64::NAN, 1e300] {
        contains(Timeout::from_secs_f64(bad).unwrap_err(), &bad.to_string());
    }
    let huge = usize::MAX / 2;
    for error in [
        socket.recv(huge).unwrap_err(),
        socket.recvfrom(huge).unwrap_err(),
        socket.recvmsg(huge, 0).unwrap_err(),
        socket.recvmsg(1, huge).unwrap_err(),
    ] {
        assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
        assert!(error.to_string().contains(&huge.to_string()), "{error}");
    }
}

#[test]
fn a_descriptor_that_is_no_socket_says_so() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Socket::fromfd(&file).unwrap_err().raw_os_error(), Some(88), "ENOTSOCK");
    let socket = Socket::from(OwnedFd::from(file));
    assert_eq!(socket.recv(1).unwrap_err().raw_os_error(), Some(88));
    assert_eq!(socket.send(b"x").unwrap_err().raw_os_error(), Some(88));
    assert_eq!(socket.accept().unwrap_err().raw_os_error(), Some(88));
    assert!(format!("{socket:?}").contains("fd"));
}

#[test]
fn no_bytes_are_no_wait() {
    let (client, server) = tcp_pair();
    client.set_timeout(Duration::from_secs(20));
    assert_eq!(client.send(b"").unwrap(), 0);
    client.sendall(b"").unwrap();
    client.recv_exact(&mut []).unwrap();
    assert_eq!(client.recv_into(&mut []).unwrap(), 0);
    assert_eq!(client.recv(0).unwrap(), b"");
    server.sendall(b"x").unwrap();
    assert_eq!(client.recv(1).unwrap(), b"x", "nothing was taken");
    let (one, other) = (udp(), udp());
    one.sendto(b"", other.getsockname().unwrap()).unwrap();
    assert_eq!(other.recvfrom(9).unwrap(), (vec![], Some(one.getsockname().unwrap())), "an empty datagram is one");
}

#[test]
fn received_vectors_are_not_wasteful() {
    let (client, server) = tcp_pair();
    server.sendall(b"x").unwrap();
    let data = client.recv(1 << 20).unwrap();
    assert!(data == b"x" && data.capacity() < 100, "{}", data.capacity());
}

#[test]
fn flags_do_what_they_say() {
    let (one, other) = (udp(), udp());
    one.sendto(b"0123456789", other.getsockname().unwrap()).unwrap();
    let peek = other.with_flags(MessageFlags::PEEK);
    assert_eq!(peek.recv(4).unwrap(), b"0123");
    let mut small = [0; 4];
    let truncated = peek.with_flags(MessageFlags::TRUNC);
    assert_eq!(truncated.recv_into(&mut small).unwrap(), 10, "the datagram's real length");
    assert_eq!(truncated.recv(4).unwrap(), b"0123");
    assert_eq!(truncated.recvfrom(4).unwrap().0, b"0123");
    assert_eq!(other.recv(100).unwrap(), b"0123456789");
    // TCP discards with MSG_TRUNC and writes nothing: the bytes are zeroes, never what the memory held before.
    let (client, server) = tcp_pair();
    server.sendall(b"abc").unwrap();
    assert_eq!(client.with_flags(MessageFlags::TRUNC).recv(3).unwrap(), [0; 3]);
}

#[test]
fn messages_gather_and_scatter() {
    let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(one.sendmsg(&pieces, &[], None).unwrap(), 5);
    let (mut first, mut second) = ([0; 3], [0; 9]);
    let mut into = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    let message = other.recvmsg_into(&mut into, 0).unwrap();
    assert_eq!((message.len, message.flags, message.address), (5, MessageFlags::NONE, None));
    assert_eq!((&first, &second[..2]), (b"abc", &b"de"[..]));

    let (here, there) = (udp(), udp());
    let to = Target::from(there.getsockname().unwrap());
    there.setsockopt(SocketOption::PKTINFO, true).unwrap();
    here.sendmsg(&[IoSlice::new(b"x")], &[], Some(to.clone())).unwrap();
    let message = there.recvmsg(10, cmsg_space(12).unwrap()).unwrap();
    assert_eq!(message.address, Some(here.getsockname().unwrap()));
    let localhost = [127, 0, 0, 1].into();
    assert!(
        matches!(&message.ancillary[..], [ControlMessage::PacketInfo(info)]
            if (info.local, info.destination) == (localhost, localhost) && info.interface > 0),
        "{message:?}"
    );
    there.setsockopt(SocketOption::TTL, 7).unwrap();
    let ttl = ControlMessage::Other { level: 0, kind: 2, data: 9_i32.to_ne_bytes().into() };
    here.sendmsg(&[IoSlice::new(b"y")], &[ttl], Some(to)).unwrap();
    assert_eq!(there.recv(10).unwrap(), b"y");
}

#[test]
fn credentials_travel() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let me = one.getsockopt(SocketOption::PEERCRED).unwrap();
    assert_eq!(me.pid.unsigned_abs(), std::process::id());
    other.setsockopt(SocketOption::PASSCRED, true).unwrap();
    one.sendmsg(&[IoSlice::new(b"x")], &[ControlMessage::Credentials(me)], None).unwrap();
    let message = other.recvmsg(1, cmsg_space(12).unwrap()).unwrap();
    assert!(matches!(message.ancillary[..], [ControlMessage::Credentials(who)] if who == me), "{message:?}");
    let nobody = ControlMessage::Credentials(Credentials { pid: 1, ..me });
    if me.uid != 0 {
        assert_eq!(one.sendmsg(&[IoSlice::new(b"x")], &[nobody], None).unwrap_err().raw_os_error(), Some(1));
    }
}

#[test]
fn descriptors_travel_and_none_is_lost() {
    if !in_own_process("descriptors_travel_and_none_is_lost") {
        return;
    }
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let (end, kept) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let before = open_descriptors();
    let three = [end.as_fd(), end.as_fd(), end.as_fd()];
    one.send_fds(&[IoSlice::new(b"three")], &three).unwrap();
    let received = other.recv_fds(100, 3).unwrap();
    assert_eq!((&received.data[..], received.fds.len(), received.flags), (&b"three"[..], 3, MessageFlags::NONE));
    drop(received);
    assert_eq!(open_descriptors(), before);

    // Room for fewer: those that fit come, the others are closed, and the flags say so.
    for room in [0, 1, 2] {
        one.send_fds(&[IoSlice::new(b"x")], &three).unwrap();
        let received = other.recv_fds(100, room).unwrap();
        assert!(received.flags.contains(MessageFlags::CTRUNC), "{received:?}");
        assert!(received.fds.len() == room, "{received:?}");
        drop(received);
        assert_eq!(open_descriptors(), before, "with room for {room}");
    }
    // A message whose receiver did not want descriptors at all.
    one.send_fds(&[IoSlice::new(b"x")], &three).unwrap();
    assert_eq!(other.recv(100).unwrap(), b"x");
    assert_eq!(open_descriptors(), before);
    // And one whose header is cut.
    one.send_fds(&[IoSlice::new(b"x")], &three).unwrap();
    let message = other.recvmsg(100, 3).unwrap();
    assert!(message.flags.contains(MessageFlags::CTRUNC) && message.ancillary.is_empty(), "{message:?}");
    assert_eq!(open_descriptors(), before);

    one.send_fds(&[IoSlice::new(b"x")], &[end.as_fd()]).unwrap();
    let arrived = Socket::from(other.recv_fds(1, 1).unwrap().fds.remove(0));
    arrived.sendall(b"the same socket").unwrap();
    assert_eq!(kept.recv(100).unwrap(), b"the same socket");
    let many = vec![end.as_fd(); 254];
    assert_eq!(one.send_fds(&[IoSlice::new(b"x")], &many).unwrap_err().raw_os_error(), Some(22), "253 at most");
}

#[test]
fn unix_names_of_every_sort() {
    let here = std::env::temp_dir().join(std::ffi::OsStr::from_bytes(b"shotclock-\xff"));
    let path = here.with_extension(std::process::id().to_string());
    let names = [
        UnixAddress::from_path(&path).unwrap(),
        UnixAddress::from_abstract_name(format!("shotclock\0{}", std::process::id())).unwrap(),
    ];
    for name in names {
        let listener = ServerBuilder::new().listen(name).unwrap();
        assert_eq!(listener.getsockname().unwrap(), Address::Unix(name));
        let client = create_connection(Target::from(name), LIMIT * 50).unwrap();
        assert_eq!(client.getpeername().unwrap(), Address::Unix(name));
        let (server, from) = listener.accept().unwrap();
        assert_eq!(from, Address::Unix(UnixAddress::UNNAMED));
        client.sendall(b"x").unwrap();
        assert_eq!(server.recv(1).unwrap(), b"x");
    }
    std::fs::remove_file(path).unwrap();
    // Bound to no name at all, the system chooses an abstract one.
    let socket = Socket::new(Family::UNIX, Kind::DGRAM).unwrap();
    socket.bind(UnixAddress::UNNAMED).unwrap();
    assert!(matches!(socket.getsockname().unwrap(), Address::Unix(name) if name.as_abstract_name().is_some()));
}

#[test]
fn other_families_work_by_their_addresses() {
    let netlink = Socket::with_protocol(Family::NETLINK, Kind::RAW, Protocol(0)).unwrap();
    netlink.bind(NetlinkAddress { pid: 0, groups: 0 }).unwrap();
    assert!(matches!(netlink.getsockname().unwrap(), Address::Netlink(NetlinkAddress { pid, .. }) if pid != 0));
    // A family without a type here goes through as bytes; the system is the judge of them.
    let strange = SockAddr::new(&[200, 0, 1, 2, 3]).unwrap();
    let error = udp().sendto(b"x", strange).unwrap_err();
    assert!(error.to_string().contains("Family(200)"), "{error}");
}

#[test]
fn packets_of_the_link_level() {
    let Ok(socket) = Socket::with_protocol(Family::PACKET, Kind::DGRAM, Protocol(0)) else {
        println!("SKIP sockets::packets_of_the_link_level: AF_PACKET needs privilege");
        return;
    };
    let lo = shotclock::if_nametoindex("lo").unwrap();
    socket.bind(shotclock::PacketAddress::new(lo, 0)).unwrap();
    assert!(matches!(socket.getsockname().unwrap(), Address::Packet(address) if address.interface == lo));
}

#[test]
fn ipv6_keeps_flow_and_scope() {
    let address = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 0, 0, 1);
    let socket = Socket::new(Family::INET6, Kind::DGRAM).unwrap();
    if socket.bind(address).is_err() {
        println!("SKIP sockets::ipv6_keeps_flow_and_scope: no IPv6 loopback");
        return;
    }
    let bound = socket.getsockname().unwrap();
    assert_eq!(bound.ip().unwrap().to_string(), "::1");
    if has_dualstack_ipv6() {
        let both = ServerBuilder::new().dualstack_ipv6(true).listen(("", 0)).unwrap();
        let port = both.getsockname().unwrap().port().unwrap();
        create_connection(("127.0.0.1", port), LIMIT * 50).unwrap();
        let (_, from) = both.accept().unwrap();
        assert_eq!(from.ip().unwrap().to_string(), "::ffff:127.0.0.1");
        let only6 = ServerBuilder::new().listen(("::", 0)).unwrap();
        let port = only6.getsockname().unwrap().port().unwrap();
        assert_eq!(
            create_connection(("127.0.0.1", port), LIMIT * 50).unwrap_err().kind(),
            std::io::ErrorKind::ConnectionRefused
        );
    }
    let error = ServerBuilder::new().dualstack_ipv6(true).listen(([127, 0, 0, 1], 0)).unwrap_err();
    assert!(error.to_string().contains("dual stack"), "{error}");
}

#[test]
fn names_in_place_of_addresses() {
    let listener = Socket::new(Family::INET, Kind::STREAM).unwrap();
    listener.bind(("localhost", 0)).unwrap();
    listener.listen(5).unwrap();
    let port = listener.getsockname().unwrap().port().unwrap();
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    client.within(LIMIT * 50).connect(("localhost", port)).unwrap();
    assert_eq!(client.getpeername().unwrap().to_string(), format!("127.0.0.1:{port}"));
    let everywhere = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    everywhere.bind(("", 0)).unwrap();
    let port = everywhere.getsockname().unwrap().port().unwrap();
    udp().sendto(b"by name", ("localhost", port)).unwrap();
    assert_eq!(everywhere.recv(100).unwrap(), b"by name");
    create_connection(("", listener.getsockname().unwrap().port().unwrap()), LIMIT * 50).unwrap();
}

#[test]
fn a_server_has_the_options_asked_for() {
    let plain = create_server(("127.0.0.1", 0)).unwrap();
    assert!(plain.getsockopt(SocketOption::REUSEADDR).unwrap() && plain.getsockopt(SocketOption::ACCEPTCONN).unwrap());
    assert!(!plain.getsockopt(SocketOption::REUSEPORT).unwrap());
    let shared = ServerBuilder::new().reuse_port(true).listen(("127.0.0.1", 0)).unwrap();
    let again = ServerBuilder::new().reuse_port(true).listen(shared.getsockname().unwrap());
    assert_eq!(again.unwrap().getsockname().unwrap(), shared.getsockname().unwrap());
    let v6 = ServerBuilder::new().family(Family::INET6).listen(("localhost", 0));
    assert!(v6.is_err() || v6.unwrap().family().unwrap() == Family::INET6);
}

#[test]
fn duplicates_share_the_socket_not_the_timeout() {
    let (client, server) = tcp_pair();
    client.set_timeout(LIMIT);
    let copy = client.dup().unwrap();
    assert_eq!(copy.timeout(), Timeout::from(LIMIT));
    copy.set_timeout(None);
    assert_eq!(client.timeout(), Timeout::from(LIMIT));
    client.close().unwrap();
    copy.sendall(b"x").unwrap();
    assert_eq!(server.recv(1).unwrap(), b"x");
    drop(copy);
    assert_eq!(server.recv(1).unwrap(), b"", "gone with the last of them");
}

#[test]
fn detach_hands_over_an_open_blocking_descriptor() {
    let (client, server) = tcp_pair();
    let number = client.fileno();
    assert_eq!(client.as_raw_fd(), number);
    let fd = client.detach();
    assert_eq!(fd.as_raw_fd(), number);
    let status = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    let flags = status.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
    assert_eq!(i64::from_str_radix(&flags, 8).unwrap() & 0o4000, 0, "O_NONBLOCK is still set: {flags}");
    let again = Socket::from(fd);
    again.sendall(b"x").unwrap();
    assert_eq!(server.recv(1).unwrap(), b"x");
}

#[test]
fn the_default_timeout_is_for_new_sockets() {
    if !in_own_process("the_default_timeout_is_for_new_sockets") {
        return;
    }
    let before = Socket::new(Family::INET, Kind::STREAM).unwrap();
    set_default_timeout(LIMIT);
    let limit = Timeout::from(LIMIT);
    assert_eq!(default_timeout(), limit);
    let (client, server) = tcp_pair();
    let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let foreign = Socket::from(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let made = [&client, &server, &one, &foreign];
    let timeouts = made.map(Socket::timeout);
    let copied = Socket::fromfd(&client).unwrap().timeout();
    set_default_timeout(None);
    assert_eq!(timeouts, [limit; 4]);
    assert_eq!(copied, limit);
    assert_eq!(before.timeout(), Timeout::NEVER, "older ones keep theirs");
    times_out(LIMIT, || client.recv(1));
}

#[test]
fn reader_and_writer_share_a_socket() {
    let (client, server) = tcp_pair();
    let client = Arc::new(client);
    let echo = thread::spawn(move || {
        loop {
            let data = server.recv(65536).unwrap();
            if data.is_empty() {
                return;
            }
            server.sendall(&data).unwrap();
        }
    });
    let writer = Arc::clone(&client);
    let data: Vec<u8> = (0..4_u32 << 20).map(|n| (n >> 3) as u8).collect();
    let sent = data.clone();
    let writes = thread::spawn(move || writer.sendall(&sent).unwrap());
    let mut back = vec![0; data.len()];
    client.recv_exact(&mut back).unwrap();
    assert!(back == data);
    writes.join().unwrap();
    client.shutdown(Shutdown::WRITE).unwrap();
    echo.join().unwrap();
    assert_eq!(client.recv(1).unwrap(), b"");
}

#[test]
fn recv_exact_tells_an_early_end() {
    let (client, server) = tcp_pair();
    server.sendall(b"abc").unwrap();
    server.close().unwrap();
    let error = client.recv_exact(&mut [0; 5]).unwrap_err();
    assert_eq!((error.kind(), error.bytes_moved()), (std::io::ErrorKind::UnexpectedEof, 3));
    let mut text = String::new();
    (&client).read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}

#[test]
fn errors_become_io_errors_with_kind_and_source() {
    let (client, _silent) = tcp_pair();
    let error = client.within(LIMIT).recv(1).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("recv") && text.contains("timed out") && text.contains("the call's deadline"), "{text}");
    let io = std::io::Error::from(error);
    assert_eq!(io.kind(), std::io::ErrorKind::TimedOut);
    let inside = io.get_ref().unwrap().downcast_ref::<shotclock::Error>().unwrap();
    assert!(inside.is_timeout() && inside.operation() == "recv");
}

#[test]
fn io_errors_keep_the_number_or_the_error() {
    let (client, server) = tcp_pair();
    server.setsockopt(SocketOption::LINGER, Some(Duration::ZERO)).unwrap();
    server.close().unwrap();
    let error = client.within(LOOSE).recv(1).unwrap_err();
    let (number, kind) = (error.raw_os_error(), error.kind());
    assert_eq!((number, kind), (Some(104), std::io::ErrorKind::ConnectionReset), "{error}");
    let io = std::io::Error::from(error);
    assert_eq!((io.raw_os_error(), io.kind()), (number, kind));
    let io = client.within(LOOSE).write_all(&[0; 1 << 20]).unwrap_err();
    assert_eq!((io.raw_os_error(), io.kind()), (Some(32), std::io::ErrorKind::BrokenPipe), "by std's traits too");
    // What has no number is inside: a limit, a canceller, a closed socket, bad input.
    let canceller = shotclock::Canceller::new();
    canceller.cancel();
    let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let cancelled = one.cancelled_by(&canceller).read(&mut [0]).unwrap_err();
    assert!(cancelled.get_ref().unwrap().downcast_ref::<shotclock::Error>().unwrap().is_cancelled());
    one.close().unwrap();
    let closed = (&one).write(b"x").unwrap_err();
    assert!(closed.get_ref().unwrap().downcast_ref::<shotclock::Error>().unwrap().is_closed());
    // A number that std has no kind for is a number all the same.
    let udp = udp();
    let huge = udp.sendto(&[0; 70_000], udp.getsockname().unwrap()).unwrap_err();
    assert_eq!(std::io::Error::from(huge).raw_os_error(), Some(90), "EMSGSIZE");
    // Every attempt of a connection has failed: the last one's number.
    let refused = shotclock::create_connection(([127, 0, 0, 1], 1), None).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(111), "{refused}");
    assert_eq!(std::io::Error::from(refused).raw_os_error(), Some(111));
}

#[test]
fn recv_exact_is_for_streams() {
    let (one, other) = udp_pair();
    one.send(b"hello").unwrap();
    let error = other.within(LOOSE).recv_exact(&mut [0; 3]).unwrap_err();
    let text = error.to_string();
    assert!(error.kind() == std::io::ErrorKind::InvalidInput && text.contains("SOCK_DGRAM"), "{error}");
    assert!(text.contains("stream") && text.contains("recvmsg"), "{error}");
    assert_eq!((&other).read_exact(&mut [0; 3]).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let mut file = other.makefile_reader().unwrap();
    assert_eq!(file.read_exact(&mut [0; 3]).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(other.recv(100).unwrap(), b"hello", "nothing was taken");
    for kind in [Kind::DGRAM, Kind::SEQPACKET] {
        let (one, other) = socketpair(Family::UNIX, kind).unwrap();
        one.send(b"hello").unwrap();
        for socket in [&other, &other.dup().unwrap(), &Socket::fromfd(&other).unwrap()] {
            let error = socket.within(LOOSE).recv_exact(&mut [0; 5]).unwrap_err();
            assert!(error.to_string().contains(&kind.to_string()), "{error}");
        }
        other.close().unwrap();
        assert!(other.recv_exact(&mut [0; 5]).unwrap_err().is_closed());
    }
    // Streams from wherever they come.
    let (client, server) = tcp_pair();
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (one, other) = (Socket::from(one), Socket::fromfd(&other).unwrap());
    for (from, to) in [(&client, &server), (&server, &client), (&one, &other), (&other, &one)] {
        from.sendall(b"hello").unwrap();
        let (mut first, mut rest) = ([0; 2], [0; 3]);
        to.within(LOOSE).recv_exact(&mut first).unwrap();
        to.dup().unwrap().within(LOOSE).recv_exact(&mut rest).unwrap();
        assert_eq!((&first, &rest), (b"he", b"llo"));
    }
    let file = std::fs::File::open("/dev/null").unwrap();
    let error = Socket::from(OwnedFd::from(file)).recv_exact(&mut [0; 1]).unwrap_err();
    assert!(error.raw_os_error() == Some(88) && error.operation() == "recv_exact", "{error}");
}

#[test]
fn fast_open_connects_and_sends_all() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let to = listener.getsockname().unwrap();
    let send = |socket: &Socket, way: usize| {
        let view = socket.within(LOOSE).with_flags(MessageFlags::FASTOPEN);
        match way {
            0 => view.sendto(b"hello", to),
            _ => view.sendmsg(&[IoSlice::new(b"he"), IoSlice::new(b"llo")], &[], Some(to.into())),
        }
    };
    for way in [0, 1] {
        let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
        assert_eq!(send(&socket, way).unwrap(), 5);
        let (server, _) = listener.within(LOOSE).accept().unwrap();
        assert_eq!(server.within(LOOSE).recv(9).unwrap(), b"hello");
        assert_eq!(send(&socket, way).unwrap(), 5, "it leads there already");
    }
    // Nobody listens: the connection's error, not that it is under way.
    let nobody = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let error = nobody.with_flags(MessageFlags::FASTOPEN).sendto(b"x", ([127, 0, 0, 1], 1)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{error}");
    // A socket that never waits is told that it would have to; the connection goes on.
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    socket.set_nonblocking(true);
    let error = socket.with_flags(MessageFlags::FASTOPEN).sendto(b"hello", to).unwrap_err();
    assert!(error.is_would_block(), "{error}");
    socket.set_timeout(LOOSE);
    socket.sendall(b"later").unwrap();
    assert_eq!(listener.within(LOOSE).accept().unwrap().0.within(LOOSE).recv(9).unwrap(), b"later");
}

#[test]
fn a_fast_open_under_way_is_waited_for_and_goes_nowhere_else() {
    let hole = full_backlog();
    let elsewhere = create_server(("127.0.0.1", 0)).unwrap();
    let socket = Socket::new(Family::INET, Kind::STREAM).unwrap();
    let open =
        |limit: Duration, to: Address| socket.within(limit).with_flags(MessageFlags::FASTOPEN).sendto(b"hello", to);
    times_out(LIMIT, || open(LIMIT, hole.address));
    times_out(LIMIT, || open(LIMIT, hole.address));
    hole.listener.set_nonblocking(true);
    while hole.listener.accept().is_ok() {}
    hole.listener.set_nonblocking(false);
    let patient = Duration::from_secs(20);
    let error = open(patient, elsewhere.getsockname().unwrap()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(106), "it is connected, and not to there: {error}");
    socket.sendall(b"hello").unwrap();
    let (server, from) = hole.listener.within(patient).accept().unwrap();
    assert_eq!((from, server.within(patient).recv(9).unwrap()), (socket.getsockname().unwrap(), b"hello".to_vec()));
}

#[test]
fn an_unix_stream_pair_converts_to_and_from_std() {
    let (one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
    let ours = Socket::from(one);
    ours.sendall(b"hello").unwrap();
    let mut data = [0; 5];
    other.read_exact(&mut data).unwrap();
    assert_eq!(&data, b"hello");
    times_out(LIMIT, || ours.within(LIMIT).recv(1));
    // SAFETY: the number was given up by `into_raw_fd` just now.
    let _owned = unsafe { OwnedFd::from_raw_fd(std::os::fd::IntoRawFd::into_raw_fd(OwnedFd::from(ours))) };
}

#[test]
fn a_bad_descriptor_elsewhere_is_not_ours_closed() {
    let (one, _other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let write_only = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let error = one.sendfile(&write_only, 0, None).unwrap_err();
    assert!(!error.is_closed() && error.raw_os_error() == Some(9), "{error}");
    let numbers = ControlMessage::Other { level: 1, kind: 1, data: one.fileno().to_ne_bytes().into() };
    let error = one.sendmsg(&[IoSlice::new(b"x")], &[numbers], None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "descriptors by number are not ours to send: {error}");
    one.sendall(b"still open").unwrap();
}

#[test]
fn options_do_not_see_what_the_buffer_held() {
    // TCP_ZEROCOPY_RECEIVE takes an address from the buffer, and writes there.
    let (client, server) = tcp_pair();
    let mut not_lent = vec![7_u8; 4096];
    server.sendall(&[1; 4096]).unwrap();
    let mut value = [0; 40];
    value[..8].copy_from_slice(&(not_lent.as_mut_ptr() as usize).to_ne_bytes());
    let _refused_or_empty = client.getsockopt_bytes(6, 35, &mut value);
    assert!(not_lent.iter().all(|byte| *byte == 7));
}

#[test]
fn flags_that_change_what_is_read_do_not_break_readers() {
    let (one, other) = udp_pair();
    one.send(&[7; 20_000]).unwrap();
    one.send(b"line\n").unwrap();
    let truncated = other.with_flags(MessageFlags::TRUNC);
    let mut small = [0; 10];
    assert_eq!({ truncated }.read(&mut small).unwrap(), 10);
    let mut reader = shotclock::SocketReader::new(truncated).unwrap();
    assert_eq!(reader.readline().unwrap(), b"line\n");
    for flag in [MessageFlags::PEEK, MessageFlags::OOB, MessageFlags::TRUNC, MessageFlags::ERRQUEUE] {
        let error = other.with_flags(flag).recv_exact(&mut [0]).unwrap_err();
        assert!(error.kind() == std::io::ErrorKind::InvalidInput && error.to_string().contains("MSG_"), "{error}");
        let error = other.with_flags(flag).within(LIMIT).read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.kind() == std::io::ErrorKind::InvalidInput && error.to_string().contains("MSG_"), "{error}");
    }
}

#[test]
fn more_buffers_than_the_system_takes_at_once() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let bytes: Vec<_> = (0..3000_u32).map(|n| [n as u8]).collect();
    let many: Vec<_> = bytes.iter().map(|byte| IoSlice::new(byte)).collect();
    assert_eq!((&one).write_vectored(&many).unwrap(), 3000);
    let mut room = vec![[0_u8; 1]; 1500];
    let mut into: Vec<_> = room.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    assert_eq!((&other).read_vectored(&mut into).unwrap(), 1024, "of a stream the rest comes next");
    assert!(room[..1024] == bytes[..1024]);
    assert_eq!(other.recv(3000).unwrap(), bytes[1024..].concat());
    // A peer that takes no more: what fits goes out, once.
    let big = vec![7_u8; 100];
    let many = vec![IoSlice::new(&big); 200_000];
    let fits = one.within(Duration::from_secs(5)).write_vectored(&many).unwrap();
    assert!(fits > 1024 && fits < 20_000_000, "{fits}");
    let mut all = vec![0; fits];
    other.recv_exact(&mut all).unwrap();
    assert!(all.iter().all(|byte| *byte == 7));
    assert!(other.with_flags(MessageFlags::DONTWAIT).recv(1).unwrap_err().is_would_block());
}

#[test]
fn a_datagram_is_never_cut_for_its_number_of_buffers() {
    let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    let bytes: Vec<_> = (0..1500_u32).map(|n| [n as u8]).collect();
    let many: Vec<_> = bytes.iter().map(|byte| IoSlice::new(byte)).collect();
    for _ in 0..2 {
        assert_eq!((&one).write_vectored(&many).unwrap(), 1500);
    }
    assert_eq!(other.recv(3000).unwrap(), bytes.concat(), "one datagram");
    let mut room = vec![[0_u8; 1]; 1600];
    let mut into: Vec<_> = room.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    assert_eq!((&other).read_vectored(&mut into).unwrap(), 1500);
    assert!(room[..1500] == bytes[..]);
}

#[test]
fn empty_buffers_count_for_nothing() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let mut many = vec![IoSlice::new(b""); 2000];
    many.push(IoSlice::new(b"at last"));
    assert_eq!((&one).write_vectored(&many).unwrap(), 7);
    let mut room = [0; 7];
    let mut into: Vec<_> = (0..2000).map(|_| IoSliceMut::new(&mut [])).collect();
    into.push(IoSliceMut::new(&mut room));
    assert_eq!((&other).read_vectored(&mut into).unwrap(), 7);
    assert_eq!(&room, b"at last");
    // Nothing to read into is nothing to wait for, as for std's own streams.
    assert_eq!((&other).read_vectored(&mut []).unwrap(), 0);
    assert_eq!(other.within(LIMIT).read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    other.close().unwrap();
    let error = (&other).read_vectored(&mut []).unwrap_err();
    assert!(shotclock::Error::find_in(&error).unwrap().is_closed(), "{error}");
}

#[test]
fn text_that_cannot_be_formatted_is_not_written() {
    struct Sulks;
    impl std::fmt::Display for Sulks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("partly")?;
            Err(std::fmt::Error)
        }
    }
    let (mut one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    assert!(write!(one, "before {Sulks}").is_err());
    let mut file = one.makefile().unwrap();
    assert!(write!(file, "before {Sulks}").is_err());
    assert_eq!(file.buffered(), 0);
    drop(file);
    write!(one, "fine").unwrap();
    assert_eq!(other.recv(100).unwrap(), b"fine");
}

#[test]
fn dual_stack_is_what_a_bind_says() {
    let truth = std::net::TcpListener::bind("[::]:0").is_ok_and(|listener| {
        // std leaves the system's default, which net.ipv6.bindv6only may have turned off.
        let port = listener.local_addr().unwrap().port();
        std::net::TcpListener::bind(("0.0.0.0", port)).is_err()
    });
    if truth {
        assert!(has_dualstack_ipv6());
    }
    assert_eq!(has_dualstack_ipv6(), ServerBuilder::new().dualstack_ipv6(true).listen(("", 0)).is_ok());
    let zoned = create_server(("fe80::1%lo", 0));
    assert!(!zoned.unwrap_err().to_string().contains("family"), "an IPv6 host makes an IPv6 socket");
}

#[test]
fn text_read_from_a_socket_is_not_lost_with_half_a_character() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    one.sendall(b"hello \xc3").unwrap();
    let mut text = String::new();
    assert!(other.within(LIMIT).read_to_string(&mut text).is_err());
    assert_eq!(text, "hello ");
    // Without a limit in the way: the bytes are in the error, and the text stays what it was.
    one.sendall(b"abc\xffdef").unwrap();
    one.close().unwrap();
    let error = (&other).read_to_string(&mut text).unwrap_err();
    assert_eq!((error.kind(), text.as_str()), (std::io::ErrorKind::InvalidData, "hello "));
    let inside = error.into_inner().unwrap().downcast::<std::string::FromUtf8Error>().unwrap();
    assert_eq!(inside.as_bytes(), b"abc\xffdef");
}

/// Two datagram sockets connected to each other.
fn udp_pair() -> (Socket, Socket) {
    let (one, other) = (udp(), udp());
    one.connect(other.getsockname().unwrap()).unwrap();
    other.connect(one.getsockname().unwrap()).unwrap();
    (one, other)
}
