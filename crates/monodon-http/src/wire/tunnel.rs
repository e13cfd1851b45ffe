//! A connection that has left HTTP: the session that has it, and its bytes, past no guard.

use std::io;
use std::task::{Context, Poll};

use http::StatusCode;

use super::{Protocol, Wire};
use crate::conn::tunnel::Session;

impl Wire {
    /// Has the connection go on with `session` instead of HTTP.
    pub(crate) fn take_over(&self, session: Session) {
        self.protocol.set(Protocol::Tunnel);
        self.session.replace(Some(session));
        self.wake();
    }

    pub(crate) fn is_taken_over(&self) -> bool {
        self.protocol.get() == Protocol::Tunnel
    }

    pub(crate) fn take_session(&self) -> Option<Session> {
        self.session.take()
    }

    /// Notes that the server is stopping, and has the connection's task and its sessions look at that.
    pub(crate) fn drain(&self) {
        self.is_draining.set(true);
        self.wake();
        self.tunnels().wake();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    pub(crate) fn set_reading(&self, is_reading: bool) {
        self.is_paused.set(!is_reading);
    }

    /// The session has answered by itself, with this status.
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some(mut seen) = self.ended.take() {
            self.common
                .observer
                .respond_bare(&mut seen, status, self.bytes_given());
            self.ended.set(Some(seen));
        }
    }

    /// Lets `take` have a session's next bytes, at most `most`; none at the client's end.
    pub(crate) fn poll_read_tunnel<R>(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<R>> {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.is_empty() {
            let given = ahead.len().min(most);
            return Poll::Ready(Ok(take(&ahead.split_to(given))));
        }
        if self.has_ended.get() {
            return Poll::Ready(Ok(take(&[])));
        }
        self.read_socket(cx, most, take)
    }
}
