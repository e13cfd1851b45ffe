//! Moments of the bridge's clock, in milliseconds.

use std::time::Duration;

/// The time between two moments of the bridge's clock, which wraps. It may have been read a little
/// before `since` was set.
pub(crate) fn waited(since: u32, now: u32) -> Duration {
    let ms = now.wrapping_sub(since).cast_signed();
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
