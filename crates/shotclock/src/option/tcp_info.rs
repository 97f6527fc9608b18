//! What the system knows of a TCP connection, decoded.

use std::fmt;
use std::time::Duration;

/// What a number of the structure is in Rust.
macro_rules! in_rust {
    (micros32) => {
        Duration
    };
    (micros64) => {
        Duration
    };
    (millis32) => {
        Duration
    };
    ($number:ident) => {
        $number
    };
}

/// Declares [`TcpInfo`] and how it is decoded, out of one table: each field's name, number and place.
macro_rules! tcp_info {
    ($(#[$doc:meta])*
     always { $($(#[$field_doc:meta])* $field:ident: $number:ident at $place:literal;)* }
     later { $($(#[$later_doc:meta])* $later:ident: $later_number:ident at $later_place:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct TcpInfo {
            /// Which state of TCP it is in.
            pub state: TcpState,
            /// By how many bits the peer's window is shifted.
            pub snd_wscale: u8,
            /// By how many bits ours is.
            pub rcv_wscale: u8,
            /// Whether `delivery_rate` is only as high as the program sends.
            pub delivery_rate_app_limited: bool,
            $($(#[$field_doc])* pub $field: in_rust!($number),)*
            $($(#[$later_doc])* pub $later: Option<in_rust!($later_number)>,)*
            /// What the kernel told beyond these, as it is: of one that is newer than this crate.
            pub tail: Vec<u8>,
        }

        /// Every field of those bytes; `None` if one is missing that every kernel tells.
        fn decode(all: Fields<'_>) -> Option<TcpInfo> {
            // Bit fields begin at the lower end, or, of the other order of bytes, at the upper one.
            let (wscale, flags) = (all.u8(6)?, all.u8(7)?);
            let little = cfg!(target_endian = "little");
            let (lower, upper) = (wscale & 15, wscale >> 4);
            Some(TcpInfo {
                state: TcpState(all.u8(0)?),
                snd_wscale: if little { lower } else { upper },
                rcv_wscale: if little { upper } else { lower },
                delivery_rate_app_limited: flags & if little { 1 } else { 128 } != 0,
                $($field: all.$number($place)?,)*
                $($later: all.$later_number($later_place),)*
                tail: all.0.get(DECODED..).unwrap_or_default().to_vec(),
            })
        }
    };
}

tcp_info! {
    /// What the kernel knows of a TCP connection; [`Socket::tcp_info`](crate::Socket::tcp_info) asks it. Times are durations,
    /// rates bytes a second, and what an older kernel does not tell is `None`. Source: `struct tcp_info` of linux/tcp.h. Only on
    /// Linux.
    ///
    /// ```
    /// use shotclock::{TcpState, create_connection, create_server};
    /// let listener = create_server(("127.0.0.1", 0))?;
    /// let client = create_connection(listener.getsockname()?, None)?;
    /// client.sendall(b"hello")?;
    /// let info = client.tcp_info()?;
    /// assert_eq!(info.state, TcpState::ESTABLISHED);
    /// println!("{:?} a round trip, {:?} bytes sent", info.rtt, info.bytes_sent);
    /// assert_eq!(listener.tcp_info()?.unacked, 1, "one connection to accept");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    always {
        /// What congestion control is at: 0 open, 1 disorder, 2 window reduced, 3 recovery, 4 loss.
        ca_state: u8 at 1;
        /// Retransmissions of the segment at the front of the queue, one after the other.
        retransmits: u8 at 2;
        /// Probes that went out unanswered: for a window, or to keep the connection alive.
        probes: u8 at 3;
        /// How many times the timer was doubled.
        backoff: u8 at 4;
        /// The options both ends agreed on, as bits: 1 timestamps, 2 selective acknowledgements, 4 window scaling,
        /// 8 ECN, 16 ECN was seen, 32 data in the SYN.
        options: u8 at 5;
        /// The retransmission timer.
        rto: micros32 at 8;
        /// The timer for delayed acknowledgements.
        ato: micros32 at 12;
        /// Bytes of a segment sent.
        snd_mss: u32 at 16;
        /// Bytes of a segment received, by the system's guess.
        rcv_mss: u32 at 20;
        /// Segments sent and not acknowledged; on a listener, connections in the queue.
        unacked: u32 at 24;
        /// Segments acknowledged selectively; on a listener, the longest the queue may be.
        sacked: u32 at 28;
        /// Segments held to be lost.
        lost: u32 at 32;
        /// Retransmitted segments on their way.
        retrans: u32 at 36;
        /// Segments acknowledged ahead of others; 0 since Linux 4.15.
        fackets: u32 at 40;
        /// Since data was last sent.
        last_data_sent: millis32 at 44;
        /// Not counted by Linux, which says 0.
        last_ack_sent: millis32 at 48;
        /// Since data was last received.
        last_data_recv: millis32 at 52;
        /// Since an acknowledgement was last received.
        last_ack_recv: millis32 at 56;
        /// Bytes of the largest packet on the path.
        pmtu: u32 at 60;
        /// Bytes of the window that may be offered now.
        rcv_ssthresh: u32 at 64;
        /// The round trip, smoothed; zero before the first was measured.
        rtt: micros32 at 68;
        /// By how much round trips differ.
        rttvar: micros32 at 72;
        /// Segments of the congestion window at which slow start ends.
        snd_ssthresh: u32 at 76;
        /// Segments of the congestion window.
        snd_cwnd: u32 at 80;
        /// Bytes of a segment that the peer was told.
        advmss: u32 at 84;
        /// Segments that may overtake each other before one is held to be lost.
        reordering: u32 at 88;
        /// The round trip as the receiver sees it; zero if it does not.
        rcv_rtt: micros32 at 92;
        /// Bytes that the receiver's buffer is tuned to.
        rcv_space: u32 at 96;
        /// Segments retransmitted in the connection's life.
        total_retrans: u32 at 100;
    }
    later {
        /// Bytes a second at which sending is paced; all bits set for no pace.
        pacing_rate: u64 at 104;
        /// The most of it, as `SocketOption::MAX_PACING_RATE` sets it.
        max_pacing_rate: u64 at 112;
        /// Bytes acknowledged by the peer.
        bytes_acked: u64 at 120;
        /// Bytes received in order, and acknowledged.
        bytes_received: u64 at 128;
        /// Segments sent.
        segs_out: u32 at 136;
        /// Segments received.
        segs_in: u32 at 140;
        /// Bytes in the send buffer that did not go out yet.
        notsent_bytes: u32 at 144;
        /// The shortest round trip of late.
        min_rtt: micros32 at 148;
        /// Segments received that had data.
        data_segs_in: u32 at 152;
        /// Segments sent that had data.
        data_segs_out: u32 at 156;
        /// Bytes a second that arrived of late.
        delivery_rate: u64 at 160;
        /// How long there was data to send.
        busy_time: micros64 at 168;
        /// How long of that the peer's window was too small.
        rwnd_limited: micros64 at 176;
        /// How long of that the send buffer was too small.
        sndbuf_limited: micros64 at 184;
        /// Segments that arrived.
        delivered: u32 at 192;
        /// Segments of those that met congestion on their way.
        delivered_ce: u32 at 196;
        /// Bytes sent, again ones too.
        bytes_sent: u64 at 200;
        /// Bytes sent again.
        bytes_retrans: u64 at 208;
        /// Segments that the peer said to have twice.
        dsack_dups: u32 at 216;
        /// How often segments were seen to overtake each other.
        reord_seen: u32 at 220;
        /// Segments received out of order.
        rcv_ooopack: u32 at 224;
        /// Bytes of the window that the peer offers.
        snd_wnd: u32 at 228;
        /// Bytes of the window that is offered to the peer.
        rcv_wnd: u32 at 232;
        /// How often another path was looked for.
        rehash: u32 at 236;
        /// How often the retransmission timer ran out.
        total_rto: u16 at 240;
        /// How often the connection recovered from that.
        total_rto_recoveries: u16 at 242;
        /// How long it was recovering from it.
        total_rto_time: millis32 at 244;
    }
}

/// How many bytes are decoded here.
const DECODED: usize = 248;

impl TcpInfo {
    /// How many bytes are asked for: more than any kernel tells today.
    pub(crate) const ROOM: usize = 1024;

    /// What these bytes say, which getsockopt(2) or sock_diag(7) gave; `None` for fewer than 104, which every kernel gives.
    ///
    /// ```
    /// use shotclock::{TcpInfo, TcpState};
    /// let mut bytes = [0; 104];
    /// bytes[0] = 10;
    /// let info = TcpInfo::from_bytes(&bytes).unwrap();
    /// assert_eq!((info.state, info.pacing_rate), (TcpState::LISTEN, None));
    /// assert_eq!(TcpInfo::from_bytes(&bytes[1..]), None);
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(Fields(bytes))
    }
}

/// Numbers at their places.
#[derive(Clone, Copy)]
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn at<const N: usize>(self, place: usize) -> Option<[u8; N]> {
        self.0.get(place..place + N)?.try_into().ok()
    }

    fn u8(self, place: usize) -> Option<u8> {
        self.0.get(place).copied()
    }

    fn u16(self, place: usize) -> Option<u16> {
        self.at(place).map(u16::from_ne_bytes)
    }

    fn u32(self, place: usize) -> Option<u32> {
        self.at(place).map(u32::from_ne_bytes)
    }

    fn u64(self, place: usize) -> Option<u64> {
        self.at(place).map(u64::from_ne_bytes)
    }

    fn micros32(self, place: usize) -> Option<Duration> {
        self.u32(place).map(|time| Duration::from_micros(time.into()))
    }

    fn micros64(self, place: usize) -> Option<Duration> {
        self.u64(place).map(Duration::from_micros)
    }

    fn millis32(self, place: usize) -> Option<Duration> {
        self.u32(place).map(|time| Duration::from_millis(time.into()))
    }
}

/// A state of TCP. Source: RFC 9293, 3.3.2; the numbers are those of net/tcp_states.h of Linux. Only on Linux.
///
/// ```
/// use shotclock::TcpState;
/// assert_eq!(format!("{:?} {:?}", TcpState::CLOSE_WAIT, TcpState(77)), "CLOSE_WAIT TcpState(77)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpState(pub u8);

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl TcpState {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }

        impl fmt::Debug for TcpState {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    other => write!(f, "TcpState({other})"),
                }
            }
        }
    };
}

states! {
    /// Connected.
    ESTABLISHED = 1;
    /// Asked for a connection.
    SYN_SENT = 2;
    /// Was asked for one.
    SYN_RECV = 3;
    /// Has ended its data; that is not acknowledged yet.
    FIN_WAIT1 = 4;
    /// Has ended its data; the peer has not.
    FIN_WAIT2 = 5;
    /// Over, and waiting until nothing of it is on its way any more.
    TIME_WAIT = 6;
    /// Not connected.
    CLOSE = 7;
    /// The peer has ended its data.
    CLOSE_WAIT = 8;
    /// Both have, and the last acknowledgement is not there yet.
    LAST_ACK = 9;
    /// Waits for connections.
    LISTEN = 10;
    /// Both have ended their data at once.
    CLOSING = 11;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_tells_less_and_a_newer_one_more() {
        let bytes: Vec<u8> = (0..=255).chain(0..=9).collect();
        let at = |place: usize| u32::from_ne_bytes(bytes[place..place + 4].try_into().unwrap());
        let old = TcpInfo::from_bytes(&bytes[..150]).unwrap();
        assert_eq!((old.rtt, old.total_retrans), (Duration::from_micros(at(68).into()), at(100)));
        assert_eq!((old.notsent_bytes, old.min_rtt, &old.tail[..]), (Some(at(144)), None, &[][..]));
        let new = TcpInfo::from_bytes(&bytes).unwrap();
        assert_eq!(new.total_rto_time, Some(Duration::from_millis(at(244).into())));
        assert_eq!(new.tail, bytes[248..]);
        #[cfg(target_endian = "little")]
        assert_eq!((new.snd_wscale, new.rcv_wscale, new.delivery_rate_app_limited), (6, 0, true));
        for short in 0..104 {
            assert_eq!(TcpInfo::from_bytes(&bytes[..short]), None, "{short}");
        }
    }
}
