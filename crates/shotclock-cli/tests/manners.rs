//! What people know from other commands: ports by name, times with units, -4 and -6, -v, colours, hints.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use programs::{PATIENCE, Program, line, run, shotclock, text};
use shotclock::{Family, Kind, Socket, create_server, getservbyname};

/// The last lines that were said, and the exit code.
#[track_caller]
fn said(words: &str) -> (String, i32) {
    let (output, code) = run(words);
    (text(&output.stderr), code)
}

/// Whether there is IPv6 here; says so if not.
fn has_ipv6(what: &str) -> bool {
    let there = Socket::new(Family::INET6, Kind::STREAM).and_then(|socket| socket.bind(("::1", 0))).is_ok();
    if !there {
        println!("SKIP ipv6-{what}: no IPv6 here");
    }
    there
}

#[test]
fn a_port_stands_behind_its_host_or_after_it() {
    let (_server, address) = Program::serve("both");
    let port = address.port();
    for to in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("127.0.0.1 {port}")] {
        for protocol in ["tcp", "udp"] {
            let (output, code) = run(&format!("send {protocol} -4 {to} --quiet hello"));
            assert_eq!((code, text(&output.stdout).trim_end()), (0, "hello"), "{to}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn a_port_may_be_the_name_of_a_service() {
    if getservbyname("echo", Some("tcp")).is_err() {
        println!("SKIP service-names: no /etc/services here");
    } else {
        let (said, code) = said("send tcp 127.0.0.1 echo --connect-timeout 5 hello");
        assert!(code == 0 || said.contains("127.0.0.1:7:"), "{said}");
    }
    let (said, code) = said("send tcp 127.0.0.1 no-such-service hello");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("no-such-service") && said.contains("hint: ") && said.contains("/etc/services"), "{said}");
}

#[test]
fn what_is_out_of_range_is_told_the_range() {
    for (words, expected) in [
        ("send tcp localhost 99999 x", "'99999' is no port: there is no such port: expected a port from 1 to 65535"),
        ("send tcp localhost:0 x", "there is no port 0: expected one from 1 to 65535"),
        ("send tcp [::1 x", "expected a ] after the address"),
        ("send tcp localhost", "which port of \"localhost\"?"),
        ("send tcp localhost 1 --source here x", "expected an IP address of this machine"),
        ("send udp localhost:1 --tls x", "there is none over UDP here"),
        ("send localhost 8881 x", "The protocol comes first: shotclock send tcp localhost .."),
        ("send tcp http://localhost/ x", "no more of an address on the web"),
        ("send tcp localhost:80:80 x", "expected one colon before a port"),
        ("serve 8881", "A port or an address has its option: --port 8881"),
        ("serve --listen 8881", "localhost:8881, :8881"),
        ("serve --port 70000", "expected a port from 0 to 65535"),
        ("serve --max-connections 0", "that is too small: expected a whole number from 1 to 1000000"),
        ("serve --max-rate -5", "that is less than nothing: expected a whole number from 0"),
        ("serve --timeout soon", "expected a time such as 2.5, 2.5s, 500ms"),
        ("serve udp --total 5", "--total are for connections: expected tcp or both"),
        ("serve udp --listen unix:/tmp/x", "a local socket is for streams"),
        ("faults drip --every 0", "that is too small: expected a whole number from 1"),
        ("resolve localhost --type mx", "possible values: a, aaaa, ptr, cname"),
        ("resolve localhost --type ptr", "\"localhost\" is none"),
    ] {
        let (said, code) = said(words);
        assert!(code == 2 && said.contains(expected), "{words}: {code}: {said}");
    }
}

#[test]
fn times_have_units() {
    let silent = create_server(([127, 0, 0, 1], 0)).unwrap();
    let port = silent.getsockname().unwrap().port().unwrap();
    let (said, code) = said(&format!("send tcp 127.0.0.1:{port} --timeout 50ms --total 1m x"));
    assert_eq!(code, 12, "{said}");
    assert!(said.contains("after 0.05") && said.contains("hint: --timeout sets this limit"), "{said}");
}

#[test]
fn it_listens_where_nobody_else_reaches_it_unless_it_is_told_to() {
    let mut server = Program::start(line("serve both --port 0"));
    for _protocol in ["tcp", "udp"] {
        assert!(server.address().ip().is_loopback());
    }
    for (words, expected) in [("--listen :0", "0.0.0.0"), ("--listen 127.0.0.2:0", "127.0.0.2")] {
        let mut server = Program::start(line(&format!("serve tcp {words}")));
        assert_eq!(server.address().ip().to_string(), expected, "{words}");
    }
    let mut server = Program::start(shotclock(["serve", "tcp", "--host", "", "--port", "0"]));
    assert!(server.address().ip().is_unspecified());
}

#[test]
fn the_kind_of_address_can_be_chosen() {
    if !has_ipv6("choice") {
        return;
    }
    let mut server = Program::start(line("serve both -6 --port 0"));
    let address = server.address();
    assert_eq!(address.ip().to_string(), "::1");
    for protocol in ["tcp", "udp"] {
        let to = format!("send {protocol} {address} --quiet hello");
        assert_eq!(run(&to).1, 0, "{protocol}");
        let (_, code) = run(&format!("send {protocol} -4 ::1 {} --quiet hello", address.port()));
        assert_eq!(code, 3, "{protocol}: an address of the other kind");
    }
}

#[test]
fn it_sends_from_the_address_that_it_is_told() {
    let (mut server, address) = Program::serve("both");
    for (protocol, said) in [("tcp", "Connected from 127.0.0.3:"), ("udp", "Datagram from 127.0.0.3:")] {
        assert_eq!(run(&format!("send {protocol} {address} --source 127.0.0.3 hello")).1, 0, "{protocol}");
        server.wait_for(said);
    }
    let (said, code) = said(&format!("send tcp {address} --source 192.0.2.1 hello"));
    assert!(code == 1 && said.contains("hint: no interface of this machine"), "{code}: {said}");
}

#[test]
fn verbose_says_with_whom_and_how_long() {
    let (mut server, address) = Program::serve("tcp --verbose");
    let (output, code) = run(&format!("send tcp {address} -v hello"));
    let said = text(&output.stderr);
    assert_eq!(code, 0);
    assert!(said.contains(&format!("connected to {address} from 127.0.0.1:")), "{said}");
    assert!(said.starts_with("* 0."), "{said}");
    assert!(server.wait_for("Disconnected").contains("(6 bytes echoed in "));
    let (refused, _) = run("send tcp 127.0.0.1 1 -v hello");
    assert!(text(&refused.stderr).contains("connecting to 127.0.0.1 port 1\n"), "{}", text(&refused.stderr));
    let (output, _) = run("resolve localhost -v");
    assert_eq!(text(&output.stderr).lines().filter(|line| line.starts_with("* ")).count(), 4);
}

#[test]
fn one_type_of_record_is_a_line_each() {
    let (output, code) = run("resolve 127.0.0.1 --type A");
    assert_eq!((code, text(&output.stdout).as_str()), (0, "127.0.0.1\n"));
    let (output, code) = run("resolve ::1 -t aaaa");
    assert_eq!((code, text(&output.stdout).as_str()), (0, "::1\n"));
    let (output, code) = run("resolve 127.0.0.1 --type ptr");
    assert!(code == 0 && text(&output.stdout).contains("localhost"), "{output:?}");
    let (output, code) = run("resolve 127.0.0.1 --type cname");
    assert!(code == 3 && text(&output.stderr).contains("\"127.0.0.1\" has no cname"), "{output:?}");
    let (output, code) = run("resolve 127.0.0.1 --type aaaa --json");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code, &answer["answers"]), (3, &serde_json::json!([])));
    assert!(answer["error"].is_string());
}

#[test]
fn paths_that_are_not_there_have_hints() {
    let (said_of_client, code) = said("send unix /nonexistent/x hello");
    assert!(code == 3 && said_of_client.contains("hint: nobody has made that socket"), "{said_of_client}");
    let (said_of_server, code) = said("serve --listen unix:/nonexistent/x");
    assert!(code == 3 && said_of_server.contains("hint: the folder"), "{said_of_server}");
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let wrong = "send tcp 127.0.0.1 1 x";
    for (words, variable, has_colour) in [
        (wrong.to_owned(), None, false),
        (format!("{wrong} --color always"), None, true),
        (format!("--color=always {wrong}"), Some("1"), true),
        (format!("{wrong} --color never"), None, false),
    ] {
        let mut command = line(&words);
        variable.map(|value| command.env("NO_COLOR", value));
        let said = text(&command.output().unwrap().stderr);
        assert_eq!(said.contains("\x1b["), has_colour, "{words}: {said:?}");
    }
    let (output, code) = run("demo --color always");
    assert_eq!((code, text(&output.stdout).matches("\x1b[1;32mheld\x1b[0m").count()), (0, 5));
    let (output, _) = run("nosuch --color always");
    assert!(text(&output.stderr).contains("\x1b["), "the parser's errors too");
}

/// `script` runs a command on a terminal of its own.
fn on_a_terminal(words: &str, no_color: Option<&str>) -> Option<String> {
    let command = format!("{} {words}", env!("CARGO_BIN_EXE_shotclock"));
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    no_color.map(|value| script.env("NO_COLOR", value));
    script.output().ok().map(|output| text(&output.stdout))
}

#[test]
fn a_terminal_has_colours_unless_no_color_is_set() {
    let wrong = "send tcp 127.0.0.1 1 x";
    let Some(shown) = on_a_terminal(wrong, None) else {
        println!("SKIP terminal-colours: no script(1) here");
        return;
    };
    assert!(shown.contains("\x1b[1;31mshotclock:\x1b[0m"), "{shown:?}");
    assert!(on_a_terminal(wrong, Some("")).unwrap().contains("\x1b["), "an empty one is none");
    assert!(!on_a_terminal(wrong, Some("1")).unwrap().contains("\x1b["));
    assert!(!on_a_terminal(&format!("{wrong} --color never"), None).unwrap().contains("\x1b["));
}

#[test]
fn a_server_ends_with_its_terminal() {
    let command = format!("{} serve tcp --port 0", env!("CARGO_BIN_EXE_shotclock"));
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let Ok(mut terminal) = script.spawn() else {
        println!("SKIP terminal-gone: no script(1) here");
        return;
    };
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(terminal.stdout.take().unwrap()), &mut said).unwrap();
    let address: SocketAddr = said.trim().rsplit(' ').next().unwrap().parse().unwrap();
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    let begun = Instant::now();
    while shotclock::create_connection(address, PATIENCE).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it lives on");
    }
}

#[test]
fn whoever_holds_a_port_is_named() {
    let taken = create_server(([127, 0, 0, 1], 0)).unwrap();
    let port = taken.getsockname().unwrap().port().unwrap();
    let (said, code) = said(&format!("serve tcp --port {port}"));
    assert_eq!(code, 1);
    let ours = format!("(process {})", std::process::id());
    assert!(said.contains(&format!("hint: port {port} is held by ")) && said.contains(&ours), "{said}");
    assert!(said.contains("--port 0"), "{said}");
}

#[test]
fn who_is_not_there_and_what_is_unknown_have_hints() {
    let (refused, _) = said("send tcp 127.0.0.1 1 x");
    assert!(refused.contains("hint: nobody listens there: `shotclock serve`"), "{refused}");
    let unknown = "x".repeat(64) + ".invalid";
    let (said, _) = said(&format!("send tcp {unknown} 1 x"));
    assert!(said.contains("hint: `shotclock resolve NAME`"), "{said}");
}

#[test]
fn a_terminal_has_a_bar_and_a_pipe_has_none() {
    let (_sips, address) = sipping();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, drawn) = (folder.join("bar-input"), folder.join("bar-output"));
    std::fs::write(&file, vec![7; 32 << 20]).unwrap();
    let command = format!("send tcp {address} --raw --total 2500ms < {} > {}", file.display(), drawn.display());
    let Some(shown) = on_a_terminal(&command, None) else {
        println!("SKIP terminal-bar: no script(1) here");
        return;
    };
    assert!(shown.contains(" % of 32.0 MiB: ") && shown.contains("[#"), "{shown:?}");
    assert!(!on_a_terminal(&command.replace("--raw", "--raw --quiet"), None).unwrap().contains('%'));
    let output = Command::new("sh").args(["-c", &format!("{} {command}", env!("CARGO_BIN_EXE_shotclock"))]).output();
    assert!(!text(&output.unwrap().stderr).contains('%'));
    std::fs::remove_file(file).unwrap();
    let _nothing_came = std::fs::remove_file(drawn);
}

/// A server that reads slowly, a good part of a megabyte each fifth of a second.
fn sipping() -> (Socket, std::net::SocketAddr) {
    let listener = create_server(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.getsockname().unwrap().as_inet().unwrap();
    let accepts = listener.dup().unwrap();
    std::thread::spawn(move || {
        while let Ok((client, _)) = accepts.accept() {
            std::thread::spawn(move || {
                let (pause, mut buffer) = (shotclock::Canceller::new(), vec![0; 1 << 20]);
                while client.recv_exact(&mut buffer).is_ok() {
                    let _over = pause.pause(std::time::Duration::from_millis(150));
                }
            });
        }
    });
    (listener, address)
}
