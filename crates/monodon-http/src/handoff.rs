//! The one seam between the server and what answers its requests.
//!
//! The server knows no JavaScript. It hands a checked request to a [`Handler`] and sends what the
//! handler's future gives back; `monodon-bridge` implements it with a queue that workers pull from,
//! the tests of this crate with plain Rust.

use std::future::Future;
use std::rc::Rc;

use http::Response;
use http_body::Body;

/// As an extension of a response: its reason phrase (RFC 9112 section 4), where it is not the usual.
pub use hyper::ext::ReasonPhrase;

pub use crate::conn::peer::Peer;
pub use crate::conn::tunnel::{Farewell, Session, Tunnel};
use crate::files::FilePart;
pub use crate::moment::Moment;
pub use crate::observe::Trace;
pub use crate::refusal::{BodyCut, Refusal};
pub use crate::request::body::RequestBody;
pub use crate::request::body_error::BodyError;
pub use crate::request::client::Client;
pub use crate::request::fields::Mount;
use crate::request::forwarded::Told;
pub use crate::trace_context::Traceparent;
use crate::websocket::Offer;

/// As an extension of a response: the part of a file that the app has opened, which is sent in place of the
/// body.
#[derive(Clone, Debug)]
pub struct OpenedFile(pub FilePart);

/// What answers requests, shared by all I/O threads.
pub trait App: Send + Sync + 'static {
    /// The part of it that lives on one I/O thread.
    type Handler: Handler;

    /// What the I/O threads are called, before a hyphen and their number.
    fn thread_name(&self) -> &'static str {
        "monodon-io"
    }

    /// Called once on each I/O thread, inside its runtime (so it may `spawn_local`).
    fn attach(&self, thread: usize) -> Self::Handler;

    /// Called on I/O thread `thread` each time it has nothing left to do and is about to sleep.
    /// Tasks that it wakes are run first: the runtime looks at its queue once more after this.
    fn before_park(&self, thread: usize);

    /// Called on I/O thread `thread` when it has stopped sleeping.
    fn after_unpark(&self, thread: usize);
}

/// What answers the requests of one I/O thread.
pub trait Handler: 'static {
    /// A response's body.
    type Body: Body<Error = BodyCut> + Unpin + 'static;
    /// The answer to come. It is dropped when the client goes away first.
    type Reply: Future<Output = Result<Response<Self::Body>, Refusal>> + 'static;

    /// Takes a request whose head has passed every check.
    fn handle(&self, request: Request) -> Self::Reply;
}

/// A request whose head has passed every check; its body is still arriving.
pub struct Request {
    /// Method, target, version and header fields, as hyper parsed them.
    pub head: http::request::Parts,
    /// The body, with its limit and its timer.
    pub body: RequestBody,
    /// The connection it came by.
    pub peer: Rc<Peer>,
    /// Its number on the connection: the HTTP/2 stream's, and 0 of HTTP/1, which has one at a time.
    pub stream: u32,
    /// What proxies have told of the client, if they are believed.
    pub(crate) told: Option<Box<Told>>,
    /// Where the app is.
    pub mount: Mount,
    /// Whether the client used https: the connection is encrypted, or a proxy that is believed
    /// (`--forwarded-allow-ips`) says that its own is.
    pub tls: bool,
    /// Whether the connection may be [taken over](Peer::take_over) for another protocol: the client
    /// offers to switch (RFC 9110 section 7.8), by a request of HTTP/1.1 without a body. Or its stream of
    /// HTTP/2 may be, for a WebSocket: `head` is that of an upgrade then, too (RFC 8441).
    pub is_upgrade: bool,
    /// What the client offers if that is WebSocket, and valid.
    pub websocket: Option<Box<Offer>>,
    /// Where to tell who has taken it; and what the app is to be told of its trace, beside the fields.
    pub trace: Rc<Trace>,
    /// The server's own number of it.
    pub number: u64,
    /// When its head had come, if that is measured.
    pub received: Option<Moment>,
}

impl Request {
    /// Who has sent it: who has connected, or who that is a proxy for, if it is believed
    /// (`--forwarded-allow-ips`).
    pub fn client(&self) -> &Client {
        let told = self.told.as_ref().and_then(|told| told.client.as_ref());
        told.unwrap_or(&self.peer.client)
    }
}
