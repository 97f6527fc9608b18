//! Options of an interface that goes away, and of connections opened by their first data, in a network namespace of the test's
//! own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use shotclock::{
    Family, Kind, Membership, MulticastInterface, Socket, SocketOption, bind_datagram, create_server, if_nametoindex,
};

mod netns;

const LIMIT: Duration = Duration::from_secs(10);
const HOSTS: &str = "127.0.0.1 localhost\n";

fn ip(words: &str) -> bool {
    Command::new("ip").args(words.split(' ')).status().is_ok_and(|status| status.success())
}

#[test]
fn an_interface_that_went_away_is_named() {
    let test = "an_interface_that_went_away_is_named";
    netns::run("options_netns", test, &[], HOSTS, || {
        assert!(ip("link add far0 type veth peer name near0"), "a pair of interfaces");
        for words in ["link set far0 up", "link set near0 up", "addr add 192.0.2.1/24 dev near0"] {
            assert!(ip(words), "ip {words}");
        }
        let index = if_nametoindex("near0").unwrap();
        let group = Ipv4Addr::new(239, 255, 7, 7);
        let membership = Membership { group, local: Ipv4Addr::UNSPECIFIED, interface: index.cast_signed() };
        let socket = bind_datagram("0.0.0.0:0").unwrap();
        socket.setsockopt(SocketOption::ADD_MEMBERSHIP, membership).unwrap();
        socket.setsockopt(SocketOption::MULTICAST_IF_INDEX, MulticastInterface(index)).unwrap();
        let to = (group, 9999);
        socket.sendto(b"heard", to).unwrap();

        assert!(ip("link del far0"), "both ends go");
        let error = socket.sendto(b"lost", to).unwrap_err().to_string();
        assert!(error.starts_with("sendto 239.255.7.7:9999: "), "{error}");
        let error = socket.setsockopt(SocketOption::ADD_MEMBERSHIP, membership).unwrap_err().to_string();
        assert!(error.contains(&format!("interface: {index}")), "{error}");
        let error = socket.setsockopt(SocketOption::MULTICAST_IF_INDEX, MulticastInterface(index)).unwrap_err();
        assert!(error.to_string().contains(&format!("MulticastInterface({index})")), "{error}");
        let error = socket.setsockopt(SocketOption::BINDTODEVICE, "near0".to_owned()).unwrap_err().to_string();
        assert!(error.starts_with("setsockopt SO_BINDTODEVICE (option 25 of level 1) to \"near0\": "), "{error}");
        // It goes on by whatever else there is.
        socket.setsockopt(SocketOption::MULTICAST_IF_INDEX, MulticastInterface(if_nametoindex("lo").unwrap())).unwrap();
        socket.sendto(b"by loopback", to).unwrap();
    });
}

#[test]
fn a_connection_is_opened_by_its_first_data() {
    let test = "a_connection_is_opened_by_its_first_data";
    netns::run("options_netns", test, &[], HOSTS, || {
        // Client and server, with no cookies asked for. Source: ip-sysctl.rst of Linux.
        std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "1543").unwrap();
        let listener = create_server("127.0.0.1:0").unwrap();
        listener.setsockopt(SocketOption::FASTOPEN, 16).unwrap();
        for text in [&b"hello"[..], &[7; 100_000]] {
            let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
            client.set_timeout(LIMIT);
            client.setsockopt(SocketOption::FASTOPEN_CONNECT, true).unwrap();
            client.connect(listener.getsockname().unwrap()).unwrap();
            client.sendall(text).unwrap();
            let (server, _) = listener.within(LIMIT).accept().unwrap();
            let mut received = vec![0; text.len()];
            server.within(LIMIT).recv_exact(&mut received).unwrap();
            assert_eq!(received, text);
            // TCPI_OPT_SYN_DATA: acknowledged data went out with the SYN.
            assert_ne!(client.tcp_info().unwrap().options & 32, 0, "it was opened so");
        }
        // Who receives first waits for whoever sends, no longer than the limit.
        let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
        client.setsockopt(SocketOption::FASTOPEN_CONNECT, true).unwrap();
        client.connect(listener.getsockname().unwrap()).unwrap();
        let error = client.within(Duration::from_millis(20)).recv(1).unwrap_err();
        assert!(error.is_timeout() || error.raw_os_error() == Some(107), "{error}");
    });
}
