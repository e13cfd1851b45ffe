//! A connection, as the handler sees it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::{HeaderMap, StatusCode};

use crate::answers;
use crate::client::Client;
use crate::networks::Networks;
use crate::stream::Ends;
use crate::tls::TlsSession;
use crate::tunnel::{Session, Tunnel};
use crate::wire::Wire;

/// The connection that a request came by.
pub struct Peer {
    /// Its addresses; clients of Unix sockets have none.
    pub ends: Option<Ends>,
    /// Who has connected.
    pub client: Client,
    /// What is known of its encryption, if it is encrypted.
    pub tls: Option<Box<TlsSession>>,
    /// Whether it is a proxy that is believed about its client.
    is_trusted: Cell<bool>,
    pub(crate) wire: Wire,
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
            is_trusted: Cell::new(false),
            wire,
        };
        peer.trust(proxies);
        peer
    }

    /// Goes by another list of those who are believed. Who can reach a Unix socket is a program of this
    /// machine that was let to it, so it is believed, as Gunicorn does.
    pub(crate) fn trust(&self, proxies: &Networks) {
        let remote = self.remote();
        self.is_trusted
            .set(remote.is_none_or(|remote| proxies.hold(remote.ip())));
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted.get()
    }

    /// The client's address, if it has one.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ends.map(|ends| ends.remote)
    }

    /// Takes the connection over from HTTP for the request under way, whose
    /// [`is_upgrade`](crate::Request::is_upgrade) has to be true. It gets no response from the
    /// handler: its reply is dropped unfinished, and `begin` makes the future that has the connection
    /// from then on, the bytes of the answer included.
    pub fn take_over(self: &Rc<Self>, begin: impl FnOnce(Tunnel) -> Session) {
        self.wire.take_over(begin(Tunnel::new(Rc::clone(self))));
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
