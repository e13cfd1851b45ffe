//! A way to statsd, for the thread that makes metrics of what was counted.

use monodon_http::Statsd;
use napi::Result;
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use crate::server::{NativeReport, reporter};
use crate::sockets::failure;

/// A way to statsd.
#[napi]
pub struct NativeStatsd(pub(crate) Statsd);

#[napi]
impl NativeStatsd {
    /// Opens the way to `HOST:PORT` or `unix://PATH`; it need not lead to anybody. `report` hears of lines
    /// that were lost.
    ///
    /// # Errors
    /// What is not understood, and why, behind the code of `lib/errors.ts`.
    #[napi(factory, catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn open(to: String, report: Function<'_, NativeReport, ()>) -> Result<Self> {
        let statsd = Statsd::open(&to, reporter(&report)?).map_err(failure)?;
        Ok(Self(statsd))
    }

    /// Hands over lines; nobody waits for them.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn write(&self, lines: Vec<String>) {
        for line in &lines {
            self.0.write(line);
        }
    }

    /// Has what waits sent, which may take 2 s. Nothing is sent after that.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}
