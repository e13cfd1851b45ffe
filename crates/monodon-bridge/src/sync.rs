//! The atomics of the handshake, so that its model can put loom's in their place.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};
