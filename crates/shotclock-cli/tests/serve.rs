//! `shotclock serve`: many clients, clients that behave badly, shortage, interrupts, and datagrams that would loop.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::net::SocketAddr;
use std::time::Duration;

use programs::{Program, connect, datagram_client, echo, line, run, text};
use shotclock::{Family, Kind, MessageFlags, Socket, SocketOption, create_server};

#[test]
fn many_clients_are_served_at_once() {
    let (mut server, address) = Program::serve("tcp");
    let clients: Vec<Socket> = (0..100).map(|_| connect(address)).collect();
    for round in 0..3 {
        for (number, client) in clients.iter().enumerate() {
            echo(client, format!("client {number}, round {round}").as_bytes());
        }
    }
    let from = clients[0].getsockname().unwrap().to_string();
    server.wait_for(&format!("Connected from {from}"));
    drop(clients);
    server.wait_for(&format!("Disconnected from {from}"));
}

#[test]
fn bytes_come_back_unchanged_and_the_end_is_answered_by_the_end() {
    let (_server, address) = Program::serve("tcp");
    let client = connect(address);
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.sendall(&data).unwrap();
            client.shutdown(shotclock::Shutdown::WRITE).unwrap();
        });
        let mut back = vec![0; data.len()];
        client.recv_exact(&mut back).unwrap();
        assert!(back == data);
        assert_eq!(client.recv(1).unwrap(), b"");
    });
}

#[test]
fn one_interrupt_drains_and_frees_the_port() {
    let (mut server, address) = Program::serve("tcp");
    let (idle, busy) = (connect(address), connect(address));
    echo(&idle, b"hello");
    echo(&busy, b"hello");
    busy.sendall(b"sent before the interrupt").unwrap();
    server.signal("INT");
    let mut last = vec![0; 25];
    busy.recv_exact(&mut last).unwrap();
    assert_eq!(last, b"sent before the interrupt");
    assert_eq!(busy.recv(1).unwrap(), b"", "then it is asked to leave");
    assert_eq!(idle.recv(1).unwrap(), b"");
    drop(busy);
    idle.close().unwrap();
    assert_eq!(server.exit().code(), Some(0), "{:#?}", server.rest());
    create_server(address.to_string().parse::<SocketAddr>().unwrap()).expect("its port is free at once");
    assert!(server.rest().last().is_some_and(|line| line == "stopped"), "{:#?}", server.rest());
}

#[test]
fn clients_that_do_not_leave_are_cut_off() {
    let (mut server, address) = Program::serve("both --timeout none");
    let (stays, floods) = (connect(address), connect(address));
    echo(&stays, b"hello");
    // Until nothing more goes: it does not read, so the server waits to send.
    while let Ok(_more) = floods.within(Duration::from_millis(200)).send(&vec![7; 1 << 20]) {}
    server.signal("TERM");
    assert_eq!(server.exit().code(), Some(0));
    let last = server.rest().last().cloned().unwrap_or_default();
    assert!(last.starts_with("stopped, ") && last.ends_with(" cut off"), "{last}");
    let noticed = server.rest().iter().any(|line| line.contains("sendall") && line.contains("cancelled"));
    assert!(noticed, "a send under way is ended, not left to the end of the process: {:#?}", server.rest());
    create_server(address).expect("its port is free at once");
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let (mut server, address) = Program::serve("tcp");
    let stays = connect(address);
    echo(&stays, b"hello");
    server.signal("INT");
    server.wait_for("stopping, 1 connected");
    server.signal("INT");
    assert_eq!(server.exit().code(), Some(130));
}

#[test]
fn the_cap_pauses_accepting_until_someone_leaves() {
    let (mut server, address) = Program::serve("tcp --max-connections 2");
    let (first, second, third) = (connect(address), connect(address), connect(address));
    echo(&first, b"1");
    echo(&second, b"2");
    third.sendall(b"3").unwrap();
    let said = server.wait_for("not accepting for now");
    assert!(said.contains("2 connected") && said.contains("--max-connections"), "{said}");
    assert!(third.within(Duration::from_millis(50)).recv(1).unwrap_err().is_timeout());
    drop(first);
    assert_eq!(third.recv(1).unwrap(), b"3");
    server.wait_for("accepting again");
    server.signal("INT");
    drop((second, third));
    assert_eq!(server.exit().code(), Some(0), "an interrupt ends the wait at the cap too");
}

#[test]
fn an_interrupt_ends_the_wait_at_the_cap() {
    let (mut server, address) = Program::serve("tcp --max-connections 1");
    let client = connect(address);
    echo(&client, b"1");
    server.wait_for("not accepting for now");
    server.signal("INT");
    assert_eq!(client.recv(1).unwrap(), b"");
    drop(client);
    assert_eq!(server.exit().code(), Some(0));
}

/// The C library's words for EMFILE.
const TOO_MANY: &str = if cfg!(target_env = "musl") { "No file descriptors available" } else { "Too many open files" };

/// The shell sets the limit, hard and soft, so that the server cannot raise it again.
#[test]
fn out_of_descriptors_it_serves_on_and_accepts_again() {
    let mut command = std::process::Command::new("sh");
    let script = "ulimit -n 200 && exec \"$0\" serve tcp --host 127.0.0.1 --port 0";
    command.args(["-c", script, env!("CARGO_BIN_EXE_shotclock")]);
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut server = Program::start(command);
    let address = server.address();

    let mut clients: Vec<Socket> = (0..300).map(|_| connect(address)).collect();
    let said = server.wait_for("not accepting for now");
    assert!(said.contains(TOO_MANY), "{said}");
    let before = server.busy();
    echo(&clients[0], b"those inside are served");
    let waiting = clients.last().unwrap();
    waiting.sendall(b"x").unwrap();
    assert!(waiting.within(Duration::from_secs(1)).recv(1).unwrap_err().is_timeout(), "it waits outside");
    let spent = server.busy() - before;
    assert!(spent < Duration::from_millis(500), "{spent:?} of computing in a second of waiting");

    // So many fit beside the core's wake-up descriptors, of which there are 64 at most.
    let outside = clients.split_off(200);
    drop(clients);
    for client in &outside[..99] {
        echo(client, b"let in");
    }
    assert_eq!(outside[99].recv(1).unwrap(), b"x");
    server.wait_for("accepting again");
    server.signal("INT");
    drop(outside);
    assert_eq!(server.exit().code(), Some(0));
    let spells = server.rest().iter().filter(|line| line.contains("not accepting")).count();
    assert!(spells < 10, "told once a spell, not at each try: {spells}");
}

#[test]
fn clients_that_vanish_or_never_read_cost_nobody_anything() {
    let much = vec![7; 64 << 20];
    let (mut server, address) = Program::serve("tcp --timeout 1");
    let (vanished, never_reads) = (connect(address), connect(address));
    echo(&vanished, b"hello");
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| never_reads.sendall(&much).unwrap_err());
        for _ in 0..5 {
            echo(&connect(address), b"others are served");
        }
        let stuck = stuck.join().unwrap();
        assert!(!stuck.is_timeout(), "it is the server who ends it: {stuck}");
    });
    let lines = [server.wait_for("timed out"), server.wait_for("timed out")].join("\n");
    let ended = |client: &Socket, call: &str| {
        let start = format!("Disconnected from {}: {call}", client.getsockname().unwrap());
        assert!(lines.contains(&start), "{start}: {lines}");
    };
    ended(&vanished, "recv");
    ended(&never_reads, "sendall");
    assert_eq!(vanished.recv(1).unwrap(), b"", "it was let go");
}

#[test]
fn datagrams_keep_their_bytes_and_sizes() {
    let (mut server, address) = Program::serve("udp");
    let client = datagram_client(([127, 0, 0, 1], 0));
    for size in [0, 1, 1472, 9000, 65_507] {
        let data: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        client.sendto(&data, address).unwrap();
        let (back, from) = client.recvfrom(70_000).unwrap();
        assert!(back == data, "{size} bytes came back as {}", back.len());
        assert_eq!(from, Some(address.into()));
    }
    server.wait_for(&format!("Datagram from {}", client.getsockname().unwrap()));
}

#[test]
fn the_servers_own_ports_are_never_answered() {
    let (mut server, address) = Program::serve("udp");
    let same_port = datagram_client(([127, 0, 0, 2], address.port()));
    same_port.sendto(b"I might echo too", address).unwrap();
    let said = server.wait_for("not answered");
    assert!(said.contains(&format!("127.0.0.2:{}", address.port())), "{said}");
    // An answer to a later one shows that the earlier one had its chance.
    let client = datagram_client(([127, 0, 0, 1], 0));
    client.sendto(b"hello", address).unwrap();
    assert_eq!(client.recv(10).unwrap(), b"hello");
    assert!(same_port.with_flags(MessageFlags::DONTWAIT).recv(100).unwrap_err().is_would_block());
}

#[test]
fn two_servers_on_other_ports_do_not_loop_for_ever() {
    let (mut first, address) = Program::serve("udp --max-rate none");
    // A datagram waits for the stopped server, from a port on which another server listens when it goes on.
    first.pause();
    let spark = datagram_client(([127, 0, 0, 1], 0));
    spark.setsockopt(SocketOption::TTL, 64).unwrap();
    spark.sendto(b"round and round", address).unwrap();
    let port = spark.getsockname().unwrap().port().unwrap();
    drop(spark);
    let mut second = Program::start(line(&format!("serve udp --max-rate none --host 127.0.0.1 --port {port}")));
    second.address();
    first.signal("CONT");

    // The first one answers it with 64 hops left, the second one with 63, and with 1 left nobody does.
    second.wait_for("no hop left to live");
    let answers = |server: &mut Program| {
        server.signal("INT");
        assert_eq!(server.exit().code(), Some(0));
        server.rest().iter().filter(|line| line.starts_with("Datagram from") && !line.contains("not answered")).count()
    };
    assert_eq!([answers(&mut first), answers(&mut second)], [32, 31]);
}

#[test]
fn a_source_has_its_rate() {
    let (mut server, address) = Program::serve("udp --max-rate 5");
    let client = datagram_client(([127, 0, 0, 1], 0));
    for number in 0..50_u8 {
        client.sendto(&[number], address).unwrap();
    }
    assert!(server.wait_for("not answered").contains("more than 5 a second"));
    let other = datagram_client(([127, 0, 0, 3], 0));
    other.sendto(b"another address", address).unwrap();
    assert_eq!(other.recv(100).unwrap(), b"another address");
    let received = || client.with_flags(MessageFlags::DONTWAIT).recv(10).is_ok();
    let answers = std::iter::repeat_with(received).take_while(|more| *more).count();
    assert!((5..10).contains(&answers), "{answers}");
}

#[test]
fn both_share_a_port_and_do_not_meet() {
    let (mut server, tcp) = Program::serve("both");
    let udp = server.address();
    assert_eq!(tcp, udp);
    let (stream, datagrams) = (connect(tcp), datagram_client(([127, 0, 0, 1], 0)));
    stream.sendall(b"stream").unwrap();
    datagrams.sendto(b"datagram", udp).unwrap();
    assert_eq!(datagrams.recv(100).unwrap(), b"datagram");
    assert_eq!(stream.recv(100).unwrap(), b"stream");
}

#[test]
fn events_are_json() {
    let mut server = Program::start(line("serve both --host 127.0.0.1 --port 0 --json"));
    let mut event = || serde_json::from_str::<serde_json::Value>(&server.next_data()).unwrap();
    let listening = event();
    assert_eq!((&listening["event"], &listening["protocol"]), (&"listening".into(), &"tcp".into()));
    let address: SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(event()["protocol"], "udp");
    let client = connect(address);
    let own = client.getsockname().unwrap().to_string();
    echo(&client, b"hello");
    let connected = event();
    assert_eq!((&connected["event"], &connected["from"]), (&"connected".into(), &own.as_str().into()));
    drop(client);
    let gone = event();
    assert_eq!((&gone["event"], &gone["bytes"], gone.get("error")), (&"disconnected".into(), &5.into(), None));
    server.signal("INT");
    let mut event = || serde_json::from_str::<serde_json::Value>(&server.next_data()).unwrap();
    assert_eq!((&event()["event"], &event()["event"]), (&"stopping".into(), &"stopped".into()));
    assert_eq!(server.exit().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_ends_a_server_that_talks_json() {
    let mut command = line("serve tcp --host 127.0.0.1 --port 0 --json");
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&first).unwrap();
    let client = connect(listening["address"].as_str().unwrap().parse().unwrap());
    assert_eq!(client.recv(1).unwrap(), b"", "it cannot tell of us, and lets us go");
    drop(client);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn quiet_tells_of_no_client() {
    let (mut server, address) = Program::serve("tcp --quiet");
    echo(&connect(address), b"hello");
    server.signal("INT");
    assert_eq!(server.exit().code(), Some(0));
    assert!(server.rest().iter().all(|line| !line.contains("onnected from")), "{:#?}", server.rest());
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let taken = create_server(([127, 0, 0, 1], 0)).unwrap();
    let address = taken.getsockname().unwrap();
    let (output, code) = run(&format!("serve tcp --host 127.0.0.1 --port {}", address.port().unwrap()));
    assert_eq!(code, 1);
    assert!(text(&output.stderr).contains(&address.to_string()), "{}", text(&output.stderr));
}

#[test]
fn ipv6_is_served_too() {
    if Socket::new(Family::INET6, Kind::STREAM).and_then(|socket| socket.bind(("::1", 0))).is_err() {
        println!("SKIP ipv6-serve: no IPv6 here");
        return;
    }
    let mut server = Program::start(line("serve both --host ::1 --port 0"));
    let address = server.address();
    assert!(address.is_ipv6());
    let port = address.port();
    for protocol in ["tcp", "udp"] {
        let (output, code) = run(&format!("send {protocol} ::1 {port} --quiet hello"));
        assert_eq!((code, text(&output.stdout).trim_end()), (0, "hello"), "{}", text(&output.stderr));
    }
    // The number of hops is another control message there.
    let client = Socket::new(Family::INET6, Kind::DGRAM).unwrap();
    client.setsockopt(SocketOption::UNICAST_HOPS, 1).unwrap();
    client.sendto(b"last hop", address).unwrap();
    assert!(server.wait_for("not answered").contains("no hop left to live"));
}
