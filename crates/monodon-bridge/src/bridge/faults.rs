//! What the bridge tells of what has gone wrong, and counts.

use monodon_http::handoff::Peer;
use monodon_http::observe::Limit;
use monodon_http::report::{Blame, Report};

use super::Bridge;
use crate::record::Malformed;
use crate::slot::Lost;
use crate::subject::Subject;

impl Bridge {
    /// A request was lost in the hands of a worker. `subject` names it.
    pub(crate) fn report_lost(&self, subject: &Subject, lost: Lost) {
        let Lost {
            code, worker, held, ..
        } = lost;
        match code {
            "MONODON_REQUEST_TIMEOUT" => self.queue.limited.count(Limit::RequestTimeout, 1),
            "MONODON_WORKER_HUNG" => self.queue.limited.count(Limit::Timeout, 1),
            _ => {}
        }
        let detail = format!(
            "{subject}, held for {:.1} s by worker {worker}",
            held.as_secs_f32()
        );
        self.report(code, Blame::App, detail);
    }

    pub(crate) fn report_malformed(&self, worker: u32, malformed: &Malformed) {
        let detail = format!("worker {worker}: {malformed}");
        self.report("MONODON_MALFORMED_BATCH", Blame::Server, detail);
    }

    pub(crate) fn report_lost_files(&self, worker: u32) {
        let detail = format!("worker {worker}: too many files are open");
        self.report("MONODON_FILE_NOT_RECEIVED", Blame::Server, detail);
    }

    pub(crate) fn report_file(&self, subject: &Subject, why: &str) {
        self.report(
            "MONODON_FILE_FAILED",
            Blame::App,
            format!("{subject}: {why}"),
        );
    }

    pub(crate) fn report_no_upgrade(&self, subject: &Subject) {
        self.report("MONODON_NOT_UPGRADABLE", Blame::App, subject.to_string());
    }

    /// A client has met a limit.
    pub(crate) fn count_limit(&self, limit: Limit) {
        self.queue.limited.count(limit, 1);
    }

    /// A WebSocket client has broken the protocol, or is gone without a word.
    pub(crate) fn report_socket(&self, code: &'static str, peer: &Peer, detail: String) {
        self.reporter.report(Report {
            code,
            blame: Blame::Client,
            peer: peer.remote(),
            detail,
        });
    }

    pub(crate) fn report_bad_head(&self, status: u16) {
        let detail = format!("status {status} or a header field of its response");
        self.report("MONODON_BAD_HEADER", Blame::App, detail);
    }

    pub(crate) fn report(&self, code: &'static str, blame: Blame, detail: String) {
        self.reporter.report(Report {
            code,
            blame,
            peer: None,
            detail,
        });
    }
}
