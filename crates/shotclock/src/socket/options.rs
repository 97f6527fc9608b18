//! Options of a socket: typed ones, any other by its bytes, programs of the packet filter, what is known of a connection.

use smallvec::{SmallVec, smallvec};

use super::Socket;
use super::beside::Beside;
use crate::constant::Protocol;
#[cfg(target_os = "linux")]
use crate::error::Error;
use crate::error::Result;
#[cfg(target_os = "linux")]
use crate::option::{FilterInstruction, TcpInfo};
use crate::option::{OptionValue, ROOM_FOR_MORE, SocketOption, decode, refuse};
use crate::sys::{Errno, socket};

/// Room for the value of an option, of which most are numbers.
type Bytes = SmallVec<[u8; 32]>;

/// # Options
impl Socket {
    /// An option's value. Source: getsockopt(2).
    ///
    /// # Errors
    /// The system's, such as an option the socket does not have; `InvalidInput` for a value that is no `T`, by an error that
    /// names the option and how many bytes it has.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, SocketOption};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// assert_eq!(socket.getsockopt(SocketOption::ERROR)?, 0);
    /// // SO_TYPE has four bytes, and not eight.
    /// let error = socket.getsockopt(SocketOption::<Option<std::time::Duration>>::new(1, 3)).unwrap_err();
    /// assert_eq!(error.to_string(), "getsockopt option 3 of level 1: the value has 4 bytes: expected 8");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn getsockopt<T: OptionValue>(&self, option: SocketOption<T>) -> Result<T> {
        let ask = |size: usize| {
            let mut bytes: Bytes = smallvec![0; size];
            let asked = self.checked("getsockopt", |fd| socket::getsockopt(fd, option.level, option.name, &mut bytes));
            asked.map(|len| {
                bytes.truncate(len);
                bytes
            })
        };
        // Windows refuses room that is too small, and Wine may leave the room's length as that of the value.
        let room = if cfg!(windows) { T::SIZE } else { T::SIZE + ROOM_FOR_MORE };
        let bytes = match ask(room) {
            // A few options want to be asked for exactly what they have.
            Err(error) if error.errno() == Some(Errno::INVAL) => ask(T::SIZE),
            asked => asked,
        };
        decode(option, &bytes.map_err(|error| error.to(option))?)
    }

    /// Sets an option. Source: setsockopt(2).
    ///
    /// # Errors
    /// The system's, such as an option the socket does not have; `InvalidInput` for text that the system would cut. The error
    /// names the option and the value.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, SocketOption};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.setsockopt(SocketOption::NODELAY, true)?;
    /// let error = socket.setsockopt(SocketOption::TTL, 256).unwrap_err();
    /// assert!(error.to_string().starts_with("setsockopt IP_TTL (option 2 of level 0) to 256: "), "{error}");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[allow(clippy::needless_pass_by_value, reason = "values are small, and written in place")]
    pub fn setsockopt<T: OptionValue>(&self, option: SocketOption<T>, value: T) -> Result<()> {
        let bytes = value.encode();
        refuse(option, &value, bytes.len())?;
        self.note_option_of(option.level);
        let set = self.checked("setsockopt", |fd| socket::setsockopt(fd, option.level, option.name, &bytes));
        set.map_err(|error| error.to(format_args!("{option} to {value:.100?}")))
    }

    /// An option's bytes, into `value`; gives how many there were. What `value` held before is not shown to the system:
    /// the few options that read it (SCTP's, TCP_ZEROCOPY_RECEIVE, which takes addresses) cannot be asked this way.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// let mut kind = [0; 4];
    /// assert_eq!(socket.getsockopt_bytes(1, 3, &mut kind)?, 4); // SOL_SOCKET, SO_TYPE
    /// assert_eq!(i32::from_ne_bytes(kind), Kind::STREAM.0);
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn getsockopt_bytes(&self, level: i32, name: i32, value: &mut [u8]) -> Result<usize> {
        value.fill(0);
        let result = self.checked("getsockopt", |fd| socket::getsockopt(fd, level, name, value));
        result.map_err(|error| error.to(format_args!("option {name} of level {level}")))
    }

    /// Sets an option to these bytes. Where the bytes hold an address in memory (packet filters), the system reads that
    /// memory: what is there is up to you.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// let socket = Socket::new(Family::INET, Kind::STREAM)?;
    /// socket.setsockopt_bytes(1, 2, &1_i32.to_ne_bytes())?; // SOL_SOCKET, SO_REUSEADDR
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    pub fn setsockopt_bytes(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.note_option_of(level);
        let set = self.checked("setsockopt", |fd| socket::setsockopt(fd, level, name, value));
        set.map_err(|error| error.to(format_args!("option {name} of level {level} to {} bytes", value.len())))
    }

    /// Batches rely on what UDP's options are. It is noted first, so that nobody relies on what is about to change.
    fn note_option_of(&self, level: i32) {
        if level == Protocol::UDP.0 {
            self.beside.get_or_init(Box::default).note(Beside::SETS_OPTIONS);
        }
    }

    /// What the system knows of a TCP connection, or of a listener and its queue. Source: tcp(7), `TCP_INFO`. Only on Linux.
    ///
    /// # Errors
    /// EOPNOTSUPP if the socket is no TCP; the socket is closed.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket, TcpState};
    /// assert_eq!(Socket::new(Family::INET, Kind::STREAM)?.tcp_info()?.state, TcpState::CLOSE);
    /// assert!(Socket::new(Family::UNIX, Kind::STREAM)?.tcp_info().is_err());
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[doc(alias = "TCP_INFO")]
    pub fn tcp_info(&self) -> Result<TcpInfo> {
        const TCP_INFO: SocketOption<()> = SocketOption::TCP_INFO;
        let mut bytes = [0; TcpInfo::ROOM];
        let len = self.checked("tcp_info", |fd| socket::getsockopt(fd, TCP_INFO.level, TCP_INFO.name, &mut bytes))?;
        TcpInfo::from_bytes(&bytes[..len])
            .ok_or_else(|| Error::invalid("tcp_info", format!("TCP_INFO has {len} bytes: expected 104 or more")))
    }

    /// Has a program decide which packets the socket receives, and how much of each; in the place of any before. Source:
    /// socket(7), `SO_ATTACH_FILTER`. Only on Linux.
    ///
    /// # Errors
    /// EINVAL for a program that the kernel does not accept, EPERM after [`SocketOption::LOCK_FILTER`]; `InvalidInput` for one
    /// of no instructions or of more than 4096.
    ///
    /// ```
    /// use shotclock::{Family, FilterInstruction, Kind, socketpair};
    /// let (one, other) = socketpair(Family::UNIX, Kind::DGRAM)?;
    /// // BPF_RET | BPF_K: three bytes of each.
    /// other.attach_filter(&[FilterInstruction::new(0x06, 3)])?;
    /// one.send(b"hello")?;
    /// assert_eq!(other.recv(100)?, b"hel");
    /// other.detach_filter()?;
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[doc(alias = "SO_ATTACH_FILTER")]
    pub fn attach_filter(&self, program: &[FilterInstruction]) -> Result<()> {
        self.attach_program("attach_filter", SocketOption::ATTACH_FILTER, program)
    }

    /// Takes the filter away. Source: socket(7), `SO_DETACH_FILTER`. Only on Linux.
    ///
    /// # Errors
    /// ENOENT if there is none, EPERM after [`SocketOption::LOCK_FILTER`].
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// assert!(Socket::new(Family::INET, Kind::DGRAM)?.detach_filter().is_err(), "there is none");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[doc(alias = "SO_DETACH_FILTER")]
    pub fn detach_filter(&self) -> Result<()> {
        self.detach_program("detach_filter", SocketOption::DETACH_FILTER)
    }

    /// Has a program choose, for each packet or connection, which of the sockets of [`SocketOption::REUSEPORT`] at this address
    /// is meant: it gives the index, in the order in which they were bound. Beyond the last, the system chooses. One of them sets
    /// it for all. Source: socket(7), `SO_ATTACH_REUSEPORT_CBPF`. Only on Linux.
    ///
    /// # Errors
    /// EINVAL for a program that the kernel does not accept, or without `REUSEPORT`; `InvalidInput` for one of no instructions or
    /// of more than 4096.
    ///
    /// ```
    /// use shotclock::{Family, FilterInstruction, Kind, Socket, SocketOption};
    /// use std::time::Duration;
    /// let bound = |port| {
    ///     let socket = Socket::new(Family::INET, Kind::DGRAM)?;
    ///     socket.setsockopt(SocketOption::REUSEPORT, true)?;
    ///     socket.bind(("127.0.0.1", port))?;
    ///     Ok::<_, shotclock::Error>(socket)
    /// };
    /// let first = bound(0)?;
    /// let second = bound(first.getsockname()?.port().unwrap())?;
    /// first.attach_reuseport_program(&[FilterInstruction::new(0x06, 1)])?; // BPF_RET | BPF_K: always the second.
    /// Socket::new(Family::INET, Kind::DGRAM)?.sendto(b"hello", first.getsockname()?)?;
    /// assert_eq!(second.within(Duration::from_secs(5)).recv(100)?, b"hello");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[doc(alias = "SO_ATTACH_REUSEPORT_CBPF")]
    pub fn attach_reuseport_program(&self, program: &[FilterInstruction]) -> Result<()> {
        self.attach_program("attach_reuseport_program", SocketOption::ATTACH_REUSEPORT_CBPF, program)
    }

    /// Leaves it to the system again which of the sockets at this address is meant. Source: socket(7),
    /// `SO_DETACH_REUSEPORT_BPF`, since Linux 5.3. Only on Linux.
    ///
    /// # Errors
    /// ENOENT if there is no program.
    ///
    /// ```
    /// use shotclock::{Family, Kind, Socket};
    /// assert!(Socket::new(Family::INET, Kind::DGRAM)?.detach_reuseport_program().is_err(), "there is none");
    /// # Ok::<(), shotclock::Error>(())
    /// ```
    #[cfg(target_os = "linux")]
    #[doc(alias = "SO_DETACH_REUSEPORT_BPF")]
    pub fn detach_reuseport_program(&self) -> Result<()> {
        self.detach_program("detach_reuseport_program", SocketOption::DETACH_REUSEPORT_BPF)
    }

    #[cfg(target_os = "linux")]
    fn attach_program(
        &self,
        operation: &'static str,
        option: SocketOption<()>,
        program: &[FilterInstruction],
    ) -> Result<()> {
        let (count, most) = (program.len(), FilterInstruction::MOST);
        if !(1..=most).contains(&count) {
            return Err(Error::invalid(operation, format!("{count} instructions: expected 1 to {most}")));
        }
        let instructions: Vec<_> = program.iter().map(|instruction| instruction.encode()).collect();
        self.checked(operation, |fd| socket::attach_program(fd, option.name, &instructions))
    }

    #[cfg(target_os = "linux")]
    fn detach_program(&self, operation: &'static str, option: SocketOption<()>) -> Result<()> {
        self.checked(operation, |fd| socket::setsockopt(fd, option.level, option.name, &[0; 4]))
    }
}
