//! Where I/O threads leave what they have traced: each in a lane of its own, whose lock is free but for
//! the instant in which the exporter empties it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::span::RequestSpan;

/// Requests that wait for the exporter, at most. Further ones are dropped, and counted.
const WAITING: usize = 16_384;
/// A lane with so many is emptied at once.
const MANY: usize = 512;

/// All lanes of an exporter.
pub(crate) struct Lanes {
    held: Box<[Mutex<Held>]>,
    /// Requests that a lane holds, at most.
    most: usize,
    /// With how many it is emptied at once.
    many: usize,
    /// Told when a lane is empty no longer.
    pub(crate) has_some: Notify,
    /// Told when one has many.
    pub(crate) has_many: Notify,
    /// Spans that there was no room for.
    pub(crate) overflow: AtomicU64,
}

#[derive(Default)]
#[allow(clippy::vec_box, reason = "they are moved about: each is large")]
struct Held {
    ended: Vec<Box<RequestSpan>>,
    /// To be used again.
    spare: Vec<Box<RequestSpan>>,
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

    /// Hands over a request that has ended, or drops it where there is no room. Gives one to be used for
    /// the next request, if there is one.
    pub fn push(&self, span: Box<RequestSpan>) -> Option<Box<RequestSpan>> {
        let Lanes { most, many, .. } = *self.lanes;
        let mut held = lock(&self.lanes.held[self.index]);
        let before = held.ended.len();
        if before >= most {
            drop(held);
            self.lanes.overflow.fetch_add(span.count(), Relaxed);
            return Some(span);
        }
        held.ended.push(span);
        let spare = held.spare.pop();
        drop(held);
        if before == 0 {
            self.lanes.has_some.notify_one();
        }
        if before + 1 == many {
            self.lanes.has_many.notify_one();
        }
        spare
    }
}

impl Lanes {
    pub(crate) fn new(count: usize) -> Self {
        let most = WAITING / count.max(1);
        Self {
            held: (0..count).map(|_| Mutex::default()).collect(),
            most,
            many: MANY.min(most / 4).max(1),
            has_some: Notify::new(),
            has_many: Notify::new(),
            overflow: AtomicU64::new(0),
        }
    }

    /// Takes all that waits, behind what is in `taken`.
    #[allow(clippy::vec_box, reason = "they are moved about: each is large")]
    pub(crate) fn take(&self, taken: &mut Vec<(usize, Box<RequestSpan>)>) {
        for (index, lane) in self.held.iter().enumerate() {
            let ended = std::mem::take(&mut lock(lane).ended);
            taken.extend(ended.into_iter().map(|span| (index, span)));
        }
    }

    /// Gives a request back to the lane that it came from, to be used again.
    pub(crate) fn give_back(&self, index: usize, mut span: Box<RequestSpan>) {
        span.clear();
        let mut held = lock(&self.held[index]);
        if held.spare.len() < self.many {
            held.spare.push(span);
        }
    }
}

fn lock(mutex: &Mutex<Held>) -> MutexGuard<'_, Held> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use super::{Lane, Lanes, WAITING};
    use crate::span::RequestSpan;

    #[test]
    fn what_there_is_no_room_for_is_counted_by_its_spans() {
        let lanes = Arc::new(Lanes::new(2));
        let lane = Lane::new(Arc::clone(&lanes), 1);
        for _ in 0..WAITING / 2 {
            assert!(lane.push(Box::default()).is_none());
        }
        let span = RequestSpan {
            called: Some((1, Duration::ZERO)),
            ready: Some(Duration::ZERO),
            ..RequestSpan::default()
        };
        assert!(lane.push(Box::new(span)).is_some());
        assert_eq!(lanes.overflow.load(Relaxed), 4);
        let mut taken = Vec::new();
        lanes.take(&mut taken);
        assert_eq!(taken.len(), WAITING / 2);
        assert!(taken.iter().all(|(index, _)| *index == 1));
        assert!(lane.push(Box::default()).is_none());
    }

    #[test]
    fn requests_are_used_again_empty() {
        let lanes = Arc::new(Lanes::new(1));
        let lane = Lane::new(Arc::clone(&lanes), 0);
        let span = RequestSpan {
            path: "/secret".to_owned(),
            status: 200,
            ..RequestSpan::default()
        };
        lane.push(Box::new(span));
        let mut taken = Vec::new();
        lanes.take(&mut taken);
        let (index, span) = taken.pop().expect("one");
        lanes.give_back(index, span);
        let again = lane.push(Box::default()).expect("a spare one");
        assert_eq!((again.path.as_str(), again.status), ("", 0));
        assert!(again.path.capacity() >= 7);
    }
}
