//! The sockets that a server listens on: bound by name, or inherited from who started the process.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use socket2::{Socket, Type};

use crate::listen::{self, StartError};
use crate::options::Options;
use crate::tls::HTTPS;

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// With the port that the kernel chose where 0 was asked for.
    Tcp(SocketAddr),
    /// The path, or `@` and the name for one without a file (`unix(7)`: an abstract one).
    Unix(PathBuf),
}

impl Address {
    /// The address of a TCP socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that listens already.
#[derive(Debug)]
pub struct Inherited {
    /// Which item of `bind` it stands for.
    pub bind: String,
    /// The socket.
    pub socket: Socket,
}

/// What a socket that listens asks of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// They begin with a handshake of TLS.
    pub is_tls: bool,
}

/// Sockets that listen. They stay open as long as this lives, whoever accepts from them; the files of
/// Unix sockets stay until somebody removes them.
#[derive(Debug)]
pub struct Sockets(Vec<Listening>);

#[derive(Debug)]
struct Listening {
    socket: Socket,
    address: Address,
    bind: Bind,
    has_made_file: bool,
}

impl Sockets {
    /// Listens on each item of `options.bind`: by a socket that was inherited for it, else by a new one.
    /// What was inherited for no item is closed.
    ///
    /// # Errors
    /// [`StartError::Address`] and [`StartError::Listen`] for the first that cannot be listened on; none
    /// is left open then.
    pub fn open(options: &Options, mut inherited: Vec<Inherited>) -> Result<Self, StartError> {
        let mut opened = Self(Vec::with_capacity(options.bind.len()));
        for bind in &options.bind {
            let (kind, place) = kind_of(bind, options);
            let found = inherited.iter().position(|socket| socket.bind == *bind);
            let listening = match found.map(|at| inherited.remove(at)) {
                Some(Inherited { socket, .. }) => adopt(bind, kind, socket),
                None => bind_anew(place, kind, options),
            };
            match listening {
                Ok(listening) => opened.0.push(listening),
                Err(error) => {
                    opened.remove_files();
                    return Err(error);
                }
            }
        }
        Ok(opened)
    }

    /// Further descriptors of the same sockets.
    ///
    /// # Errors
    /// [`StartError::Listen`] when the system has no more descriptors.
    pub(crate) fn share(&self) -> Result<Vec<Socket>, StartError> {
        let share = |each: &Listening| {
            let shared = each.socket.try_clone();
            shared.map_err(|source| listen_error(&each.address.to_string(), source))
        };
        self.0.iter().map(share).collect()
    }

    /// Where each listens, in the order of `bind`.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.iter().map(|each| &each.address)
    }

    /// What each asks of its connections, in the order of `bind`.
    pub fn binds(&self) -> impl Iterator<Item = Bind> {
        self.0.iter().map(|each| each.bind)
    }

    /// The port of the first on which TLS is spoken; 0 if there is none.
    pub fn https_port(&self) -> u32 {
        let mut secure = self.0.iter().filter(|each| each.bind.is_tls);
        let address = secure.find_map(|each| each.address.tcp());
        address.map_or(0, |address| address.port().into())
    }

    /// Of each, whether its file was made by [`Self::open`].
    pub fn made_files(&self) -> impl Iterator<Item = bool> {
        self.0.iter().map(|each| each.has_made_file)
    }

    /// The descriptors, which stay open as long as this lives.
    #[cfg(unix)]
    pub fn descriptors(&self) -> impl Iterator<Item = std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        self.0.iter().map(|each| each.socket.as_raw_fd())
    }

    /// Removes the files that were made here.
    fn remove_files(&self) {
        for each in self.0.iter().filter(|each| each.has_made_file) {
            if let Address::Unix(path) = &each.address {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Of an item of `bind`, what it asks for, and the address in it. Without a scheme it is TLS if there are
/// certificates and no other item says where they are for: `--certfile` alone is enough, as in Gunicorn.
fn kind_of<'a>(item: &'a str, options: &Options) -> (Bind, &'a str) {
    if let Some(place) = item.strip_prefix(HTTPS) {
        return (Bind { is_tls: true }, place);
    }
    if let Some(place) = item.strip_prefix("http://") {
        return (Bind { is_tls: false }, place);
    }
    let says_where = || options.bind.iter().any(|other| other.starts_with(HTTPS));
    let is_tls = !options.certfile.is_empty() && !says_where();
    (Bind { is_tls }, item)
}

fn bind_anew(bind: &str, kind: Bind, options: &Options) -> Result<Listening, StartError> {
    let has_made_file = bind.starts_with(UNIX) && !bind.starts_with("unix:@");
    let socket = match bind.strip_prefix(UNIX) {
        Some(path) => listen::unix::listen(bind, path, options.backlog, options.socket_mode)?,
        None => listen::listen(bind, options)?,
    };
    let address = address_of(&socket);
    Ok(Listening {
        address: address.map_err(|source| listen_error(bind, source))?,
        socket,
        bind: kind,
        has_made_file,
    })
}

/// How the path of a Unix socket is told from a host.
const UNIX: &str = "unix:";

/// Makes a socket fit that somebody else has opened: nonblocking, and not passed on to children.
fn adopt(bind: &str, kind: Bind, socket: Socket) -> Result<Listening, StartError> {
    let adopted = || {
        if socket.r#type()? != Type::STREAM {
            let why = "it is no stream socket: HTTP needs one (ListenStream= in a unit of systemd)";
            return Err(io::Error::other(why));
        }
        let address = address_of(&socket)?;
        socket.set_nonblocking(true)?;
        #[cfg(unix)]
        socket.set_cloexec(true)?;
        if address.tcp().is_some() {
            listen::tune(&socket)?;
        }
        Ok(address)
    };
    let address = adopted().map_err(|source| listen_error(bind, source))?;
    Ok(Listening {
        socket,
        address,
        bind: kind,
        has_made_file: false,
    })
}

fn address_of(socket: &Socket) -> io::Result<Address> {
    let address = socket.local_addr()?;
    if let Some(address) = address.as_socket() {
        return Ok(Address::Tcp(address));
    }
    #[cfg(unix)]
    {
        if let Some(path) = address.as_pathname() {
            return Ok(Address::Unix(path.to_owned()));
        }
        if let Some(name) = address.as_abstract_namespace() {
            return Ok(Address::Unix(
                format!("@{}", String::from_utf8_lossy(name)).into(),
            ));
        }
    }
    Err(io::Error::other("it is neither a TCP nor a Unix socket"))
}

fn listen_error(bind: &str, source: io::Error) -> StartError {
    StartError::Listen {
        bind: bind.to_owned(),
        source,
    }
}
