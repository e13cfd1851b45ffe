//! A request costs no allocation more when everything is measured of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Client, TestServer};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUESTS: usize = 400;

/// How often memory is asked for in the whole process for one request: by most of them, since vectors
/// that grow and timers come in between.
fn allocations(client: &mut Client) -> usize {
    let mut counts: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let region = Region::new(ALLOCATOR);
            client.send(b"GET /some/path?and=query HTTP/1.1\r\nHost: a\r\n\r\n");
            client.read_response();
            let change = region.change();
            change.allocations + change.reallocations
        })
        .collect();
    counts.sort_unstable();
    counts[REQUESTS / 2]
}

/// The only test of this file: what another one allocates would be counted, too.
#[test]
fn a_request_that_is_measured_allocates_nothing_more() {
    let server = TestServer::start();
    let mut client = server.connect();
    // Records are made for the first ones.
    allocations(&mut client);
    let unwatched = allocations(&mut client);
    assert!(unwatched > 0, "nothing is counted");

    server.server.watching().set_timed(true);
    server.server.tally(0);
    allocations(&mut client);
    let watched = allocations(&mut client);
    assert_eq!(watched, unwatched);
    // They were measured indeed.
    let timed: u64 = server.server.observed().send_time.counts.iter().sum();
    assert!(timed > REQUESTS as u64);
    assert!(server.server.tally(0).timed > REQUESTS as u64);

    // The comparison can fail: who follows gets a copy of each.
    server.server.watching().set_followed(true);
    assert!(allocations(&mut client) > watched);
}
