//! The N-API addon: the crossing between native threads and JavaScript, and nothing else.
//!
//! [`sockets`] opens what is listened on, also descriptors that the process has inherited
//! ([`descriptor`]); [`server`] starts and stops the server of `monodon-http` with the queue of `monodon-bridge`;
//! [`port`] holds the functions that a worker calls once a batch; [`process`] starts workers in
//! processes of their own, which send files by [`enclosing`]; [`pages`] serves what is shown of a
//! server; [`app`] is what answers in either; [`lent`] and [`doorbell`] are what crosses besides.
//! All `unsafe` code of the project is in this crate.
#![allow(missing_docs, reason = "napi-derive generates undocumented items")]
#![cfg_attr(
    test,
    allow(dead_code, reason = "napi-derive exports nothing in a test build")
)]

mod app;
#[cfg(unix)]
mod descriptor;
mod doorbell;
#[cfg(unix)]
mod enclosing;
mod entries;
mod lent;
mod notify;
mod observe;
mod options;
mod os;
mod pages;
mod port;
#[cfg(unix)]
mod process;
mod server;
mod sockets;
mod statsd;

use napi_derive::napi;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version of the record layout that this addon was built with.
#[napi]
pub fn layout_version() -> u32 {
    monodon_bridge::layout::LAYOUT_VERSION
}

/// The version of the addon.
#[napi]
pub fn native_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
