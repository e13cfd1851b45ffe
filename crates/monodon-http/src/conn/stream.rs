//! A connection's socket, of whichever kind.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::listen::visits::Visit;
use crate::tls::TlsStream;

/// A connection that was accepted, on its way to the I/O thread that serves it.
pub(crate) struct Accepted {
    pub(crate) socket: AcceptedSocket,
    /// Which of the server's binds it came by.
    pub(crate) bind: usize,
    /// Counts it among its client's, if that is limited.
    pub(crate) visit: Option<Visit>,
}

/// The socket of a connection that no runtime has yet.
pub(crate) enum AcceptedSocket {
    /// With the client's address.
    Tcp(std::net::TcpStream, SocketAddr),
    /// Clients of Unix sockets have no address.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Accepted {
    /// The client's IP address, if it has one.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        match &self.socket {
            AcceptedSocket::Tcp(_, remote) => Some(*remote),
            #[cfg(unix)]
            AcceptedSocket::Unix(_) => None,
        }
    }

    /// Gives the socket to the runtime of this thread.
    pub(crate) fn open(self) -> io::Result<Opened> {
        let visit = self.visit;
        match self.socket {
            AcceptedSocket::Tcp(stream, remote) => {
                let local = stream.local_addr()?;
                let stream = TcpStream::from_std(stream)?;
                stream.set_nodelay(true)?;
                Ok(Opened {
                    stream: Stream::Tcp(stream),
                    ends: Some(Ends { remote, local }),
                    visit,
                })
            }
            #[cfg(unix)]
            AcceptedSocket::Unix(stream) => Ok(Opened {
                stream: Stream::Unix(UnixStream::from_std(stream)?),
                ends: None,
                visit,
            }),
        }
    }
}

/// A connection on its I/O thread.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) ends: Option<Ends>,
    pub(crate) visit: Option<Visit>,
}

/// The addresses of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The client's.
    pub remote: SocketAddr,
    /// The one that the client has connected to.
    pub local: SocketAddr,
}

/// A socket that the runtime waits on.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// TLS over one of them.
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => stream.poll_read(cx, buffer),
        }
    }

    /// Looks at what the socket has, and leaves it there: ready once `look` has made something of it, or
    /// with `None` at the end. For a connection that is not encrypted yet.
    pub(crate) fn poll_peek<R>(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
        look: &impl Fn(&[u8]) -> Option<R>,
    ) -> Poll<io::Result<Option<R>>> {
        let mut peek = || {
            let (count, _) = recv(&*self.socket(), &mut *bytes, RecvFlags::PEEK)?;
            if count == 0 {
                return Ok(None);
            }
            // As long as there is too little the runtime is told that there is nothing: it waits for more.
            let seen = look(&bytes[..count]);
            seen.map(Some).ok_or(io::ErrorKind::WouldBlock.into())
        };
        loop {
            let tried = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, &mut peek)
                }
                #[cfg(unix)]
                Self::Unix(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, &mut peek)
                }
                Self::Tls(_) => return Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
            };
            match tried {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                tried => return Poll::Ready(tried),
            }
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => write_to(Pin::new(stream), cx, slices),
            #[cfg(unix)]
            Self::Unix(stream) => write_to(Pin::new(stream), cx, slices),
            Self::Tls(stream) => stream.poll_write(cx, slices),
        }
    }

    /// Has what was written leave for the kernel. Without TLS it has left.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(stream) => stream.poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Tls(stream) = self {
            ready!(stream.poll_say_end(cx))?;
        }
        Poll::Ready(self.socket().shutdown(Shutdown::Write))
    }

    /// Bytes of TLS that the kernel has taken: what was written may have waited here before.
    pub(crate) fn bytes_of_tls(&self) -> u64 {
        match self {
            Self::Tls(stream) => stream.bytes_sent(),
            _ => 0,
        }
    }

    /// Whether bytes for the parser were read from the socket and wait here.
    pub(crate) fn has_read_ahead(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.has_read_ahead())
    }

    /// Whether what is written goes out as it is.
    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self, Self::Tls(_))
    }

    /// Writes bytes that others follow at once: the kernel may wait for them (`MSG_MORE`).
    pub(crate) fn poll_write_more(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if cfg!(target_os = "linux") && matches!(self, Self::Tcp(_)) {
            return self.poll_send(cx, || send_more(&*self.socket(), bytes));
        }
        self.poll_write(cx, &[IoSlice::new(bytes)])
    }

    /// Has the kernel send at most `count` bytes of `file` from `offset` on; gives back how many it
    /// has, none where the file ends.
    pub(crate) fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, || send_file(&*self.socket(), file, offset, count))
    }

    /// Has `send` give something to the socket, once that takes something.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        mut send: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let outcome = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_io(Interest::WRITABLE, &mut send)
                }
                #[cfg(unix)]
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_io(Interest::WRITABLE, &mut send)
                }
                Self::Tls(_) => return Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
            };
            match outcome {
                // The runtime waits for the socket again.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Poll::Ready(outcome),
            }
        }
    }

    /// The error that the kernel has noted of the connection, if there is one.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream),
            Self::Tls(stream) => stream.socket(),
        }
    }
}

#[cfg(target_os = "linux")]
fn send_more(socket: impl std::os::fd::AsFd, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};
    Ok(send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn send_more<S>(_: S, _: &[u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn send_file(
    socket: impl std::os::fd::AsFd,
    file: &File,
    mut offset: u64,
    count: usize,
) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(
        socket,
        file,
        Some(&mut offset),
        count,
    )?)
}

#[cfg(not(target_os = "linux"))]
fn send_file<S>(_: S, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

fn write_to<W: AsyncWrite>(
    stream: Pin<&mut W>,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match slices {
        // One buffer: a plain write(2) is cheaper than writev(2).
        [slice] => stream.poll_write(cx, slice),
        _ => stream.poll_write_vectored(cx, slices),
    }
}
