//! What requests allocate.
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
fn allocations(client: &mut Client, head: &str) -> usize {
    let mut counts: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let region = Region::new(ALLOCATOR);
            client.send(head.as_bytes());
            client.read_response();
            let change = region.change();
            change.allocations + change.reallocations
        })
        .collect();
    counts.sort_unstable();
    counts[REQUESTS / 2]
}

const PLAIN: &str = "GET /some/path?and=query HTTP/1.1\r\nHost: a\r\n\r\n";

/// A worker takes it.
const TAKEN: &str = "GET /taken HTTP/1.1\r\nHost: a\r\n\r\n";

/// The only test of this file: what another one allocates would be counted, too.
#[test]
fn a_request_allocates_for_what_it_is_alone() {
    let server = TestServer::start();
    let mut client = server.connect();
    // Records are made for the first ones.
    allocations(&mut client, PLAIN);
    a_condition_is_remembered_in_two(&mut client);
    let taken = allocations(&mut client, TAKEN);
    a_request_that_is_measured_allocates_nothing_more(&server, &mut client);
    drop(server);
    a_request_that_tells_of_itself_allocates_nothing_more(taken);
}

/// Its response tells times, and the app is told of its trace, of which nothing is exported.
fn a_request_that_tells_of_itself_allocates_nothing_more(untold: usize) {
    let server = TestServer::with(|options| {
        options.server_timing = true;
        "http://127.0.0.1:9".clone_into(&mut options.otlp_endpoint);
        "always_off".clone_into(&mut options.otlp_sampler);
    });
    let mut client = server.connect();
    allocations(&mut client, TAKEN);
    assert_eq!(allocations(&mut client, TAKEN), untold);
    client.send(TAKEN);
    let (head, _) = client.read_response();
    assert!(head.contains("server-timing: "), "{head}");
}

fn a_request_that_is_measured_allocates_nothing_more(server: &TestServer, client: &mut Client) {
    let unwatched = allocations(client, PLAIN);
    assert!(unwatched > 0, "nothing is counted");

    server.server.watching().set_timed(true);
    server.server.tally(0);
    allocations(client, PLAIN);
    let watched = allocations(client, PLAIN);
    assert_eq!(watched, unwatched);
    // They were measured indeed.
    let timed: u64 = server.server.observed().send_time.counts.iter().sum();
    assert!(timed > REQUESTS as u64);
    assert!(server.server.tally(0).timed > REQUESTS as u64);

    // The comparison can fail: who follows gets a copy of each.
    server.server.watching().set_followed(true);
    assert!(allocations(client, PLAIN) > watched);
}

/// What a browser sends to ask whether the answer that it has is still good: mostly it is no file.
fn a_condition_is_remembered_in_two(client: &mut Client) {
    let revalidation = |name| {
        format!(
            "GET /some/path?and=query HTTP/1.1\r\nHost: a\r\nUser-Agent: a browser\r\nAccept: */*\r\n\
             Accept-Encoding: gzip\r\nCookie: a=b\r\nCache-Control: max-age=0\r\n{name}: \"0123\"\r\n\r\n"
        )
    };
    let plain = allocations(client, &revalidation("Xx-None-Match"));
    let conditional = allocations(client, &revalidation("If-None-Match"));
    assert!(plain < conditional && conditional <= plain + 2);
}
