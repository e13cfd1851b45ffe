//! GENERATED from `lib/options/table.ts` by `npm run generate`. Do not edit.

use std::time::Duration;

/// The protocols a listener speaks (`--http`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersions {
    /// HTTP/1.1, and HTTP/2 for clients that open with its preface.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge.
    Http2,
}

/// What the native server is told. Durations of zero mean "off".
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses to listen on, `host:port` each.
    pub bind: Vec<String>,
    /// I/O threads.
    pub io_threads: u32,
    /// Length of the kernel's accept queue.
    pub backlog: u32,
    /// Open connections at most.
    pub max_connections: u32,
    /// Requests that wait for a worker, at most.
    pub queue_size: u32,
    /// How long a request may wait for a worker.
    pub queue_timeout: Duration,
    /// Protocols.
    pub http: HttpVersions,
    /// How long a connection may be idle between requests.
    pub keep_alive: Duration,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// How long a request's body may stand still.
    pub body_timeout: Duration,
    /// How long a response may stand still.
    pub send_timeout: Duration,
    /// How long a graceful stop may take.
    pub graceful_timeout: Duration,
    /// Bytes of a request line, at most.
    pub limit_request_line: u32,
    /// Bytes of a header field, at most.
    pub limit_request_field_size: u32,
    /// Header fields of a request, at most.
    pub limit_request_fields: u32,
    /// Bytes of a request's body, at most.
    pub limit_request_body: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: vec!["127.0.0.1:8000".to_owned()],
            io_threads: 1,
            backlog: 2048,
            max_connections: 16384,
            queue_size: 4096,
            queue_timeout: Duration::from_millis(10_000),
            http: HttpVersions::Auto,
            keep_alive: Duration::from_millis(75_000),
            header_timeout: Duration::from_millis(15_000),
            body_timeout: Duration::from_millis(30_000),
            send_timeout: Duration::from_millis(30_000),
            graceful_timeout: Duration::from_millis(30_000),
            limit_request_line: 8190,
            limit_request_field_size: 8190,
            limit_request_fields: 100,
            limit_request_body: 134_217_728,
        }
    }
}
