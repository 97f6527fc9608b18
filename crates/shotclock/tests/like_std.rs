//! What std and socket2 do, and whether it is the same here; receives into memory that is not initialized; makers.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use shotclock::{
    Address, Family, Kind, MessageFlags, Protocol, Shutdown, Socket, Timeout, UnixAddress, create_connection,
    create_server, socketpair,
};

const LIMIT: Duration = Duration::from_secs(10);
const EAFNOSUPPORT: i32 = 97;

fn udp() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.set_timeout(LIMIT);
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket
}

#[test]
fn a_datagram_goes_into_an_empty_buffer_as_in_std() {
    let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = udp();
    for text in [b"first", b"other"] {
        ours.sendto(text, theirs.local_addr().unwrap()).unwrap();
        ours.sendto(text, ours.getsockname().unwrap()).unwrap();
    }
    let mut buffer = [0; 100];
    assert_eq!((theirs.recv(&mut []).unwrap(), ours.recv_into(&mut []).unwrap()), (0, 0));
    assert_eq!((theirs.recv(&mut buffer).unwrap(), ours.recv(100).unwrap()), (5, b"other".to_vec()));
    assert_eq!(&buffer[..5], b"other", "one datagram was taken from each");
}

#[test]
fn the_length_of_the_next_datagram_is_asked_without_a_buffer() {
    let socket = udp();
    socket.sendto(&[7; 1234], socket.getsockname().unwrap()).unwrap();
    let length = socket.with_flags(MessageFlags::PEEK | MessageFlags::TRUNC);
    assert_eq!(length.recv_into(&mut []).unwrap(), 1234);
    assert_eq!(length.recvfrom_into(&mut []).unwrap(), (1234, Some(socket.getsockname().unwrap())));
    assert_eq!(length.recv_into(&mut [0; 7]).unwrap(), 1234);
    assert_eq!(socket.with_flags(MessageFlags::PEEK).recv(7).unwrap(), [7; 7], "without TRUNC, what is in the buffer");
    assert_eq!(socket.recv(2000).unwrap(), [7; 1234]);
}

#[test]
fn an_unnamed_sender_is_none_and_in_std_an_unnamed_address() {
    let (theirs, their_peer) = UnixDatagram::pair().unwrap();
    let (ours, our_peer) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    their_peer.send(b"unnamed").unwrap();
    our_peer.send(b"unnamed").unwrap();
    let mut buffer = [0; 7];
    assert!(theirs.recv_from(&mut buffer).unwrap().1.is_unnamed());
    assert_eq!(ours.within(LIMIT).recvfrom_into(&mut buffer).unwrap(), (7, None));
    assert!(
        matches!(ours.getsockname().unwrap(), Address::Unix(address) if address.is_unnamed()),
        "its own is an address"
    );
}

#[test]
fn a_stream_gives_nothing_into_an_empty_buffer_at_once() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    let foreign = Socket::fromfd(&one).unwrap();
    for socket in [&one, &foreign] {
        assert_eq!(socket.within(LIMIT).recv_into(&mut []).unwrap(), 0);
        assert_eq!(socket.within(LIMIT).recv_uninit(&mut []).unwrap(), b"");
        assert_eq!(socket.within(LIMIT).recv(0).unwrap(), b"");
    }
    one.close().unwrap();
    assert!(one.recv_into(&mut []).unwrap_err().is_closed());
    assert_eq!((&other).read(&mut []).unwrap(), 0);
    // A `Read` that is asked for nothing takes nothing, of datagrams either.
    let datagrams = udp();
    datagrams.sendto(b"kept", datagrams.getsockname().unwrap()).unwrap();
    assert_eq!((&datagrams).read(&mut []).unwrap(), 0);
    assert_eq!(datagrams.recv(9).unwrap(), b"kept");
}

#[test]
fn an_address_of_another_family_keeps_the_number_of_the_system() {
    let (udp4, tcp4) = (udp(), Socket::new(Family::INET, Kind::STREAM).unwrap());
    let path = Address::from(UnixAddress::from_path("/nowhere").unwrap());
    for error in [
        udp4.sendto(b"x", (std::net::Ipv6Addr::LOCALHOST, 9)).unwrap_err(),
        udp4.connect(path).unwrap_err(),
        tcp4.connect(path).unwrap_err(),
        tcp4.bind(path).unwrap_err(),
    ] {
        let number = error.raw_os_error().expect("a number of the system");
        assert!(number == EAFNOSUPPORT || number == 22, "{error}");
        let text = error.to_string();
        assert!(text.contains("the socket's family is AF_INET (os error"), "{text}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(std::io::Error::from(error).raw_os_error(), Some(number), "and so in std's error");
    }
    assert!(matches!(tcp4.connect_ex(path).unwrap(), EAFNOSUPPORT | 22));
}

#[test]
fn a_clone_shares_what_the_system_keeps_and_no_timeout() {
    let ours = udp();
    let copy = ours.dup().unwrap();
    copy.set_nonblocking(true);
    assert_eq!((ours.timeout(), copy.timeout()), (Timeout::from(LIMIT), Timeout::ZERO));
    assert!(copy.recv(1).unwrap_err().is_would_block());
    ours.sendto(b"for either", ours.getsockname().unwrap()).unwrap();
    assert_eq!(copy.within(LIMIT).recv(100).unwrap_or_else(|_| ours.recv(100).unwrap()), b"for either");
}

#[test]
fn the_backlog_is_stds_own_and_more_where_it_is_asked_for() {
    let queue = |listener: &Socket| listener.tcp_info().unwrap().sacked;
    let theirs = Socket::from(OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap()));
    let ours = create_server(("127.0.0.1", 0)).unwrap();
    assert_eq!((queue(&ours), queue(&theirs)), (128, 128));
    ours.listen(i32::MAX).unwrap();
    assert!(queue(&ours) >= 128, "as many as the system allows");
    ours.listen(-1).unwrap();
    assert_eq!(queue(&ours), 0, "as in Python");
}

#[test]
fn what_is_received_into_raw_memory_is_what_was_sent() {
    let (one, other) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
    other.set_timeout(LIMIT);
    one.sendall(b"hello").unwrap();
    let mut memory = [MaybeUninit::uninit(); 3];
    assert_eq!(other.recv_uninit(&mut memory).unwrap(), b"hel");
    let mut buffer = b"> ".to_vec();
    buffer.reserve_exact(10);
    assert_eq!((other.recv_spare(&mut buffer).unwrap(), &buffer[..]), (2, &b"> lo"[..]));
    let error = other.within(Duration::from_millis(10)).recv_spare(&mut buffer).unwrap_err();
    assert!(error.is_timeout() && buffer == b"> lo", "{error}");
    one.shutdown(Shutdown::WRITE).unwrap();
    assert_eq!(other.recv_spare(&mut buffer).unwrap(), 0, "the end");
    let mut full = Vec::new();
    let error = other.recv_spare(&mut full).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("0 bytes has no spare capacity"), "{error}");
}

#[test]
fn a_datagram_into_raw_memory_has_its_sender_and_is_cut() {
    let socket = udp();
    let me = socket.getsockname().unwrap();
    for _ in 0..4 {
        socket.sendto(b"hello", me).unwrap();
    }
    let mut memory = [MaybeUninit::uninit(); 3];
    let (received, from) = socket.recvfrom_uninit(&mut memory).unwrap();
    assert_eq!((&*received, from), (&b"hel"[..], Some(me)));
    let mut buffer = Vec::with_capacity(64);
    assert_eq!(socket.recvfrom_spare(&mut buffer).unwrap(), (5, Some(me)));
    assert_eq!(socket.recvfrom(3).unwrap(), (b"hel".to_vec(), Some(me)));
    let trunc = socket.with_flags(MessageFlags::TRUNC);
    for error in [trunc.recv_uninit(&mut memory).unwrap_err(), trunc.recvfrom_spare(&mut buffer).unwrap_err()] {
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("MSG_TRUNC"), "{error}");
    }
    assert_eq!(socket.recvfrom_uninit(&mut []).unwrap(), (&mut [][..], Some(me)), "one is taken and lost");
    assert!(socket.with_flags(MessageFlags::DONTWAIT).recv(9).unwrap_err().is_would_block());
}

#[test]
fn a_bare_socket_has_just_the_flags_asked_for() {
    let bare = Socket::new_raw(Family::INET, Kind::STREAM, Protocol::TCP).unwrap();
    assert!(bare.get_inheritable().unwrap() && !bare.is_file_nonblocking().unwrap());
    let kind = Kind::STREAM.nonblocking().close_on_exec();
    let whole = Socket::new_raw(Family::INET, kind, Protocol::TCP).unwrap();
    assert!(!whole.get_inheritable().unwrap() && whole.is_file_nonblocking().unwrap());
    assert_eq!(whole.kind().unwrap(), Kind::STREAM);

    // All its calls end in time all the same.
    bare.bind(("127.0.0.1", 0)).unwrap();
    bare.listen(5).unwrap();
    let short = Duration::from_millis(10);
    assert!(bare.within(short).accept().unwrap_err().is_timeout());
    let (one, _silent) = Socket::pair_raw(Family::UNIX, Kind::STREAM, Protocol::DEFAULT).unwrap();
    assert!(!one.is_file_nonblocking().unwrap() && one.get_inheritable().unwrap());
    assert!(one.within(short).recv(1).unwrap_err().is_timeout());
    assert!(one.within(short).sendall(&[0; 1 << 22]).unwrap_err().is_timeout());
    let error = Socket::new_raw(Family::INET, Kind::STREAM, Protocol::UDP).unwrap_err().to_string();
    assert!(error.contains("SOCK_STREAM, IPPROTO_UDP"), "{error}");
    let error = Socket::pair(Family::UNIX, Kind::STREAM, Protocol::TCP).unwrap_err().to_string();
    assert!(error.starts_with("socketpair (AF_UNIX, SOCK_STREAM, IPPROTO_TCP): "), "{error}");
}

#[test]
fn who_borrowed_a_listener_gives_it_back_blocking() {
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = Socket::fromfd(&theirs).unwrap();
    assert!(ours.within(Duration::from_millis(10)).accept().unwrap_err().is_timeout());
    assert!(ours.is_file_nonblocking().unwrap());
    assert_eq!(theirs.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "theirs does not wait any more");
    ours.set_file_nonblocking(false).unwrap();
    let client = std::thread::spawn({
        let address = theirs.local_addr().unwrap();
        move || create_connection(address, LIMIT).unwrap()
    });
    theirs.accept().unwrap();
    client.join().unwrap();
    // And ours ends in time again.
    assert!(ours.within(Duration::from_millis(10)).accept().unwrap_err().is_timeout());

    let own = create_server(("127.0.0.1", 0)).unwrap();
    own.set_file_nonblocking(false).unwrap();
    assert!(!own.is_file_nonblocking().unwrap());
    assert!(own.within(Duration::from_millis(10)).accept().unwrap_err().is_timeout(), "even of a socket of our own");
    own.close().unwrap();
    assert!(own.set_file_nonblocking(true).unwrap_err().is_closed());
}

#[test]
fn a_socket_goes_by_its_number_and_comes_back() {
    let socket = udp();
    let (number, name) = (socket.as_raw_fd(), socket.getsockname().unwrap());
    let given = OwnedFd::from(socket).into_raw_fd();
    assert_eq!(given, number);
    // SAFETY: given up just now, and nobody else's.
    let again = unsafe { Socket::from_raw_fd(given) };
    assert_eq!((again.fileno(), again.getsockname().unwrap()), (number, name));
}

#[test]
fn what_is_handed_to_an_event_loop_does_not_block() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || create_connection(listener.local_addr().unwrap(), LIMIT).unwrap();
    let read = |mut stream: std::net::TcpStream| stream.read(&mut [0]).unwrap_err().kind();
    assert_eq!(read(connect().detach_nonblocking().into()), ErrorKind::WouldBlock);
    // Even where somebody had it block.
    let blocking = connect();
    blocking.set_file_nonblocking(false).unwrap();
    assert_eq!(read(blocking.detach_nonblocking().into()), ErrorKind::WouldBlock);
    // To who only watches, it is non-blocking as it is.
    assert!(connect().is_file_nonblocking().unwrap());
    let theirs = Socket::from(OwnedFd::from(std::net::TcpStream::from(connect())));
    assert!(!theirs.is_file_nonblocking().unwrap(), "std's type blocks");
    let never = connect();
    never.set_nonblocking(true);
    assert_eq!(read(never.into()), ErrorKind::WouldBlock);
}

#[test]
fn what_std_calls_it_is_found_in_the_documentation() {
    // Each is either the name of something public here, or an alias that rustdoc's search and `#[doc(alias)]` know.
    let names = [
        "TcpStream TcpListener UdpSocket UnixStream UnixListener UnixDatagram ToSocketAddrs to_socket_addrs BufReader BufWriter",
        "accept as_raw_fd bind connect connect_timeout incoming into_incoming into_raw_fd leave_multicast_v4 leave_multicast_v6",
        "join_multicast_v4 join_multicast_v6 local_addr multicast_loop_v4 multicast_loop_v6 multicast_ttl_v4 only_v6",
        "peek peek_from peer_addr peer_cred read_line read_timeout recv recv_from recv_vectored_with_ancillary send send_to",
        "send_vectored_with_ancillary set_broadcast set_linger set_mark set_multicast_loop_v4 set_multicast_loop_v6",
        "set_multicast_ttl_v4 set_nodelay set_nonblocking set_passcred set_quickack set_read_timeout set_ttl",
        "set_write_timeout shutdown take_error try_clone write_timeout AncillaryData SocketAncillary",
    ];
    let source = sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let attributes: Vec<&str> = source.lines().filter(|line| line.trim_start().starts_with("#[doc(alias")).collect();
    for name in names.iter().flat_map(|line| line.split(' ')) {
        let quoted = format!("\"{name}\"");
        let is_alias = attributes.iter().any(|line| line.contains(&quoted));
        let is_own = ["(", "<"].iter().any(|open| source.contains(&format!("fn {name}{open}")));
        assert!(is_alias || is_own, "nothing here is found by {name}");
    }
}

/// The text of all Rust files in there.
fn sources(directory: &std::path::Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| {
        if path.is_dir() { sources(&path) } else { std::fs::read_to_string(path).unwrap() }
    };
    entries.map(text).collect()
}
