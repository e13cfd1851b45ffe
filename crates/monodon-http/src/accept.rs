//! Accepts connections, within the cap, and gives each to the I/O thread with the fewest.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::report::{Blame, Report, Reporter, code};

/// How long to wait before the next try when the system has run out of something.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Counts all connections of the server, and holds `accept` back at the cap.
pub(crate) struct Gate {
    open: AtomicUsize,
    max: usize,
    room: Notify,
}

impl Gate {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            open: AtomicUsize::new(0),
            max: max.max(1) as usize,
            room: Notify::new(),
        }
    }

    fn enter(&self) {
        self.open.fetch_add(1, SeqCst);
    }

    pub(crate) fn leave(&self) {
        if self.open.fetch_sub(1, SeqCst) == self.max {
            self.room.notify_one();
        }
    }

    async fn wait_for_room(&self) {
        while self.open.load(SeqCst) >= self.max {
            self.room.notified().await;
        }
    }
}

/// Takes accepted connections.
pub(crate) type Sink = Rc<dyn Fn(std::net::TcpStream, SocketAddr)>;

/// Accepts until it is dropped.
pub(crate) async fn run(
    listener: Rc<TcpListener>,
    gate: Arc<Gate>,
    reporter: Arc<dyn Reporter>,
    sink: Sink,
) {
    let mut is_failing = false;
    loop {
        gate.wait_for_room().await;
        let accepted = listener
            .accept()
            .await
            .and_then(|(stream, remote)| Ok((stream.into_std()?, remote)));
        match accepted {
            Ok((stream, remote)) => {
                is_failing = false;
                gate.enter();
                sink(stream, remote);
            }
            // The client was gone before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                if !is_failing {
                    is_failing = true;
                    reporter.report(Report {
                        code: code::ACCEPT_FAILED,
                        blame: Blame::Server,
                        peer: None,
                        detail: format!("cannot accept connections: {error}"),
                    });
                }
                // The kernel keeps the connection: trying again at once would spin.
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Accepts what the kernel has queued, so that closing the listener resets nobody.
pub(crate) fn drain(listener: &TcpListener, gate: &Gate, sink: &Sink) {
    while let Ok((socket, address)) = SockRef::from(listener).accept() {
        let stream = std::net::TcpStream::from(socket);
        if let (Some(remote), Ok(())) = (address.as_socket(), stream.set_nonblocking(true)) {
            gate.enter();
            sink(stream, remote);
        }
    }
}
