//! Bytes from and to a connected stream.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use shotclock::{Family, Kind, Socket, SocketReader, SocketWriter};

use crate::cells::{Cell, Failure, LIMIT, MUCH, Peers, call};

pub(crate) fn cells() -> Vec<Cell> {
    receiving().into_iter().chain(sending()).collect()
}

fn receiving() -> Vec<Cell> {
    vec![
        Cell::new(
            "recv",
            "silent",
            Some(|peers| peers.std("silent").and_then(|mut stream| call(move || stream.read(&mut [0])))),
            |peers| peers.ours("silent").and_then(|socket| call(move || socket.within(LIMIT).recv(1))),
        ),
        Cell::new("recvmsg", "silent", None, |peers| {
            peers.ours("silent").and_then(|socket| call(move || socket.within(LIMIT).recvmsg(1, 64)))
        }),
        Cell::new(
            "recv_exact",
            "silent",
            Some(|peers| peers.std("silent").and_then(|mut stream| call(move || stream.read_exact(&mut [0; 1000])))),
            |peers| {
                peers.ours("silent").and_then(|socket| call(move || socket.within(LIMIT).recv_exact(&mut [0; 1000])))
            },
        ),
        Cell::new(
            "recv_exact",
            "drip",
            Some(|peers| peers.std("drip").and_then(|mut stream| call(move || stream.read_exact(&mut [0; 1000])))),
            |peers| peers.ours("drip").and_then(|socket| call(move || socket.within(LIMIT).recv_exact(&mut [0; 1000]))),
        ),
        Cell::new(
            "recv until the end",
            "flood",
            Some(|peers| {
                peers.std("flood").and_then(|mut stream| call(move || io::copy(&mut stream, &mut io::sink())))
            }),
            |peers| {
                let socket = peers.ours("flood")?;
                call(move || io::copy(&mut socket.within(LIMIT), &mut io::sink()))
            },
        )
        .busy(),
        Cell::new(
            "readline",
            "drip",
            Some(|peers| {
                let mut file = BufReader::new(peers.std("drip")?);
                call(move || file.read_until(b'\n', &mut Vec::new()))
            }),
            |peers| {
                let socket = peers.ours("drip")?;
                call(move || SocketReader::new(socket.within(LIMIT))?.readline())
            },
        ),
        Cell::new("recv, Unix", "silent", Some(|peers| call_read(unix(peers)?)), |peers| {
            let socket = our_unix(peers)?;
            call(move || socket.within(LIMIT).recv(1))
        }),
    ]
}

fn sending() -> Vec<Cell> {
    vec![
        Cell::new(
            "send",
            "never reads",
            Some(|peers| filled(peers.std("never-read")?).and_then(|mut full| call(move || full.write(&[0; 65536])))),
            |peers| our_filled(peers).and_then(|socket| call(move || socket.within(LIMIT).send(&[0; 65536]))),
        ),
        Cell::new(
            "sendmsg",
            "never reads",
            Some(|peers| {
                let mut full = filled(peers.std("never-read")?)?;
                call(move || full.write_vectored(&[IoSlice::new(&[0; 65536])]))
            }),
            |peers| {
                let socket = our_filled(peers)?;
                call(move || socket.within(LIMIT).sendmsg(&[IoSlice::new(&[0; 65536])], &[], None))
            },
        ),
        Cell::new(
            "sendall",
            "never reads",
            Some(|peers| peers.std("never-read").and_then(|mut stream| call(move || stream.write_all(&much())))),
            |peers| peers.ours("never-read").and_then(|socket| call(move || socket.within(LIMIT).sendall(&much()))),
        ),
        Cell::new(
            "sendall",
            "sip",
            Some(|peers| peers.std_with_small_buffer("sip").and_then(|mut to| call(move || to.write_all(&much())))),
            |peers| {
                let socket = peers.ours_with_small_buffer("sip")?;
                call(move || socket.within(LIMIT).sendall(&much()))
            },
        ),
        Cell::new(
            "sendall, Unix",
            "never reads",
            Some(|peers| unix(peers).and_then(|mut stream| call(move || stream.write_all(&much())))),
            |peers| our_unix(peers).and_then(|socket| call(move || socket.within(LIMIT).sendall(&much()))),
        ),
        Cell::new(
            "file write",
            "never reads",
            Some(|peers| {
                let mut file = BufWriter::new(peers.std("never-read")?);
                call(move || file.write_all(&much()))
            }),
            |peers| {
                let socket = peers.ours("never-read")?;
                call(move || SocketWriter::new(socket.within(LIMIT))?.write_all(&much()))
            },
        ),
        Cell::new("sendfile", "never reads", Some(|peers| std_sendfile(peers.std("never-read")?)), |peers| {
            our_sendfile(peers.ours("never-read")?)
        }),
        Cell::new("sendfile", "sip", Some(|peers| std_sendfile(peers.std_with_small_buffer("sip")?)), |peers| {
            our_sendfile(peers.ours_with_small_buffer("sip")?)
        }),
    ]
}

fn much() -> Vec<u8> {
    vec![0; MUCH]
}

fn call_read(mut stream: impl Read + 'static) -> Result<crate::cells::Call, Failure> {
    call(move || stream.read(&mut [0]))
}

fn unix(peers: &Peers) -> Result<UnixStream, Failure> {
    let stream = UnixStream::connect_addr(&peers.unix_address("unix-silent")?)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

fn our_unix(peers: &Peers) -> Result<Socket, Failure> {
    let socket = Socket::new(Family::UNIX, Kind::STREAM)?;
    socket.connect(shotclock::Address::from(peers.unix_address("unix-silent")?))?;
    Ok(socket)
}

/// The same, with no room left: what the peer's system took at once makes some again.
fn filled(mut stream: TcpStream) -> Result<TcpStream, Failure> {
    stream.set_nonblocking(true)?;
    let mut refused = 0;
    while refused < 5 {
        match stream.write(&[0; 65536]) {
            Ok(_) => refused = 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(50));
                refused += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn our_filled(peers: &Peers) -> Result<Socket, Failure> {
    Ok(Socket::from(filled(peers.std("never-read")?)?))
}

/// std's copy is the system's sendfile where it can be.
fn std_sendfile(mut stream: TcpStream) -> Result<crate::cells::Call, Failure> {
    let mut file = sparse_file()?;
    call(move || io::copy(&mut file, &mut stream))
}

fn our_sendfile(socket: Socket) -> Result<crate::cells::Call, Failure> {
    let file = sparse_file()?;
    call(move || socket.within(LIMIT).sendfile(&file, 0, None))
}

fn sparse_file() -> Result<File, Failure> {
    let path = std::env::temp_dir().join(format!("shotclock-matrix-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    file.set_len(MUCH as u64)?;
    Ok(file)
}
