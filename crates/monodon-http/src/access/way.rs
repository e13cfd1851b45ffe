//! Ways to those who take messages: a socket of this machine, UDP or TCP.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

/// How long connecting and sending may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a socket that was given up is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is asked anew where a host is that UDP goes to: nothing else tells that it has moved.
const LOOK_UP: Duration = Duration::from_secs(60);

/// Where messages are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Unix { path: String, kind: Kind },
    Udp { host: String, port: u16 },
    Tcp { host: String, port: u16 },
}

/// What a Unix socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Datagram,
    Stream,
    /// Datagrams, or a stream where it takes none.
    Either,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "{path}"),
            Self::Udp { host, port } => write!(f, "udp://{host}:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// A host, `localhost` if there is none, and the port, `usual` if there is none.
pub(super) fn host_and_port(text: &str, usual: u16) -> Result<(String, u16), &'static str> {
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
    let port = port.map_or(Ok(usual), |port| {
        port.parse()
            .map_err(|_| "the port is not a number up to 65535")
    })?;
    Ok((host.to_owned(), port))
}

enum Socket {
    #[cfg(unix)]
    Datagram(std::os::unix::net::UnixDatagram),
    #[cfg(unix)]
    Stream(std::os::unix::net::UnixStream),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A way to an address. A connection is made when there is something to be sent, and made anew when it
/// has failed.
pub(super) struct Way {
    address: Address,
    /// With when it was connected.
    socket: Option<(Socket, Instant)>,
    /// When it could not be connected last, and why.
    failed: Option<(Instant, io::ErrorKind)>,
}

impl Way {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            socket: None,
            failed: None,
        }
    }

    /// Connects anew at the next message.
    pub(super) fn reconnect(&mut self) {
        (self.socket, self.failed) = (None, None);
    }

    /// Sends a message. `WouldBlock` if a socket of this machine is full.
    pub(super) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.look_up();
        let was_connected = self.socket.is_some();
        match self.try_to_send(message) {
            // Who listens may have been restarted: another connection may do.
            Err(error) if was_connected && error.kind() != io::ErrorKind::WouldBlock => {
                self.try_to_send(message)
            }
            sent => sent,
        }
    }

    /// Goes to where the host's name is now. What is connected is kept if that cannot be known.
    fn look_up(&mut self) {
        let is_due = |(_, since): &(Socket, Instant)| since.elapsed() >= LOOK_UP;
        if matches!(self.address, Address::Udp { .. })
            && self.socket.as_ref().is_some_and(is_due)
            && let Some((old, _)) = self.socket.take()
        {
            let socket = Socket::connect(&self.address).unwrap_or(old);
            self.socket = Some((socket, Instant::now()));
        }
    }

    /// Sends over the connection, which is made if there is none, and given up if it fails.
    fn try_to_send(&mut self, message: &[u8]) -> io::Result<()> {
        let (mut socket, since) = match self.socket.take() {
            Some(connected) => connected,
            None => (self.connect()?, Instant::now()),
        };
        let sent = socket.send(message);
        match &sent {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            _ => self.socket = Some((socket, since)),
        }
        sent
    }

    fn connect(&mut self) -> io::Result<Socket> {
        if let Some((at, kind)) = self.failed
            && at.elapsed() < RETRY
        {
            return Err(kind.into());
        }
        let connected = Socket::connect(&self.address);
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
                let address = resolved(host, *port, SocketAddr::is_ipv4)?;
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
                let stream =
                    TcpStream::connect_timeout(&resolved(host, *port, |_| true)?, PATIENCE)?;
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

/// The first address of a host that is preferred, or the first. Nothing says of datagrams that they go
/// where nobody listens, and who takes them listens on IPv4 at least, most of the time.
fn resolved(
    host: &str,
    port: u16,
    is_preferred: impl Fn(&SocketAddr) -> bool,
) -> io::Result<SocketAddr> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let preferred = addresses.iter().find(|address| is_preferred(address));
    preferred
        .or(addresses.first())
        .copied()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}
