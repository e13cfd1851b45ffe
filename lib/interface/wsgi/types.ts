/** PEP 3333 in TypeScript: what an application and the server give each other. */

import type { FileHandle } from 'node:fs/promises'
import type { CommonFields } from './header-fields.ts'

/**
 * A piece of the response body. A string is sent as UTF-8, a view as the window that it is. The
 * server is done with it when it asks for the next one; then the app may use the memory again.
 */
export type Chunk = string | ArrayBufferView

/**
 * What an application returns. `close` is called once, whatever happens, and awaited; a body
 * without it has its iterator's `return` called instead.
 */
export type WSGIBody = (Iterable<Chunk> | AsyncIterable<Chunk>) & {
  close?(): void | Promise<void>
}

/**
 * Sends a chunk at once, as PEP 3333's `write`. The chunk is copied. The result is a promise when
 * the client reads more slowly than the app writes: await it before writing more.
 *
 * @throws MonodonError `MONODON_APP_WRITE_ENDED` after the end of the response
 */
export type WriteCallable = (chunk: Chunk) => Promise<void> | undefined

/**
 * Gives the head of the response; it is sent with the first chunk that is not empty.
 *
 * @param status code and reason, for example `'404 Not Found'`
 * @param headers fields in the order to send; several of one name are allowed
 * @param excInfo an error that a handler caught: only with it may the head be given again. When the
 * head has been sent already, `excInfo` is thrown.
 * @throws MonodonError `MONODON_APP_BAD_STATUS`, `MONODON_APP_BAD_HEADERS`, `MONODON_BAD_HEADER`,
 * `MONODON_APP_HOP_BY_HOP`, `MONODON_APP_BAD_LENGTH`, `MONODON_APP_STARTED_TWICE`
 */
export type StartResponse = (
  status: string,
  headers: readonly (readonly [name: string, value: string])[],
  excInfo?: unknown,
) => WriteCallable

/** A WSGI application, synchronous or not. */
export type WSGIApplication = (
  environ: Environ,
  startResponse: StartResponse,
) => WSGIBody | Promise<WSGIBody>

/** The request body: bytes in order. Calls made at once are served in the order of the calls. */
export interface InputStream extends AsyncIterable<Uint8Array> {
  /**
   * Reads `size` bytes, fewer only at the end; all that are left without `size` (or with -1). An
   * empty array is the end.
   *
   * @throws MonodonError (rejects) `MONODON_BODY_*` when the body cannot be read to its end, when
   * the client has left, or when the response has ended
   */
  read(size?: number): Promise<Uint8Array>
  /** Reads up to and with the next line feed, at most `limit` bytes. An empty array is the end. */
  readline(limit?: number): Promise<Uint8Array>
  /** Reads lines to the end, or until they hold `hint` bytes together. */
  readlines(hint?: number): Promise<Uint8Array[]>
  /** The bytes as they arrive (not lines, which have no bound), until the end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>
}

/** The error log, a line an entry. */
export interface ErrorStream {
  write(text: string): void
  writelines(lines: Iterable<string>): void
  /** Writes a line that has no line feed yet. */
  flush(): void
}

/** What a file can be for `wsgi.file_wrapper`, next to a path and a `FileHandle`. */
export interface FileLike {
  /** Up to `size` bytes or characters; empty, `null` or `undefined` at the end. */
  read(size: number): Chunk | null | undefined | Promise<Chunk | null | undefined>
  close?(): void | Promise<void>
}

/**
 * Makes a body of a file. It is read from where it stands and closed with the response; a path is
 * opened when the first chunk is asked for. With a `Content-Length`, no more than that is sent.
 *
 * @param blockSize bytes to read at a time (default 65536)
 */
export type FileWrapper = (
  file: FileLike | FileHandle | AsyncIterable<Chunk> | string | URL,
  blockSize?: number,
) => WSGIBody

/** The request and the server, as PEP 3333 names them. Every key is the object's own. */
export interface Environ extends CommonFields {
  REQUEST_METHOD: string
  SCRIPT_NAME: string
  /** The path, percent-decoded as UTF-8; octets that are not UTF-8 stay escaped. */
  PATH_INFO: string
  /** What follows the first `?`, as sent; `''` without one. */
  QUERY_STRING: string
  /** `''` when the request has none. */
  CONTENT_TYPE: string
  /** In bytes; `''` when the request has none. */
  CONTENT_LENGTH: string
  /** Host and port that the server listens on. What the client asked for is in `HTTP_HOST`. */
  SERVER_NAME: string
  SERVER_PORT: string
  /** `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`. */
  SERVER_PROTOCOL: string
  /** The client's address and port; `''` for a client without one. */
  REMOTE_ADDR: string
  REMOTE_PORT: string
  /** The request target as sent. */
  RAW_URI: string
  'wsgi.version': readonly [1, 0]
  'wsgi.url_scheme': 'http' | 'https'
  'wsgi.input': InputStream
  'wsgi.errors': ErrorStream
  /** False: a worker runs the app on one thread. */
  'wsgi.multithread': boolean
  /** True with more than one worker. */
  'wsgi.multiprocess': boolean
  'wsgi.run_once': boolean
  'wsgi.file_wrapper': FileWrapper
  /** True: `wsgi.input` ends where the body ends, so it may be read without a length. */
  'wsgi.input_terminated': boolean
  /** Sends a 103 response with these fields (mostly `Link`); nothing once the head is sent. */
  'wsgi.early_hints': (headers: readonly (readonly [name: string, value: string])[]) => void
  /** Aborts when the client leaves before the response has ended. */
  'monodon.signal': AbortSignal
  /** A request header field: latin1, several lines joined by `', '` (cookies by `'; '`). */
  [field: `HTTP_${string}`]: string | undefined
  /** What middleware adds. */
  [key: string]: unknown
}
