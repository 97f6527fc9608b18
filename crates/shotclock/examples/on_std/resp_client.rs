//! The client on std alone, without any limit: what `examples/resp_client.rs` is measured by.
#![allow(clippy::disallowed_methods, reason = "std's own calls are what this is about")]

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::TcpStream;

#[derive(Debug)]
#[allow(dead_code, reason = "they are for show")]
enum Reply {
    Text(String),
    Error(String),
    Number(i64),
    Bytes(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (server, command) = words.split_first().expect("expected HOST:PORT COMMAND");
    let stream = TcpStream::connect(server)?;
    let mut writer = BufWriter::new(&stream);
    write!(writer, "*{}\r\n", command.len())?;
    for word in command {
        write!(writer, "${}\r\n{word}\r\n", word.len())?;
    }
    writer.flush()?;
    println!("{:?}", reply(&mut BufReader::new(&stream))?);
    Ok(())
}

fn reply(reader: &mut BufReader<&TcpStream>) -> io::Result<Reply> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or(io::Error::from(ErrorKind::UnexpectedEof))?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" if number()? < 0 => Reply::Bytes(None),
        "$" => {
            let mut bytes = vec![0; usize::try_from(number()?).unwrap_or(0) + 2];
            reader.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bytes(Some(bytes))
        }
        "*" => Reply::Array((0..number()?).map(|_| reply(reader)).collect::<io::Result<_>>()?),
        _ => return Err(io::Error::other(format!("{line:?} is no reply"))),
    })
}
