//! The HTTP server of monodon, in pure Rust: it owns sockets, framing, limits and timers, and hands
//! requests to whatever implements [`handoff::App`].
//!
//! The way of a request, and what each step sees to:
//!
//! 1. `listen` has what the server listens on (`sockets`: bound, or inherited; `marks` is what a bind asks of
//!    connections) and takes connections
//!    (`accept`, `door`), within the cap and as many of a client as may be (`visits`); it gives each to the
//!    I/O thread with the fewest;
//! 2. `io_thread` runs one thread's connections. `conn` is one connection's task: it tells HTTP/1.1 from
//!    HTTP/2, lets hyper work, and ends the connection. Below it are its `stream`, what happens before HTTP
//!    where its bind asks for that (`arrival`: `preamble` is what a proxy may say before all else, and
//!    `tls`), and the `timers`, by which `io_thread/sweep` looks at all of them;
//! 3. `wire` holds the socket and its buffers, `wire/io` is hyper's view of it; `framing` (with `head`,
//!    `chunked`, `host` and `limits`) reads the bytes first and refuses what RFC 9112 forbids;
//! 4. hyper parses HTTP/1, and h2 HTTP/2 (`http2`); `service` has the head looked at (`request`: `checks`,
//!    `fields` and what proxies tell) and calls the handler;
//! 5. `handoff` is the seam, `refusal` what a handler gives in place of an answer; `request/body` and `conn/peer` are what the handler reads from;
//! 6. `response` makes the answer fit to be sent, `response/answers` makes those of the server itself;
//! 7. hyper or h2 frames it, and `wire` writes it;
//! 8. or the handler takes the connection, or the stream of HTTP/2, over for another protocol:
//!    `conn/tunnel`, and `websocket` for the one that is known here.
//!
//! `files` answers requests for files before the handler, and sends those that it hands over; `compress`
//! compresses what is sent, if asked to; `access` writes a line for each request; `traces` makes requests
//! parts of traces, which `monodon-otlp` exports; `field_values` is where values of fields are written that
//! are made for a request.
//!
//! `server` starts and stops all this, and `start_error` says why it cannot be started; `tuning` is what may change meanwhile; `phase`, `observe` and `report`
//! tell of it.
#![forbid(unsafe_code)]

pub mod files;
pub mod handoff;
pub mod options;
pub mod report;
pub mod server;
pub mod websocket;

mod access;
mod compress;
mod conn;
mod field_values;
mod framing;
mod http2;
mod io_thread;
mod listen;
mod moment;
pub mod observe;
mod phase;
mod refusal;
mod request;
mod response;
mod service;
mod spare;
mod start_error;
pub mod tls;
mod trace_context;
mod traces;
mod tuning;
mod wire;

pub use access::{Entries, Statsd};
pub use conn::stream::Ends;
pub use handoff::{App, BodyCut, BodyError, Handler, Peer, Refusal, Request, RequestBody};
pub use listen::marks::{Bind, Introduction, plain_binds};
pub use listen::sockets::{Address, Inherited, Sockets};
pub use monodon_otlp::Counts as SpanCounts;
pub use observe::Tallied;
pub use observe::stats::{Observed, Stats};
pub use options::Options;
pub use report::{Blame, Report, Reporter};
pub use server::{Phase, Server, StartError};
