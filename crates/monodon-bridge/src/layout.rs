//! The record layout: what crosses between native code and a worker.
//!
//! GENERATED from `lib/bridge/layout.ts`, which describes it, by `npm run generate`. Do not edit.

/// Raised by every change to this file that a peer would notice.
pub const LAYOUT_VERSION: u32 = 7;

/// Record kinds. The first half goes from native code to a worker, the second half back.
pub mod kind {
    /// aux = method (low byte, index in METHODS) | version (high byte: 10, 11, 20). See REQUEST.
    pub const REQUEST: u8 = 1;
    /// word 3 = bytes that follow.
    pub const BODY_CHUNK: u8 = 2;
    /// word 3 = bytes of the trailer block that follows.
    pub const BODY_END: u8 = 3;
    /// aux = index in `BODY_FAULTS`. The native side is done with the exchange if flag `over` is set.
    pub const BODY_BROKEN: u8 = 4;
    /// The exchange is over: the client has gone, or (flag `complete`) has all it is to get. The worker acknowledges with `done`.
    pub const ABORT: u8 = 5;
    /// word 3 = bytes of the response body that were passed on to the connection.
    pub const DRAIN: u8 = 6;
    /// word 3 = how many lent buffers of this exchange were given back.
    pub const RELEASED: u8 = 7;
    /// A request whose fields native code has named as CGI does. See ENVIRON.
    pub const ENVIRON: u8 = 8;
    /// To a process worker: no request follows; finish what you hold and leave. word 3 = milliseconds that it may take.
    pub const STOP: u8 = 9;
    /// To a process worker, from the arbiter: word 3 = bytes of JSON that follow.
    pub const TELL: u8 = 10;
    /// A message of a WebSocket, or a piece of one: word 3 = bytes that follow.
    pub const MESSAGE_IN: u8 = 11;
    /// A WebSocket has ended, and with it the exchange: aux = close code, word 3 = bytes of the reason that follow. The worker acknowledges with `done`.
    pub const CLOSED: u8 = 12;
    /// The server is stopping: the worker is to close the WebSocket, with code 1001, behind what it has to send.
    pub const GOING_AWAY: u8 = 13;
    /// The whole response: aux = status. word 3 = header block bytes, word 4 = body bytes, or the index of the lent buffer.
    pub const RESPONSE: u8 = 32;
    /// The head of a streamed response: aux = status. word 3 = header block bytes.
    pub const HEAD: u8 = 33;
    /// word 3 = bytes that follow, or the index of the lent buffer.
    pub const CHUNK: u8 = 34;
    /// word 3 = bytes of the trailer block that follows. After `upgrade` there is none, and the exchange goes on until the client has closed its side too.
    pub const END: u8 = 35;
    /// aux = status for the client if the head was not sent; after it the connection is cut.
    pub const FAIL: u8 = 36;
    /// word 3 = bytes of request body that the worker has room for, on top of earlier ones.
    pub const WANT_BODY: u8 = 37;
    /// A 1xx response: aux = status. word 3 = header block bytes.
    pub const INFORMATIONAL: u8 = 38;
    /// The worker has forgotten an aborted exchange; its id may be used again.
    pub const DONE: u8 = 39;
    /// A part of an open file as a piece of a streamed body. See FILE.
    pub const FILE: u8 = 40;
    /// From a process worker, for the arbiter: word 3 = bytes of JSON that follow.
    pub const SAY: u8 = 41;
    /// In place of a response: takes the connection over. What `chunk` records hold is sent as it is; `bodyChunk` and `bodyEnd` tell what the client sends. See `end`.
    pub const UPGRADE: u8 = 42;
    /// In place of a response: opens the WebSocket that the request offers. word 3 = bytes of a block of further fields for its answer.
    pub const ACCEPT: u8 = 43;
    /// A message for a WebSocket, or a piece of one: word 3 = bytes that follow, or the index of the lent buffer.
    pub const MESSAGE_OUT: u8 = 44;
    /// Closes a WebSocket behind the messages before: aux = close code, 0 for none; word 3 = bytes of the reason that follow. The exchange goes on until `closed`.
    pub const CLOSE: u8 = 45;
}

/// Flags of a record, by kind.
pub mod flag {
    /// request, environ: a body follows in `bodyChunk` records once it is wanted.
    pub const BODY_FOLLOWS: u8 = 1;
    /// request, environ: it came over TLS, or a trusted proxy says so.
    pub const TLS: u8 = 2;
    /// request, environ: the client offers to switch protocols, and `upgrade` may follow.
    pub const UPGRADABLE: u8 = 4;
    /// request, environ: what it offers is WebSocket, and `accept` may follow.
    pub const WEBSOCKET: u8 = 8;
    /// request: the block goes on behind its fields with `:prefix` and `:mount`. See Exchange.
    pub const MOUNTED: u8 = 16;
    /// request, environ: the connection is encrypted. The header block of a `request` ends with a block of what is known of that, which is none of the fields, then its length in 2 bytes: texts with a NUL between them, in the order of `TLS_FACTS`. If the client has shown a certificate, those of `TLS_CLIENT` follow, each after a NUL, then a NUL and the certificate in DER.
    pub const ENCRYPTED: u8 = 32;
    /// `bodyBroken`: native code has answered by itself; the exchange is over.
    pub const OVER: u8 = 1;
    /// abort: the response was complete before the app had ended it (HEAD, a declared length).
    pub const COMPLETE: u8 = 1;
    /// file: its bytes count against the worker's room as those of a chunk, and `drain` tells of them.
    pub const COUNTED: u8 = 1;
    /// response, chunk, `messageOut`: the body is the lent buffer whose index is in the length's place.
    pub const LENT: u8 = 1;
    /// chunk, `messageOut`: send a `released` record when the lent buffer is given back.
    pub const NOTIFY: u8 = 2;
    /// fail: more waited for the client of a WebSocket than may.
    pub const OVERFLOW: u8 = 1;
    /// `messageIn`, `messageOut`: it is text, in UTF-8.
    pub const TEXT: u8 = 4;
    /// `messageIn`, `messageOut`: a piece, and not the last one, of its message.
    pub const MORE: u8 = 8;
}

/// Words of a `request` record after the common three; the bytes follow in this order.
pub mod request {
    /// Bytes of the target (low half), number of header fields (high half).
    pub const TARGET_AND_FIELDS: usize = 3;
    /// Bytes of the header block; with flag `mounted` two fields more than were counted.
    pub const HEADER_BYTES: usize = 4;
    /// Bytes of the body that are in this record (the whole body unless flag `bodyFollows`).
    pub const BODY_BYTES: usize = 5;
    /// Length of the body, low and high word; all ones when it is not known.
    pub const LENGTH_LOW: usize = 6;
    /// Length of the body, low and high word; all ones when it is not known.
    pub const LENGTH_HIGH: usize = 7;
    /// Port of the client (low half), bytes of its address (bits 16-23), bytes of a method that is not in METHODS (24-31).
    pub const PEER: usize = 8;
    /// Where the bytes begin: method (if not in METHODS), address, target, header block, body.
    pub const BYTES: usize = 9;
}

/// Words of an `environ` record after the common three, then its names, its values, its body bytes.
pub mod environ {
    /// Bytes of the names: latin1, with a NUL between them.
    pub const NAME_BYTES: usize = 3;
    /// Bytes of the values, in the order of the names: latin1, with a NUL between them. The last one is that of `PATH_INFO` and may hold any octet.
    pub const VALUE_BYTES: usize = 4;
    /// Bytes of the body that are in this record (the whole body unless flag `bodyFollows`).
    pub const BODY_BYTES: usize = 5;
    /// Length of the body, low and high word; all ones when it is not known.
    pub const LENGTH_LOW: usize = 6;
    /// Length of the body, low and high word; all ones when it is not known.
    pub const LENGTH_HIGH: usize = 7;
    /// Where the names begin.
    pub const BYTES: usize = 8;
}

/// Words of a `file` record after the common three. Its descriptor is the next of those that came with the batch, or that a worker in a thread has enclosed.
pub mod file {
    /// Where the part begins in the file, low and high word.
    pub const OFFSET_LOW: usize = 3;
    /// Where the part begins in the file, low and high word.
    pub const OFFSET_HIGH: usize = 4;
    /// Bytes of the part, low and high word.
    pub const LENGTH_LOW: usize = 5;
    /// Bytes of the part, low and high word.
    pub const LENGTH_HIGH: usize = 6;
    /// Words of the record.
    pub const WORDS: usize = 7;
}

/// Words before each batch on the socket of a process worker.
pub mod batch_head {
    /// Bytes of the records that follow.
    pub const BYTES: usize = 0;
    /// Number of the records.
    pub const RECORDS: usize = 1;
    /// From a worker: it takes one batch with at most this many requests; 0 adds nothing. To a worker: 0.
    pub const TAKE: usize = 2;
    /// Words of the head.
    pub const WORDS: usize = 3;
}

/// Methods with a number; 0 is any other.
pub const METHODS: &[&str] = &[
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
];

/// What can go wrong with a request's body, by number.
pub const BODY_FAULTS: &[&str] = &[
    "truncated",
    "malformed",
    "too-large",
    "timed-out",
    "aborted",
    "finished",
];

/// Bytes of a batch buffer. No record is larger; native code sees to it.
pub const BATCH_BYTES: usize = 262_144;

/// Bytes of a buffer that a worker writes batches to: any text that may fit is written without being measured.
pub const OUTBOUND_BYTES: usize = 786_432;

/// Records of one `take`, at most.
pub const BATCH_RECORDS: usize = 64;

/// Descriptors of files that come with one batch of a worker in a process, at most.
pub const BATCH_FILES: usize = 16;

/// Bytes of a body that may ride in a `request` record.
pub const INLINE_BODY_BYTES: usize = 65_536;

/// Bytes of a response body from which a `Uint8Array` is lent instead of copied.
pub const LEND_BYTES: usize = 16_384;

/// Bytes that a message of a WebSocket counts on top of its own against what was asked for by `wantBody`.
pub const MESSAGE_COST: usize = 64;

/// Bytes of a streamed response that may wait for the client before `write` returns false.
pub const HIGH_WATER_BYTES: usize = 65_536;

/// Bytes of a streamed response that a worker in a process may have sent and not heard to be drained.
pub const AHEAD_BYTES: usize = 262_144;

/// Bytes of a request body that a worker asks for at a time.
pub const BODY_WINDOW_BYTES: usize = 262_144;

/// Field names with a number, in lower case; 0 is any other. Numbers stay below 128.
pub const HEADER_NAMES: &[&str] = &[
    "",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-type",
    "cookie",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "dnt",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "referrer-policy",
    "retry-after",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "server",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-frame-options",
    "x-powered-by",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-xss-protection",
];
