//! The servers: started, and ended in order.

use std::sync::Arc;
use std::thread::JoinHandle;

use shotclock::{Deadline, Error};

use super::bind::Sockets;
use super::event::Event;
use super::roster::Roster;
use super::tcp::TcpServer;
use super::terms::{CUT_OFF, GRACE, Terms};
use super::udp::UdpServer;
use crate::failure::Failure;
use crate::thread;

/// Servers that run, each in a thread.
pub(crate) struct Servers {
    threads: Vec<JoinHandle<Result<(), Error>>>,
    roster: Arc<Roster>,
    terms: Arc<Terms>,
}

impl Servers {
    /// Lets servers answer on the sockets.
    pub(crate) fn start(sockets: Sockets, terms: &Arc<Terms>) -> Result<Self, Failure> {
        let roster = Arc::new(Roster::new()?);
        let mut servers = Self { threads: Vec::new(), roster: Arc::clone(&roster), terms: Arc::clone(terms) };
        let addresses = sockets.addresses()?;
        for (protocol, address) in &addresses {
            terms.talk.tell(&Event::Listening { protocol, address: *address });
        }
        if let Some(listener) = sockets.stream {
            listener.socket.set_policy(terms.policy);
            let mut server = TcpServer::new(listener, roster, Arc::clone(terms));
            servers.spawn("tcp", move || server.run())?;
        }
        if let Some(socket) = sockets.udp {
            let ports = addresses.iter().filter_map(|(_, address)| address.port());
            let mut server = UdpServer::new(socket, ports, Arc::clone(terms))?;
            servers.spawn("udp", move || server.run())?;
        }
        Ok(servers)
    }

    /// A server that fails ends the others too.
    fn spawn<F>(&mut self, name: &'static str, server: F) -> Result<(), Failure>
    where
        F: FnOnce() -> Result<(), Error> + Send + 'static,
    {
        let terms = Arc::clone(&self.terms);
        let run = move || {
            let ended = server();
            terms.stop.cancel();
            ended
        };
        self.threads.push(thread::start(name, run)?);
        Ok(())
    }

    /// Runs until something calls for the end, then lets the clients leave.
    pub(crate) fn wait(self) -> Result<(), Failure> {
        let mut ended = Ok(());
        for thread in self.threads {
            let one = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended = ended.and(one);
        }
        let Terms { talk, abort, .. } = &*self.terms;
        talk.tell(&Event::Stopping { connections: self.roster.open() });
        self.roster.wait_until_empty(Deadline::after(GRACE));
        let cut_off = self.roster.open();
        abort.cancel();
        self.roster.wait_until_empty(Deadline::after(CUT_OFF));
        talk.tell(&Event::Stopped { cut_off });
        Ok(ended?)
    }

    /// Calls for the end, and waits for it.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.terms.stop.cancel();
        self.wait()
    }
}
