//! Lines to syslog (`--log-syslog`): to a socket of this machine as the C library does (RFC 3164), over
//! UDP and TCP by RFC 5424.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::listen::StartError;
use crate::options::Options;

/// Bytes of a message, at most: those of a datagram, with room for the header.
const MESSAGE_BYTES: usize = 60 * 1024;
/// Where syslog listens if no port is given.
const PORT: u16 = 514;
/// How long connecting and sending may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a socket that was given up is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The facilities, by name (RFC 5424 section 6.2.1).
const FACILITIES: [(&str, u8); 21] = [
    ("auth", 4),
    ("authpriv", 10),
    ("cron", 9),
    ("daemon", 3),
    ("ftp", 11),
    ("kern", 0),
    ("lpr", 6),
    ("mail", 2),
    ("news", 7),
    ("security", 4),
    ("syslog", 5),
    ("user", 1),
    ("uucp", 8),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Where syslog is, and how the messages are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    address: Address,
    facility: u8,
    /// The program's name, in front of each message.
    tag: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Unix { path: String, kind: Kind },
    Udp { host: String, port: u16 },
    Tcp { host: String, port: u16 },
}

/// What a Unix socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Datagram,
    Stream,
    /// Datagrams, or a stream where it takes none.
    Either,
}

impl Destination {
    /// Where the options say that the log of this name goes, if to syslog at all.
    ///
    /// # Errors
    /// [`StartError`] for an address or a facility that is not understood.
    pub(crate) fn of(options: &Options, log: &str) -> Result<Option<Self>, StartError> {
        if !options.log_syslog {
            return Ok(None);
        }
        let tag = match options.log_syslog_prefix.as_str() {
            "" => format!("monodon.{log}"),
            prefix => format!("monodon.{prefix}.{log}"),
        };
        let (to, facility) = (&options.log_syslog_to, &options.log_syslog_facility);
        let read = Self::read(to, facility, tag);
        let option = |(option, value, why)| StartError::Option { option, value, why };
        read.map(Some).map_err(option)
    }

    /// Reads `unix://PATH`, perhaps with `#dgram` or `#stream`, `udp://HOST:PORT`, `tcp://HOST:PORT`,
    /// where the port may be left out, and the name of a facility.
    ///
    /// # Errors
    /// Which option is wrong, its value, and why.
    fn read(to: &str, facility: &str, tag: String) -> Result<Self, (&'static str, String, String)> {
        let address =
            Address::read(to).map_err(|why| ("log-syslog-to", to.to_owned(), why.to_owned()))?;
        let known = FACILITIES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(facility));
        let Some(&(_, facility)) = known else {
            let names = FACILITIES.map(|(name, _)| name).join(", ");
            let why = format!("it is none of {names}");
            return Err(("log-syslog-facility", facility.to_owned(), why));
        };
        Ok(Self {
            address,
            facility,
            tag,
        })
    }
}

impl Address {
    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix://") {
            let (path, kind) = match path.rsplit_once('#') {
                Some((path, "dgram")) => (path, Kind::Datagram),
                Some((path, "stream")) => (path, Kind::Stream),
                Some(_) => return Err("after # there may be dgram or stream"),
                None => (path, Kind::Either),
            };
            if path.is_empty() {
                return Err("there is no path");
            }
            let path = path.to_owned();
            return Ok(Self::Unix { path, kind });
        }
        if let Some(place) = text.strip_prefix("udp://") {
            let (host, port) = host_and_port(place)?;
            return Ok(Self::Udp { host, port });
        }
        if let Some(place) = text.strip_prefix("tcp://") {
            let (host, port) = host_and_port(place)?;
            return Ok(Self::Tcp { host, port });
        }
        Err("it is neither unix://PATH nor udp://HOST:PORT nor tcp://HOST:PORT")
    }
}

/// A host, `localhost` if there is none, and the port.
fn host_and_port(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (
            host,
            Some(port.strip_prefix(':').ok_or("] is not followed by :")?),
        ),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let port = port.map_or(Ok(PORT), |port| {
        port.parse()
            .map_err(|_| "the port is not a number up to 65535")
    })?;
    Ok((host.to_owned(), port))
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Unix { path, .. } => write!(f, "syslog at {path}"),
            Address::Udp { host, port } => write!(f, "syslog at udp://{host}:{port}"),
            Address::Tcp { host, port } => write!(f, "syslog at tcp://{host}:{port}"),
        }
    }
}

/// The severity of what is worth to be known, and no more.
pub(super) const INFORMATIONAL: u8 = 6;

/// How urgent a message is (RFC 5424 section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Every line is of this one.
    All(u8),
    /// A line begins with the digit of its own.
    Marked,
}

/// Stands for a line's end inside of a message, where messages are parted by line ends.
pub(super) const LINE_END: u8 = 0x1e;

/// A way to syslog.
pub(super) struct Syslog {
    destination: Destination,
    severity: Severity,
    zone: TimeZone,
    host: String,
    socket: Option<Socket>,
    /// When it could not be connected last, and why.
    failed: Option<(Instant, io::ErrorKind)>,
    message: Vec<u8>,
}

enum Socket {
    #[cfg(unix)]
    Datagram(std::os::unix::net::UnixDatagram),
    #[cfg(unix)]
    Stream(std::os::unix::net::UnixStream),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// Connects at the first message.
    pub(super) fn new(destination: Destination, severity: Severity, zone: TimeZone) -> Self {
        Self {
            destination,
            severity,
            zone,
            host: host_name(),
            socket: None,
            failed: None,
            message: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.destination.to_string()
    }

    /// Connects anew at the next message.
    pub(super) fn reconnect(&mut self) {
        (self.socket, self.failed) = (None, None);
    }

    /// Sends the first of the lines; gives its bytes, the line's end included. `WouldBlock` if a socket
    /// of this machine is full.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let end = memchr::memchr(b'\n', lines).unwrap_or(lines.len());
        self.compose(&lines[..end]);
        let was_connected = self.socket.is_some();
        let sent = self.send();
        let sent = match sent {
            // It may have been restarted: another connection may do.
            Err(error) if was_connected && error.kind() != io::ErrorKind::WouldBlock => self.send(),
            sent => sent,
        };
        sent.map(|()| lines.len().min(end + 1))
    }

    /// Makes a message of a line.
    fn compose(&mut self, line: &[u8]) {
        let (severity, line) = match (self.severity, line) {
            (Severity::All(severity), line) => (severity, line),
            (Severity::Marked, [digit, line @ ..]) => (digit.wrapping_sub(b'0') & 7, line),
            (Severity::Marked, []) => (INFORMATIONAL, line),
        };
        let priority = self.destination.facility * 8 + severity;
        let (tag, pid) = (&self.destination.tag, std::process::id());
        let now = Timestamp::now();
        let out = &mut self.message;
        out.clear();
        // Writing to a vector does not fail.
        let _ = match self.destination.address {
            Address::Unix { .. } => {
                let time = now.to_zoned_datetime(self.zone.clone());
                let time = time.strftime("%b %e %H:%M:%S");
                write!(out, "<{priority}>{time} {tag}[{pid}]: ")
            }
            _ => write!(out, "<{priority}>1 {now:.6} {} {tag} {pid} - - ", self.host),
        };
        let shown = &line[..line.len().min(MESSAGE_BYTES)];
        let whole = |byte: &u8| if *byte == LINE_END { b'\n' } else { *byte };
        out.extend(shown.iter().map(whole));
        if shown.len() < line.len() {
            out.extend_from_slice(b"...");
        }
    }

    /// Sends the message, over a connection that is made if there is none. A connection that fails is
    /// given up.
    fn send(&mut self) -> io::Result<()> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        let sent = socket.send(&self.message);
        match &sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            _ => self.socket = Some(socket),
        }
        sent
    }

    fn connect(&mut self) -> io::Result<Socket> {
        if let Some((at, kind)) = self.failed
            && at.elapsed() < RETRY
        {
            return Err(kind.into());
        }
        let connected = Socket::connect(&self.destination.address);
        self.failed = connected
            .as_ref()
            .err()
            .map(|error| (Instant::now(), error.kind()));
        connected
    }
}

impl Socket {
    fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix { path, kind } => Self::connect_unix(path, *kind),
            Address::Udp { host, port } => {
                let address = resolved(host, *port)?;
                let any = if address.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Udp(socket))
            }
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect_timeout(&resolved(host, *port)?, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    #[cfg(unix)]
    fn connect_unix(path: &str, kind: Kind) -> io::Result<Self> {
        use std::os::unix::net::{UnixDatagram, UnixStream};
        if kind != Kind::Stream {
            let socket = UnixDatagram::unbound()?;
            match socket.connect(path) {
                Ok(()) => {
                    socket.set_nonblocking(true)?;
                    return Ok(Self::Datagram(socket));
                }
                Err(error) if kind == Kind::Datagram || !is_other_kind(&error) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Stream(stream))
    }

    #[cfg(not(unix))]
    fn connect_unix(_: &str, _: Kind) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Datagram(socket) => socket.send(message).map(drop),
            Self::Udp(socket) => socket.send(message).map(drop),
            // As the C library ends a message in a stream.
            #[cfg(unix)]
            Self::Stream(stream) => in_time(stream.write_all(&[message, b"\0"].concat())),
            // RFC 6587 section 3.4.1, as RFC 5425 has it.
            Self::Tcp(stream) => {
                let length = format!("{} ", message.len());
                in_time(stream.write_all(&[length.as_bytes(), message].concat()))
            }
        }
    }
}

/// A stream that takes nothing in time may have taken a part: it is no use to try again.
fn in_time(sent: io::Result<()>) -> io::Result<()> {
    sent.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    })
}

/// Whether a path is that of a stream's socket. The kernel's `EPROTOTYPE` has no name here.
#[cfg(unix)]
fn is_other_kind(error: &io::Error) -> bool {
    const EPROTOTYPE: i32 = if cfg!(target_os = "linux") { 91 } else { 41 };
    error.raw_os_error() == Some(EPROTOTYPE)
}

fn resolved(host: &str, port: u16) -> io::Result<std::net::SocketAddr> {
    let mut addresses = (host, port).to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}

/// The machine's name, or the `-` of RFC 5424 for none.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

#[cfg(all(test, unix))]
#[path = "syslog_tests.rs"]
mod tests;
