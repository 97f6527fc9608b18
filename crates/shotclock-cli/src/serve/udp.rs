//! The UDP echo server: each datagram goes back as it came, if the guard lets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shotclock::{
    Address, ControlMessage, Datagram, Error, Family, Outgoing, RecvBatch, Result, Socket, SocketOption, cmsg_space,
};

use super::event::Event;
use super::guard::{Guard, Verdict};
use super::terms::Terms;
use crate::output;

/// So many messages are received at once, each of which may be many datagrams.
const PLACES: usize = 16;
/// How long datagrams may wait for room in the send buffer; later they are dropped, as the network would.
const ROOM: Duration = Duration::from_millis(100);
/// When receiving fails for want of something: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What is to be sent back.
struct Answer<'b> {
    data: &'b [u8],
    to: Address,
    hops: Option<u8>,
}

pub(super) struct UdpServer {
    socket: Socket,
    hops: HopNumbers,
    guard: Guard,
    terms: Arc<Terms>,
}

impl UdpServer {
    /// `ports`: those on which servers of ours answer.
    pub(super) fn new(socket: Socket, ports: impl Iterator<Item = u16>, terms: Arc<Terms>) -> Result<Self> {
        let hops = HopNumbers::of(socket.family()?);
        // On Windows there are no control messages that could tell: a loop of servers is only slowed down there.
        if cfg!(not(windows)) {
            socket.setsockopt(SocketOption::<bool>::new(hops.level, hops.receive), true)?;
        }
        let guard = Guard::new(ports, terms.most_answers);
        Ok(Self { socket, hops, guard, terms })
    }

    /// Answers until the end is called for.
    pub(super) fn run(&mut self) -> Result<()> {
        // Datagrams of one length that come together are one message, where the system joins them.
        let mut batch = RecvBatch::joining(PLACES)?.with_ancillary(cmsg_space(size_of::<i32>())?);
        loop {
            match self.socket.cancelled_by(&self.terms.stop).recv_batch(&mut batch) {
                Ok(_) => self.answer_all(&batch),
                Err(error) if error.is_cancelled() => return Ok(()),
                Err(error) if error.is_closed() => return Err(error),
                Err(error) => self.say_and_pause(&error)?,
            }
        }
    }

    /// Answers in the order in which they came; what has as many hops left goes together.
    fn answer_all(&mut self, batch: &RecvBatch) {
        let answers: Vec<Answer<'_>> = batch.iter().filter_map(|datagram| self.judge(&datagram)).collect();
        answers.chunk_by(|one, other| one.hops == other.hops).for_each(|answers| self.send(answers));
    }

    fn judge<'b>(&mut self, datagram: &Datagram<'b>) -> Option<Answer<'b>> {
        let from = datagram.address()?;
        let data = datagram.data();
        match self.guard.judge(from.as_inet()?, hops_of(datagram.ancillary()), data, Instant::now()) {
            Verdict::Answer { hops } => {
                self.tell(&Event::Datagram { from, bytes: data.len() });
                return Some(Answer { data, to: from, hops });
            }
            Verdict::Refuse { reason, tell: true } => {
                self.tell(&Event::NotAnswered { from, reason: reason.to_string() });
            }
            Verdict::Refuse { .. } => {}
        }
        None
    }

    /// Sends answers that have as many hops left. One that cannot be sent is told of, and those after it are sent.
    fn send(&self, answers: &[Answer<'_>]) {
        let all: Vec<_> = answers.iter().map(|answer| Outgoing::to(answer.data, &answer.to)).collect();
        let ancillary = answers.first().and_then(|answer| answer.hops).map(self.hops.message);
        let (in_time, mut sent) = (self.socket.within(ROOM), 0);
        while let Some(rest) = all.get(sent..).filter(|rest| !rest.is_empty()) {
            let Err(error) = in_time.send_batch_with(rest, ancillary.as_slice()) else { return };
            sent += error.datagrams_moved();
            if let Some(answer) = answers.get(sent) {
                self.tell(&Event::NotAnswered { from: answer.to, reason: error.to_string() });
            }
            sent += 1;
        }
    }

    /// Says what went wrong, and leaves it time to pass; `stop` ends that.
    fn say_and_pause(&self, error: &Error) -> Result<()> {
        output::say(format_args!("udp: {error}"));
        match self.terms.stop.pause(LOOK_AGAIN) {
            Err(error) if !error.is_cancelled() => Err(error),
            _ => Ok(()),
        }
    }

    fn tell(&self, event: &Event<'_>) {
        self.terms.talk.tell(event);
    }
}

/// How "so many hops to live" is asked for and said, by family. Source: ip(7), ipv6(7).
#[derive(Clone, Copy)]
struct HopNumbers {
    level: i32,
    /// The option that asks for it with each datagram.
    receive: i32,
    /// The message that says it.
    message: fn(u8) -> ControlMessage,
}

impl HopNumbers {
    /// IPPROTO_IP, IP_RECVTTL.
    const V4: Self = Self { level: 0, receive: 12, message: ControlMessage::Ttl };
    /// IPPROTO_IPV6, IPV6_RECVHOPLIMIT.
    const V6: Self = Self { level: 41, receive: 51, message: ControlMessage::HopLimit };

    fn of(family: Family) -> Self {
        if family == Family::INET6 { Self::V6 } else { Self::V4 }
    }
}

fn hops_of(ancillary: &[ControlMessage]) -> Option<u8> {
    ancillary.iter().find_map(|message| match message {
        ControlMessage::Ttl(hops) | ControlMessage::HopLimit(hops) => Some(*hops),
        _ => None,
    })
}
