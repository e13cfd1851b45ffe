//! The sockets that a server listens on: bound by name, or inherited from who started the process.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use socket2::{Socket, Type};

use crate::listen;
use crate::listen::marks::{Bind, kind_of};
use crate::listen::unix::Access;
use crate::options::Options;
use crate::start_error::StartError;

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

/// Sockets that listen. They stay open as long as this lives, whoever accepts from them; the files of
/// Unix sockets stay until somebody removes them.
#[derive(Debug)]
pub struct Sockets(Vec<Listening>);

#[derive(Debug)]
struct Listening {
    /// The item of `bind` that it stands for, alone or with others: a host may have several addresses.
    name: String,
    socket: Socket,
    address: Address,
    bind: Bind,
    /// Whether it was made here, and not inherited.
    is_new: bool,
}

impl Listening {
    fn new(name: &str, bind: Bind, socket: Socket, is_new: bool) -> Result<Self, StartError> {
        let address = address_of(&socket).map_err(|source| listen_error(name, source))?;
        Ok(Self {
            name: name.to_owned(),
            socket,
            address,
            bind,
            is_new,
        })
    }

    /// The file that was made here.
    fn made_file(&self) -> Option<&Path> {
        match &self.address {
            // A name without a file is no path from the root.
            Address::Unix(path) if self.is_new && path.is_absolute() => Some(path),
            _ => None,
        }
    }
}

impl Sockets {
    /// Listens on each item of `options.bind`: by a socket that was inherited for it, else by a new one.
    /// What was inherited for no item is closed.
    ///
    /// # Errors
    /// [`StartError::Address`] and [`StartError::Listen`] for the first that cannot be listened on,
    /// [`StartError::Option`] for an owner of sockets that is none; none is left open then.
    pub fn open(options: &Options, mut inherited: Vec<Inherited>) -> Result<Self, StartError> {
        let access = Access::new(options)?;
        let mut opened = Self(Vec::with_capacity(options.bind.len()));
        for name in &options.bind {
            let is_theirs = |socket: &mut Inherited| socket.bind == *name;
            let given: Vec<_> = inherited.extract_if(.., is_theirs).collect();
            // The first of two equal items has got the sockets of both.
            let is_done = || {
                opened
                    .0
                    .iter()
                    .any(|each| each.name == *name && !each.is_new)
            };
            if given.is_empty() && is_done() {
                continue;
            }
            let listening = if given.is_empty() {
                bind_anew(name, options, &access)
            } else {
                let adopt = |Inherited { socket, .. }| adopt(name, options, socket);
                given.into_iter().map(adopt).collect()
            };
            match listening {
                Ok(listening) => opened.0.extend(listening),
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

    /// The item of `bind` that each stands for, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|each| each.name.as_str())
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
        self.0.iter().map(|each| each.made_file().is_some())
    }

    /// The descriptors, which stay open as long as this lives.
    #[cfg(unix)]
    pub fn descriptors(&self) -> impl Iterator<Item = std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        self.0.iter().map(|each| each.socket.as_raw_fd())
    }

    /// Removes the files that were made here.
    fn remove_files(&self) {
        for path in self.0.iter().filter_map(Listening::made_file) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Listens on what an item of `bind` names.
fn bind_anew(name: &str, options: &Options, access: &Access) -> Result<Vec<Listening>, StartError> {
    let (bind, place) = kind_of(name, options);
    let sockets = match place.strip_prefix(UNIX) {
        Some(path) => {
            let socket = listen::unix::listen(place, path, options.backlog, access)?;
            vec![socket]
        }
        None => listen::listen(place, options)?,
    };
    let listening = |socket| Listening::new(name, bind, socket, true);
    sockets.into_iter().map(listening).collect()
}

/// How the path of a Unix socket is told from a host.
const UNIX: &str = "unix:";

/// Makes a socket fit that somebody else has opened: nonblocking, and not passed on to children.
fn adopt(name: &str, options: &Options, socket: Socket) -> Result<Listening, StartError> {
    let (bind, _) = kind_of(name, options);
    let adopted = || {
        if socket.r#type()? != Type::STREAM {
            let why = "it is no stream socket: HTTP needs one (ListenStream= in a unit of systemd)";
            return Err(io::Error::other(why));
        }
        socket.set_nonblocking(true)?;
        #[cfg(unix)]
        socket.set_cloexec(true)?;
        if address_of(&socket)?.tcp().is_some() {
            listen::tune(&socket)?;
        }
        Ok(())
    };
    adopted().map_err(|source| listen_error(name, source))?;
    Listening::new(name, bind, socket, false)
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
