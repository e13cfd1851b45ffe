//! What a worker in a process needs to hand over files: Node can send no descriptors.

use monodon_bridge::enclosing::Enclosing;
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::descriptor::{share, tell};

/// The files for the next batches of this process, which is a worker.
#[napi]
pub struct NativeEnclosing(Enclosing);

#[napi]
impl NativeEnclosing {
    /// For a worker whose end of its socket is `socket`, which stays open.
    ///
    /// # Errors
    /// When it is not open, or there can be no more descriptors.
    #[napi(factory, catch_unwind)]
    pub fn over(socket: u32) -> Result<Self> {
        let socket = share(socket as usize)
            .ok_or_else(|| Error::new(Status::GenericFailure, "no descriptor for the socket"))?;
        Ok(Self(Enclosing::new(socket.into())))
    }

    /// Where a regular file stands that is open; -1 for anything else.
    #[napi(catch_unwind)]
    #[allow(clippy::unused_self, reason = "a port has it beside `add`")]
    pub fn tell(&self, descriptor: u32) -> f64 {
        tell(descriptor as usize)
    }

    /// Keeps the open file for the next `file` record, so that the caller may close its descriptor at once.
    /// False if there can be no more descriptors.
    #[napi(catch_unwind)]
    pub fn add(&mut self, descriptor: u32) -> bool {
        let file = share(descriptor as usize);
        file.map(|file| self.0.add(file)).is_some()
    }

    /// Sends the begin of `batch` with the `count` files that were kept first. Gives how many bytes were sent,
    /// and with them all these files; 0 when the socket is full. What nobody reads any more counts as sent.
    ///
    /// # Errors
    /// When there are not so many files, or the system refuses.
    #[napi(catch_unwind)]
    pub fn send(&mut self, batch: &[u8], count: u32) -> Result<u32> {
        let sent = (self.0.send(batch, count as usize))
            .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))?;
        Ok(sent as u32)
    }
}
