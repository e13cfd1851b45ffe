//! What is exported of a request that was traced, once it has ended.

use http::Version;
use monodon_otlp::{Failure, RequestSpan};

use super::{OTHER, Seen};
use crate::access::masked_query;
use crate::moment::Moment;
use crate::traces::{Traced, Tracer};

impl Seen {
    /// Exports a request that has ended, if it is to be. `is_cut`: the client has not got all of its
    /// response.
    pub(super) fn export(&mut self, tracer: &Tracer, is_cut: bool, ended: Option<Moment>) {
        let Some(record) = self.traced.take() else {
            return;
        };
        if let (Some(begun), Some(ended), false) = (self.begun(), ended, self.is_probe()) {
            let target = &*self.about.target;
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            tracer.export(&RequestSpan {
                path,
                query: &masked_query(query),
                received: tracer.since_epoch(begun),
                failure: self.failure(is_cut),
                ..self.span(&record, begun, ended)
            });
        }
        tracer.keep(record);
    }

    fn span<'a>(&'a self, record: &'a Traced, begun: Moment, ended: Moment) -> RequestSpan<'a> {
        let after = |moment: Moment| moment.since(begun);
        RequestSpan {
            method: &self.about.method,
            is_known_method: self.method() != OTHER,
            version: match self.about.version {
                Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2",
                _ => "1.1",
            },
            is_https: self.is_https(),
            client: self.about.client.ip(),
            called: self.taken().map(|(worker, at)| (worker, after(at))),
            ready: self.answered().map(after),
            ended: after(ended),
            status: self.status(),
            bytes: self.sent(),
            is_tunnel: self.is_tunnel(),
            ..record.span()
        }
    }

    fn failure(&self, is_cut: bool) -> Option<Failure> {
        if self.is_broken() {
            Some(Failure::BrokenResponse)
        } else if self.is_left(is_cut) {
            Some(Failure::ClientLeft)
        } else {
            None
        }
    }
}
