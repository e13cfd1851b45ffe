//! The HTTP server of monodon, in pure Rust: it owns sockets, framing, limits and timers.
#![forbid(unsafe_code)]

pub mod handoff;
pub mod options;
