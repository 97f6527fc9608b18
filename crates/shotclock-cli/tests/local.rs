//! Local sockets, and limits on whole connections.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod programs;

use std::path::PathBuf;

use programs::{PATIENCE, Program, connect, line, run, text};

/// A path that is free, short enough for a local socket.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("shotclock-{name}-{}", std::process::id()));
    let _not_there = std::fs::remove_file(&path);
    path
}

#[track_caller]
fn serve(listen: &str) -> Program {
    let mut server = Program::start(line(&format!("serve --listen unix:{listen}")));
    let said = server.next_line();
    assert_eq!(said, format!("unix: listening on {listen}"));
    server
}

#[test]
fn a_local_socket_is_served_and_its_file_goes_with_it() {
    let path = path("local");
    let mut server = serve(&path.display().to_string());
    for to in [format!("unix {}", path.display()), format!("tcp unix:{}", path.display())] {
        let (output, code) = run(&format!("send {to} hello"));
        let expected = "Connected to server\nSent: hello\nReceived: hello\n";
        assert_eq!((code, text(&output.stdout).as_str()), (0, expected), "{to}: {}", text(&output.stderr));
    }
    server.wait_for("Disconnected from ");
    server.signal("INT");
    assert_eq!(server.exit().code(), Some(0));
    assert!(!path.exists());
    let (output, code) = run(&format!("send unix {} hello", path.display()));
    assert_eq!(code, 3, "{}", text(&output.stderr));
}

#[test]
fn an_abstract_name_needs_no_file() {
    let name = format!("@shotclock-test-{}", std::process::id());
    let _server = serve(&name);
    let (output, code) = run(&format!("send unix {name} --quiet hello"));
    assert_eq!((code, text(&output.stdout).as_str()), (0, "hello\n"), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_was_left_behind_is_replaced_and_no_other() {
    let path = path("left");
    let shown = path.display().to_string();
    let mut first = serve(&shown);
    let (output, code) = run(&format!("serve --listen unix:{shown}"));
    let said = text(&output.stderr);
    assert!(code == 1 && said.contains("hint: a file of that name"), "somebody listens there: {said}");
    // A server that is killed leaves its file behind.
    first.signal("KILL");
    assert_eq!(first.exit().code(), None);
    assert!(path.exists());
    drop(serve(&shown));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "not a socket").unwrap();
    assert_eq!(run(&format!("serve --listen unix:{shown}")).1, 1);
    assert_eq!(std::fs::read(&path).unwrap(), b"not a socket");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn whole_connections_have_limits() {
    let (mut server, address) = Program::serve("tcp --first-byte 100ms --idle 10 --total 20");
    let silent = connect(address);
    let said = server.wait_for("Disconnected");
    assert!(said.contains("first byte"), "{said}");
    assert_eq!(silent.recv(1).unwrap(), b"");

    let (mut server, address) = Program::serve("tcp --idle 100ms");
    let idle = connect(address);
    programs::echo(&idle, b"hello");
    assert!(server.wait_for("Disconnected").contains("timed out"));

    let (mut server, address) = Program::serve("tcp --total 300ms");
    let busy = connect(address);
    let begun = std::time::Instant::now();
    while busy.sendall(b"x").is_ok() && busy.recv(1).is_ok_and(|echo| echo == b"x") {
        assert!(begun.elapsed() < PATIENCE);
    }
    assert!(server.wait_for("Disconnected").contains("timed out"));
}
