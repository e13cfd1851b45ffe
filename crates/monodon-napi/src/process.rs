//! Workers in processes, for JavaScript: the socket, and messages to and from the worker.

use std::os::fd::{AsRawFd, OwnedFd};

use monodon_bridge::process::ProcessWorker;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::server::NativeServer;

/// A worker in a process of its own.
#[napi]
pub struct NativeProcess {
    worker: ProcessWorker,
    /// The worker's end of its socket, until the child has it.
    theirs: Option<OwnedFd>,
}

#[napi]
impl NativeProcess {
    /// The worker's number.
    #[napi(getter)]
    pub fn index(&self) -> u32 {
        self.worker.index()
    }

    /// The worker's end of its socket, for the child; -1 when it is closed here.
    #[napi(getter)]
    pub fn descriptor(&self) -> i32 {
        self.theirs.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Closes the worker's end here, once the child has its copy. Not every runtime's `closeSync` takes a
    /// descriptor that it has not opened.
    #[napi(catch_unwind)]
    pub fn close_descriptor(&mut self) {
        self.theirs = None;
    }

    /// Whether its connection has ended with the server, and not before.
    #[napi(getter)]
    pub fn server_ended(&self) -> bool {
        self.worker.server_ended()
    }

    /// Sends a message, JSON.
    #[napi(catch_unwind)]
    pub fn tell(&self, message: String) {
        self.worker.tell(message);
    }

    /// Sends it no more requests, and asks it to finish within `ms` milliseconds.
    #[napi(catch_unwind)]
    pub fn stop(&self, ms: u32) {
        self.worker.stop(ms);
    }
}

#[napi]
impl NativeServer {
    /// Adds a worker in another process, under a number that no other one has. `hear` gets its messages (JSON) on the calling thread, and
    /// `null` when its connection has ended; it does not keep that thread's event loop alive.
    ///
    /// # Errors
    /// When no socket can be had.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn attach_process(
        &self,
        number: u32,
        hear: Function<'_, Option<String>, ()>,
    ) -> Result<NativeProcess> {
        let hear = hear.build_threadsafe_function().weak::<true>().build()?;
        let pass_on = move |message: Option<&[u8]>| {
            let text = message.map(|message| String::from_utf8_lossy(message).into_owned());
            hear.call(text, ThreadsafeFunctionCallMode::NonBlocking);
        };
        let (worker, theirs) = self
            .bridge()
            .attach_process(number, Box::new(pass_on))
            .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        Ok(NativeProcess {
            worker,
            theirs: Some(theirs.into()),
        })
    }
}
