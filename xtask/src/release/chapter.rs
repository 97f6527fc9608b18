//! The four chapter programs, started as a user would: each client against its server, on a port of the system's choice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{Failure, run};

/// For a client, in seconds; only a hang should meet it.
const LIMIT: u32 = 60;

/// Runs both pairs; `program` makes the command of one by its name.
pub(crate) fn run(program: impl Fn(&str) -> Command) -> Result<(), Failure> {
    for kind in ["tcp", "udp"] {
        let mut server = Server::start(program(&format!("echo_{kind}_server")))?;
        let port = server.port()?;
        let mut client = program(&format!("echo_{kind}_client"));
        let said = run::tee(&mut run::bounded(LIMIT, client.args(["127.0.0.1", &port])))?;
        let echoed = said.lines.iter().filter(|line| line.starts_with("Received: ")).count();
        if !said.success || echoed != 3 {
            return Err(format!("echo_{kind}_client: {echoed} lines came back, of 3").into());
        }
    }
    Ok(())
}

/// A server that is ended with this value.
struct Server(Child);

impl Server {
    fn start(mut command: Command) -> Result<Self, Failure> {
        command.args(["127.0.0.1", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// The port that it says it listens on, in its first line.
    fn port(&mut self) -> Result<String, Failure> {
        let talk = self.0.stderr.take().ok_or("no talk")?;
        let mut line = String::new();
        BufReader::new(talk).read_line(&mut line)?;
        let port = line.trim_end().strip_prefix("listening on 127.0.0.1:");
        Ok(port.ok_or_else(|| format!("a server said {line:?}"))?.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself, or it ends now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
