//! The crossing between the HTTP server and the workers that run the app.
//!
//! A request's way through this crate:
//!
//! 1. [`reply`] takes it from the server, writes its [`record`] and puts it into the [`queue`];
//! 2. [`bridge`] rings a sleeping worker when the I/O thread is about to sleep ([`handshake`]);
//! 3. [`worker`] takes records in batches, each entered into its [`claims`], and submits answers; for a worker in a [`process`], a [`courier`] does;
//! 4. [`io`] reads the answers on the I/O thread and wakes the connection, whose [`reply`] turns
//!    them into a response of [`chunk`]s.
//!
//! What must hold: a request is queued, claimed by one worker, or over, and one word decides which
//! ([`ticket`]); all queues are bounded; nothing a worker submits can panic this code; lent memory
//! is read on one I/O thread only, so that [`worker::Worker::detach`] can take it back there.
#![forbid(unsafe_code)]

pub mod app;
pub mod bridge;
pub mod chunk;
mod claims;
mod clock;
#[cfg(unix)]
mod courier;
#[cfg(unix)]
pub mod enclosing;
mod exchange;
mod gone;
mod handshake;
mod headers;
mod health;
mod inbox;
mod io;
pub mod layout;
#[cfg(unix)]
mod line;
mod loans;
mod overdue;
mod overload;
mod patience;
#[cfg(unix)]
pub mod process;
mod queue;
pub mod record;
mod redirect;
pub mod reply;
mod slot;
mod socket;
pub mod streamed;
mod subject;
mod sync;
mod tasks;
mod ticket;
mod tunnel;
pub mod under_way;
mod unread;
mod upload;
pub mod worker;
