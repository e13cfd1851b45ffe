//! The HTTP server of monodon, in pure Rust: it owns sockets, framing, limits and timers, and hands
//! requests to whatever implements [`handoff::App`].
//!
//! The way of a request, and what each step sees to:
//!
//! 1. `sockets` has what the server listens on (`listen` binds, also `listen/unix`, or it was
//!    inherited); `accept` takes connections (`door`, `stream`: of TCP or Unix sockets), within the
//!    cap, and gives each to the I/O thread with the fewest;
//! 2. `arrival` makes it ready for HTTP where its bind asks for more than that: `tls`;
//! 3. `io_thread` runs one thread's connections; `timers` sweeps over them; `conn` is one
//!    connection's task: it tells HTTP/1.1 from HTTP/2, lets hyper work, and ends the connection;
//! 4. `wire` holds the socket and its buffers, `io` is hyper's view of it; `framing` (with
//!    `head`, `chunked`, `host` and `limits`) reads the bytes first and refuses what RFC 9112 forbids;
//! 5. hyper parses HTTP/1, and h2 HTTP/2 (`http2`); `service` checks what only a parsed head shows
//!    (`checks`) and calls the handler;
//! 6. `handoff` is the seam; `body` (by way of `incoming`) and `peer` are what the handler reads from;
//! 7. `response` makes the answer fit to be sent, `answers` makes those of the server itself;
//! 8. hyper or h2 frames it, and `wire` writes it;
//! 9. or the handler takes the connection, or the stream of HTTP/2, over for another protocol: `tunnel`,
//!    and `websocket` for the one that is known here.
//!
//! `files` answers requests for files before the handler, and sends those that it hands over.
//!
//! Beside that way: `preamble` is what a proxy may say before all else; `fields` knows which proxies are
//! believed (`networks`) about the client (`client`), `forwarded` what they tell; `compress` compresses
//! what is sent, if asked to; `access` writes a line for each request.
//!
//! `traces` makes requests parts of traces, which `monodon-otlp` exports.
//!
//! `server` starts and stops all this; `tuning` is what may change meanwhile; `phase`, `stats`, `observe` and
//! `report` tell of it.
#![forbid(unsafe_code)]

pub mod files;
pub mod handoff;
pub mod options;
pub mod report;
pub mod server;
pub mod websocket;

mod accept;
mod access;
mod answers;
mod arrival;
mod body;
mod checks;
mod chunked;
mod client;
mod compress;
mod conn;
mod connection;
mod date;
mod delivery;
mod door;
mod doors;
mod duty;
mod fields;
mod forwarded;
mod framing;
mod head;
mod host;
mod http2;
mod incoming;
mod io;
mod io_thread;
mod limits;
mod listen;
mod networks;
pub mod observe;
mod peer;
mod phase;
mod preamble;
mod request_id;
mod response;
mod service;
mod sockets;
mod spare;
mod stall;
mod stats;
mod stream;
mod timers;
pub mod tls;
mod traces;
mod tuning;
mod tunnel;
mod visits;
mod wire;

pub use access::{Entries, Statsd};
pub use handoff::{App, BodyCut, BodyError, Handler, Peer, Refusal, Request, RequestBody};
pub use monodon_otlp::Counts as SpanCounts;
pub use observe::Tallied;
pub use options::Options;
pub use report::{Blame, Report, Reporter};
pub use server::{Phase, Server, StartError};
pub use sockets::{Address, Bind, Inherited, Introduction, Sockets};
pub use stats::{Observed, Stats};
pub use stream::Ends;
