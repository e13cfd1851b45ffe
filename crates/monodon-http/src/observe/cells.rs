//! Cells that one thread at a time writes and anybody reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows. It has one writer at a time, so it needs no locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Relaxed) + count, Relaxed);
    }

    /// What it has come to.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Observations by size: cell `i` counts those up to bound `i` and above the one before; the last cell
/// those above all bounds. There is one more cell than bounds.
#[derive(Debug)]
pub struct Histogram<const CELLS: usize> {
    bounds: &'static [u64],
    counts: [Counter; CELLS],
    sum: Counter,
}

/// What a histogram has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals<const CELLS: usize> {
    /// As many as there are cells.
    pub counts: [u64; CELLS],
    /// Of all observations.
    pub sum: u64,
}

impl<const CELLS: usize> Default for Totals<CELLS> {
    fn default() -> Self {
        Self {
            counts: [0; CELLS],
            sum: 0,
        }
    }
}

impl<const CELLS: usize> Histogram<CELLS> {
    /// How many cells it has.
    pub const CELLS: usize = CELLS;

    /// An empty one, with one bound less than cells.
    pub fn new(bounds: &'static [u64]) -> Self {
        debug_assert_eq!(bounds.len() + 1, CELLS);
        Self {
            bounds,
            counts: std::array::from_fn(|_| Counter::default()),
            sum: Counter::default(),
        }
    }

    /// Counts an observation.
    pub fn note(&self, size: u64) {
        // Most are small: the first bounds are the likely ones.
        let cell = self.bounds.iter().position(|bound| size <= *bound);
        self.counts[cell.unwrap_or(CELLS - 1)].add(1);
        self.sum.add(size);
    }

    /// Adds what it has come to.
    pub fn add_to(&self, totals: &mut Totals<CELLS>) {
        for (total, count) in totals.counts.iter_mut().zip(&self.counts) {
            *total += count.get();
        }
        totals.sum += self.sum.get();
    }
}

/// Bounds of times, in microseconds: 100 us to 60 s.
pub const TIME_BOUNDS: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Times by length, in microseconds.
pub type Times = Histogram<{ TIME_BOUNDS.len() + 1 }>;

impl Times {
    /// An empty one for times.
    pub fn of_times() -> Self {
        Self::new(&TIME_BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Times, Totals};

    #[test]
    fn a_bound_belongs_to_the_cell_below_it() {
        let histogram = Histogram::<3>::new(&[1, 10]);
        for size in [0, 1, 2, 10, 11, 1_000] {
            histogram.note(size);
        }
        let mut totals = Totals::default();
        histogram.add_to(&mut totals);
        histogram.add_to(&mut totals);
        assert_eq!((totals.counts, totals.sum), ([4, 4, 4], 2 * 1_024));
    }

    #[test]
    fn times_are_microseconds() {
        let times = Times::of_times();
        times.note(99);
        times.note(3_000);
        times.note(61_000_000);
        let mut totals = Totals::default();
        times.add_to(&mut totals);
        let filled = totals.counts.iter().enumerate();
        let filled: Vec<_> = filled
            .filter(|(_, count)| **count > 0)
            .map(|(at, _)| at)
            .collect();
        assert_eq!((filled, totals.sum), (vec![0, 5, 18], 61_003_099));
    }
}
