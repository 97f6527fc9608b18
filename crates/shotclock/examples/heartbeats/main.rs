//! Who is alive? Nodes send a heartbeat now and then, and a monitor tells of those that come and of those that have been
//! silent for two seconds: when the system had it, by which interface it came and with how many hops to spare.
//!
//! `cargo run --example heartbeats watch 127.0.0.1:8881 CONTROL`, and in other terminals
//! `cargo run --example heartbeats beat localhost:8881` and `cargo run --example heartbeats log CONTROL`.
//!
//! CONTROL is the path of a local socket, by which `log` passes the monitor a descriptor to write to. The monitor goes on
//! whatever others do: it asks for a node's name for 200 ms, a control connection has a second, and a log that is not read is
//! dropped. It ends with its standard input.

#[cfg(target_os = "linux")]
mod monitor;

#[cfg(target_os = "linux")]
use std::{io::BufRead, io::IoSlice, os::fd::AsFd, path::Path, time::Duration};

#[cfg(target_os = "linux")]
use shotclock::{Canceller, Family, Kind, Result, Socket, create_connection, socketpair};

#[cfg(target_os = "linux")]
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["watch", listen, control] => monitor::watch(listen, Path::new(control)),
        ["beat", monitor] => beat(monitor),
        ["log", control] => log(Path::new(control)),
        _ => panic!("expected watch LISTEN CONTROL, beat MONITOR or log CONTROL"),
    }
}

#[cfg(target_os = "linux")]
fn beat(monitor: &str) -> Result<()> {
    let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    socket.within(Duration::from_secs(5)).connect(monitor)?; // the lookup of its name
    loop {
        socket.send(b"alive")?;
        Canceller::new().pause(Duration::from_millis(500))?;
    }
}

#[cfg(target_os = "linux")]
fn log(control: &Path) -> Result<()> {
    let (ours, theirs) = socketpair(Family::UNIX, Kind::STREAM)?;
    let monitor = create_connection(control, Duration::from_secs(1))?;
    monitor.send_fds(&[IoSlice::new(b"log")], &[theirs.as_fd()])?;
    drop(theirs); // so that the end of the monitor is the end of the log
    for line in ours.makefile_reader()?.lines() {
        println!("{}", line?);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {}
