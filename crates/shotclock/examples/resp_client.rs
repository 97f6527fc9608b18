//! Sends one command to a server that speaks Redis' protocol (RESP), and shows its reply.
//!
//! `cargo run --example resp_client HOST:PORT COMMAND [ARGUMENT..]`, say `localhost:6379 KEYS *`
//!
//! A reply has a second to come whole. One that does not is waited for five times: what had come of it is not lost, and
//! `take_whole` begins again at the reply's beginning, so that the second element of a late array is never taken for a
//! reply.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use shotclock::{Error, Result, Socket, SocketFile, create_connection};

#[derive(Debug)]
#[allow(dead_code, reason = "they are for show")]
enum Reply {
    Text(String),
    Error(String),
    Number(i64),
    Bytes(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (server, command) = words.split_first().expect("expected HOST:PORT COMMAND");
    let mut file = SocketFile::new(create_connection(server, Duration::from_secs(1))?)?;
    write!(file, "*{}\r\n", command.len())?;
    for word in command {
        write!(file, "${}\r\n{word}\r\n", word.len())?;
    }
    file.flush()?;
    let mut taken = file.take_whole(reply);
    for _ in 0..4 {
        if taken.as_ref().is_err_and(Error::is_timeout) {
            taken = file.take_whole(reply);
        }
    }
    println!("{:?}", taken?);
    Ok(())
}

fn reply(file: &mut SocketFile<Socket>) -> Result<Reply> {
    let line = String::from_utf8(file.readline()?).map_err(io::Error::other)?;
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or(io::Error::from(ErrorKind::UnexpectedEof))?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" if number()? < 0 => Reply::Bytes(None),
        "$" => {
            let mut bytes = vec![0; usize::try_from(number()?).unwrap_or(0) + 2];
            file.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bytes(Some(bytes))
        }
        "*" => Reply::Array((0..number()?).map(|_| reply(file)).collect::<Result<_>>()?),
        _ => return Err(io::Error::other(format!("{line:?} is no reply")).into()),
    })
}
