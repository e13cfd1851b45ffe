import type { MonodonError } from '../errors.ts'
import type { BODY_FAULTS } from './layout.ts'

/**
 * One request and its answer, as the interfaces see them. This file is the contract between
 * `lib/bridge` (which implements it over native records) and `lib/interface` (which uses it).
 */

/**
 * Header fields of a response, encoded for a record: the concatenation of what `encodeHeader`
 * returned (`lib/bridge/header-block.ts`). `''` is a response without fields.
 */
export type HeaderBlock = string

/** What the client did to make a body unreadable. */
export type BodyFault = (typeof BODY_FAULTS)[number]

/** Who waits for the next bytes of a body, `null` at its end, or the error that `read` has. */
export interface BodyReader {
  resolve(chunk: Uint8Array | null): void
  reject(error: MonodonError): void
}

/** The bytes of a request, read in order. */
export interface RequestBody {
  /**
   * The next bytes; `null` at the end. Bytes that are already here come without a promise.
   * The array belongs to the caller. One read at a time: a second read while one is pending throws.
   *
   * @throws MonodonError `MONODON_BODY_*` (thrown or rejected) when the body broke off, was
   * malformed, too large or too slow, when the client left, or when the response has ended.
   */
  read(): Uint8Array | null | Promise<Uint8Array | null>
  /**
   * As `read`, without a promise: `undefined` says that `reader` will get what comes next. It is called
   * amid the events of a batch, so it must not throw.
   */
  readTo(reader: BodyReader): Uint8Array | null | undefined
  /** Trailer fields (names in lower case), once `read` has returned `null`. */
  readonly trailers: readonly (readonly [name: string, value: string])[]
}

/** Where an app is, as `--root-path` or a trusted proxy says. */
export interface Mounted {
  /** What a proxy has taken from the front of the path (`X-Forwarded-Prefix`). */
  readonly prefix: string
  /** What is at the front of the path and is not the app's. */
  readonly mount: string
}

/** The certificate that the client has shown. It was found good. */
export interface ClientCertificate {
  /** The subject's distinguished name (RFC 2253): `CN=ann,O=Example`. */
  readonly subject: string
  /** The issuer's. */
  readonly issuer: string
  /** Hexadecimal digits. */
  readonly serialNumber: string
  /** From when on it is valid: `Nov 27 02:51:36 2026 GMT`. */
  readonly validFrom: string
  /** Until when. */
  readonly validTo: string
  /** The certificate itself, in DER; empty for one of more than 16 KiB. */
  readonly raw: Uint8Array
}

/** What client and server have agreed on. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string
  /** The cipher suite, as OpenSSL calls it: `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`. */
  readonly cipher: string
  /** The cipher suite, as the standards call it. */
  readonly standardCipher: string
  /** The bits of the cipher's key. */
  readonly cipherBits: number
  /** The host that the client asked for (SNI), in lower case; `''` if it named none. */
  readonly serverName: string
  /** What ALPN has chosen: `h2`, `http/1.1`, or `''` if the client offered nothing. */
  readonly alpnProtocol: string
  /** Whether it goes on with the keys of an earlier connection. */
  readonly isResumed: boolean
  /** `undefined` if the client has shown none. */
  readonly client: ClientCertificate | undefined
}

/** One request and its answer. */
export interface Exchange {
  // -- the request
  /** As sent, for example `GET`. */
  readonly method: string
  /** The request target as sent: `/path?query`, `http://host/path`, or `*`. Never empty. */
  readonly target: string
  readonly httpVersion: '1.0' | '1.1' | '2.0'
  readonly scheme: 'http' | 'https'
  /** How the connection is encrypted; `undefined` if it is not, whatever a proxy says of its own. */
  readonly tls: TlsFacts | undefined
  /** The client's address, without a port; `''` for a client without one. */
  readonly remoteAddress: string
  /** The client's port; 0 for a client without one. */
  readonly remotePort: number
  /** Where the app is, if that is not the root: `undefined` otherwise. */
  readonly mounted: Mounted | undefined
  /** How many header fields came (lines, not names). */
  readonly headerCount: number
  /** A field's value by its name in lower case; several lines are joined by `', '` (cookie: `'; '`). */
  header(name: string): string | undefined
  /**
   * Visits each field line in the order sent. `name` is in lower case, `value` is latin1 with
   * surrounding white space removed. `code` is the name's number in `HEADER_NAMES`
   * (`lib/bridge/layout.ts`), 0 for a name that is not there.
   */
  forEachHeader(visit: (name: string, value: string, code: number) => void): void
  /** Bytes of the body: 0 without one, -1 when it is chunked and the length unknown. */
  readonly contentLength: number
  /** Built when first touched. */
  readonly body: RequestBody
  /**
   * True when the client offers to switch to another protocol (`Upgrade`, RFC 9110 section 7.8) and
   * `upgrade` may be called: a request of HTTP/1.1 without a body.
   */
  readonly upgradable: boolean
  /** True when what the client offers is WebSocket, validly (RFC 6455 section 4.2.1): `accept` may be called. */
  readonly websocket: boolean

  /** Whether it is handled in an async context that the app is to have. */
  readonly hasContext: boolean

  // -- the client
  /** True once the client has gone, or native code has given up the exchange. */
  readonly aborted: boolean
  /** Called once when `aborted` turns true; not called when the response had ended before. */
  onAbort: (() => void) | undefined

  // -- the response
  /** True once `respond` or `start` was called. */
  readonly started: boolean
  /** True once the response was given whole, ended, failed or aborted. */
  readonly finished: boolean
  /**
   * Gives the whole response at once. A string is sent as UTF-8. A large `Uint8Array` is lent, not
   * copied: it must not change until the exchange is over. `content-length` is added by native code
   * unless the block has one. For HEAD the body only gives the length.
   */
  respond(status: number, headers: HeaderBlock, body: string | Uint8Array): void
  /** Where a regular file stands that is open; -1 for what `respondFile` cannot send, from this worker or at all. */
  positionOf(descriptor: number): number
  /**
   * Gives a part of an open file as the whole body, whose length is in `headers`; `positionOf` was not
   * negative. The descriptor may be closed at once.
   *
   * @returns false if there can be no more descriptors; nothing was sent then
   */
  respondFile(
    status: number,
    headers: HeaderBlock,
    descriptor: number,
    offset: number,
    length: number,
  ): boolean
  /** Begins a streamed response. Without `content-length` in the block it is chunked. */
  start(status: number, headers: HeaderBlock): void
  /**
   * Adds to a streamed response. Small chunks are copied before this returns; large ones are lent
   * (see `released`). After an abort it does nothing.
   *
   * @returns false when more is waiting than the high-water mark (64 KiB): wait for `drained`.
   */
  write(chunk: string | Uint8Array): boolean
  /**
   * Adds a part of an open file to a streamed response, whose bytes count as those of `write`; `positionOf`
   * was not negative. The descriptor may be closed at once. After an abort it does nothing.
   *
   * @param length at most 1 GiB
   * @returns as `write`; `undefined` if there can be no more descriptors, and nothing was added
   */
  writeFile(descriptor: number, offset: number, length: number): boolean | undefined
  /** Resolves when there is room again, or at once. Also resolves when the client leaves. */
  drained(): Promise<void>
  /** Resolves when no chunk is lent any more, so that the app may reuse its buffers. */
  released(): Promise<void> | undefined
  /** Ends a streamed response. `trailers` are sent where the framing has room for them. */
  end(trailers?: HeaderBlock): void
  /**
   * The app has failed: before the head the client gets a 500, after it the connection is cut.
   * Logs `error` once, with method and target. After an abort it only ends the exchange.
   */
  fail(error: unknown): void
  /** Sends a 1xx response (103 Early Hints) where the protocol has one. */
  informational(status: number, headers: HeaderBlock): void

  // -- another protocol
  /**
   * Takes the connection over, in place of `respond` or `start`. From now on `write` sends bytes as
   * they are, the head of the answer included, and `body` reads what the client sends after its
   * request, up to the end of its side. `end` closes the server's side; the exchange is finished once
   * both sides are closed, or by `cut`, `fail` or an abort.
   *
   * @throws MonodonError `MONODON_NOT_UPGRADABLE` unless the request is `upgradable`
   */
  upgrade(): void
  /** Closes a connection that was taken over, at once and without a word in the log. */
  cut(): void
  /**
   * Opens the WebSocket that the client offers, in place of `respond` or `start`. `receiver` hears
   * what comes. The exchange is finished when the WebSocket has ended. `undefined` after an abort.
   *
   * @param headers further fields of the answer, such as `sec-websocket-protocol`
   * @throws MonodonError `MONODON_NOT_UPGRADABLE` unless the request offers a `websocket`
   */
  accept(headers: HeaderBlock, receiver: SocketReceiver): Socket | undefined
}

/** A WebSocket that was opened. Framing, pings and the closing handshake are native code's. */
export interface Socket {
  /** Bytes that were sent and that the connection has not taken. Less than 64 KiB counts as taken. */
  readonly buffered: number
  /** Sends a message: text, or bytes, which are copied before this returns. After `close` it does nothing. */
  send(message: string | Uint8Array): void
  /**
   * Begins the closing handshake, behind the messages before it.
   *
   * @param code a code that may be sent (RFC 6455 section 7.4), or 0 for none
   * @param reason at most 123 bytes of UTF-8
   */
  close(code: number, reason: string): void
  /** Closes the connection at once; `overflows`: since more waits for the client than may. `closed` is not called. */
  cut(overflows?: boolean): void
}

/** Close codes that the server uses by itself (RFC 6455 section 7.4, IANA's registry). */
export const CLOSE_CODES = {
  /** The purpose of the connection is fulfilled. */
  normal: 1000,
  /** The server goes down. */
  goingAway: 1001,
  /** The connection has ended without a closing handshake. Never sent. */
  abnormal: 1006,
  /** The worker is replaced: the client should connect again. */
  serviceRestart: 1012,
} as const

/** Who hears of a WebSocket. */
export interface SocketReceiver {
  /** A message has come: text, or bytes that belong to the receiver. */
  message(data: string | Uint8Array): void
  /** It has ended: by a handshake, or without one (code 1006). A close frame without a code is 1005. */
  closed(code: number, reason: string): void
}

/**
 * Answers for an app that has failed before it began a response: shows what went wrong to a developer.
 * It must not throw.
 */
export type Explain = (exchange: Exchange, error: unknown, status: number) => void
