//! `shotclock faults`: each mode from outside, what is told of it, and its end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use programs::{PATIENCE, Program, connect, datagram_client, line, run, text};
use serde_json::Value;
use shotclock::{Family, Kind, Socket, SocketOption};

const LIMIT: Duration = Duration::from_millis(60);
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x04test\0\0\x01\0\x01";

#[track_caller]
fn faults(words: &str) -> (Program, SocketAddr) {
    let mut peer = Program::start(line(&format!("faults {words}")));
    let address = peer.address();
    (peer, address)
}

#[track_caller]
fn faults_in_json(words: &str) -> (Program, SocketAddr) {
    let mut peer = Program::start(line(&format!("faults --json {words}")));
    let listening = next_event(&mut peer);
    assert_eq!(listening["event"], "listening");
    (peer, listening["address"].as_str().unwrap().parse().unwrap())
}

#[track_caller]
fn next_event(peer: &mut Program) -> Value {
    serde_json::from_str(&peer.next_data()).unwrap()
}

#[track_caller]
fn expect(peer: &mut Program, names: &[&str]) -> Vec<Value> {
    let events: Vec<Value> = names.iter().map(|_| next_event(peer)).collect();
    assert_eq!(events.iter().map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>(), names, "{events:#?}");
    events
}

#[track_caller]
fn is_silent(client: &Socket) {
    let begun = Instant::now();
    let error = client.within(LIMIT).recv(1).unwrap_err();
    assert!(error.is_timeout() && begun.elapsed() >= LIMIT, "{error}");
}

#[track_caller]
fn receive(client: &Socket, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.recv_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn streams_misbehave_as_told() {
    let (_silent, address) = faults("silent");
    is_silent(&connect(address));

    let (_full, address) = faults("full-backlog");
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    assert!(client.within(LIMIT).connect(address).unwrap_err().is_timeout());

    let (_drips, address) = faults("drip --interval 0.02");
    let begun = Instant::now();
    assert_eq!(receive(&connect(address), 4), b"0123");
    assert!(begun.elapsed() >= 3 * Duration::from_millis(20), "early: {:?}", begun.elapsed());

    let (_stalls, address) = faults("stall --after 4");
    let client = connect(address);
    assert_eq!(receive(&client, 4), b"0123");
    is_silent(&client);

    let (_resets, address) = faults("reset --after 50000");
    let client = Socket::new(Family::INET, Kind::STREAM).unwrap();
    // With room for all of it the client might meet the reset while it still connects.
    client.setsockopt(SocketOption::RCVBUF, 8192).unwrap();
    client.within(PATIENCE).connect(address).unwrap();
    assert!(receive(&client, 50_000).starts_with(b"0123"));
    assert_eq!(client.recv(1).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let (_ends, address) = faults("half-close --after 4");
    let client = connect(address);
    assert_eq!((receive(&client, 4), client.recv(1).unwrap()), (b"0123".to_vec(), Vec::new()));

    for mode in ["never-read", "sip"] {
        let (_peer, address) = faults(mode);
        let error = connect(address).within(LIMIT).sendall(&vec![7; 16 << 20]).unwrap_err();
        assert!(error.is_timeout(), "{mode}: {error}");
    }

    let (_floods, address) = faults("flood --max-bytes 100000");
    assert_eq!(connect(address).recv_exact(&mut [0; 100_001]).unwrap_err().bytes_moved(), 100_000);
}

#[test]
fn garbage_goes_by_the_seed() {
    let received = |seed| {
        let (_peer, address) = faults(&format!("garbage --after 4 --seed {seed}"));
        receive(&connect(address), 65_536)
    };
    let (one, same, other) = (received(7), received(7), received(8));
    assert!(one == same && one != other && one.starts_with(b"0123") && !one.starts_with(b"01234567"));
}

#[test]
fn a_handshake_is_told_of() {
    let (mut peer, address) = faults_in_json("tls-stall --after 9");
    let client = connect(address);
    client.sendall(&[&[22, 3, 1, 0, 100][..], &[1; 100]].concat()).unwrap();
    assert!(receive(&client, 9).starts_with(&[22, 3, 3]));
    is_silent(&client);
    let events = expect(&mut peer, &["opened", "client_hello", "stalled"]);
    assert_eq!((&events[2]["sent"], &events[2]["received"]), (&9.into(), &105.into()));
}

#[test]
fn datagrams_are_lost_doubled_swapped_and_late() {
    let exchange = |words: &str, answers: usize| -> Vec<u8> {
        let (_peer, address) = faults(words);
        let client = datagram_client(([127, 0, 0, 1], 0));
        for data in [b"1", b"2", b"3", b"4"] {
            client.sendto(data, address).unwrap();
        }
        (0..answers).map(|_| client.recv(100).unwrap()[0]).collect()
    };
    assert_eq!(exchange("udp-drop --every 2", 2), b"13");
    assert_eq!(exchange("udp-duplicate --skip 1 --take 1", 5), b"12234");
    assert_eq!(exchange("udp-reorder", 4), b"2143");
    let begun = Instant::now();
    assert_eq!(exchange("udp-late --delay 0.1", 4), b"1234");
    assert!(begun.elapsed() >= Duration::from_millis(100), "early: {:?}", begun.elapsed());
}

#[test]
fn name_servers_misbehave_and_name_the_query() {
    for (mode, name) in
        [("dns-dead", "dropped"), ("dns-slow", "delayed"), ("dns-truncated", "truncated"), ("dns-garbage", "garbled")]
    {
        let (mut server, address) = faults_in_json(mode);
        let both = next_event(&mut server);
        assert_eq!((&both["protocol"], &both["address"]), (&"udp".into(), &address.to_string().into()));
        let client = datagram_client(([127, 0, 0, 1], 0));
        client.sendto(QUERY, address).unwrap();
        let event = &expect(&mut server, &[name])[0];
        assert_eq!((&event["number"], &event["query"]), (&1.into(), &"www.test A".into()), "{mode}");
        if matches!(mode, "dns-dead") {
            is_silent(&client);
        } else {
            assert!(client.recv(512).unwrap().starts_with(b"\x12\x34"), "{mode}");
        }
    }
}

#[test]
fn events_are_json() {
    let (mut peer, address) = faults_in_json("reset --after 4 --take 1 --when-asked");
    let client = connect(address);
    client.sendall(b"?").unwrap();
    receive(&client, 4);
    assert!(client.recv(1).is_err());
    let events = expect(&mut peer, &["opened", "reset", "closed"]);
    let from = client.getsockname().unwrap().to_string();
    let expected = serde_json::json!({ "event": "reset", "number": 1, "client": from, "sent": 4, "received": 1 });
    assert_eq!(events[1], expected);
    let well = connect(address);
    is_silent(&well);
    well.sendall(b"?").unwrap();
    receive(&well, 65_536);
    assert_eq!(well.recv(1).unwrap(), b"", "the next one gets the whole");
    expect(&mut peer, &["opened"]);
    peer.signal("INT");
    expect(&mut peer, &["closed", "stopped"]);
    assert_eq!(peer.exit().code(), Some(0));
}

#[test]
fn what_it_sends_can_be_a_file() {
    let path = std::env::temp_dir().join(format!("shotclock-faults-{}", std::process::id()));
    std::fs::write(&path, "HTTP/1.1 200 OK\r\n").unwrap();
    let (_peer, address) = faults(&format!("stall --after 1000 --content {}", path.display()));
    let client = connect(address);
    assert_eq!(receive(&client, 17), b"HTTP/1.1 200 OK\r\n");
    is_silent(&client);
    std::fs::remove_file(&path).unwrap();
    let (output, code) = run(&format!("faults stall --content {}", path.display()));
    assert!(code == 1 && text(&output.stderr).contains("No such file"), "{}", text(&output.stderr));
}

#[test]
fn it_ends_by_an_interrupt_and_by_its_time() {
    let (mut peer, address) = faults("silent");
    let client = connect(address);
    peer.wait_for("stalled");
    peer.signal("TERM");
    assert_eq!(peer.exit().code(), Some(0), "{:#?}", peer.rest());
    assert_eq!(client.recv(1).unwrap(), b"");
    assert_eq!(peer.rest().last().unwrap(), "stopped");

    let begun = Instant::now();
    let (output, code) = run("faults udp-drop --for 0.1");
    assert_eq!(code, 0, "{}", text(&output.stderr));
    assert!(begun.elapsed() >= Duration::from_millis(100), "early: {:?}", begun.elapsed());
}

#[test]
fn a_port_that_is_taken_is_a_failure() {
    let (_peer, address) = faults("silent");
    let (output, code) = run(&format!("faults silent --port {}", address.port()));
    assert!(code == 1 && text(&output.stderr).contains("in use"), "{code}: {}", text(&output.stderr));
}

#[test]
fn a_proxy_stands_in_front_of_a_real_server() {
    let (_server, real) = Program::serve("tcp");
    let (mut proxy, address) = faults(&format!("proxy-limit --after 12 --side client --to {real}"));
    let client = connect(address);
    programs::echo(&client, b"hello");
    client.sendall(b"much too much").unwrap();
    let mut back = Vec::new();
    while let Ok(more) = client.recv(100)
        && !more.is_empty()
    {
        back.extend(more);
    }
    assert!(b"much to".starts_with(&back), "{back:?}");
    proxy.wait_for("cut_off");

    let begun = Instant::now();
    let (_proxy, address) = faults(&format!("proxy-late --delay 100ms --to localhost:{} -4", real.port()));
    programs::echo(&connect(address), b"hello");
    assert!(begun.elapsed() >= Duration::from_millis(100), "early: {:?}", begun.elapsed());

    for (words, expected) in [
        ("proxy-stall", "a proxy needs --to HOST:PORT"),
        ("proxy-stall --to localhost", "--to: expected HOST:PORT"),
        ("proxy-stall --to localhost:1 --side left", "expected server, client or both"),
        ("silent --to 127.0.0.1:1", "only a proxy stands in front of a server"),
    ] {
        let (output, code) = run(&format!("faults {words}"));
        assert!(code != 0 && text(&output.stderr).contains(expected), "{words}: {}", text(&output.stderr));
    }
}

#[test]
fn who_names_no_mode_is_told_which_there_are_and_what_they_are_told() {
    let (output, code) = run("faults nosuch");
    let said = text(&output.stderr);
    assert!(code == 2 && said.contains("'nosuch'"), "{said}");
    let (help, _) = run("faults --help");
    let help = text(&help.stdout);
    for mode in shotclock_faults::MODES {
        assert!(said.contains(mode.name), "{}: {said}", mode.name);
        let Some(argument) = mode.argument() else { continue };
        let (_, told) = help.split_once("Options of single modes").unwrap();
        let (_, modes) = told.split_once(&format!("--{} <", argument.option)).unwrap();
        let (modes, _) = modes.split_once("\n  --").or_else(|| modes.split_once("\n\n")).unwrap();
        assert!(modes.contains(mode.name), "{}: {told}", mode.name);
    }
}

#[test]
fn every_mode_has_an_example_that_starts() {
    let (output, _) = run("faults --help");
    let help = text(&output.stdout);
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    let (_, modes) = help.split_once("Modes:\n").unwrap();
    let modes = modes.lines().take_while(|line| !line.is_empty());
    let modes = modes.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|mode| !mode.is_empty());
    let modes: Vec<&str> = modes.collect();
    assert_eq!(modes.len(), 27, "{help}");
    for mode in modes {
        let example = examples.lines().find_map(|line| line.trim().strip_prefix(&format!("shotclock faults {mode}")));
        let example = example.unwrap_or_else(|| panic!("no example for {mode}"));
        // As it stands there, but for the file, the fixed port, and how long it runs.
        let words: Vec<&str> = example.split_whitespace().collect();
        let kept = words.chunks(2).filter(|pair| !["--content", "--port", "--for"].contains(&pair[0]));
        let kept: Vec<&str> = kept.flatten().copied().collect();
        let (output, code) = run(&format!("faults {mode} {} --for 0.05", kept.join(" ")));
        assert_eq!(code, 0, "{mode}: {}", text(&output.stderr));
    }
}
