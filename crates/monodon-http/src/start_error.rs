//! Why a server cannot be started.

use std::io;

use crate::listen::marks::marks_of;
use crate::report::{self, code};
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
    /// A host that cannot be looked up.
    Host {
        /// As it was given.
        bind: String,
        /// What the system said, or that it knows no address.
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
            Self::Host { .. } => code::HOST_UNKNOWN,
            Self::Thread(_) => code::THREAD_FAILED,
            Self::Address { bind, .. } | Self::Listen { bind, .. } if is_descriptor(bind) => {
                code::BAD_DESCRIPTOR
            }
            Self::Address { .. } | Self::Listen { .. } => code::BIND_FAILED,
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
                io::ErrorKind::InvalidInput => "EINVAL",
                _ => "EIO",
            },
            Self::Address { .. } | Self::Host { .. } | Self::Option { .. } | Self::Tls(_) => {
                "EINVAL"
            }
            Self::Thread(_) => "EAGAIN",
        }
    }
}

/// Whether an item of `bind` is a descriptor that the process was started with.
fn is_descriptor(bind: &str) -> bool {
    marks_of(bind).1.starts_with("fd://")
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address { bind, why } | Self::Host { bind, why } => {
                write!(f, "cannot listen on {bind}: {why}")
            }
            Self::Listen { bind, source } => {
                let why = match source.kind() {
                    // It says by itself what is not as it should be.
                    _ if source.get_ref().is_some() => source.to_string(),
                    io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                    io::ErrorKind::NotFound if bind.starts_with("unix:") => {
                        "its folder does not exist".to_owned()
                    }
                    io::ErrorKind::PermissionDenied if bind.starts_with("unix:") => {
                        "the directory, or the socket that is there, does not permit it".to_owned()
                    }
                    io::ErrorKind::PermissionDenied => {
                        "it is not permitted (a port below 1024 needs CAP_NET_BIND_SERVICE, or a \
                         .socket unit of systemd)"
                            .to_owned()
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
                let why = report::reason(source);
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
            Self::Address { .. } | Self::Host { .. } | Self::Option { .. } | Self::Tls(_) => None,
        }
    }
}
