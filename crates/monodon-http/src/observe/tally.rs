//! What statsd is told of requests: how many there were of each status, and how long each took.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::cells::Counter;
use super::delivery::status_or_closed;

/// One more than the largest status.
const STATUSES: usize = 1000;
/// Times that one thread keeps until somebody takes them; older ones make room.
const TIMES: usize = 4096;

/// One I/O thread's. It writes, and whoever takes from it reads.
pub(crate) struct Tally {
    statuses: [Counter; STATUSES],
    /// The last times, in microseconds: that of request `n` stands at `n % TIMES`.
    times: [AtomicU32; TIMES],
    /// Requests that were timed.
    timed: AtomicU64,
    taken: Mutex<Taken>,
}

/// What was taken so far.
struct Taken {
    statuses: [u64; STATUSES],
    timed: u64,
}

/// What was counted since it was taken last.
#[derive(Debug, Default, PartialEq)]
pub struct Tallied {
    /// Statuses and how many requests have got them; 499 is that the client left before its answer.
    pub statuses: Vec<(u16, u64)>,
    /// How long requests took from their head to their end, in microseconds: each as likely as any other
    /// where there are fewer times than `timed`.
    pub times: Vec<u32>,
    /// Requests that were timed: no tunnels, and none that began while no clock was read.
    pub timed: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            statuses: std::array::from_fn(|_| Counter::default()),
            times: std::array::from_fn(|_| AtomicU32::default()),
            timed: AtomicU64::default(),
            taken: Mutex::new(Taken {
                statuses: [0; STATUSES],
                timed: 0,
            }),
        }
    }
}

impl Tally {
    /// Counts a request that has ended; `status` is 0 if there was no answer.
    pub(crate) fn count(&self, status: u16) {
        let status = usize::from(status_or_closed(status));
        self.statuses[status.min(STATUSES - 1)].add(1);
    }

    /// Notes how long a request took, in microseconds.
    pub(crate) fn time(&self, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        let timed = self.timed.load(Ordering::Relaxed);
        self.times[place_of(timed)].store(us, Ordering::Relaxed);
        // Who sees the number sees the time.
        self.timed.store(timed + 1, Ordering::Release);
    }

    /// Takes what is new.
    fn take(&self, statuses: &mut [u64; STATUSES]) -> Times {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for ((sum, cell), before) in statuses
            .iter_mut()
            .zip(&self.statuses)
            .zip(&mut taken.statuses)
        {
            let now = cell.get();
            *sum += now - std::mem::replace(before, now);
        }
        let timed = self.timed.load(Ordering::Acquire);
        let of = timed - std::mem::replace(&mut taken.timed, timed);
        // A place that is written again meanwhile has the time of a later request: any is as good.
        let kept = timed - of.min(TIMES as u64)..timed;
        Times {
            kept: kept
                .map(|at| self.times[place_of(at)].load(Ordering::Relaxed))
                .collect(),
            of,
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "what is left is less than TIMES"
)]
fn place_of(request: u64) -> usize {
    (request % TIMES as u64) as usize
}

/// Times of one thread's last requests, and how many requests there were.
struct Times {
    kept: Vec<u32>,
    of: u64,
}

impl Tallied {
    /// Takes what is new from all threads, with `most` times at most.
    pub(crate) fn take<'a>(tallies: impl Iterator<Item = &'a Tally>, most: usize) -> Self {
        let mut statuses = [0; STATUSES];
        let threads: Vec<_> = tallies.map(|tally| tally.take(&mut statuses)).collect();
        let counted = statuses.iter().enumerate().filter(|(_, count)| **count > 0);
        Self {
            statuses: counted
                .map(|(status, count)| (status as u16, *count))
                .collect(),
            times: sample(&threads, most),
            timed: threads.iter().map(|thread| thread.of).sum(),
        }
    }
}

/// The same share of the requests of each thread, evenly from among those that are kept.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of numbers that are small"
)]
fn sample(threads: &[Times], most: usize) -> Vec<u32> {
    let of: u64 = threads.iter().map(|thread| thread.of).sum();
    let share = threads
        .iter()
        .map(|thread| thread.kept.len() as f64 / thread.of.max(1) as f64)
        .zip(threads)
        .filter(|(_, thread)| thread.of > 0)
        .map(|(share, _)| share)
        .fold(most as f64 / of.max(1) as f64, f64::min)
        .min(1.0);
    let mut times = Vec::new();
    for Times { kept, of } in threads {
        let count = ((*of as f64 * share).round() as usize).min(kept.len());
        times.extend((0..count).map(|at| kept[at * kept.len() / count]));
    }
    times.truncate(most);
    times
}

#[cfg(test)]
mod tests {
    use super::{TIMES, Tallied, Tally};

    fn tally(times: std::ops::Range<u64>) -> Tally {
        let tally = Tally::default();
        for us in times {
            tally.time(us);
        }
        tally
    }

    fn take(tallies: &[&Tally], most: usize) -> Tallied {
        Tallied::take(tallies.iter().copied(), most)
    }

    #[test]
    fn gives_each_request_once() {
        let one = Tally::default();
        let two = Tally::default();
        for status in [200, 200, 404, 0, 65_000] {
            one.count(status);
            two.count(200);
        }
        one.time(3_000);
        two.time(7_200_000_000);
        let taken = take(&[&one, &two], 10);
        assert_eq!(taken.statuses, [(200, 7), (404, 1), (499, 1), (999, 1)]);
        assert_eq!((taken.times, taken.timed), (vec![3_000, u32::MAX], 2));
        one.count(200);
        let taken = take(&[&one, &two], 10);
        assert_eq!((taken.statuses, taken.timed), (vec![(200, 1)], 0));
        assert_eq!(take(&[&one, &two], 10), Tallied::default());
    }

    #[test]
    fn takes_the_same_share_of_each_thread() {
        let taken = take(
            &[&tally(0..1000), &tally(5000..8000), &Tally::default()],
            400,
        );
        assert_eq!((taken.times.len(), taken.timed), (400, 4000));
        let first = taken.times.iter().filter(|us| **us < 1000);
        assert_eq!(first.count(), 100);
        // From beginning to end.
        assert_eq!((taken.times[0], taken.times[99]), (0, 990));
    }

    #[test]
    fn keeps_the_last_times_of_many() {
        let many = 3 * TIMES as u64;
        let taken = take(&[&tally(0..many), &tally(0..3)], usize::MAX);
        assert_eq!(taken.timed, many + 3);
        // A third of each.
        assert_eq!(taken.times.len(), TIMES + 1);
        assert!(
            taken.times[..TIMES]
                .iter()
                .all(|us| u64::from(*us) >= many - TIMES as u64)
        );
    }
}
