//! Batches of datagrams: by each of the system's calls, against std's sockets on the other side.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]
#![allow(clippy::disallowed_methods, reason = "std's own timeouts, on the other side")]

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use shotclock::unstable::{BatchCalls, set_batch_calls};
use shotclock::{
    Address, Canceller, ControlMessage, Family, Kind, MessageFlags, Outgoing, Ready, RecvBatch, Socket, SocketOption,
    create_connection, create_server, socketpair, with_deadline,
};

/// Long enough for anything that is to end well.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(30);
/// SOL_UDP and UDP_GRO.
const GRO: SocketOption<bool> = SocketOption::new(17, 104);
/// SOL_UDP and UDP_SEGMENT.
const SEGMENT: SocketOption<i32> = SocketOption::new(17, 103);

const WAYS: [BatchCalls; 3] = [BatchCalls::Best, BatchCalls::Many, BatchCalls::OneByOne];

/// Has batches go in this way meanwhile, and nobody else choose.
fn by<T>(calls: BatchCalls, body: impl FnOnce() -> T) -> T {
    static CHOOSING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = CHOOSING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    set_batch_calls(calls);
    let outcome = body();
    set_batch_calls(BatchCalls::Best);
    outcome
}

fn each_way(body: impl Fn(BatchCalls)) {
    for calls in WAYS {
        by(calls, || body(calls));
    }
}

fn udp() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket.set_timeout(PATIENCE);
    socket
}

fn std_udp() -> (UdpSocket, Address) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = Address::from(socket.local_addr().unwrap());
    (socket, address)
}

/// What the socket receives until there are so many datagrams.
fn received(socket: &Socket, batch: &mut RecvBatch, count: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        let came = socket.recv_batch(batch).unwrap();
        assert!(came > 0 && came == batch.len() && came == batch.iter().count());
        all.extend(batch.iter().map(|datagram| datagram.data().to_vec()));
    }
    all
}

fn next(socket: &UdpSocket) -> Vec<u8> {
    let mut room = [0; 70_000];
    let len = socket.recv(&mut room).unwrap();
    room[..len].to_vec()
}

#[test]
fn mixed_destinations_and_sizes_arrive_as_they_were_sent() {
    each_way(|calls| {
        let (one, to_one) = std_udp();
        let (two, to_two) = std_udp();
        let sender = udp();
        let parts: Vec<Vec<u8>> =
            (0..40_u8).map(|n| vec![n; [10, 10, 10, 4, 0, 700, 700, 1][usize::from(n) % 8]]).collect();
        let (first, second) = parts.split_at(25);
        let mut batch: Vec<_> = first.iter().map(|part| Outgoing::to(part, &to_one)).collect();
        batch.extend(second.iter().map(|part| Outgoing::to(part, &to_two)));
        sender.send_batch(&batch).unwrap();
        first.iter().for_each(|part| assert_eq!(next(&one), *part, "{calls:?}"));
        second.iter().for_each(|part| assert_eq!(next(&two), *part, "{calls:?}"));
    });
}

#[test]
fn what_std_sends_is_received_with_its_sender() {
    each_way(|calls| {
        let receiver = udp();
        let ((one, from_one), (two, from_two)) = (std_udp(), std_udp());
        let to = receiver.getsockname().unwrap().as_inet().unwrap();
        one.send_to(b"one", to).unwrap();
        two.send_to(b"", to).unwrap();
        one.send_to(b"three", to).unwrap();
        for mut batch in [RecvBatch::new(8, 100).unwrap(), RecvBatch::joining(8).unwrap()] {
            assert_eq!(receiver.recv_batch(&mut batch).unwrap(), 3, "{calls:?}");
            let all: Vec<_> = batch.iter().map(|datagram| (datagram.data(), datagram.address().unwrap())).collect();
            assert_eq!(all, [(&b"one"[..], from_one), (b"", from_two), (b"three", from_one)], "{calls:?}");
            assert!(batch.iter().all(|datagram| !datagram.is_cut()));
            [&b"one"[..], b"", b"three"].iter().zip([&one, &two, &one]).for_each(|(data, from)| {
                from.send_to(data, to).unwrap();
            });
        }
    });
}

#[test]
fn many_datagrams_of_one_length_are_joined_and_come_apart() {
    each_way(|calls| {
        let (sender, receiver) = (udp(), udp());
        sender.connect(receiver.getsockname().unwrap()).unwrap();
        let data: Vec<u8> = (0..200_u8).flat_map(|n| [n; 100]).collect();
        // The last one is shorter.
        let batch: Vec<_> = data[..19_950].chunks(100).map(Outgoing::from).collect();
        let mut into = RecvBatch::joining(16).unwrap();
        // Its first receive asks for the joining.
        receiver.set_nonblocking(true);
        assert!(receiver.recv_batch(&mut into).unwrap_err().is_would_block());
        receiver.set_timeout(PATIENCE);
        sender.send_batch(&batch).unwrap();
        let came = received(&receiver, &mut into, batch.len());
        assert!(came.iter().map(Vec::as_slice).eq(batch.iter().map(|datagram| datagram.data)), "{calls:?}");
        // How many are still to come is told at each step.
        let mut left = into.len();
        let mut datagrams = (&into).into_iter();
        while datagrams.next().is_some() {
            left -= 1;
            assert_eq!(datagrams.len(), left, "{calls:?}");
        }
        assert_eq!(left, 0, "{calls:?}");
    });
}

#[test]
fn the_system_cuts_apart_and_joins_where_it_can() {
    let (sender, receiver) = (udp(), udp());
    if let Err(error) = receiver.setsockopt(GRO, true) {
        eprintln!("SKIP the_system_cuts_apart_and_joins_where_it_can: {error}");
        return;
    }
    let to = receiver.getsockname().unwrap();
    let batch = [Outgoing::to(&[7; 100], &to); 5];
    let first_len = |calls| by(calls, || sender.send_batch(&batch).map(|()| receiver.recv(65_535).unwrap().len()));
    assert_eq!(first_len(BatchCalls::Best).unwrap(), 500, "one message");
    assert_eq!(first_len(BatchCalls::Many).unwrap(), 100, "five");
    // What stands there joined is given apart, also in small places: what there is no room for is cut, and says so.
    let mut into = RecvBatch::new(4, 250).unwrap();
    assert_eq!(receiver.recv_batch(&mut into).unwrap(), 4);
    by(BatchCalls::Best, || sender.send_batch(&batch)).unwrap();
    each_way(|_| {
        let peeked = receiver.with_flags(MessageFlags::PEEK).recv(10).unwrap();
        assert_eq!(peeked, [7; 10]);
    });
    assert_eq!(receiver.recv_batch(&mut into).unwrap(), 5);
    let lengths: Vec<_> = into.iter().map(|one| (one.data().len(), one.full_len(), one.is_cut())).collect();
    assert_eq!(lengths, [(100, 100, false), (100, 100, false), (50, 100, true), (0, 100, true), (0, 100, true)]);
}

#[test]
fn messages_of_several_datagrams_stay_under_64_kib() {
    each_way(|calls| {
        let (receiver, to) = std_udp();
        let data = vec![5; 30_000];
        let sender = udp();
        for _ in 0..2 {
            sender.send_batch(&[Outgoing::to(&data, &to); 5]).unwrap();
            (0..5).for_each(|_| assert_eq!(next(&receiver).len(), 30_000, "{calls:?}"));
        }
    });
}

#[test]
fn more_than_the_system_takes_at_once_goes_in_several_calls() {
    each_way(|calls| {
        let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
        one.set_timeout(PATIENCE);
        other.set_timeout(PATIENCE);
        let numbers: Vec<[u8; 4]> = (0..3000_u32).map(u32::to_ne_bytes).collect();
        let batch: Vec<_> = numbers.iter().map(|number| Outgoing::from(&number[..])).collect();
        thread::scope(|scope| {
            // UIO_MAXIOV is 1024.
            let mut into = RecvBatch::new(2000, 8).unwrap();
            let receiver = scope.spawn(move || received(&other, &mut into, 3000));
            one.send_batch(&batch).unwrap();
            assert!(receiver.join().unwrap().iter().eq(numbers.iter()), "{calls:?}");
        });
    });
}

#[test]
fn a_batch_of_none_is_refused() {
    let (one, _other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
    let error = one.send_batch(&[]).unwrap_err();
    assert_eq!(error.to_string(), "send_batch: a batch of 0 datagrams: expected 1 or more");
    for (count, size) in [(0, 100), (100, 0)] {
        let text = RecvBatch::new(count, size).unwrap_err().to_string();
        assert!(text.contains(&format!("room for {count} datagrams of {size} bytes")), "{text}");
    }
    let error = RecvBatch::new(usize::MAX, 1500).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
    assert!(error.to_string().contains("18446744073709551615 datagrams of 1500 bytes"), "{error}");
}

#[test]
fn a_datagram_that_is_too_long_is_named_and_those_before_it_have_gone() {
    each_way(|calls| {
        let (receiver, to) = std_udp();
        let long = vec![0; 70_000];
        let batch = [&b"a"[..], b"b", &long, b"c"].map(|data| Outgoing::to(data, &to));
        let error = udp().send_batch(&batch).unwrap_err();
        assert_eq!((error.datagrams_moved(), error.bytes_moved(), error.raw_os_error()), (2, 2, Some(90)), "{calls:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("send_batch {to} (datagram 2, of 70000 bytes): ")), "{text}");
        assert!(text.ends_with(", after 2 datagrams, after 2 bytes"), "{text}");
        assert_eq!((next(&receiver), next(&receiver)), (b"a".to_vec(), b"b".to_vec()));
    });
}

#[test]
fn the_one_that_was_cut_says_so() {
    each_way(|calls| {
        let receiver = udp();
        let to = receiver.getsockname().unwrap();
        let batch = [&b"ten bytes."[..], b"more than ten", b"ten bytes."].map(|data| Outgoing::to(data, &to));
        udp().send_batch(&batch).unwrap();
        let mut into = RecvBatch::new(8, 10).unwrap();
        assert_eq!(receiver.recv_batch(&mut into).unwrap(), 3);
        let all: Vec<_> = into.iter().map(|one| (one.data(), one.full_len(), one.is_cut())).collect();
        let expected = [(&b"ten bytes."[..], 10, false), (b"more than ", 13, true), (b"ten bytes.", 10, false)];
        assert_eq!(all, expected, "{calls:?}");
    });
}

#[test]
fn a_limit_in_the_middle_says_how_many_went() {
    each_way(|calls| {
        let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
        let batch = [Outgoing::from(&[1; 1000][..]); 5000];
        let began = Instant::now();
        let error = one.within(10 * SHORT).send_batch(&batch).unwrap_err();
        assert!(error.is_timeout() && began.elapsed() >= 10 * SHORT, "{calls:?}: {error}");
        let went = error.datagrams_moved();
        assert!(went > 0 && went < 5000);
        assert_eq!(error.bytes_moved(), went as u64 * 1000);
        assert!(error.to_string().contains(&format!("datagram {went}, of 1000 bytes")), "{error}");
        let mut into = RecvBatch::new(5000, 1000).unwrap();
        other.set_timeout(PATIENCE);
        assert_eq!(received(&other, &mut into, went).len(), went);
        other.set_nonblocking(true);
        assert!(other.recv_batch(&mut into).unwrap_err().is_would_block(), "and no more than that");
        assert!(into.is_empty());
    });
}

#[test]
fn waiting_for_a_batch_ends_as_any_wait_does() {
    each_way(|calls| {
        let socket = udp();
        let mut into = RecvBatch::new(8, 100).unwrap();
        let stop = Canceller::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| socket.cancelled_by(&stop).recv_batch(&mut into).unwrap_err());
            stop.clone().cancel();
            assert!(waiter.join().unwrap().is_cancelled(), "{calls:?}");
        });
        let scoped = with_deadline(SHORT, || socket.recv_batch(&mut into)).unwrap_err();
        assert!(scoped.scope().is_some(), "{calls:?}: {scoped}");
        thread::scope(|scope| {
            let waiter = scope.spawn(|| socket.recv_batch(&mut into).unwrap_err());
            socket.close().unwrap();
            assert!(waiter.join().unwrap().is_closed(), "{calls:?}");
        });
        assert!(socket.recv_batch(&mut into).unwrap_err().is_closed());
        assert!(socket.send_batch(&[Outgoing::from(&b"x"[..])]).unwrap_err().is_closed());
    });
}

#[test]
fn a_descriptor_that_somebody_makes_blocking_keeps_the_limit() {
    each_way(|calls| {
        let (theirs, to) = std_udp();
        let ours = Socket::fromfd(theirs.as_fd()).unwrap();
        theirs.set_nonblocking(false).unwrap();
        let error = ours.within(SHORT).recv_batch(&mut RecvBatch::new(8, 100).unwrap()).unwrap_err();
        assert!(error.is_timeout(), "{calls:?}: {error}");
        let (one, other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let sender = Socket::fromfd(&one).unwrap();
        one.set_nonblocking(false).unwrap();
        let error = sender.within(SHORT).send_batch(&[Outgoing::from(&[0; 100][..]); 10_000]).unwrap_err();
        assert!(error.is_timeout(), "{calls:?}: {error}");
        drop((other, to));
    });
}

#[test]
fn the_end_of_a_socket_that_was_shut_down_is_a_batch_of_none() {
    each_way(|calls| {
        let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
        one.send(b"last").unwrap();
        other.set_timeout(PATIENCE);
        other.shutdown(shotclock::Shutdown::READ).unwrap();
        let mut into = RecvBatch::new(8, 100).unwrap();
        let came = other.recv_batch(&mut into).unwrap();
        assert!(came <= 1, "{calls:?}");
        assert_eq!(other.recv_batch(&mut into).unwrap(), 0, "{calls:?}");
    });
}

#[test]
fn a_refusal_is_told_and_the_rest_can_be_sent() {
    each_way(|calls| {
        let (gone, to) = std_udp();
        drop(gone);
        let sender = udp();
        sender.connect(to).unwrap();
        sender.send(b"x").unwrap();
        sender.wait_ready(Ready::NONE).unwrap();
        let error = sender.send_batch(&[Outgoing::from(&b"yyy"[..]); 3]).unwrap_err();
        assert_eq!((error.raw_os_error(), error.datagrams_moved()), (Some(111), 0), "{calls:?}: {error}");
        assert!(error.to_string().contains(&format!("{to} (datagram 0, of 3 bytes)")), "{error}");
    });
}

#[test]
fn streams_and_strange_flags_are_refused() {
    let listener = create_server(("127.0.0.1", 0)).unwrap();
    let ours = create_connection(listener.getsockname().unwrap(), PATIENCE).unwrap();
    let adopted = Socket::fromfd(&ours).unwrap();
    let mut into = RecvBatch::new(8, 100).unwrap();
    for socket in [&ours, &adopted] {
        let refusals =
            [socket.send_batch(&[Outgoing::from(&b"x"[..])]).unwrap_err(), socket.recv_batch(&mut into).unwrap_err()];
        for error in refusals {
            assert!(error.to_string().contains("a socket of a stream: expected one of datagrams"), "{error}");
        }
    }
    let error = udp().with_flags(MessageFlags::PEEK).recv_batch(&mut into).unwrap_err();
    assert!(error.to_string().contains("MSG_PEEK"), "{error}");
    let (one, to) = std_udp();
    let batch = [Outgoing::to(b"one", &to), Outgoing::to(b"two", &to)];
    let error = udp().with_flags(MessageFlags::MORE).send_batch(&batch).unwrap_err();
    assert!(error.to_string().contains("MSG_MORE makes one datagram of all"), "{error}");
    drop(one);
    let other_family = Address::from(([0, 0, 0, 0, 0, 0, 0, 1], 9));
    let error = udp().send_batch(&[Outgoing::to(b"x", &other_family)]).unwrap_err();
    assert!(error.to_string().contains("the socket's family is"), "{error}");
}

#[test]
fn what_goes_beside_a_batch_goes_beside_each_datagram() {
    each_way(|calls| {
        let (sender, receiver) = (udp(), udp());
        // IPPROTO_IP, IP_RECVTTL.
        receiver.setsockopt(SocketOption::<bool>::new(0, 12), true).unwrap();
        let to = receiver.getsockname().unwrap();
        let batch = [Outgoing::to(&[7; 100], &to), Outgoing::to(&[7; 100], &to), Outgoing::to(b"short", &to)];
        sender.send_batch_with(&batch, &[ControlMessage::Ttl(3)]).unwrap();
        let mut into = RecvBatch::new(8, 100).unwrap().with_ancillary(64);
        let mut count = 0;
        while count < 3 {
            count += receiver.recv_batch(&mut into).unwrap();
            for one in into.iter() {
                assert!(matches!(one.ancillary(), [ControlMessage::Ttl(3)]), "{calls:?}: {:?}", one.ancillary());
            }
        }
    });
}

#[test]
fn descriptors_in_a_batch_are_owned_and_close_with_it() {
    each_way(|calls| {
        let (one, other) = socketpair(Family::UNIX, Kind::DGRAM).unwrap();
        let (carried, far_end) = socketpair(Family::UNIX, Kind::STREAM).unwrap();
        one.send_fds(&[std::io::IoSlice::new(b"x")], &[carried.as_fd()]).unwrap();
        drop(carried);
        let mut into = RecvBatch::new(8, 100).unwrap();
        other.recv_batch(&mut into).unwrap();
        assert_eq!(into.iter().next().unwrap().ancillary().len(), 1, "{calls:?}");
        drop(into);
        assert_eq!(far_end.within(PATIENCE).recv(1).unwrap(), b"", "{calls:?}: nobody has it any more");
    });
}

#[test]
fn the_end_of_a_connection_of_messages_is_a_batch_of_none() {
    each_way(|calls| {
        let (one, other) = socketpair(Family::UNIX, Kind::SEQPACKET).unwrap();
        other.set_timeout(PATIENCE);
        for message in [&b"first"[..], b"", b"last"] {
            one.send(message).unwrap();
        }
        drop(one);
        let mut into = RecvBatch::new(8, 100).unwrap();
        assert_eq!(other.recv_batch(&mut into).unwrap(), 3, "{calls:?}");
        assert!(into.iter().map(|message| message.data()).eq([&b"first"[..], b"", b"last"]), "{calls:?}");
        assert_eq!(other.recv_batch(&mut into).unwrap(), 0, "{calls:?}");
        let (sender, receiver) = (udp(), udp());
        let to = receiver.getsockname().unwrap();
        sender.send_batch(&[Outgoing::to(b"", &to); 8]).unwrap();
        assert_eq!(received(&receiver, &mut into, 8).len(), 8, "{calls:?}: datagrams of no bytes are some");
    });
}

#[test]
fn joined_datagrams_come_apart_behind_all_that_the_system_says_beside_them() {
    each_way(|calls| {
        let (sender, receiver) = (udp(), udp());
        // SO_TIMESTAMPNS; SO_TIMESTAMPING of software, with its interface; SO_RCVMARK and SO_RCVPRIORITY.
        receiver.setsockopt(SocketOption::<bool>::new(1, 35), true).unwrap();
        receiver.setsockopt(SocketOption::<i32>::new(1, 37), 8 | 16 | 1 << 13).unwrap();
        for (name, number) in [("SO_RCVMARK", 75), ("SO_RCVPRIORITY", 82)] {
            if let Err(error) = receiver.setsockopt(SocketOption::<bool>::new(1, number), true) {
                eprintln!("without {name}: {error}");
            }
        }
        let mut into = RecvBatch::joining(8).unwrap();
        assert!(receiver.within(SHORT).recv_batch(&mut into).unwrap_err().is_timeout());
        let to = receiver.getsockname().unwrap();
        sender.send_batch(&[Outgoing::to(b"0123456789", &to); 5]).unwrap();
        assert_eq!(received(&receiver, &mut into, 5), [b"0123456789"; 5], "{calls:?}");
    });
}

#[test]
fn a_size_of_parts_that_the_caller_says_holds_for_each_datagram() {
    let (sender, receiver) = (udp(), udp());
    let to = receiver.getsockname().unwrap();
    let batch = [Outgoing::to(b"0123456789", &to); 2];
    if let Err(error) = sender.send_batch_with(&batch, &[ControlMessage::GsoSize(5)]) {
        eprintln!("SKIP a_size_of_parts_that_the_caller_says_holds_for_each_datagram: {error}");
        return;
    }
    let mut into = RecvBatch::new(8, 100).unwrap();
    assert_eq!(received(&receiver, &mut into, 4), [b"01234", b"56789", b"01234", b"56789"]);
    // For all that the socket sends.
    sender.setsockopt(SEGMENT, 5).unwrap();
    sender.send_batch(&batch).unwrap();
    assert_eq!(received(&receiver, &mut into, 4), [b"01234", b"56789", b"01234", b"56789"]);
}

#[test]
fn a_size_of_parts_that_somebody_else_says_holds_too() {
    let (sender, receiver) = (udp(), udp());
    let to = receiver.getsockname().unwrap();
    let batch = [Outgoing::to(b"0123456789", &to); 2];
    let mut into = RecvBatch::new(8, 100).unwrap();
    // From now on it is known that the system cuts apart, and that nobody has said into what.
    sender.send_batch(&batch).unwrap();
    assert_eq!(received(&receiver, &mut into, 2), [b"0123456789"; 2]);
    let other = Socket::from(sender.as_fd().try_clone_to_owned().unwrap());
    if let Err(error) = other.setsockopt(SEGMENT, 5) {
        eprintln!("SKIP a_size_of_parts_that_somebody_else_says_holds_too: {error}");
        return;
    }
    sender.send_batch(&batch).unwrap();
    assert_eq!(received(&receiver, &mut into, 4), [b"01234", b"56789", b"01234", b"56789"]);
}

#[test]
fn a_program_that_ends_the_joining_gets_it_again_with_the_next_batch_that_asks() {
    let receiver = udp();
    let mut into = RecvBatch::joining(8).unwrap();
    receiver.set_nonblocking(true);
    for _ in 0..2 {
        assert!(receiver.recv_batch(&mut into).unwrap_err().is_would_block());
    }
    let joins = || receiver.getsockopt(SocketOption::<i32>::new(17, 104));
    if !joins().is_ok_and(|joins| joins == 1) {
        eprintln!("SKIP a_program_that_ends_the_joining_gets_it_again_with_the_next_batch_that_asks: {:?}", joins());
        return;
    }
    receiver.setsockopt(GRO, false).unwrap();
    assert_eq!(joins().unwrap(), 0);
    assert!(receiver.recv_batch(&mut into).unwrap_err().is_would_block());
    assert_eq!(joins().unwrap(), 1);
}

#[test]
fn room_for_which_there_is_no_memory_is_an_error() {
    let error = RecvBatch::new(1 << 40, 1).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory, "{error}");
    let socket = udp();
    socket.sendto(b"kept", socket.getsockname().unwrap()).unwrap();
    // 16 TiB.
    let mut into = RecvBatch::new(1 << 13, 1).unwrap().with_ancillary(1 << 31);
    let error = by(BatchCalls::Best, || socket.recv_batch(&mut into)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory, "{error}");
    assert_eq!(socket.recv(9).unwrap(), b"kept");
}
