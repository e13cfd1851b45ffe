//! What hyper reads from and writes to.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::conn::peer::Peer;

/// hyper's end of a connection's [`Wire`](crate::wire::Wire).
pub(crate) struct Io(pub(crate) Rc<Peer>);

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.wire.poll_read(cx, &mut cursor)
    }
}

impl Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.wire.poll_write(cx, &[IoSlice::new(bytes)])
    }

    /// Large pieces are written from where they are; small ones are copied together.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.wire.poll_write(cx, slices)
    }

    /// Only notes that hyper's own buffer is empty. The connection's task writes at the end of its
    /// turn, once for all that was said in it.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.wire.parser_is_flushed();
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the connection's task ends the connection, in its own way.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
