//! A process without file descriptors left. Alone in its file: the limit is the process's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use support::TestServer;

/// The CPU time of this process, in clock ticks.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn waits_without_spinning_and_goes_on() {
    let server = TestServer::start();
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut first = server.connect();
    first.send(request);
    first.read_response();

    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), "--nofile=64"])
        .status()
        .unwrap();
    assert!(status.success());
    let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // Room for one more socket: the client's; the server's own does not fit.
    taken.pop();
    let mut second = server.connect();
    second.send(request);
    server.eventually("it is reported", |server| {
        server.seen.codes() == ["MONODON_ACCEPT_FAILED"]
    });
    assert!(
        second.is_silent_for(Duration::from_millis(500)),
        "it waits in the kernel's queue"
    );
    assert_eq!(server.seen.codes().len(), 1, "reported once");

    drop((first, taken));
    assert_eq!(second.read_response().1, "hello", "descriptors are free");
    // Trying again and again would have taken the half second that it waited.
    assert!(cpu_ticks() < 25, "{} ticks", cpu_ticks());
}
