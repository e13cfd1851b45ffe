//! What is exported of a request that was traced, once it has ended.

use std::time::Instant;

use http::Version;
use monodon_otlp::{Failure, RequestSpan};

use super::lives::since_epoch;
use super::{OTHER, Seen};
use crate::access::masked_query;

impl Seen {
    /// The span of a request that has ended, if it is to be exported. `is_cut`: the client has not got all
    /// of its response.
    pub(super) fn take_span(
        &mut self,
        is_cut: bool,
        ended: Option<Instant>,
    ) -> Option<Box<RequestSpan>> {
        let mut span = self.span.take()?;
        if self.is_unexported() {
            return None;
        }
        let (begun, ended) = (self.begun()?, ended?);
        let after = |moment: Instant| moment.saturating_duration_since(begun);
        let about = &self.about;
        span.method.push_str(&about.method);
        span.is_known_method = self.method() != OTHER;
        let (path, query) = about.target.split_once('?').unwrap_or((&about.target, ""));
        span.path.push_str(path);
        span.query.push_str(&masked_query(query));
        span.version = match about.version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        };
        span.client.push_str(about.client.ip());
        span.received = since_epoch(begun);
        span.called = self.taken().map(|(worker, at)| (worker, after(at)));
        span.ready = self.answered().map(after);
        span.ended = after(ended);
        (span.status, span.bytes) = (self.status(), self.sent());
        span.is_tunnel = self.is_tunnel();
        span.failure = if self.is_broken() {
            Some(Failure::BrokenResponse)
        } else if self.is_left(is_cut) {
            Some(Failure::ClientLeft)
        } else {
            None
        };
        Some(span)
    }
}
