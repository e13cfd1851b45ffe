//! The error log of this process in syslog, whichever of its threads writes to it.

use std::sync::{PoisonError, RwLock};

use monodon_http::Entries;
use monodon_http::options::Options;
use napi::Result;
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use crate::options::NativeOptions;
use crate::server::{NativeReport, reporter};
use crate::sockets::failure;

static ENTRIES: RwLock<Option<Entries>> = RwLock::new(None);

/// Opens the way to syslog that the options ask for, if they do; what was open is closed. `report` hears
/// of entries that were lost.
///
/// # Errors
/// What is not understood, and why, behind the code of `lib/errors.ts`.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes arguments by value"
)]
pub fn open_entries(options: NativeOptions, report: Function<'_, NativeReport, ()>) -> Result<()> {
    let entries = Entries::open(&Options::from(options), reporter(&report)?).map_err(failure)?;
    let mut open = ENTRIES.write().unwrap_or_else(PoisonError::into_inner);
    *open = entries;
    Ok(())
}

/// Hands over an entry and its severity, 0 to 7; nothing is done where nothing is open.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes arguments by value"
)]
pub fn write_entry(severity: u32, entry: String) {
    let open = ENTRIES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(entries) = &*open {
        entries.write((severity & 7) as u8, &entry);
    }
}

/// Entries that were lost so far.
#[napi(catch_unwind)]
#[allow(
    clippy::cast_precision_loss,
    reason = "JavaScript has no wider number; it is exact up to 2^53"
)]
pub fn entries_lost() -> f64 {
    let open = ENTRIES.read().unwrap_or_else(PoisonError::into_inner);
    open.as_ref().map_or(0, Entries::lost) as f64
}

/// Has the last entries sent, which may take 2 s.
#[napi(catch_unwind)]
pub fn close_entries() {
    let entries = ENTRIES
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(entries) = entries {
        entries.close();
    }
}
