//! Why a session on a connection that has left HTTP cannot go on.

use std::io;

/// Who has ended it.
pub(crate) enum Gone {
    /// The worker has given it up, or has gone itself.
    Worker,
    /// The connection has broken, or the client keeps silent.
    Connection,
}

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}
