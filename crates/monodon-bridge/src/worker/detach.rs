//! The end of a worker: its requests are answered for it, and its memory is given back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;

use super::Worker;
use crate::claims::Claim;
use crate::inbox::{Letter, Mail, TakeBack};
use crate::slot::Lost;

impl Worker {
    /// Ends the worker, from any thread: what it held is answered with `status` (or cut, if the head
    /// was sent), and no native thread reads its memory any more when this returns. Further calls do
    /// nothing.
    pub fn detach(&self, status: StatusCode) {
        self.bridge.forget(self.index);
        let mut desk = self.desk();
        if std::mem::replace(&mut desk.detached, true) {
            return;
        }
        let mut outgoing: Vec<Vec<Letter>> = Vec::new();
        outgoing.resize_with(self.bridge.io_threads(), Vec::new);
        let now = self.bridge.now_ms();
        let code = if status == StatusCode::GATEWAY_TIMEOUT {
            "MONODON_WORKER_HUNG"
        } else {
            "MONODON_WORKER_DIED"
        };
        for claim in desk.claims.drain() {
            claim.ticket.finish();
            let Claim { origin, since, .. } = claim;
            outgoing[origin.io as usize].push(Letter {
                slot: origin.slot,
                generation: origin.generation,
                mail: Mail::WorkerGone(Lost {
                    code,
                    status,
                    worker: self.index,
                    held: Duration::from_millis(u64::from(now.wrapping_sub(since))),
                }),
            });
        }
        self.held.store(0, Ordering::Relaxed);
        drop(desk);
        self.bridge.post(&mut outgoing);
        self.take_loans_back();
        // It may have been rung for what waits.
        if self.bridge.queue.len() > 0 {
            self.bridge.ring();
        }
    }

    fn take_loans_back(&self) {
        let loans = self.loans.all();
        for io in 0..self.bridge.io_threads() {
            let theirs: Vec<_> = loans.iter().filter(|loan| loan.io == io).cloned().collect();
            if !theirs.is_empty() {
                TakeBack::ask(self.bridge.inbox(io), theirs);
            }
        }
    }
}
