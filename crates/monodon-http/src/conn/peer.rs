//! A connection, as the handler sees it.

use std::cell::Cell;
use std::net::SocketAddr;

use http::{HeaderMap, StatusCode};

use crate::conn::stream::Ends;
use crate::request::client::Client;
use crate::request::networks::Networks;
use crate::response::answers;
use crate::tls::TlsSession;
use crate::wire::Wire;

/// The connection that a request came by.
pub struct Peer {
    /// Its addresses; clients of Unix sockets have none.
    pub ends: Option<Ends>,
    /// Who has connected.
    pub client: Client,
    /// What is known of its encryption, if it is encrypted.
    pub tls: Option<Box<TlsSession>>,
    /// What was said of it by the PROXY protocol.
    via: Cell<Option<Via>>,
    /// Whether it is a proxy that is believed about its client.
    is_trusted: Cell<bool>,
    pub(crate) wire: Wire,
}

/// What a proxy has said of a connection, besides its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Via {
    /// The client's connection to the proxy is encrypted.
    pub(crate) is_https: bool,
    /// The client's address is not told: the connection has the proxy's.
    pub(crate) is_nameless: bool,
}

impl Peer {
    pub(crate) fn new(
        ends: Option<Ends>,
        tls: Option<Box<TlsSession>>,
        proxies: &Networks,
        wire: Wire,
    ) -> Self {
        let client = ends.map_or(Client::NONE, |Ends { remote, .. }| {
            Client::new(remote.ip(), Some(remote.port()))
        });
        let peer = Self {
            ends,
            client,
            tls,
            via: Cell::new(None),
            is_trusted: Cell::new(false),
            wire,
        };
        peer.trust(proxies);
        peer
    }

    /// Goes by another list of those who are believed. Who can reach a Unix socket is a program of this
    /// machine that was let to it, so it is believed, as Gunicorn does. A client whose name is not told
    /// is nobody in particular.
    pub(crate) fn trust(&self, proxies: &Networks) {
        let is_nameless = self.via.get().is_some_and(|via| via.is_nameless);
        let is_listed = || self.remote().is_none_or(|remote| proxies.hold(remote.ip()));
        self.is_trusted.set(!is_nameless && is_listed());
    }

    /// Notes what was said of it by the PROXY protocol.
    pub(crate) fn comes_via(&self, via: Via) {
        self.via.set(Some(via));
    }

    /// Whether it is encrypted, on its whole way or up to a proxy that has said so before it.
    pub(crate) fn is_https(&self) -> bool {
        self.tls.is_some() || self.via.get().is_some_and(|via| via.is_https)
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted.get()
    }

    /// The client's address, if it has one.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ends.map(|ends| ends.remote)
    }

    /// Sends an interim response (RFC 9110 section 15.2), for example `103 Early Hints`, to the request
    /// with this number ([`Request::stream`](crate::Request::stream)), whose response has not begun. The
    /// task that polls the handler's reply sends it, so that has to be woken then.
    ///
    /// False if it was not sent: the status is not 1xx or is `101`, the response has begun (HTTP/1), bytes
    /// of an earlier one still wait, or the client speaks HTTP/1.0, which has no interim responses.
    pub fn send_informational(&self, stream: u32, status: StatusCode, fields: HeaderMap) -> bool {
        if !status.is_informational()
            || status == StatusCode::SWITCHING_PROTOCOLS
            || self.wire.is_blocked()
        {
            return false;
        }
        if stream != 0 {
            self.wire.interims().add(stream, status, fields);
        } else if self.wire.takes_informational() {
            self.wire.send_aside(&answers::interim(status, &fields));
        } else {
            return false;
        }
        true
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}
