//! The encoders of one I/O thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::codec::{Broken, Codec};
use super::coding::Coding;

/// Bodies of one I/O thread that are compressed at the same time, at most. An encoder holds up to
/// 1 MB for as long as its body lasts, and a stream of events lasts long: what comes beyond this is sent
/// as it is.
const STREAMS: usize = 256;
/// Encoders that are kept for the next body. Making one costs as much as compressing some KB.
const IDLE: usize = 8;

/// The encoders of one I/O thread: how many are in use, and those that are not.
#[derive(Default)]
pub(crate) struct Codecs {
    in_use: Cell<usize>,
    idle: RefCell<Vec<(Kind, Codec)>>,
}

/// What an encoder was made for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    coding: Coding,
    level: i32,
}

/// The right to compress one body.
pub(crate) struct Permit {
    codecs: Rc<Codecs>,
    kind: Kind,
}

impl Codecs {
    /// `None` while too many bodies are being compressed.
    pub(super) fn admit(self: &Rc<Self>, coding: Coding, level: i32) -> Option<Permit> {
        let in_use = self.in_use.get();
        (in_use < STREAMS).then(|| {
            self.in_use.set(in_use + 1);
            Permit {
                codecs: Rc::clone(self),
                kind: Kind { coding, level },
            }
        })
    }
}

impl Permit {
    pub(super) fn coding(&self) -> Coding {
        self.kind.coding
    }

    pub(super) fn level(&self) -> i32 {
        self.kind.level
    }

    /// An encoder for a body of so many bytes, where that is known.
    pub(super) fn codec(&self, size: Option<u64>) -> Result<Codec, Broken> {
        let mut idle = self.codecs.idle.borrow_mut();
        let place = idle.iter().rposition(|(kind, _)| *kind == self.kind);
        let used = place.map(|place| idle.swap_remove(place).1);
        drop(idle);
        match used.and_then(|used| used.renew(size)) {
            Some(codec) => Ok(codec),
            None => Codec::new(self.kind.coding, self.kind.level, size),
        }
    }

    /// Takes an encoder back that has finished its body.
    pub(super) fn put_back(&self, codec: Codec) {
        if self.kind.coding == Coding::Br {
            return; // It cannot be used twice.
        }
        let mut idle = self.codecs.idle.borrow_mut();
        if idle.len() == IDLE {
            // The oldest one, which may be of a level that no longer is asked for.
            idle.remove(0);
        }
        idle.push((self.kind, codec));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.codecs.in_use.set(self.codecs.in_use.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_bodies_than_so_many_are_compressed_at_a_time() {
        let codecs = Rc::new(Codecs::default());
        let mut permits: Vec<_> = (0..STREAMS)
            .map(|_| codecs.admit(Coding::Gzip, 6).unwrap())
            .collect();
        assert!(codecs.admit(Coding::Gzip, 6).is_none());
        permits.pop();
        assert!(codecs.admit(Coding::Zstd, 3).is_some());
    }

    #[test]
    fn an_encoder_is_used_again_for_its_coding_and_level_only() {
        let codecs = Rc::new(Codecs::default());
        let kept = |codecs: &Codecs| codecs.idle.borrow().len();
        let gzip = codecs.admit(Coding::Gzip, 6).unwrap();
        gzip.put_back(gzip.codec(None).unwrap());
        assert_eq!(kept(&codecs), 1);
        let other = codecs.admit(Coding::Gzip, 9).unwrap();
        let _fresh = other.codec(None).unwrap();
        assert_eq!(kept(&codecs), 1);
        let _used = gzip.codec(None).unwrap();
        assert_eq!(kept(&codecs), 0);
        for _ in 0..=IDLE {
            gzip.put_back(gzip.codec(None).unwrap());
            other.put_back(Codec::new(Coding::Gzip, 9, None).unwrap());
        }
        assert_eq!(kept(&codecs), IDLE);
    }
}
