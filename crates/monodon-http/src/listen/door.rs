//! A socket that listens, on the thread that accepts from it.

use std::io;
use std::task::{Context, Poll, ready};

use socket2::{SockRef, Socket};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::conn::stream::{Accepted, AcceptedSocket};

pub(crate) struct Door {
    listener: Listener,
    /// Which of the server's binds it is.
    bind: usize,
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Door {
    /// Gives the socket to the runtime of this thread.
    pub(crate) fn open(socket: Socket, bind: usize) -> io::Result<Self> {
        let listener = Listener::open(socket)?;
        Ok(Self { listener, bind })
    }

    /// The next connection.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map_ok(|socket| self.accepted(socket))
    }

    /// The next connection, if the kernel has one; whatever the runtime knows of it.
    pub(crate) fn accept_now(&self) -> io::Result<Accepted> {
        let socket = self.listener.accept_now()?;
        Ok(self.accepted(socket))
    }

    fn accepted(&self, socket: AcceptedSocket) -> Accepted {
        let bind = self.bind;
        Accepted {
            socket,
            bind,
            visit: None,
        }
    }
}

impl Listener {
    fn open(socket: Socket) -> io::Result<Self> {
        #[cfg(unix)]
        if socket.local_addr()?.is_unix() {
            return UnixListener::from_std(socket.into()).map(Self::Unix);
        }
        TcpListener::from_std(socket.into()).map(Self::Tcp)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<AcceptedSocket>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(AcceptedSocket::Tcp(stream.into_std()?, remote)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok(AcceptedSocket::Unix(stream.into_std()?)))
            }
        }
    }

    fn accept_now(&self) -> io::Result<AcceptedSocket> {
        match self {
            Self::Tcp(listener) => {
                let (socket, address) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                let remote = address.as_socket().ok_or(io::ErrorKind::Unsupported)?;
                Ok(AcceptedSocket::Tcp(socket.into(), remote))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (socket, _) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                Ok(AcceptedSocket::Unix(socket.into()))
            }
        }
    }
}
