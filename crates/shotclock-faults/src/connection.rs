//! One TCP connection, and what befalls it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shotclock::{Deadline, Error, MessageFlags, Result, Shutdown, Socket, SocketOption, Timeout};

use crate::event::{Event, EventKind};
use crate::exchange::{End, Exchange, Goal, Traffic};
use crate::fault::StreamFault;
use crate::garbage::Garbage;
use crate::terms::Terms;
use crate::tls;

pub(crate) struct Connection {
    pub(crate) socket: Socket,
    client: SocketAddr,
    number: u64,
    pub(crate) terms: Arc<Terms>,
    pub(crate) traffic: Traffic,
}

impl Connection {
    pub(crate) fn new(socket: Socket, client: SocketAddr, number: u64, terms: Arc<Terms>) -> Self {
        // The process's default is for the sockets of the program that is tested.
        socket.set_timeout(Timeout::NEVER);
        Self { socket, client, number, terms, traffic: Traffic::default() }
    }

    /// Serves the client to its end, as `serve` does it, and tells of both ends.
    pub(crate) fn run(mut self, serve: impl FnOnce(&mut Self) -> Result<()>) {
        self.tell(EventKind::Opened);
        let ended = self.socket.setsockopt(SocketOption::NODELAY, true).and_then(|()| serve(&mut self));
        let mut event = self.event(EventKind::Closed);
        event.error = ended.err().filter(|error| !error.is_cancelled()).map(|error| error.to_string());
        let Self { socket, terms, .. } = self;
        // Whoever hears of the end may count on it.
        drop(socket);
        terms.tell(event);
    }

    /// What befalls the client by a stream fault, if one does.
    pub(crate) fn misbehave(&mut self, fault: StreamFault) -> Result<()> {
        let terms = Arc::clone(&self.terms);
        let content = &*terms.content;
        let begin = |after: usize| &content[..after.min(content.len())];
        if terms.when_asked {
            self.wait_to_be_asked()?;
        }
        if !self.is_befallen() {
            self.send(content)?;
            return self.end();
        }
        match fault {
            StreamFault::Silent => self.stall(),
            StreamFault::Drip { interval } => self.drip(content, interval),
            StreamFault::Sip { interval } => self.sip(interval),
            StreamFault::Stall { after } => self.send(begin(after)).and_then(|()| self.stall()),
            StreamFault::Reset { after } => self.send(begin(after)).and_then(|()| self.reset()),
            StreamFault::HalfClose { after } => self.send(begin(after)).and_then(|()| self.half_close()),
            StreamFault::NeverRead => self.never_read(),
            StreamFault::Garbage { after } => self.garbage(content, after),
            StreamFault::Flood => self.flood(content),
            StreamFault::TlsStall { after } => self.stall_handshake(after),
        }
    }

    /// Whether it is one of those that the fault befalls.
    pub(crate) fn is_befallen(&self) -> bool {
        self.terms.selection.befalls(self.number)
    }

    /// Sends nothing more, and reads on until the connection is no more. A client that has ended its data may still
    /// wait for ours, so that is no reason to go.
    pub(crate) fn stall(&mut self) -> Result<()> {
        self.tell(EventKind::Stalled);
        self.exchange(&[], Goal::Never, true, Deadline::NEVER)
    }

    pub(crate) fn send(&mut self, data: &[u8]) -> Result<()> {
        self.exchange(data, Goal::Sent, true, Deadline::NEVER)
    }

    /// Ends our data, and reads on until the client ends its own.
    fn end(&mut self) -> Result<()> {
        self.socket.shutdown(Shutdown::WRITE)?;
        self.exchange(&[], Goal::ClientEnds, true, Deadline::NEVER)
    }

    /// Until the client has sent something, or ended its data. Nothing is read: how that is done is the fault's own.
    pub(crate) fn wait_to_be_asked(&self) -> Result<()> {
        let socket = self.socket.cancelled_by(&self.terms.stop);
        socket.with_flags(MessageFlags::PEEK).recv_into(&mut [0]).map(drop)
    }

    fn drip(&mut self, content: &[u8], interval: Duration) -> Result<()> {
        for byte in content.chunks(1) {
            self.send(byte)?;
            self.tell(EventKind::Dripped);
            match self.exchange(&[], Goal::Never, true, Deadline::after(interval)) {
                Err(error) if error.is_timeout() => {}
                // It broke before its time.
                ended => return ended,
            }
        }
        self.end()
    }

    fn sip(&mut self, interval: Duration) -> Result<()> {
        while self.socket.cancelled_by(&self.terms.stop).recv_into(&mut [0])? > 0 {
            self.traffic.received += 1;
            self.tell(EventKind::Sipped);
            if self.traffic.received >= self.terms.most_bytes {
                return Err(self.exhausted());
            }
            self.terms.pause(interval)?;
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        self.terms.wait_for_acknowledgement(&self.socket)?;
        self.socket.setsockopt(SocketOption::LINGER, Some(Duration::ZERO))?;
        self.socket.close()?;
        self.tell(EventKind::Reset);
        Ok(())
    }

    fn half_close(&mut self) -> Result<()> {
        self.socket.shutdown(Shutdown::WRITE)?;
        self.tell(EventKind::HalfClosed);
        self.exchange(&[], Goal::ClientEnds, true, Deadline::NEVER)
    }

    fn never_read(&mut self) -> Result<()> {
        self.tell(EventKind::Stalled);
        self.exchange(&[], Goal::Never, false, Deadline::NEVER)
    }

    fn garbage(&mut self, content: &[u8], after: usize) -> Result<()> {
        let mut data = content.to_vec();
        let right = after.min(data.len());
        Garbage::new(self.terms.seed).fill(&mut data[right..]);
        self.send(&data[..right])?;
        self.tell(EventKind::Garbled);
        self.send(&data[right..])?;
        self.end()
    }

    fn flood(&mut self, content: &[u8]) -> Result<()> {
        // It ends by the bound on bytes.
        while !content.is_empty() {
            self.send(content)?;
        }
        self.stall()
    }

    fn stall_handshake(&mut self, after: usize) -> Result<()> {
        let mut header = [0; tls::HEADER];
        self.receive_exact(&mut header)?;
        if let Some(length) = tls::handshake_length(header) {
            self.receive_exact(&mut vec![0; length])?;
            self.tell(EventKind::ClientHello);
            let hello = tls::server_hello(self.terms.seed);
            self.send(&hello[..after.min(hello.len() - 1)])?;
        }
        self.stall()
    }

    pub(crate) fn receive_exact(&mut self, into: &mut [u8]) -> Result<()> {
        let received = self.socket.cancelled_by(&self.terms.stop).recv_exact(into);
        self.traffic.received += received.as_ref().map_or_else(Error::bytes_moved, |()| into.len() as u64);
        received
    }

    /// The same; whether the client ended its data instead.
    pub(crate) fn receive_exact_or_end(&mut self, into: &mut [u8]) -> Result<bool> {
        match self.receive_exact(into) {
            Err(error) if error.bytes_moved() == 0 && error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            received => received.map(|()| false),
        }
    }

    /// Sends `data` and reads at once; no later than `until`.
    fn exchange(&mut self, data: &[u8], goal: Goal, reads: bool, until: Deadline) -> Result<()> {
        let most = self.terms.most_bytes;
        let (socket, traffic) = (self.socket.until(until).cancelled_by(&self.terms.stop), &mut self.traffic);
        match (Exchange { socket, unsent: data, goal, reads, traffic, most }).run()? {
            End::Reached => Ok(()),
            End::Exhausted => Err(self.exhausted()),
        }
    }

    fn exhausted(&self) -> Error {
        self.terms.exhausted()
    }

    pub(crate) fn client(&self) -> SocketAddr {
        self.client
    }

    pub(crate) fn tell(&self, kind: EventKind) {
        self.terms.tell(self.event(kind));
    }

    pub(crate) fn event(&self, kind: EventKind) -> Event {
        let Traffic { sent, received, .. } = self.traffic;
        Event { sent, received, ..Event::new(kind, self.number, Some(self.client)) }
    }
}
