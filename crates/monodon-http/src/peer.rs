//! A connection, as the handler sees it.

use std::net::SocketAddr;
use std::rc::Rc;

use http::{HeaderMap, StatusCode};

use crate::answers;
use crate::forwarded::Proxies;
use crate::tunnel::{Session, Tunnel};
use crate::wire::Wire;

/// The connection that a request came by.
pub struct Peer {
    /// The client's address.
    pub remote: SocketAddr,
    /// The client's IP address in text: IPv4 addresses as such, also when they came over IPv6.
    pub remote_ip: Box<str>,
    /// The address that it has connected to.
    pub local: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whether it is a proxy that is believed about its client.
    pub(crate) is_trusted: bool,
    pub(crate) wire: Wire,
}

impl Peer {
    pub(crate) fn new(
        remote: SocketAddr,
        local: SocketAddr,
        proxies: &Proxies,
        wire: Wire,
    ) -> Self {
        let remote_ip = remote.ip().to_canonical().to_string().into_boxed_str();
        Self {
            remote,
            remote_ip,
            local,
            tls: false,
            is_trusted: proxies.trust(remote.ip()),
            wire,
        }
    }

    /// Takes the connection over from HTTP for the request under way, whose
    /// [`is_upgrade`](crate::Request::is_upgrade) has to be true. It gets no response from the
    /// handler: its reply is dropped unfinished, and `begin` makes the future that has the connection
    /// from then on, the bytes of the answer included.
    pub fn take_over(self: &Rc<Self>, begin: impl FnOnce(Tunnel) -> Session) {
        self.wire.take_over(begin(Tunnel::new(Rc::clone(self))));
    }

    /// Sends an interim response (RFC 9110 section 15.2), for example `103 Early Hints`.
    ///
    /// False if it was not sent: the status is not 1xx or is `101`, the response has begun, bytes
    /// of an earlier one still wait, or the client does not speak HTTP/1.1 (HTTP/1.0 has no interim
    /// responses, and hyper offers none for HTTP/2).
    pub fn send_informational(&self, status: StatusCode, fields: &HeaderMap) -> bool {
        if !status.is_informational()
            || status == StatusCode::SWITCHING_PROTOCOLS
            || !self.wire.takes_informational()
        {
            return false;
        }
        self.wire.send_aside(&answers::interim(status, fields));
        true
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("remote", &self.remote)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
