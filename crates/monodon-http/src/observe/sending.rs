//! Responses that are on their way to their clients, for who looks at what is under way.
//!
//! Only those are here that a client may keep waiting: they are too large to be with the kernel at once, or
//! the client took nothing when they began. So most requests do nothing for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use super::seen::{About, Seen};
use crate::moment::Moment;

/// Those of one I/O thread, which adds and removes them.
#[derive(Default)]
pub(crate) struct Sending(Mutex<Slab<Entry>>);

struct Entry {
    number: u64,
    begun: Moment,
    worker: Option<u32>,
    /// The record's own, which has it back at the end.
    about: About,
}

/// A response on its way.
#[derive(Clone, Debug)]
pub struct OnItsWay {
    /// The server's own number of the request.
    pub number: u64,
    /// As the client has sent it, cut to 32 bytes.
    pub method: String,
    /// Path and query as the client has sent them, cut to 512 bytes.
    pub target: String,
    /// Since the request's head had come.
    pub age: Duration,
    /// Who has taken the request, if somebody has.
    pub worker: Option<u32>,
}

impl Sending {
    fn lock(&self) -> MutexGuard<'_, Slab<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds those that there are now.
    pub(crate) fn add_to(&self, found: &mut Vec<OnItsWay>) {
        let entries = self.lock();
        found.extend(entries.iter().map(|(_, entry)| OnItsWay {
            number: entry.number,
            method: entry.about.method.to_string(),
            target: entry.about.target.clone(),
            age: entry.begun.elapsed(),
            worker: entry.worker,
        }));
    }
}

impl Seen {
    /// Has it shown as one whose response is on its way, if it is watched.
    pub(super) fn enter(&mut self, sending: &Sending) {
        let Some(begun) = self.watched_since().filter(|_| self.sending.is_none()) else {
            return;
        };
        let entry = Entry {
            number: self.number(),
            begun,
            worker: self.taken().map(|(worker, _)| worker),
            about: std::mem::take(&mut self.about),
        };
        self.sending = Some(sending.lock().insert(entry));
    }

    /// Has it shown no more.
    pub(super) fn leave(&mut self, sending: &Sending) {
        if let Some(key) = self.sending.take()
            && let Some(entry) = sending.lock().try_remove(key)
        {
            self.about = entry.about;
        }
    }
}
