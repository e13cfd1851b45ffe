//! A socket that listens, on the thread that accepts from it.

use std::io;
use std::task::{Context, Poll, ready};

use socket2::{SockRef, Socket};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::stream::Accepted;

pub(crate) enum Door {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Door {
    /// Gives the socket to the runtime of this thread.
    pub(crate) fn open(socket: Socket) -> io::Result<Self> {
        #[cfg(unix)]
        if socket.local_addr()?.is_unix() {
            return UnixListener::from_std(socket.into()).map(Self::Unix);
        }
        TcpListener::from_std(socket.into()).map(Self::Tcp)
    }

    /// The next connection.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Accepted::Tcp(stream.into_std()?, remote)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(Accepted::Unix(stream.into_std()?)))
            }
        }
    }

    /// The next connection, if the kernel has one; whatever the runtime knows of it.
    pub(crate) fn accept_now(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (socket, address) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                let remote = address.as_socket().ok_or(io::ErrorKind::Unsupported)?;
                Ok(Accepted::Tcp(socket.into(), remote))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (socket, _) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                Ok(Accepted::Unix(socket.into()))
            }
        }
    }
}
