//! Floods of datagrams over loopback, from one socket into another on one thread: so many are sent, and then received.

use std::hint::black_box;
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use shotclock::unstable::{BatchCalls, set_batch_calls};
use shotclock::{Address, Family, Kind, Outgoing, RecvBatch, Socket, SocketOption};

use crate::TIMEOUT;
use crate::rounds;
use crate::scenarios::Work;

/// So many datagrams are under way at once: of 1,200 bytes, two messages as long as there can be.
const DATAGRAMS: usize = 108;
/// Places to receive joined datagrams into, for all alike.
const PLACES: usize = 8;
const SHORT: usize = 64;
const LONG: usize = 1200;

/// Measures each, and prints how it compares.
pub(crate) fn measure(count: usize) {
    println!("\nFloods of {DATAGRAMS} datagrams: medians of ratios of times within one round [quartiles].\n");
    println!("| | to | ratio | goal |");
    println!("|---|---|---|---|");
    let many: fn(usize) -> Work = |size| batches(size, BatchCalls::Many, false);
    let batch: fn(usize) -> Work = |size| batches(size, BatchCalls::Best, false);
    let joined: fn(usize) -> Work = |size| batches(size, BatchCalls::Best, true);
    let single: fn(usize) -> Work = one_by_one;
    let rows = [
        // What loopback does for each datagram is nearly all of it, whoever calls.
        ("UDP 64 B, sendmmsg + recvmmsg alone", "one call a datagram", SHORT, many, single, f64::INFINITY),
        ("UDP 64 B, batch", "one call a datagram", SHORT, batch, single, 0.75),
        ("UDP 64 B, GSO + GRO", "one call a datagram", SHORT, joined, single, 0.02),
        ("UDP 1,200 B, GSO + GRO", "quinn-udp", LONG, joined, by_quinn, 1.0),
        ("the same, told what quinn-udp asks for", "quinn-udp", LONG, told, by_quinn, f64::INFINITY),
    ];
    let mut verdicts = Vec::new();
    for (what, to, size, over, under, goal) in rows {
        let ratio = rounds::ratio(over(size), under(size), count);
        let is_for_comparison = goal == f64::INFINITY;
        println!("| {what} | {to} | {ratio} | {} |", if is_for_comparison { "–".to_owned() } else { goal.to_string() });
        if is_for_comparison {
            continue;
        }
        let verdict = if ratio.median <= goal { "met" } else { "MISSED" };
        verdicts.push(format!("{verdict}: {what} to {to}: {:.3}, at most {goal} (a time)", ratio.median));
    }
    println!();
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
}

/// Two sockets with room for all, and where the second one is.
fn pair() -> ([OwnedFd; 2], SocketAddr) {
    let pair = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = pair[1].local_addr().unwrap();
    (pair.map(OwnedFd::from), to)
}

/// Sockets as a program makes them here; quinn-udp is given std's, since it makes none.
fn ours() -> (Socket, Socket, Address) {
    let [sender, receiver] = [(); 2].map(|()| Socket::new(Family::INET, Kind::DGRAM).unwrap());
    [&sender, &receiver].iter().for_each(|socket| socket.bind(("127.0.0.1", 0)).unwrap());
    let to = receiver.getsockname().unwrap();
    sender.set_timeout(TIMEOUT);
    receiver.set_timeout(TIMEOUT);
    receiver.setsockopt(SocketOption::RCVBUF, 1 << 20).unwrap();
    (sender, receiver, to)
}

fn one_by_one(size: usize) -> Work {
    let (sender, receiver, to) = ours();
    let (data, mut into) = (vec![7; size * DATAGRAMS], vec![0; 2048]);
    Box::new(move |operations, meter| {
        meter.measure(|| {
            for _ in 0..operations {
                for datagram in black_box(&data).chunks(size) {
                    sender.sendto(datagram, to).unwrap();
                }
                for _ in 0..DATAGRAMS {
                    assert_eq!(black_box(receiver.recvfrom_into(&mut into).unwrap()).0, size);
                }
            }
        });
    })
}

fn batches(size: usize, calls: BatchCalls, joins: bool) -> Work {
    batches_between(ours(), size, calls, joins)
}

/// With each message the receiver is told what quinn-udp always asks for: where it was sent to, its traffic class, and when
/// it came.
fn told(size: usize) -> Work {
    let sockets = ours();
    // IP_PKTINFO, IP_RECVTOS, SO_TIMESTAMPNS. Source: ip(7), socket(7).
    for (level, name) in [(0, 8), (0, 13), (1, 35)] {
        sockets.1.setsockopt(SocketOption::<bool>::new(level, name), true).unwrap();
    }
    batches_between(sockets, size, BatchCalls::Best, true)
}

fn batches_between(
    (sender, receiver, to): (Socket, Socket, Address),
    size: usize,
    calls: BatchCalls,
    joins: bool,
) -> Work {
    let data = vec![7; size * DATAGRAMS];
    let mut into = if joins { RecvBatch::joining(PLACES) } else { RecvBatch::new(DATAGRAMS, 2048) }.unwrap();
    Box::new(move |operations, meter| {
        set_batch_calls(calls);
        // A receive that finds nothing: from now on they are joined.
        receiver.set_nonblocking(true);
        receiver.recv_batch(&mut into).unwrap_err();
        receiver.set_timeout(TIMEOUT);
        let datagrams: Vec<_> = data.chunks(size).map(|datagram| Outgoing::to(datagram, &to)).collect();
        meter.measure(|| {
            for _ in 0..operations {
                sender.send_batch(black_box(&datagrams)).unwrap();
                let mut came = 0;
                while came < DATAGRAMS {
                    came += receiver.recv_batch(&mut into).unwrap();
                    into.iter().for_each(|datagram| assert_eq!(black_box(datagram.data()).len(), size));
                }
            }
        });
    })
}

fn by_quinn(size: usize) -> Work {
    let (fds, destination) = pair();
    let [sender, receiver] = fds.map(UdpSocket::from);
    let [sending, receiving] = [&sender, &receiver].map(|socket| UdpSocketState::new(socket.into()).unwrap());
    receiving.set_recv_buffer_size((&receiver).into(), 1 << 20).unwrap();
    let data = vec![7; size * DATAGRAMS];
    let mut into = vec![0; PLACES * 65_535];
    Box::new(move |operations, meter| {
        let mut metas = [RecvMeta::default(); PLACES];
        // As many bytes as one message has, at most.
        let most = sending.max_gso_segments().min(65_507 / size) * size;
        let mut rooms: Vec<_> = into.chunks_mut(65_535).map(IoSliceMut::new).collect();
        meter.measure(|| {
            for _ in 0..operations {
                for contents in black_box(&data).chunks(most) {
                    let transmit =
                        Transmit { destination, ecn: None, contents, segment_size: Some(size), src_ip: None };
                    sending.try_send((&sender).into(), &transmit).unwrap();
                }
                let mut came = 0;
                while came < DATAGRAMS {
                    // It never waits, nor need it: they are there.
                    let count = receiving.recv((&receiver).into(), &mut rooms, &mut metas).unwrap();
                    for (meta, room) in metas[..count].iter().zip(&rooms) {
                        let datagrams = room[..meta.len].chunks(meta.stride);
                        came += datagrams.map(|datagram| assert_eq!(black_box(datagram).len(), size)).count();
                    }
                }
            }
        });
    })
}
