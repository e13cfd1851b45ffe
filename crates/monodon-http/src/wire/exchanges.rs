//! The exchanges of a connection: which are under way, where the one of HTTP/1 stands, and their records.

use http::StatusCode;

use super::{AHEAD_BYTES, Protocol, Wire};
use crate::observe::{Limit, Seen};
use crate::request::client::Client;
use crate::response::answers::Rejection;
use crate::tls::TlsSession;

impl Wire {
    /// A request is handed over. False if the parser has found a request that the guard has not.
    pub(crate) fn begin_exchange(&self) -> bool {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.open.set(self.open.get() + 1);
        self.is_answering.set(true);
        self.is_flushed.set(false);
        self.has_begun.set(false);
        self.body_failed.set(false);
        self.protocol.get() == Protocol::Http2 || self.calls.get() == self.guard.borrow().heads()
    }

    pub(crate) fn response_begins(&self) {
        self.has_begun.set(true);
    }

    pub(crate) fn end_exchange(&self, mut seen: Box<Seen>) {
        self.open.set(self.open.get() - 1);
        match self.protocol.get() {
            Protocol::Http2 => {
                let is_cut = !seen.is_whole();
                self.conclude(Some(seen), is_cut);
            }
            Protocol::Tunnel => {
                self.common.observer.switch(&mut seen, self.bytes_given());
                self.conclude(self.ended.replace(Some(seen)), false);
            }
            _ => self.conclude(self.ended.replace(Some(seen)), false),
        }
    }

    /// Keeps the record of an exchange whose response was given away, and is to be taken by the client
    /// (HTTP/2); gives its key.
    pub(crate) fn keep(&self, seen: Box<Seen>) -> usize {
        self.open.set(self.open.get() - 1);
        self.http2.kept.borrow_mut().insert(seen)
    }

    /// The client has taken a response, or all but so many bytes of it, which it will not take.
    pub(crate) fn end_kept(&self, key: usize, unsent: usize) {
        let kept = self.http2.kept.borrow_mut().try_remove(key);
        let Some(mut seen) = kept else { return };
        seen.lose(unsent);
        self.conclude(Some(seen), unsent > 0);
    }

    /// Counts an exchange that is over, and writes its line to the access log.
    pub(super) fn conclude(&self, seen: Option<Box<Seen>>, is_cut: bool) {
        let Some(mut seen) = seen else { return };
        let ended = self.common.observer.ended(&seen, self.bytes_out.get());
        seen.end_line(ended, |line, outcome| {
            if let Some(access) = &*self.common.access.borrow() {
                access.write(line, outcome);
            }
        });
        self.common.observer.end(seen, is_cut, ended);
    }

    /// A limit was met.
    pub(crate) fn limited(&self, limit: Limit) {
        self.common.observer.limited(limit);
    }

    /// Counts, and writes a line for, what was answered outside of any exchange, with so many bytes of body.
    pub(crate) fn log_refused(
        &self,
        client: &Client,
        tls: Option<&TlsSession>,
        status: StatusCode,
        sent: usize,
    ) {
        self.common.observer.refused(status);
        if let Some(access) = &*self.common.access.borrow() {
            access.write_refused(client, tls, self.guard.borrow().line(), status, sent);
        }
    }

    pub(crate) fn open_exchanges(&self) -> u32 {
        self.open.get()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.get()
    }

    pub(crate) fn fail_body(&self) {
        self.body_failed.set(true);
    }

    /// Nobody will read the rest of the body. If it has not come yet, nobody waits for it either
    /// (RFC 9110 section 10.1.1: the final response says so).
    pub(crate) fn abandon_body(&self) {
        if !self.guard.borrow().is_complete() {
            self.body_failed.set(true);
        }
    }

    pub(crate) fn has_failed_body(&self) -> bool {
        self.body_failed.get()
    }

    pub(crate) fn is_body_malformed(&self) -> bool {
        self.guard.borrow().is_broken()
    }

    /// Whether nothing is under way between the last message and the next.
    pub(super) fn is_settled(&self) -> bool {
        self.open.get() == 0
            && self.is_flushed.get()
            && self.calls.get() == self.guard.borrow().heads()
    }

    /// What was kept back from the parser until the answer had gone out, if there is anything and
    /// the answer has: the number of the last request, and of bytes that wait. The parser should
    /// look again then, since nobody wakes it for these bytes, or for the client's end.
    pub(crate) fn kept_back(&self) -> Option<(u32, usize)> {
        let guard = self.guard.borrow();
        let ahead = self.ahead.borrow().len();
        let is_due = self.open.get() == 0
            && self.is_flushed.get()
            && guard.is_complete()
            && self.calls.get() == guard.heads()
            && (self.has_ended.get() || ahead > 0);
        is_due.then_some((self.calls.get(), ahead))
    }

    /// Whether the last request's method was HEAD (HTTP/1).
    pub(crate) fn is_head(&self) -> bool {
        self.guard.borrow().is_head()
    }

    /// Whether the last request came with HTTP/1.1.
    pub(crate) fn is_http_11(&self) -> bool {
        self.guard.borrow().is_http_11()
    }

    /// Whether the parser reads nothing at present, so that it cannot see the client leave.
    pub(crate) fn is_deaf(&self) -> bool {
        match self.protocol.get() {
            Protocol::Http1 => {
                let is_full = || self.ahead.borrow().len() >= AHEAD_BYTES;
                self.open.get() > 0 && (!self.guard.borrow().is_complete() || is_full())
            }
            Protocol::Tunnel => self.is_paused.get(),
            Protocol::Undecided | Protocol::Http2 => false,
        }
    }

    pub(crate) fn rejection(&self) -> Option<Rejection> {
        if !self.is_settled() {
            return None;
        }
        self.guard.borrow().rejection()
    }

    /// Whether the connection waits for a request, and no byte of it has come.
    pub(crate) fn is_idle(&self) -> bool {
        match self.protocol.get() {
            Protocol::Undecided => self.ahead.borrow().is_empty(),
            Protocol::Http1 => {
                self.is_settled()
                    && self.guard.borrow().is_between_messages()
                    && self.ahead.borrow().is_empty()
            }
            Protocol::Http2 => self.open.get() == 0 && !self.has_streams(),
            Protocol::Tunnel => false,
        }
    }

    /// Whether part of a request's head has come, and nothing else is under way.
    pub(crate) fn is_in_head(&self) -> bool {
        match self.protocol.get() {
            Protocol::Undecided => !self.ahead.borrow().is_empty(),
            Protocol::Http1 => self.is_settled() && self.guard.borrow().is_in_head(),
            Protocol::Http2 | Protocol::Tunnel => false,
        }
    }
}
