//! How many connections each client has open (`--limit-connections-per-ip`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The part of an IPv6 address that names a network: whoever has one has all addresses in it.
const NETWORK: u128 = !(u64::MAX as u128);

/// All clients of a server. Nothing is counted or locked while there is no limit, and a connection is
/// otherwise counted as it comes and goes, never for a request.
pub(crate) struct Visits {
    /// 0 is no limit.
    max: AtomicU32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection that is counted, until it is dropped.
pub(crate) struct Visit {
    visits: Arc<Visits>,
    client: IpAddr,
}

/// The client has as many connections as it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Visits {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max: AtomicU32::new(max),
            open: Mutex::default(),
        }
    }

    /// Moves the limit. Connections beyond a lower one go on; those that came while there was none are
    /// not counted.
    pub(crate) fn set_max(&self, max: u32) {
        self.max.store(max, Relaxed);
    }

    /// Counts a connection, if there is a limit.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Option<Visit>, TooMany> {
        let max = self.max.load(Relaxed);
        if max == 0 {
            return Ok(None);
        }
        let client = client_of(address);
        let mut open = self.open();
        let count = open.entry(client).or_insert(0);
        if *count >= max {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(Visit {
            visits: Arc::clone(self),
            client,
        }))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut open = self.visits.open();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// Who stands behind an address: the address itself, or its /64 of IPv6.
fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn enter(visits: &Arc<Visits>, address: &str) -> Result<Option<Visit>, TooMany> {
        visits.enter(address.parse().unwrap())
    }

    #[test]
    fn counts_each_client() {
        let visits = Arc::new(Visits::new(2));
        for [first, second, other] in [
            ["10.0.0.1", "10.0.0.1", "10.0.0.2"],
            ["10.0.0.3", "::ffff:10.0.0.3", "::ffff:10.0.0.4"],
            ["2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"],
        ] {
            let kept = enter(&visits, first).unwrap();
            let gone = enter(&visits, second).unwrap();
            assert!(enter(&visits, first).is_err(), "{first}");
            assert!(enter(&visits, other).is_ok(), "{other}");
            drop(gone);
            assert!(enter(&visits, second).is_ok(), "{second}");
            drop(kept);
        }
        assert!(
            visits.open().is_empty(),
            "nobody is remembered who has gone"
        );
    }

    #[test]
    fn counts_nothing_without_a_limit() {
        let visits = Arc::new(Visits::new(0));
        let uncounted = enter(&visits, "10.0.0.1").unwrap();
        assert!(uncounted.is_none());
        visits.set_max(1);
        let counted = enter(&visits, "10.0.0.1").unwrap();
        assert!(enter(&visits, "10.0.0.1").is_err());
        visits.set_max(0);
        assert!(enter(&visits, "10.0.0.1").unwrap().is_none());
        drop((uncounted, counted));
        assert!(visits.open().is_empty());
    }
}
