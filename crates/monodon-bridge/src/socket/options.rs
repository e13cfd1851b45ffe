//! The options of a `WebSocket`.

use std::time::Duration;

use monodon_http::options::Options;

/// What holds for one from its opening on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    pub(super) message_limit: usize,
    pub(super) compresses: bool,
    pub(super) ping: Option<Duration>,
}

impl SocketOptions {
    pub(crate) fn new(options: &Options) -> Self {
        let ping = options.websocket_ping;
        Self {
            message_limit: options.limit_websocket_message as usize,
            compresses: options.websocket_compression,
            ping: (!ping.is_zero()).then_some(ping),
        }
    }
}
