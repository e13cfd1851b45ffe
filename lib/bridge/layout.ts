/**
 * The record layout: the one definition of what crosses between native code and a worker, in memory
 * or through the socket of a process worker (docs/worker-protocol.md). `lib/options/generate.ts`
 * derives `crates/monodon-bridge/src/layout.rs` and `lib/python/monodon_worker/layout.py` from it.
 *
 * A batch is records back to back, little-endian, each padded to 4 bytes:
 *
 *     word 0  size of the record in bytes, padding included
 *     word 1  kind (bits 0-7), flags (8-15), aux (16-31)
 *     word 2  id of the exchange, chosen by native code for this worker
 *     ...     words of the kind, then its bytes
 *
 * Header blocks are fields back to back: code (1 byte, index in `HEADER_NAMES`, 0 for another
 * name), length of the value (2 bytes), then, for code 0, length of the name (1 byte) and the name
 * in lower case; then the value. The block of a response may begin with a field named `:reason`, its
 * reason phrase.
 */

/** Raised by every change to this file that a peer would notice. */
export const LAYOUT_VERSION = 7

/** Record kinds. The first half goes from native code to a worker, the second half back. */
export const KIND = {
  /** aux = method (low byte, index in METHODS) | version (high byte: 10, 11, 20). See REQUEST. */
  request: 1,
  /** word 3 = bytes that follow. */
  bodyChunk: 2,
  /** word 3 = bytes of the trailer block that follows. */
  bodyEnd: 3,
  /** aux = index in BODY_FAULTS. The native side is done with the exchange if flag `over` is set. */
  bodyBroken: 4,
  /** The exchange is over: the client has gone, or (flag `complete`) has all it is to get. The worker acknowledges with `done`. */
  abort: 5,
  /** word 3 = bytes of the response body that were passed on to the connection. */
  drain: 6,
  /** word 3 = how many lent buffers of this exchange were given back. */
  released: 7,
  /** A request whose fields native code has named as CGI does. See ENVIRON. */
  environ: 8,
  /** To a process worker: no request follows; finish what you hold and leave. word 3 = milliseconds that it may take. */
  stop: 9,
  /** To a process worker, from the arbiter: word 3 = bytes of JSON that follow. */
  tell: 10,
  /** A message of a WebSocket, or a piece of one: word 3 = bytes that follow. */
  messageIn: 11,
  /** A WebSocket has ended, and with it the exchange: aux = close code, word 3 = bytes of the reason that follow. The worker acknowledges with `done`. */
  closed: 12,
  /** The server is stopping: the worker is to close the WebSocket, with code 1001, behind what it has to send. */
  goingAway: 13,

  /** The whole response: aux = status. word 3 = header block bytes, word 4 = body bytes, or the index of the lent buffer. */
  response: 32,
  /** The head of a streamed response: aux = status. word 3 = header block bytes. */
  head: 33,
  /** word 3 = bytes that follow, or the index of the lent buffer. */
  chunk: 34,
  /** word 3 = bytes of the trailer block that follows. After `upgrade` there is none, and the exchange goes on until the client has closed its side too. */
  end: 35,
  /** aux = status for the client if the head was not sent; after it the connection is cut. */
  fail: 36,
  /** word 3 = bytes of request body that the worker has room for, on top of earlier ones. */
  wantBody: 37,
  /** A 1xx response: aux = status. word 3 = header block bytes. */
  informational: 38,
  /** The worker has forgotten an aborted exchange; its id may be used again. */
  done: 39,
  /** A part of an open file as a piece of a streamed body. See FILE. */
  file: 40,
  /** From a process worker, for the arbiter: word 3 = bytes of JSON that follow. */
  say: 41,
  /** In place of a response: takes the connection over. What `chunk` records hold is sent as it is; `bodyChunk` and `bodyEnd` tell what the client sends. See `end`. */
  upgrade: 42,
  /** In place of a response: opens the WebSocket that the request offers. word 3 = bytes of a block of further fields for its answer. */
  accept: 43,
  /** A message for a WebSocket, or a piece of one: word 3 = bytes that follow, or the index of the lent buffer. */
  messageOut: 44,
  /** Closes a WebSocket behind the messages before: aux = close code, 0 for none; word 3 = bytes of the reason that follow. The exchange goes on until `closed`. */
  close: 45,
} as const

/** Flags of a record, by kind. */
export const FLAG = {
  /** request, environ: a body follows in `bodyChunk` records once it is wanted. */
  bodyFollows: 1,
  /** request, environ: it came over TLS, or a trusted proxy says so. */
  tls: 2,
  /** request, environ: the client offers to switch protocols, and `upgrade` may follow. */
  upgradable: 4,
  /** request, environ: what it offers is WebSocket, and `accept` may follow. */
  websocket: 8,
  /** request: the block goes on behind its fields with `:prefix` and `:mount`. See Exchange. */
  mounted: 16,
  /**
   * request, environ: the connection is encrypted. The header block of a `request` ends with a block of what is
   * known of that, which is none of the fields, then its length in 2 bytes: texts with a NUL between them, in
   * the order of `TLS_FACTS`. If the client has shown a certificate, those of `TLS_CLIENT` follow, each after
   * a NUL, then a NUL and the certificate in DER.
   */
  encrypted: 32,
  /** bodyBroken: native code has answered by itself; the exchange is over. */
  over: 1,
  /** abort: the response was complete before the app had ended it (HEAD, a declared length). */
  complete: 1,
  /** file: its bytes count against the worker's room as those of a chunk, and `drain` tells of them. */
  counted: 1,
  /** response, chunk, messageOut: the body is the lent buffer whose index is in the length's place. */
  lent: 1,
  /** chunk, messageOut: send a `released` record when the lent buffer is given back. */
  notify: 2,
  /** fail: more waited for the client of a WebSocket than may. */
  overflow: 1,
  /** messageIn, messageOut: it is text, in UTF-8. */
  text: 4,
  /** messageIn, messageOut: a piece, and not the last one, of its message. */
  more: 8,
} as const

/** What is told of an encrypted connection; the last is 1 if the session was resumed. */
export const TLS_FACTS = [
  'protocol',
  'cipher',
  'standardCipher',
  'cipherBits',
  'serverName',
  'alpnProtocol',
  'isResumed',
] as const

/** What is told of the client's certificate. */
export const TLS_CLIENT = ['subject', 'issuer', 'serialNumber', 'validFrom', 'validTo'] as const

/** Words of a `request` record after the common three; the bytes follow in this order. */
export const REQUEST = {
  /** Bytes of the target (low half), number of header fields (high half). */
  targetAndFields: 3,
  /** Bytes of the header block; with flag `mounted` two fields more than were counted. */
  headerBytes: 4,
  /** Bytes of the body that are in this record (the whole body unless flag `bodyFollows`). */
  bodyBytes: 5,
  /** Length of the body, low and high word; all ones when it is not known. */
  lengthLow: 6,
  lengthHigh: 7,
  /** Port of the client (low half), bytes of its address (bits 16-23), bytes of a method that is not in METHODS (24-31). */
  peer: 8,
  /** Where the bytes begin: method (if not in METHODS), address, target, header block, body. */
  bytes: 9,
} as const

/** Words of an `environ` record after the common three, then its names, its values, its body bytes. */
export const ENVIRON = {
  /** Bytes of the names: latin1, with a NUL between them. */
  nameBytes: 3,
  /** Bytes of the values, in the order of the names: latin1, with a NUL between them. The last one is that of PATH_INFO and may hold any octet. */
  valueBytes: 4,
  /** Bytes of the body that are in this record (the whole body unless flag `bodyFollows`). */
  bodyBytes: 5,
  /** Length of the body, low and high word; all ones when it is not known. */
  lengthLow: 6,
  lengthHigh: 7,
  /** Where the names begin. */
  bytes: 8,
} as const

/** Words of a `file` record after the common three. Its descriptor is the next of those that came with the batch, or that a worker in a thread has enclosed. */
export const FILE = {
  /** Where the part begins in the file, low and high word. */
  offsetLow: 3,
  offsetHigh: 4,
  /** Bytes of the part, low and high word. */
  lengthLow: 5,
  lengthHigh: 6,
  /** Words of the record. */
  words: 7,
} as const

/** Words before each batch on the socket of a process worker. */
export const BATCH_HEAD = {
  /** Bytes of the records that follow. */
  bytes: 0,
  /** Number of the records. */
  records: 1,
  /** From a worker: it takes one batch with at most this many requests; 0 adds nothing. To a worker: 0. */
  take: 2,
  /** Words of the head. */
  words: 3,
} as const

/** Methods with a number; 0 is any other. */
export const METHODS = [
  '',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'CONNECT',
] as const

/** What can go wrong with a request's body, by number. */
export const BODY_FAULTS = [
  'truncated',
  'malformed',
  'too-large',
  'timed-out',
  'aborted',
  'finished',
] as const

/** Bytes of a batch buffer. No record is larger; native code sees to it. */
export const BATCH_BYTES = 262_144
/** A UTF-16 unit takes at most 3 bytes of UTF-8. */
export const UTF8_FACTOR = 3
/** Bytes of a buffer that a worker writes batches to: any text that may fit is written without being measured. */
export const OUTBOUND_BYTES = UTF8_FACTOR * BATCH_BYTES
/** Records of one `take`, at most. */
export const BATCH_RECORDS = 64
/** Descriptors of files that come with one batch of a worker in a process, at most. */
export const BATCH_FILES = 16
/** Bytes of a body that may ride in a `request` record. */
export const INLINE_BODY_BYTES = 65_536
/** Bytes of a response body from which a `Uint8Array` is lent instead of copied. */
export const LEND_BYTES = 16_384
/** Bytes of a streamed response that may wait for the client before `write` returns false. */
export const HIGH_WATER_BYTES = 65_536
/** Bytes of a streamed response that a worker in a process may have sent and not heard to be drained. */
export const AHEAD_BYTES = 262_144
/** Bytes of a request body that a worker asks for at a time. */
export const BODY_WINDOW_BYTES = 262_144

/** Bytes that a message of a WebSocket counts on top of its own against what was asked for by `wantBody`. */
export const MESSAGE_COST = 64

/** Field names with a number, in lower case; 0 is any other. Numbers stay below 128. */
export const HEADER_NAMES = [
  '',
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'accept-ranges',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-request-headers',
  'access-control-request-method',
  'age',
  'allow',
  'alt-svc',
  'authorization',
  'cache-control',
  'connection',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-security-policy',
  'content-type',
  'cookie',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'date',
  'dnt',
  'etag',
  'expect',
  'expires',
  'forwarded',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'last-modified',
  'link',
  'location',
  'origin',
  'pragma',
  'priority',
  'range',
  'referer',
  'referrer-policy',
  'retry-after',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'server',
  'server-timing',
  'set-cookie',
  'strict-transport-security',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'upgrade-insecure-requests',
  'user-agent',
  'vary',
  'via',
  'www-authenticate',
  'x-content-type-options',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-frame-options',
  'x-powered-by',
  'x-real-ip',
  'x-request-id',
  'x-requested-with',
  'x-xss-protection',
] as const

/** The number of each name in `HEADER_NAMES`. */
export const HEADER_CODES: ReadonlyMap<string, number> = new Map(
  HEADER_NAMES.map((name, code) => [name as string, code] as const).slice(1),
)
