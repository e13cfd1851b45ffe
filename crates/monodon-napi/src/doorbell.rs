//! The doorbell: calls a worker's drain function from a native thread.

use std::sync::Arc;

use monodon_bridge::worker::Doorbell;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status, check_status, sys};

/// Keeps the worker's event loop alive until `unref`.
#[derive(Clone)]
pub(crate) struct Bell(Arc<ThreadsafeFunction<(), (), (), Status, false>>);

impl Bell {
    pub(crate) fn new(ring: &Function<'_, (), ()>) -> Result<Self> {
        Ok(Self(Arc::new(ring.build_threadsafe_function().build()?)))
    }

    /// Lets the event loop end.
    ///
    /// # Safety
    /// `env` must be that of the running callback, on the thread that made the bell.
    pub(crate) unsafe fn unref(&self, env: sys::napi_env) -> Result<()> {
        // SAFETY: by this function's contract; the function lives as long as this handle.
        check_status!(unsafe { sys::napi_unref_threadsafe_function(env, self.0.raw()) })
    }
}

impl Doorbell for Bell {
    fn ring(&self) {
        // A worker whose environment is going does not answer; what is queued goes to another.
        self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}
