//! The sockets that a server listens on, for JavaScript. They outlive servers, so that the same sockets
//! can be accepted from anew, here or in another process.

use monodon_http::options::Options;
use monodon_http::{Address, Inherited, Introduction, Sockets, StartError};
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::options::NativeOptions;

/// A socket that the process was started with.
#[napi(object)]
pub struct NativeInherited {
    /// Which item of `bind` it stands for.
    pub bind: String,
    pub descriptor: i32,
}

/// A socket that listens.
#[napi(object)]
pub struct NativeSocket {
    /// Which item of `bind` it stands for, alone or with others.
    pub bind: String,
    /// Empty for a Unix socket.
    pub host: String,
    /// 0 for a Unix socket.
    pub port: u16,
    /// The path of a Unix socket; with `@` before it a name without a file.
    pub path: Option<String>,
    /// Whether its file was made by `open`.
    pub has_made_file: bool,
    /// Whether TLS is spoken there.
    pub is_tls: bool,
    /// Whether its item asks for the PROXY protocol there.
    pub is_proxied: bool,
    pub descriptor: i32,
}

/// Sockets that listen.
#[napi]
pub struct NativeSockets {
    sockets: Option<Sockets>,
}

#[napi]
impl NativeSockets {
    /// Listens on each item of `options.bind`: by the socket that was inherited for it, else by a new
    /// one. What was inherited for no item is closed.
    ///
    /// # Errors
    /// What cannot be listened on, and why, behind the code of `lib/errors.ts`.
    #[napi(factory, catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn open(options: NativeOptions, inherited: Vec<NativeInherited>) -> Result<Self> {
        let inherited = inherited.into_iter().map(take).collect::<Result<_>>()?;
        let sockets = Sockets::open(&Options::from(options), inherited).map_err(failure)?;
        Ok(Self {
            sockets: Some(sockets),
        })
    }

    /// Where each listens, in the order of `bind`; none once they are closed.
    #[napi(getter)]
    pub fn list(&self) -> Vec<NativeSocket> {
        let Some(sockets) = &self.sockets else {
            return Vec::new();
        };
        let details = sockets.made_files().zip(sockets.binds());
        let places = sockets.names().zip(sockets.addresses());
        (places.zip(details).zip(descriptors(sockets)))
            .map(|(((name, address), (has_made_file, bind)), descriptor)| {
                let (host, port, path) = match address {
                    Address::Tcp(address) => (address.ip().to_string(), address.port(), None),
                    Address::Unix(path) => {
                        (String::new(), 0, Some(path.to_string_lossy().into_owned()))
                    }
                };
                NativeSocket {
                    bind: name.to_owned(),
                    host,
                    port,
                    path,
                    has_made_file,
                    is_tls: bind.is_tls,
                    is_proxied: bind.introduction == Introduction::Here,
                    descriptor,
                }
            })
            .collect()
    }

    /// Closes them. A server that accepts from them has descriptors of its own.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.sockets = None;
    }
}

impl NativeSockets {
    pub(crate) fn with<R>(&self, use_them: impl FnOnce(&Sockets) -> R) -> Result<R> {
        let closed = || Error::new(Status::InvalidArg, "the sockets are closed");
        self.sockets.as_ref().map(use_them).ok_or_else(closed)
    }
}

/// An error for JavaScript: the code before the text.
#[allow(
    clippy::needless_pass_by_value,
    reason = "it is what a failed start gives"
)]
pub(crate) fn failure(error: StartError) -> Error {
    let text = format!("{}: {error}", error.fault());
    Error::new(Status::GenericFailure, text)
}

#[cfg(unix)]
fn take(NativeInherited { bind, descriptor }: NativeInherited) -> Result<Inherited> {
    match crate::descriptor::take(descriptor) {
        Ok(socket) => Ok(Inherited {
            bind,
            socket: socket.into(),
        }),
        Err(why) => Err(failure(StartError::Address {
            bind,
            why: why.to_owned(),
        })),
    }
}

#[cfg(not(unix))]
fn take(NativeInherited { bind, .. }: NativeInherited) -> Result<Inherited> {
    Err(failure(StartError::Address {
        bind,
        why: "sockets are not inherited on this system".to_owned(),
    }))
}

#[cfg(unix)]
fn descriptors(sockets: &Sockets) -> impl Iterator<Item = i32> {
    sockets.descriptors()
}

#[cfg(not(unix))]
fn descriptors(_: &Sockets) -> impl Iterator<Item = i32> {
    std::iter::repeat(-1)
}
