//! Where I/O threads leave what they have traced: each writes spans into a lane of its own, whose lock is
//! free but for the instant in which the exporter empties it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::encode::Encoder;
use crate::ids::Ids;
use crate::span::RequestSpan;

/// Bytes of spans that wait for the exporter, at most, but for one batch of each lane. What comes then is
/// dropped, and counted.
const WAITING: usize = 16 * 1024 * 1024;
/// Bytes of spans that are sent at once; the last of them may go a little beyond. Collectors take 4 MiB.
pub(crate) const BATCH: usize = 512 * 1024;

/// Spans as they are sent.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// How many these are.
    pub(crate) spans: u64,
}

/// All lanes of an exporter.
pub(crate) struct Lanes {
    encoder: Encoder,
    held: Box<[Mutex<Held>]>,
    /// Full batches that a lane holds, at most.
    most: usize,
    /// Told when a lane has spans that nobody was told of.
    pub(crate) has_some: Notify,
    /// Told when one has a full batch.
    pub(crate) has_batch: Notify,
    /// Spans that there was no room for.
    pub(crate) overflow: AtomicU64,
}

#[derive(Default)]
struct Held {
    full: Vec<Batch>,
    /// What the next spans are written to.
    open: Batch,
    /// To be written to after that.
    spare: Option<Vec<u8>>,
}

/// One I/O thread's way to the exporter.
pub struct Lane {
    lanes: Arc<Lanes>,
    index: usize,
}

impl Lane {
    pub(crate) fn new(lanes: Arc<Lanes>, index: usize) -> Self {
        Self { lanes, index }
    }

    /// Hands over the spans of a request that has ended, those below the server's with ids of `ids`; or
    /// drops them where there is no room.
    pub fn push(&self, span: &RequestSpan<'_>, ids: &mut Ids) {
        let mut held = lock(&self.lanes.held[self.index]);
        if held.full.len() >= self.lanes.most {
            drop(held);
            self.lanes.overflow.fetch_add(span.count(), Relaxed);
            return;
        }
        let is_first = held.open.spans == 0;
        self.lanes.encoder.write(span, ids, &mut held.open.bytes);
        held.open.spans += span.count();
        let is_full = held.open.bytes.len() >= BATCH;
        if is_full {
            held.close();
        }
        drop(held);
        if is_first {
            self.lanes.has_some.notify_one();
        }
        if is_full {
            self.lanes.has_batch.notify_one();
        }
    }
}

impl Held {
    /// Has the next spans go into another batch.
    fn close(&mut self) {
        let bytes = self.spare.take().unwrap_or_default();
        let full = std::mem::replace(&mut self.open, Batch { bytes, spans: 0 });
        self.full.push(full);
    }
}

impl Lanes {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            encoder: Encoder::new(),
            held: (0..count).map(|_| Mutex::default()).collect(),
            most: (WAITING / BATCH / count.max(1)).max(1),
            has_some: Notify::new(),
            has_batch: Notify::new(),
            overflow: AtomicU64::new(0),
        }
    }

    /// Takes the full batches, behind what is in `taken`, each with the index of its lane.
    pub(crate) fn take_full(&self, taken: &mut VecDeque<(usize, Batch)>) {
        for (index, lane) in self.held.iter().enumerate() {
            let mut held = lock(lane);
            taken.extend(held.full.drain(..).map(|batch| (index, batch)));
            if held.open.spans > 0 {
                self.has_some.notify_one();
            }
        }
    }

    /// Takes all that waits, likewise.
    pub(crate) fn take_all(&self, taken: &mut VecDeque<(usize, Batch)>) {
        for (index, lane) in self.held.iter().enumerate() {
            let mut held = lock(lane);
            if held.open.spans > 0 {
                held.close();
            }
            taken.extend(held.full.drain(..).map(|batch| (index, batch)));
        }
    }

    /// Gives the memory of a batch, which is empty, to a lane for one of its next.
    pub(crate) fn give_back(&self, index: usize, memory: Vec<u8>) {
        lock(&self.held[index]).spare = Some(memory);
    }
}

fn lock(mutex: &Mutex<Held>) -> MutexGuard<'_, Held> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use super::{BATCH, Batch, Lane, Lanes, WAITING};
    use crate::ids::Ids;
    use crate::span::RequestSpan;

    /// Bytes of the path, which make most of a request's spans.
    const PATH: usize = BATCH / 16;

    fn push(lane: &Lane) {
        let path = "x".repeat(PATH);
        let span = RequestSpan {
            path: &path,
            called: Some((1, Duration::ZERO)),
            ready: Some(Duration::ZERO),
            ..RequestSpan::default()
        };
        lane.push(&span, &mut Ids::new());
    }

    fn spans(taken: &VecDeque<(usize, Batch)>) -> u64 {
        taken.iter().map(|(_, batch)| batch.spans).sum()
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_by_its_spans() {
        let lanes = Arc::new(Lanes::new(2));
        let lane = Lane::new(Arc::clone(&lanes), 1);
        let mut pushed = 0;
        while lanes.overflow.load(Relaxed) == 0 {
            push(&lane);
            pushed += 1;
        }
        assert_eq!(lanes.overflow.load(Relaxed), 4);
        let mut taken = VecDeque::new();
        lanes.take_all(&mut taken);
        assert_eq!(spans(&taken), 4 * (pushed - 1));
        assert!(taken.iter().all(|(index, _)| *index == 1));
        let bytes: usize = taken.iter().map(|(_, batch)| batch.bytes.len()).sum();
        let expected = WAITING / 2..WAITING / 2 + 64 * PATH;
        assert!(expected.contains(&bytes), "{bytes}");
        push(&lane);
        assert_eq!(lanes.overflow.load(Relaxed), 4);
    }

    #[test]
    fn full_batches_are_taken_before_the_rest() {
        let lanes = Arc::new(Lanes::new(1));
        let lane = Lane::new(Arc::clone(&lanes), 0);
        for _ in 0..17 {
            push(&lane);
        }
        let mut taken = VecDeque::new();
        lanes.take_full(&mut taken);
        assert_eq!((taken.len(), spans(&taken)), (1, 4 * 16));
        lanes.take_all(&mut taken);
        assert_eq!((taken.len(), spans(&taken)), (2, 4 * 17));
        lanes.take_all(&mut taken);
        assert_eq!(taken.len(), 2);
    }

    #[test]
    fn memory_is_used_again() {
        let lanes = Arc::new(Lanes::new(1));
        let lane = Lane::new(Arc::clone(&lanes), 0);
        let memory = Vec::with_capacity(BATCH);
        let at = memory.as_ptr();
        lanes.give_back(0, memory);
        let mut taken = VecDeque::new();
        for _ in 0..2 {
            push(&lane);
            lanes.take_all(&mut taken);
        }
        assert_eq!(taken[1].1.bytes.as_ptr(), at);
    }
}
