//! Sockets to listen on, and why a server cannot be started.

pub(crate) mod unix;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::access;
use crate::options::Options;
use crate::report::code;
use crate::tls::TlsError;

/// Why the server could not be started.
#[derive(Debug)]
pub enum StartError {
    /// An address that is none, or a host without one.
    Address {
        /// As it was given.
        bind: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system does not let us listen there.
    Listen {
        /// As it was given.
        bind: String,
        /// What the system said.
        source: io::Error,
    },
    /// An option's value, or an item of it, that is not understood.
    Option {
        /// Its name, as in `--name`.
        option: &'static str,
        /// As it was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The access log's file cannot be opened.
    AccessLog {
        /// As it was given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate, a key, or what clients' certificates are checked by cannot be used.
    Tls(TlsError),
    /// A thread could not be started.
    Thread(io::Error),
}

impl StartError {
    /// For an item of an option, and what is wrong with it.
    pub(crate) fn item(option: &'static str, (value, why): (String, &'static str)) -> Self {
        let why = why.to_owned();
        Self::Option { option, value, why }
    }

    /// Which of `lib/errors.ts` it is.
    pub fn fault(&self) -> &'static str {
        match self {
            Self::Option { .. } => code::BAD_OPTION,
            Self::AccessLog { .. } => code::FILE_NOT_WRITABLE,
            Self::Tls(_) => code::BAD_CERTIFICATE,
            _ => code::BIND_FAILED,
        }
    }

    /// The system's name for it, as far as it has one of interest: `EADDRINUSE`, `EACCES`,
    /// `EADDRNOTAVAIL`, `ENOENT`, `EISDIR`, `EEXIST`, `EINVAL`, `EAGAIN`, else `EIO`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { source, .. } | Self::AccessLog { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "ENOENT",
                io::ErrorKind::IsADirectory => "EISDIR",
                io::ErrorKind::AlreadyExists => "EEXIST",
                io::ErrorKind::AddrInUse => "EADDRINUSE",
                io::ErrorKind::PermissionDenied => "EACCES",
                io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
                _ => "EIO",
            },
            Self::Address { .. } | Self::Option { .. } | Self::Tls(_) => "EINVAL",
            Self::Thread(_) => "EAGAIN",
        }
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address { bind, why } => write!(f, "cannot listen on {bind}: {why}"),
            Self::Listen { bind, source } => {
                let why = match source.kind() {
                    io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                    io::ErrorKind::PermissionDenied if bind.starts_with("unix:") => {
                        "the directory, or the socket that is there, does not permit it".to_owned()
                    }
                    io::ErrorKind::PermissionDenied => {
                        "it is not permitted (ports below 1024 need a privilege)".to_owned()
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        "this machine does not have that address".to_owned()
                    }
                    _ => source.to_string(),
                };
                write!(f, "cannot listen on {bind}: {why} ({})", self.code())
            }
            Self::Option { option, value, why } => write!(f, "--{option} is {value:?}: {why}"),
            Self::AccessLog { file, source } => {
                let why = access::reason(source);
                write!(
                    f,
                    "cannot write the access log {file}: {why} ({})",
                    self.code()
                )
            }
            Self::Tls(error) => error.fmt(f),
            Self::Thread(source) => write!(f, "cannot start a thread: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::AccessLog { source, .. } | Self::Thread(source) => {
                Some(source)
            }
            Self::Address { .. } | Self::Option { .. } | Self::Tls(_) => None,
        }
    }
}

/// Listens on `host:port`, `[ipv6]:port` or `:port` (all IPv4 addresses).
pub(crate) fn listen(bind: &str, options: &Options) -> Result<Socket, StartError> {
    let address = resolve(bind)?;
    open(address, options).map_err(|source| StartError::Listen {
        bind: bind.to_owned(),
        source,
    })
}

fn resolve(bind: &str) -> Result<SocketAddr, StartError> {
    let wrong = |why: String| StartError::Address {
        bind: bind.to_owned(),
        why,
    };
    if let Some(port) = bind.strip_prefix(':') {
        let port = port
            .parse()
            .map_err(|_| wrong(format!("{port:?} is not a port")))?;
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(address) = bind.parse() {
        return Ok(address);
    }
    let Some((_, port)) = bind.rsplit_once(':') else {
        return Err(wrong("it has no port".to_owned()));
    };
    if port.parse::<u16>().is_err() {
        return Err(wrong(format!("{port:?} is not a port")));
    }
    let found: Vec<SocketAddr> = bind
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .collect();
    // Of a name with both kinds of address, such as localhost, clients try IPv4 in any case.
    let preferred = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    preferred
        .copied()
        .ok_or_else(|| wrong("the host has no address".to_owned()))
}

/// Bytes that the kernel takes ahead of what it can send. Without a bound it takes megabytes at a
/// time, and the send timer sees nothing move for as long as a slow client needs for them.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 1024 * 1024;

fn open(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows the option would let a second server take the same port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    tune(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// Sets what accepted connections inherit.
#[cfg_attr(
    not(any(target_os = "android", target_os = "linux")),
    allow(
        clippy::unnecessary_wraps,
        unused_variables,
        reason = "there is nothing to set"
    )
)]
pub(crate) fn tune(socket: &Socket) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{listen, resolve};
    use crate::options::Options;

    #[test]
    fn understands_addresses() {
        for (bind, address) in [
            (":80", "0.0.0.0:80"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:9", "[::1]:9"),
            ("localhost:7", "127.0.0.1:7"),
        ] {
            assert_eq!(resolve(bind).expect(bind).to_string(), address);
        }
    }

    #[test]
    fn names_what_is_wrong() {
        for bind in ["", "localhost", "a:b", ":x", "127.0.0.1:99999"] {
            let error = resolve(bind).expect_err(bind);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("cannot listen on {bind}")),
                "{error}"
            );
            assert_eq!(error.code(), "EINVAL");
        }
        let options = Options::default();
        let first = listen("127.0.0.1:0", &options).expect("a free port");
        let taken = address_of(&first);
        let error = listen(&taken, &options).expect_err("the port is taken");
        assert_eq!(error.code(), "EADDRINUSE");
        assert!(error.to_string().contains(&taken), "{error}");
    }

    fn address_of(socket: &socket2::Socket) -> String {
        let address = socket.local_addr().expect("an address").as_socket();
        address.expect("of TCP").to_string()
    }

    #[cfg(unix)]
    #[test]
    fn servers_share_a_port_if_all_of_them_ask_for_it() {
        let sharing = Options {
            reuse_port: true,
            ..Options::default()
        };
        let first = listen("127.0.0.1:0", &sharing).expect("a free port");
        assert!(first.reuse_port().expect("an option"));
        let address = address_of(&first);
        listen(&address, &sharing).expect("the same port");
        listen(&address, &Options::default()).expect_err("this one does not ask");
    }
}
