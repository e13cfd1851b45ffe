//! Ids of traces and of spans.

use rand::rngs::SmallRng;
use rand::{Rng, make_rng};

/// Of a trace; not all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceId(pub [u8; 16]);

/// Of a span; not all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

/// Makes ids, on one thread. The kernel gives a seed of 256 bits, and is not asked again for a request. All
/// bits of an id are pseudo-random, as W3C Trace Context wants those of trace ids. Whoever has seen some could
/// tell the next ones, which is of no use to them: anybody may name any trace.
pub struct Ids(SmallRng);

impl Ids {
    /// With a seed of its own.
    #[allow(
        clippy::new_without_default,
        reason = "a default would not be the same each time"
    )]
    pub fn new() -> Self {
        Self(make_rng())
    }

    /// The next id of a trace.
    pub fn trace(&mut self) -> TraceId {
        loop {
            let id = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
            if id != 0 {
                return TraceId(id.to_ne_bytes());
            }
        }
    }

    /// The next id of a span.
    pub fn span(&mut self) -> SpanId {
        loop {
            let id = self.0.next_u64();
            if id != 0 {
                return SpanId(id.to_ne_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Ids;

    #[test]
    fn no_id_is_made_twice() {
        let mut seen = HashSet::new();
        for mut ids in [Ids::new(), Ids::new()] {
            for _ in 0..10_000 {
                assert!(seen.insert(ids.span().0));
                let trace = ids.trace().0;
                assert!(trace[..8] != trace[8..]);
                assert!(seen.insert(trace[8..].try_into().expect("8 bytes")));
            }
        }
    }

    #[test]
    fn every_bit_is_set_in_half_of_them() {
        let mut ids = Ids::new();
        let mut set = [0; 64];
        for _ in 0..4096 {
            let bits = u64::from_be_bytes(ids.span().0);
            for (place, count) in set.iter_mut().enumerate() {
                *count += (bits >> place) & 1;
            }
        }
        // Eight standard deviations of 32.
        assert!(
            set.iter().all(|count| count.abs_diff(2048) < 256),
            "{set:?}"
        );
    }
}
