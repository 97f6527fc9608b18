//! A server that takes mail by a few commands of SMTP, and a client that sends one.
//!
//! `cargo run --example mail serve LISTEN`, and in another terminal
//! `echo hello | cargo run --example mail send SERVER`
//!
//! A client of the server has 2 s for each command, 5 s for its mail and 10 s for its session, and whoever is too slow is
//! told so. Four are served at a time, others wait in the queue. When standard input ends, the server tells those it has
//! that it closes, and is gone. The client has 10 s for everything, the lookup of the server's name included.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use shotclock::{
    Canceller, Error, LimitKind, Result, ServerPolicy, Socket, SocketFile, create_connection, create_server, shield,
    with_canceller, with_deadline,
};

const CLIENTS: usize = 4;
const COMMAND: Duration = Duration::from_secs(2);
const MAIL: Duration = Duration::from_secs(5);
const SESSION: Duration = Duration::from_secs(10);
const LAST_WORD: Duration = Duration::from_millis(200);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", listen] => serve(listen),
        ["send", server] => {
            let text = io::read_to_string(io::stdin())?;
            with_deadline(SESSION, || send(server, &text))
        }
        _ => panic!("expected serve LISTEN or send SERVER"),
    }
}

fn serve(listen: &str) -> Result<()> {
    let listener = create_server(listen)?;
    listener.set_policy(ServerPolicy::new().total(SESSION));
    eprintln!("listening on {}", listener.getsockname()?);
    let stop = Canceller::new();
    thread::scope(|threads| {
        for _ in 0..CLIENTS {
            threads.spawn(|| {
                for accepted in listener.cancelled_by(&stop).incoming() {
                    match accepted.and_then(|(client, _)| with_canceller(&stop, || session(&client))) {
                        Ok(mails) => println!("{mails} taken"),
                        Err(error) => println!("{error}"),
                    }
                }
            });
        }
        let _until_its_end = io::copy(&mut io::stdin(), &mut io::sink());
        stop.cancel();
    });
    Ok(())
}

fn session(client: &Socket) -> Result<usize> {
    commands(&mut client.makefile()?).inspect_err(|error| {
        let why = match error.limit() {
            _ if error.is_cancelled() => "closing",
            Some(LimitKind::Total(_)) => "this session took too long",
            Some(LimitKind::SocketTimeout(_)) => "too slow",
            _ => return,
        };
        // What has ended the session is not to end this too. A client that does not read it has had its chance.
        let client = client.without_policy().within(LAST_WORD);
        let _ = shield(|| client.sendall(format!("421 {why}\r\n").as_bytes()));
    })
}

fn commands(file: &mut SocketFile<&Socket>) -> Result<usize> {
    let mut mails = 0;
    say(file, "220 ready")?;
    loop {
        file.get_ref().set_timeout(COMMAND);
        let line = file.readline()?;
        match line.trim_ascii_end() {
            b"QUIT" => {
                say(file, "221 goodbye")?;
                return Ok(mails);
            }
            b"DATA" => {
                say(file, "354 go on, up to a dot")?;
                file.get_ref().set_timeout(MAIL);
                let mail = file.take_whole(mail)?; // under one limit, however many lines it has
                mails += 1;
                say(file, &format!("250 {} bytes taken", mail.len()))?;
            }
            _ if line.is_empty() => return Ok(mails), // the client has gone without a word
            helo if helo.starts_with(b"HELO ") => say(file, "250 hello")?,
            other => say(file, &format!("500 what is {}?", other.escape_ascii()))?,
        }
    }
}

/// The lines up to a dot by itself.
fn mail(file: &mut SocketFile<&Socket>) -> Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        match &file.readline()?[..] {
            b"" => return Err(Error::other("mail", io::ErrorKind::UnexpectedEof.into())),
            b".\r\n" => return Ok(mail),
            line => mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line)),
        }
    }
}

fn say(file: &mut SocketFile<&Socket>, text: &str) -> Result<()> {
    write!(file, "{text}\r\n")?;
    Ok(file.flush()?)
}

fn send(server: &str, text: &str) -> Result<()> {
    let server = create_connection(server, None)?;
    let mut file = server.makefile()?;
    reply(&mut file, "220")?;
    for (command, code) in [("HELO localhost", "250"), ("DATA", "354")] {
        say(&mut file, command)?;
        reply(&mut file, code)?;
    }
    for line in text.lines() {
        let dot = if line.starts_with('.') { "." } else { "" };
        write!(file, "{dot}{line}\r\n")?;
    }
    for (command, code) in [(".", "250"), ("QUIT", "221")] {
        say(&mut file, command)?;
        println!("{}", reply(&mut file, code)?);
    }
    Ok(())
}

fn reply(file: &mut SocketFile<&Socket>, code: &str) -> Result<String> {
    let reply = String::from_utf8_lossy(&file.readline()?).trim_end().to_owned();
    if reply.starts_with(code) {
        return Ok(reply);
    }
    Err(Error::other("reply", io::Error::other(format!("{reply:?}: expected {code}"))))
}
