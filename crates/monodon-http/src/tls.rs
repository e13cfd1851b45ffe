//! TLS by rustls: what binds with `https://` ask of a connection before it is HTTP.
//!
//! `files` reads certificates and keys, `certificates` chooses among them by the name that the client
//! asks for, `config` makes of all what rustls goes by; `stream` is a connection's records, `session`
//! what is known of it once the handshake is done.

mod certificates;
mod config;
mod error;
mod files;
mod names;
mod session;
mod stream;

pub use config::Tls;
pub use error::TlsError;
pub use names::ClientCertificate;
pub use session::{Alpn, TlsSession};
pub(crate) use stream::{Staging, TlsStream};
