//! The monitor: one thread for heartbeats, one for control connections.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use shotclock::{
    Address, Canceller, ControlMessage, Datagram, Lookup, NameInfoFlags, RecvBatch, Result, Socket, SocketOption,
    bind_datagram, create_server, if_indextoname, with_canceller,
};

const SILENCE: Duration = Duration::from_secs(2);
const LOOKUP: Duration = Duration::from_millis(200);
const CONTROL: Duration = Duration::from_secs(1);
const LOG: Duration = Duration::from_millis(100);

/// Who is told: standard output, and these.
type Logs = Mutex<Vec<Socket>>;

struct Node {
    name: String,
    last: Instant,
}

pub(crate) fn watch(listen: &str, control: &Path) -> Result<()> {
    let socket = bind_datagram(listen)?;
    for told in [SocketOption::TIMESTAMPNS, SocketOption::RECVTTL, SocketOption::PKTINFO] {
        socket.setsockopt(told, true)?;
    }
    let _of_the_last_run = fs::remove_file(control);
    let listener = create_server(control)?;
    eprintln!("listening on {}", socket.getsockname()?);
    let (stop, logs) = (Canceller::new(), Logs::default());
    thread::scope(|threads| {
        let hearing = threads.spawn(|| hear(&socket, &stop, &logs));
        threads.spawn(|| {
            for accepted in listener.cancelled_by(&stop).incoming() {
                let done = accepted.and_then(|(client, _)| with_canceller(&stop, || take_log(&client, &logs)));
                done.unwrap_or_else(|error| eprintln!("control: {error}"));
            }
        });
        let _until_its_end = io::copy(&mut io::stdin(), &mut io::sink());
        stop.cancel();
        hearing.join().expect("a monitor that panicked")
    })
}

fn take_log(client: &Socket, logs: &Logs) -> Result<()> {
    let received = client.within(CONTROL).recv_fds(100, 1)?;
    if received.data == b"log" {
        // Locked, so that whoever has read this misses nothing from here on.
        let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
        for log in received.fds.into_iter().map(Socket::from) {
            log.within(LOG).sendall(b"watching\n")?;
            logs.push(log);
        }
    }
    Ok(())
}

/// Says it to all; whoever does not read it in time, or is gone, is told no more.
fn tell(logs: &Logs, event: &str) {
    println!("{event}");
    let line = format!("{event}\n");
    let reads = |log: &mut Socket| log.within(LOG).sendall(line.as_bytes()).is_ok();
    logs.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(reads);
}

fn hear(socket: &Socket, stop: &Canceller, logs: &Logs) -> Result<()> {
    let mut nodes: HashMap<Address, Node> = HashMap::new();
    let mut batch = RecvBatch::new(64, 512)?;
    loop {
        // As many heartbeats as there are, or the moment when the next node counts as dead.
        let due = nodes.values().map(|node| node.last + SILENCE).min();
        match socket.until(due).cancelled_by(stop).recv_batch(&mut batch) {
            Err(error) if error.is_cancelled() => return Ok(()),
            Err(error) if !error.is_timeout() => return Err(error),
            _ => {}
        }
        let names = Lookup::within(LOOKUP); // for all that are new in this batch
        for datagram in &batch {
            let Some(from) = datagram.address() else { continue };
            let node = nodes.entry(from).or_insert_with(|| {
                let name = names.getnameinfo(&from, NameInfoFlags::NUMERICSERV);
                let name = name.map_or(from.to_string(), |(host, port)| format!("{host}:{port}"));
                tell(logs, &format!("{name} is alive: {}", beside(&datagram)));
                Node { name, last: Instant::now() }
            });
            node.last = Instant::now();
        }
        for (_, dead) in nodes.extract_if(|_, node| node.last.elapsed() >= SILENCE) {
            tell(logs, &format!("{} is dead", dead.name));
        }
    }
}

/// What came beside it, in words.
fn beside(datagram: &Datagram<'_>) -> String {
    let words = datagram.ancillary().iter().filter_map(|message| match message {
        ControlMessage::Timestamp(at) => Some(format!("received {:?} ago", at.elapsed().unwrap_or_default())),
        ControlMessage::Ttl(hops) => Some(format!("TTL {hops}")),
        ControlMessage::PacketInfo(by) => Some(format!("by {}", if_indextoname(by.interface).ok()?.display())),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}
