//! WebSocket (RFC 6455) on the server's side, with permessage-deflate (RFC 7692). Nothing here reads
//! or writes a socket: `offer` is the opening handshake, `receive` makes messages of bytes, `send`
//! makes frames of messages, `deflate` is the compression of both.

pub mod code;

mod deflate;
mod offer;
mod receive;
mod send;
mod violation;

pub use code::may_be_sent;
pub use deflate::{Deflate, compress};
pub use offer::Offer;
pub use receive::{Received, Receiver};
pub use send::{FrameHead, Kind, close_frame, control_frame};
pub use violation::Violation;
