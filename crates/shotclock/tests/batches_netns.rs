//! Batches over interfaces with short packets, and over one that goes away.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod netns;

use std::process::Command;
use std::time::Duration;

use shotclock::unstable::{BatchCalls, set_batch_calls};
use shotclock::{Family, Kind, Outgoing, RecvBatch, Socket};

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}");
}

fn udp() -> Socket {
    let socket = Socket::new(Family::INET, Kind::DGRAM).unwrap();
    socket.bind(("127.0.0.1", 0)).unwrap();
    socket.set_timeout(Duration::from_secs(10));
    socket
}

#[test]
fn datagrams_longer_than_a_packet_go_one_by_one_netns() {
    netns::run("batches_netns", "datagrams_longer_than_a_packet_go_one_by_one_netns", &[], "", || {
        ip("link set lo mtu 1500");
        let (sender, receiver) = (udp(), udp());
        let to = receiver.getsockname().unwrap();
        // The system would cut none of these apart, since each is longer than a packet, and takes them as they are.
        let data = [3; 2000];
        sender.send_batch(&[Outgoing::to(&data, &to); 5]).unwrap();
        let mut batch = RecvBatch::joining(8).unwrap();
        let mut count = 0;
        while count < 5 {
            count += receiver.recv_batch(&mut batch).unwrap();
            assert!(batch.iter().all(|datagram| datagram.data() == data));
        }
    });
}

#[test]
fn an_interface_that_goes_away_is_told_with_the_datagram_netns() {
    netns::run("batches_netns", "an_interface_that_goes_away_is_told_with_the_datagram_netns", &[], "", || {
        ip("link add there type veth peer name far");
        ip("address add 192.0.2.1/24 dev there");
        ip("link set there up");
        ip("link set far up");
        for calls in [BatchCalls::Best, BatchCalls::Many, BatchCalls::OneByOne] {
            set_batch_calls(calls);
            let sender = Socket::new(Family::INET, Kind::DGRAM).unwrap();
            let receiver = udp();
            let (here, there) = (receiver.getsockname().unwrap(), shotclock::Address::from(([192, 0, 2, 9], 9)));
            let batch = [Outgoing::to(b"here", &here), Outgoing::to(b"there", &there), Outgoing::to(b"more", &there)];
            if calls == BatchCalls::Best {
                sender.send_batch(&batch).unwrap();
                receiver.recv(9).unwrap();
                ip("link delete there");
            }
            let error = sender.send_batch(&batch).unwrap_err();
            assert_eq!((error.datagrams_moved(), error.raw_os_error()), (1, Some(101)), "ENETUNREACH: {error}");
            assert!(error.to_string().contains("192.0.2.9:9 (datagram 1, of 5 bytes)"), "{error}");
            assert_eq!(receiver.recv(9).unwrap(), b"here", "what was before it has gone");
        }
    });
}
