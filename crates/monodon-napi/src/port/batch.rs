//! A batch buffer: native memory that JavaScript sees as an external `ArrayBuffer`.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use napi::{Result, check_status, sys};

/// JavaScript reads and writes it between the calls of its port, and native code during them, on the same
/// thread. While it is given away it is on loan: any thread may read it, and nobody writes.
pub(super) struct Batch {
    memory: NonNull<u8>,
    length: usize,
    is_given: AtomicBool,
}

// SAFETY: other threads have it only as the owner of a `Given`, which reads; `given` and `is_free` order
// that with what JavaScript writes.
unsafe impl Send for Batch {}
// SAFETY: as above.
unsafe impl Sync for Batch {}

impl Batch {
    /// `length` zero bytes, at least one. They are the system's allocator's, which leaves pages that are never
    /// written to without memory, where the process' own one would fill them.
    pub(super) fn new(length: usize) -> Arc<Self> {
        let layout = layout(length);
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { System.alloc_zeroed(layout) });
        Arc::new(Self {
            memory: memory.unwrap_or_else(|| handle_alloc_error(layout)),
            length,
            is_given: AtomicBool::new(false),
        })
    }

    /// # Safety
    /// Nobody else may read or write the memory while the slice lives.
    #[allow(
        clippy::mut_from_ref,
        reason = "the memory is shared with JavaScript, and borrowed for the time of a call"
    )]
    pub(super) unsafe fn bytes_mut(&self) -> &mut [u8] {
        // SAFETY: the memory has this length; the rest is this function's contract.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.length) }
    }

    /// A copy of its first `length` bytes.
    ///
    /// # Safety
    /// Nobody may write them during the call, and the buffer has to be as long.
    pub(super) unsafe fn copied(&self, length: usize) -> Bytes {
        // SAFETY: by this function's contract.
        Bytes::copy_from_slice(unsafe { slice::from_raw_parts(self.memory.as_ptr(), length) })
    }

    /// Its first `length` bytes themselves.
    ///
    /// # Safety
    /// Nobody may write to the buffer until `is_free` says so, and it has to be as long.
    pub(super) unsafe fn given(self: &Arc<Self>, length: usize) -> Bytes {
        self.is_given.store(true, Ordering::Relaxed);
        Bytes::from_owner(Given {
            batch: Arc::clone(self),
            length,
        })
    }

    /// Whether it may be written: nobody reads any more what was given away of it.
    pub(super) fn is_free(&self) -> bool {
        // With the `Release` of the last reader: what it has read comes before what is written now.
        !self.is_given.load(Ordering::Acquire)
    }

    /// The buffer for JavaScript, which owns it together with its port.
    ///
    /// # Safety
    /// `env` must be that of the running callback.
    pub(super) unsafe fn array_buffer(
        self: &Arc<Self>,
        env: sys::napi_env,
    ) -> Result<sys::napi_value> {
        let mut value = ptr::null_mut();
        let owner = Arc::into_raw(Arc::clone(self)).cast_mut().cast();
        // SAFETY: the memory lives until `release` drops the owner.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                env,
                self.memory.as_ptr().cast(),
                self.length,
                Some(release),
                owner,
                &raw mut value,
            )
        };
        check_status!(status, "this runtime has no external array buffers")?;
        Ok(value)
    }
}

fn layout(length: usize) -> Layout {
    Layout::array::<u8>(length).expect("a batch buffer is small")
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this layout; the last owner drops it once. The `ArrayBuffer` is an owner
        // too, so JavaScript cannot see the memory any more.
        unsafe { System.dealloc(self.memory.as_ptr(), layout(self.length)) };
    }
}

unsafe extern "C" fn release(_: sys::napi_env, _: *mut c_void, owner: *mut c_void) {
    // SAFETY: `owner` came from `Arc::into_raw` in `array_buffer`, and finalizers run once.
    drop(unsafe { Arc::from_raw(owner.cast::<Batch>()) });
}

/// The front of a buffer that is given away.
struct Given {
    batch: Arc<Batch>,
    length: usize,
}

impl AsRef<[u8]> for Given {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: by the contract of `Batch::given` the memory is as long, and not written while this lives.
        unsafe { slice::from_raw_parts(self.batch.memory.as_ptr(), self.length) }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.batch.is_given.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Batch;

    #[test]
    fn a_buffer_is_free_again_when_nobody_reads_what_was_given_of_it() {
        let batch = Batch::new(8);
        // SAFETY: nobody else has the buffer.
        unsafe { batch.bytes_mut() }.copy_from_slice(b"monodons");
        // SAFETY: nothing is written to it any more.
        let bytes = unsafe { batch.given(7) };
        let part = bytes.slice(4..);
        drop(bytes);
        assert!(!batch.is_free());
        let there = std::thread::spawn(move || part.to_vec());
        assert_eq!(there.join().unwrap(), b"don");
        assert!(batch.is_free());
    }

    #[test]
    fn what_was_given_outlives_its_port() {
        let batch = Batch::new(4);
        // SAFETY: nobody writes to the buffer.
        let bytes = unsafe { batch.given(4) };
        drop(batch);
        assert_eq!(bytes, [0; 4][..]);
    }
}
