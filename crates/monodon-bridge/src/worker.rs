//! A worker's end of the crossing: it takes requests and events, and submits answers.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::bridge::Bridge;
use crate::chunk::{Borrowed, Chunk, LentMemory};
use crate::claims::Claims;
use crate::handshake::Sleeper;
use crate::inbox::{Letter, Mail, TakeBack};
use crate::layout::{BATCH_RECORDS, flag, kind};
use crate::loans::{Loans, Returned};
use crate::patience::Patience;
use crate::queue::Origin;
use crate::record::{self, Event, Malformed, Submitted};
use crate::slot::Answer;

/// Bytes of a streamed chunk up to which it is copied out of its batch: a chunk that waits for a
/// slow client must not keep the whole batch in memory.
const COPY_BYTES: usize = 4096;

/// Wakes a worker that sleeps. Called on any thread; must not block.
pub trait Doorbell: Send + Sync + 'static {
    /// Rings. The worker will call `take`.
    fn ring(&self);
}

/// A worker's end of the crossing. `take`, `submit`, `reclaim` and `detach` are called by the
/// worker's own thread.
pub struct Worker {
    index: u32,
    bridge: Arc<Bridge>,
    bell: Box<dyn Doorbell>,
    sleeper: Sleeper,
    held: AtomicU32,
    desk: Mutex<Desk>,
    events: Mutex<Vec<(u32, Event)>>,
    event_count: AtomicUsize,
    loans: Loans,
}

/// What only the worker's own thread touches, while it is alive.
#[derive(Default)]
struct Desk {
    claims: Claims,
    patience: Patience,
    taken: Vec<(Vec<u8>, u32)>,
    /// Events that did not fit into the last batch.
    pending: std::collections::VecDeque<(u32, Event)>,
    outgoing: Vec<Vec<Letter>>,
    detached: bool,
}

impl Worker {
    pub(crate) fn new(index: u32, bridge: Arc<Bridge>, bell: Box<dyn Doorbell>) -> Self {
        Self {
            index,
            bridge,
            bell,
            sleeper: Sleeper::new(true),
            held: AtomicU32::new(0),
            desk: Mutex::default(),
            events: Mutex::default(),
            event_count: AtomicUsize::new(0),
            loans: Loans::default(),
        }
    }

    /// The worker's number, unique in its server.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Requests that it holds.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Buffers that it has lent and that are not given back yet.
    pub fn lent(&self) -> usize {
        self.loans.lent()
    }

    /// Copies records into `batch`: events of exchanges that the worker holds, then at most `most`
    /// requests, which it now holds. Gives their number and whether the worker may sleep.
    ///
    /// Zero records mean that there is nothing, after a short wait where that pays; the doorbell
    /// will ring.
    pub fn take(&self, batch: &mut [u8], most: usize) -> usize {
        let mut desk = self.desk();
        if desk.detached {
            return 0;
        }
        loop {
            let count = self.fill(&mut desk, batch, most.min(BATCH_RECORDS));
            if count > 0 {
                self.held
                    .store(desk.claims.held() as u32, Ordering::Relaxed);
                drop(desk);
                if self.bridge.queue.len() > 0 {
                    self.bridge.ring();
                }
                return count;
            }
            let sleeps = !desk.patience.wait(|| self.has_work())
                && self.sleeper.fall_asleep(|| self.has_work());
            if sleeps || self.owes_reclaim() {
                return 0;
            }
        }
    }

    fn has_work(&self) -> bool {
        self.bridge.queue.len() > 0
            || self.event_count.load(Ordering::SeqCst) > 0
            || self.owes_reclaim()
    }

    /// Whether `take` came back without records because `reclaim` is due before it may sleep.
    pub fn owes_reclaim(&self) -> bool {
        self.loans.owes_reclaim()
    }

    fn fill(&self, desk: &mut Desk, batch: &mut [u8], most: usize) -> usize {
        let mut at = 0;
        let mut count = 0;
        if self.event_count.load(Ordering::SeqCst) > 0 {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            desk.pending.extend(events.drain(..));
            self.event_count.store(0, Ordering::SeqCst);
        }
        while let Some((id, event)) = desk.pending.pop_front() {
            // Events of exchanges that were answered meanwhile have nobody to go to.
            if desk.claims.get(id).is_none() {
                continue;
            }
            if event.room() > batch.len() - at {
                desk.pending.push_front((id, event));
                return count;
            }
            at += event.write(id, &mut batch[at..]);
            count += 1;
        }
        self.bridge.queue.take(
            most,
            batch.len() - at,
            self.index,
            &mut desk.claims,
            &mut desk.taken,
        );
        for (mut record, id) in desk.taken.drain(..) {
            record::set_id(&mut record, id);
            batch[at..at + record.len()].copy_from_slice(&record);
            at += record.len();
            count += 1;
        }
        count
    }

    /// Hands over the `count` records of `batch`. `lent` are the buffers that its records lend, by
    /// index; the keys under which `reclaim` will name them are pushed to `keys`, in that order.
    ///
    /// # Errors
    /// [`Malformed`] when the batch breaks the layout: the records before the bad one are carried
    /// out, the caller has to end the worker. Answers to exchanges that are over are dropped.
    pub fn submit(
        self: &Arc<Self>,
        batch: &[u8],
        count: usize,
        lent: Vec<Box<dyn LentMemory>>,
        keys: &mut Vec<usize>,
    ) -> Result<(), Malformed> {
        let mut desk = self.desk();
        if desk.detached {
            return Ok(());
        }
        let desk = &mut *desk;
        desk.outgoing
            .resize_with(self.bridge.io_threads(), Vec::new);
        let mut lent: Vec<_> = lent.into_iter().map(Some).collect();
        let mut rest = Bytes::copy_from_slice(batch);
        let mut outcome = Ok(());
        for _ in 0..count {
            outcome = record::next(&mut rest)
                .and_then(|record| self.carry_out(record, desk, &mut lent, keys));
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_ok() && lent.iter().any(Option::is_some) {
            outcome = Err(Malformed("a lent buffer is in no record"));
        }
        self.held
            .store(desk.claims.held() as u32, Ordering::Relaxed);
        for (io, letters) in desk.outgoing.iter_mut().enumerate() {
            if !letters.is_empty() {
                self.bridge.inbox(io).post(letters);
            }
        }
        outcome
    }

    /// Turns one record into a letter to the I/O thread of its exchange.
    fn carry_out(
        self: &Arc<Self>,
        record: Submitted,
        desk: &mut Desk,
        lent: &mut [Option<Box<dyn LentMemory>>],
        keys: &mut Vec<usize>,
    ) -> Result<(), Malformed> {
        let is_lent =
            matches!(record.kind, kind::RESPONSE | kind::CHUNK) && record.flags & flag::LENT != 0;
        let memory = if is_lent {
            let index = if record.kind == kind::RESPONSE {
                record.second
            } else {
                record.first
            };
            let memory = lent.get_mut(index as usize).and_then(Option::take);
            Some(memory.ok_or(Malformed("a record lends a buffer that is not there"))?)
        } else {
            None
        };
        // An answer may cross with the end of its exchange: then it is dropped, not an error. Its
        // lent buffer goes back at once, through the table as every other.
        let Some(claim) = desk.claims.get(record.id) else {
            if let Some(memory) = memory {
                let (_, key) = self.loans.lend(memory, 0, None);
                keys.push(key);
                self.give_back(key);
            }
            return Ok(());
        };
        let origin = claim.origin;
        let streaming = claim.streaming;
        let notify = (record.flags & flag::NOTIFY != 0).then_some(record.id);
        let borrow = |memory, keys: &mut Vec<usize>| {
            let (loan, key) = self.loans.lend(memory, origin.io as usize, notify);
            keys.push(key);
            Chunk::lent(Borrowed::new(loan, Arc::clone(self), key))
        };
        let (mail, ends) = match record.kind {
            kind::RESPONSE if !streaming => {
                let mut body = record.bytes;
                let headers = body.split_to(record.first as usize);
                let body = match memory {
                    Some(memory) => borrow(memory, keys),
                    None => body.into(),
                };
                (
                    Mail::Answer(Answer::Whole {
                        status: record.aux,
                        headers,
                        body,
                    }),
                    true,
                )
            }
            kind::HEAD if !streaming => {
                claim.streaming = true;
                (
                    Mail::Answer(Answer::Head {
                        status: record.aux,
                        headers: unpinned(&record.bytes),
                    }),
                    false,
                )
            }
            kind::CHUNK if streaming => {
                let chunk = match memory {
                    Some(memory) => borrow(memory, keys),
                    None => unpinned(&record.bytes).into(),
                };
                (Mail::Chunk(chunk), false)
            }
            kind::END if streaming => (
                Mail::End {
                    trailers: unpinned(&record.bytes),
                },
                true,
            ),
            kind::INFORMATIONAL if !streaming => (
                Mail::Informational {
                    status: record.aux,
                    headers: record.bytes,
                },
                false,
            ),
            kind::FAIL => (Mail::Fail { status: record.aux }, true),
            kind::WANT_BODY => (Mail::WantBody(record.first), false),
            kind::DONE => (Mail::Fail { status: 500 }, true),
            _ => return Err(Malformed("a record does not fit the state of its exchange")),
        };
        if ends {
            desk.claims.remove(record.id);
        }
        let Origin {
            io,
            slot,
            generation,
        } = origin;
        desk.outgoing[io as usize].push(Letter {
            slot,
            generation,
            mail,
        });
        Ok(())
    }

    /// Called on an I/O thread when it is done with a lent buffer.
    pub(crate) fn give_back(&self, key: usize) {
        match self.loans.give_back(key) {
            Returned::Notify(id) => self.notify(id, Event::Released(1)),
            Returned::Wake => {
                self.wake();
            }
            Returned::Nothing => {}
        }
    }

    /// Forgets the loans that were given back and names their keys, so that the caller drops its
    /// references to the buffers.
    pub fn reclaim(&self, forget: impl FnMut(usize)) {
        self.loans.reclaim(forget);
    }

    /// Gives an event to the worker, if it still holds that exchange when it comes to look.
    pub(crate) fn notify(&self, id: u32, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((id, event));
        self.event_count.store(events.len(), Ordering::SeqCst);
        drop(events);
        self.wake();
    }

    /// Rings if the worker sleeps; says whether it did.
    pub(crate) fn wake(&self) -> bool {
        let asleep = self.sleeper.wake();
        if asleep {
            self.bell.ring();
        }
        asleep
    }

    /// Whether the worker sleeps and would come at a ring.
    pub(crate) fn is_asleep(&self) -> bool {
        self.sleeper.is_asleep()
    }

    /// Ends the worker: what it held is answered 502 (or cut, if the head was sent), and no native
    /// thread reads its memory any more when this returns. Further calls do nothing.
    pub fn detach(&self) {
        self.bridge.forget(self.index);
        let mut desk = self.desk();
        if std::mem::replace(&mut desk.detached, true) {
            return;
        }
        let mut outgoing: Vec<Vec<Letter>> = Vec::new();
        outgoing.resize_with(self.bridge.io_threads(), Vec::new);
        for claim in desk.claims.drain() {
            claim.ticket.finish();
            let Origin {
                io,
                slot,
                generation,
            } = claim.origin;
            outgoing[io as usize].push(Letter {
                slot,
                generation,
                mail: Mail::WorkerGone,
            });
        }
        self.held.store(0, Ordering::Relaxed);
        drop(desk);
        for (io, letters) in outgoing.iter_mut().enumerate() {
            if !letters.is_empty() {
                self.bridge.inbox(io).post(letters);
            }
        }
        self.take_loans_back();
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

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that may wait long: small ones are copied, so that they do not keep their batch alive.
fn unpinned(bytes: &Bytes) -> Bytes {
    if bytes.is_empty() {
        Bytes::new()
    } else if bytes.len() <= COPY_BYTES {
        Bytes::copy_from_slice(bytes)
    } else {
        bytes.clone()
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
