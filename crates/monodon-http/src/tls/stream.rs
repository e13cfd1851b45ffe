//! A connection's records: plaintext on one side, the socket on the other.
//!
//! rustls is driven by hand, so that a read of the socket fills the thread's buffer and not one of each
//! connection, and so that what waits here is known to timers and to the wire.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;
use tokio::io::ReadBuf;

use super::session::TlsSession;
use crate::conn::stream::Stream;

/// Where the thread's connections read what they decrypt then. Nothing stays in it.
pub(crate) type Staging = Rc<RefCell<Box<[u8]>>>;

/// Bytes that a record takes beside its plaintext: header, authentication tag, padding.
const RECORD_OVERHEAD: usize = 256;
/// The least to read at once, so that a record comes in few pieces.
const LEAST_READ: usize = 4096;

/// Server-side TLS over a socket.
pub(crate) struct TlsStream {
    below: Stream,
    session: ServerConnection,
    staging: Staging,
    /// Plaintext that was asked for by nobody yet, from `taken` on. It has no room while it is empty.
    ahead: Vec<u8>,
    taken: usize,
    /// The client has closed its side, by an alert or by the end of the connection.
    has_ended: bool,
    has_said_end: bool,
    /// The client has sent something.
    has_begun: bool,
    bytes_sent: u64,
}

impl TlsStream {
    /// # Errors
    /// None that a configuration of ours can have.
    pub(crate) fn new(
        below: Stream,
        config: Arc<ServerConfig>,
        staging: Staging,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            below,
            session: ServerConnection::new(config)?,
            staging,
            ahead: Vec::new(),
            taken: 0,
            has_ended: false,
            has_said_end: false,
            has_begun: false,
            bytes_sent: 0,
        })
    }

    /// Agrees with the client on keys, as far as its bytes have come.
    ///
    /// # Errors
    /// Of kind `UnexpectedEof` when the client has left; `InvalidData` with what rustls found;
    /// `Unsupported` when it begins like HTTP and not like TLS.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.has_ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// What the handshake has shown.
    pub(crate) fn facts(&self) -> TlsSession {
        TlsSession::of(&self.session)
    }

    /// Reads plaintext; nothing at the client's end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.has_read_ahead() {
                self.give_ahead(buffer);
                return Poll::Ready(Ok(()));
            }
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx, buffer))?;
            if !buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Whether plaintext waits that the socket does not show any more.
    pub(crate) fn has_read_ahead(&self) -> bool {
        self.taken < self.ahead.len()
    }

    fn give_ahead(&mut self, buffer: &mut ReadBuf<'_>) {
        let waiting = &self.ahead[self.taken..];
        let given = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..given]);
        self.taken += given;
        if self.taken == self.ahead.len() {
            self.ahead = Vec::new();
            self.taken = 0;
        }
    }

    /// Reads the socket once and decrypts: into `buffer` as far as it has room, the rest ahead.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let staging = Rc::clone(&self.staging);
        let mut staging = staging.borrow_mut();
        let most = (buffer.remaining() + RECORD_OVERHEAD).max(LEAST_READ);
        let most = most.min(staging.len());
        let mut records = ReadBuf::new(&mut staging[..most]);
        ready!(self.below.poll_read(cx, &mut records))?;
        if records.filled().is_empty() {
            // Without the alert that should have come before: what HTTP sends says by itself whether
            // it is whole, so this is as good an end as that of a connection without TLS.
            self.has_ended = true;
            return Poll::Ready(Ok(()));
        }
        let records = records.filled();
        if !self.has_begun && records[0].is_ascii_alphabetic() {
            // No record begins so (RFC 8446 section 5.1), and every method of HTTP does.
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        self.has_begun = true;
        let decrypted = self.decrypt(records, buffer);
        if self.session.wants_write() {
            // An alert, say. What the socket does not take now is sent by `poll_flush`.
            let _ = self.poll_flush(cx)?;
        }
        Poll::Ready(decrypted)
    }

    fn decrypt(&mut self, mut records: &[u8], buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        while !records.is_empty() && !self.has_ended {
            self.session.read_tls(&mut records)?;
            let state = self.session.process_new_packets();
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let mut waiting = state.plaintext_bytes_to_read();
            while waiting > 0 {
                let mut reader = self.session.reader();
                let piece = reader.fill_buf()?;
                let fits = piece.len().min(buffer.remaining());
                buffer.put_slice(&piece[..fits]);
                self.ahead.extend_from_slice(&piece[fits..]);
                let length = piece.len();
                reader.consume(length);
                waiting -= length;
            }
            self.has_ended = state.peer_has_closed();
        }
        Ok(())
    }

    /// Takes plaintext, as far as there is room: what it is encrypted to waits for `poll_flush`, or until it
    /// is as much as one write should be. So frames of HTTP/2, which come one by one, leave together.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = slices.iter().map(|slice| slice.len()).sum();
        let mut taken = self.session.writer().write_vectored(slices)?;
        if taken == 0 && total > 0 {
            ready!(self.poll_flush(cx))?;
            taken = self.session.writer().write_vectored(slices)?;
        }
        if taken < total {
            // There was no more room. What the socket does not take now is for later.
            let _ = self.poll_flush(cx)?;
        }
        Poll::Ready(Ok(taken))
    }

    /// Sends what waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut socket = Below(&mut self.below, cx);
            match self.session.write_tls(&mut socket) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(sent) => self.bytes_sent += sent as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes that the socket has taken.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Says by an alert that nothing more will come (RFC 8446 section 6.1): without it the client has
    /// to take the end for an attack.
    pub(crate) fn poll_say_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_said_end {
            self.session.send_close_notify();
            self.has_said_end = true;
        }
        self.poll_flush(cx)
    }

    pub(crate) fn socket(&self) -> SockRef<'_> {
        self.below.socket()
    }

    /// The socket again, for who has given TLS up.
    pub(crate) fn into_below(self) -> Stream {
        self.below
    }
}

/// The socket as rustls writes to it.
struct Below<'a, 'b>(&'a mut Stream, &'a mut Context<'b>);

impl Write for Below<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0.poll_write(self.1, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
