//! The buffers that a worker writes its batches to, one at a time.
//!
//! A small batch is copied out of its buffer, which is then written again. A large one takes the buffer with
//! it if there is another to write to: the copy would be the most of what it costs on this thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bytes::Bytes;
use monodon_bridge::layout::OUTBOUND_BYTES;
use napi::{Error, Status, sys};

use super::batch::Batch;
use super::{call, guarded, number};

/// Bytes from which a batch is given away.
const GIVEN_BYTES: usize = 32_768;
/// Buffers of a worker, at most: slow clients may keep them from coming back.
const MOST: usize = 16;

pub(super) struct Outbound {
    batches: RefCell<Vec<Arc<Batch>>>,
    /// The number of the one that JavaScript writes.
    current: Cell<usize>,
}

impl Outbound {
    pub(super) fn new() -> Self {
        Self {
            batches: RefCell::new(vec![Batch::new(OUTBOUND_BYTES)]),
            current: Cell::new(0),
        }
    }

    /// The first `bytes` bytes of the current buffer, and the number of the buffer that is current from now
    /// on, if it is another.
    ///
    /// # Safety
    /// `bytes` is at most `OUTBOUND_BYTES`. JavaScript waits for this call, and from now on writes to no
    /// other buffer than the current one.
    pub(super) unsafe fn collect(&self, bytes: usize) -> (Bytes, Option<usize>) {
        let mut batches = self.batches.borrow_mut();
        let current = self.current.get();
        let next = (bytes >= GIVEN_BYTES)
            .then(|| free_one(&mut batches, current))
            .flatten();
        let batch = &batches[current];
        let Some(next) = next else {
            // SAFETY: by this function's contract.
            return (unsafe { batch.copied(bytes) }, None);
        };
        self.current.set(next);
        // SAFETY: by this function's contract, as the buffer is not the current one until it is free.
        (unsafe { batch.given(bytes) }, Some(next))
    }
}

/// The number of a buffer that may be written and is not the current one.
fn free_one(batches: &mut Vec<Arc<Batch>>, current: usize) -> Option<usize> {
    let free = (0..batches.len()).find(|&number| number != current && batches[number].is_free());
    if free.is_none() && batches.len() < MOST {
        batches.push(Batch::new(OUTBOUND_BYTES));
        return Some(batches.len() - 1);
    }
    free
}

/// `outbound(number)`: the buffer of that number, to be asked for once.
///
/// # Safety
/// N-API calls it, as a function made by `function`.
pub(super) unsafe extern "C" fn outbound(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (port, [index]) = unsafe { call::<1>(env, info) }?;
        // SAFETY: as above.
        let index = unsafe { number(env, index) }?;
        let batches = port.outbound.batches.borrow();
        let batch = batches
            .get(index)
            .ok_or_else(|| Error::new(Status::InvalidArg, "there is no buffer of this number"))?;
        // SAFETY: `env` is that of the running callback.
        unsafe { batch.array_buffer(env) }
    })
}

#[cfg(test)]
mod tests {
    use super::{GIVEN_BYTES, MOST, Outbound};

    fn collect(outbound: &Outbound, bytes: usize) -> (bytes::Bytes, Option<usize>) {
        // SAFETY: nobody writes to the buffers.
        unsafe { outbound.collect(bytes) }
    }

    #[test]
    fn a_small_batch_leaves_its_buffer() {
        let outbound = Outbound::new();
        let (bytes, next) = collect(&outbound, GIVEN_BYTES - 1);
        assert_eq!((bytes.len(), next), (GIVEN_BYTES - 1, None));
    }

    #[test]
    fn a_large_batch_takes_its_buffer_until_it_is_dropped() {
        let outbound = Outbound::new();
        let (first, next) = collect(&outbound, GIVEN_BYTES);
        assert_eq!((first.len(), next), (GIVEN_BYTES, Some(1)));
        let (second, next) = collect(&outbound, GIVEN_BYTES);
        assert_eq!(next, Some(2));
        drop(first);
        assert_eq!(collect(&outbound, GIVEN_BYTES).1, Some(0));
        drop(second);
    }

    #[test]
    fn a_large_batch_is_copied_when_all_buffers_are_out() {
        let outbound = Outbound::new();
        let mut out = Vec::new();
        for _ in 1..MOST {
            let (bytes, next) = collect(&outbound, GIVEN_BYTES);
            assert!(next.is_some());
            out.push(bytes);
        }
        assert_eq!(collect(&outbound, GIVEN_BYTES).1, None);
        out.pop();
        assert_eq!(collect(&outbound, GIVEN_BYTES).1, Some(MOST - 2));
    }
}
