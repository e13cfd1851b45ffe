import { Buffer } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { Exchange } from '../../bridge/exchange.ts'
import { HIGH_WATER_BYTES } from '../../bridge/layout.ts'
import type { Mutable } from './bare.ts'
import {
  headersSent,
  invalidArgument,
  invalidCharacter,
  invalidValue,
  nodeError,
} from './errors.ts'
import type { HeaderValue } from './headers.ts'
import { cut } from './lifecycle.ts'
import {
  encodeFields,
  fixFields,
  type HeadersArgument,
  kBlock,
  kFields,
  kTrailers,
  NodeOutgoing,
} from './outgoing.ts'
import { readNatively } from './piped-file.ts'
import type { NodeRequest } from './request.ts'
import type { NodeSocket } from './socket.ts'
import { kDisconnected, kExchange, kResponse, kResponseOver } from './state.ts'
import {
  account,
  type Body,
  type Callback,
  emitClose,
  emitFinish,
  endedAlready,
  finishWith,
  hold,
  kErrored,
  kOver,
  kStreaming,
  mayWrite,
  type Streaming,
  send,
  sendHeld,
  startOnce,
  streamingOf,
  type WrittenResponse,
} from './writing.ts'

/** Field values of writeEarlyHints: RFC 8288 section 3, `<uri>` and its parameters. */
const LINK = /^<[^>]*>(?:\s*;\s*[^;"\s]+(?:=(?:"[^"]*"|[^;"\s]*))?)*$/
/** Node's check of a reason phrase. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** `http.ServerResponse` over an exchange. A response that is given whole is one `respond`. */
export class NodeResponse extends NodeOutgoing implements WrittenResponse {
  declare readonly [kExchange]: Exchange
  declare [kStreaming]: Streaming | undefined
  /** True once `finish` was emitted, or would have been. */
  declare [kOver]: boolean
  declare [kErrored]: Error | null
  declare readonly req: NodeRequest
  /** Node's table of listeners; undefined until there was one. */
  declare readonly _events: object | undefined
  /** True once `end` was called. */
  declare finished: boolean
  declare destroyed: boolean
  declare _closed: boolean
  declare _hasBody: boolean
  declare strictContentLength: boolean

  // -- head

  /**
   * Fixes status and fields. They are sent with the first bytes of the body, by `flushHeaders` or
   * `end`.
   *
   * @param reason the reason phrase or the fields
   * @throws RangeError `ERR_HTTP_INVALID_STATUS_CODE` outside 200 to 999: 1xx have methods of their own
   */
  writeHead(status: number, reason?: string | HeadersArgument, fields?: HeadersArgument): this {
    if (this[kBlock] !== undefined) throw headersSent('write')
    const code = status | 0
    if (code < 200 || code > 999) throw invalidStatus(status)
    if (typeof reason === 'string') this.statusMessage = reason
    if (!this.statusMessage) this.statusMessage = STATUS_CODES[code] ?? 'unknown'
    else if (!REASON.test(this.statusMessage)) throw invalidCharacter('statusMessage')
    this.statusCode = code
    fixFields(this, (typeof reason === 'string' ? fields : (fields ?? reason)) ?? undefined)
    // RFC 9110 sections 15.3.5 and 15.4.5.
    if (code === 204 || code === 304) this._hasBody = false
    return this
  }

  /** Middlewares call it and rely on it calling `writeHead`, which they replace. */
  _implicitHeader(): void {
    this.writeHead(this.statusCode)
  }

  flushHeaders(): void {
    if (this[kBlock] === undefined) this._implicitHeader()
    startOnce(this)
  }

  // -- body

  /** @returns false when the client is slower than the app: `drain` follows */
  write(
    chunk: Body,
    encoding?: BufferEncoding | Callback | null,
    callback?: Callback | null,
  ): boolean {
    if (typeof encoding === 'function') return this.write(chunk, null, encoding)
    checkChunk(chunk)
    if (!mayWrite(this, callback)) return false
    if (this[kBlock] === undefined) this._implicitHeader()
    if (!this._hasBody) {
      streamingOf(this).dropped = true
      if (callback) process.nextTick(callback)
      return true
    }
    const data = toBody(chunk, encoding)
    if (this.strictContentLength) account(this, data, false)
    const streaming = this[kStreaming]
    if (streaming !== undefined && streaming.corked > 0) return hold(streaming, data, callback)
    return send(this, data, callback)
  }

  end(
    chunk?: Body | Callback | null,
    encoding?: BufferEncoding | Callback | null,
    callback?: Callback | null,
  ): this {
    if (typeof chunk === 'function') return this.end(null, null, chunk)
    if (typeof encoding === 'function') return this.end(chunk, null, encoding)
    if (this.finished) {
      endedAlready(this, chunk, callback)
      return this
    }
    if (chunk !== undefined && chunk !== null && chunk !== '') {
      checkChunk(chunk)
      if (!mayWrite(this, callback)) return this
      if (this[kBlock] === undefined) this._implicitHeader()
      finishWith(this, toBody(chunk, encoding), callback)
    } else {
      if (this[kBlock] === undefined) this._implicitHeader()
      finishWith(this, '', callback)
    }
    return this
  }

  // -- cork

  cork(): void {
    streamingOf(this).corked++
  }

  uncork(): void {
    const streaming = streamingOf(this)
    if (streaming.corked === 1) sendHeld(this, streaming)
    else if (streaming.corked > 1) streaming.corked--
  }

  // -- informational responses

  /** A client that waits for it gets it from native code, once, as the reading begins. */
  writeContinue(callback?: Callback | null): void {
    if (this.req[kExchange].header('expect') === undefined) {
      this.writeInformation(100, null, callback)
      return
    }
    if (this[kBlock] !== undefined) throw headersSent('write')
    this.req.read(0)
    if (callback) process.nextTick(callback)
  }

  writeProcessing(callback?: Callback | null): void {
    this.writeInformation(102, null, callback)
  }

  /** @param hints `link`: one or several values; other fields are sent as they are */
  writeEarlyHints(
    hints: { link?: string | readonly string[] } & Record<string, HeaderValue | undefined>,
    callback?: Callback,
  ): void {
    if (typeof hints !== 'object' || hints === null || Array.isArray(hints))
      throw invalidArgument('hints', 'of type object', hints)
    const { link, ...others } = hints
    if (link === undefined || link === null) return
    const links = [link].flat()
    if (links.length === 0) return
    for (const value of links)
      if (typeof value !== 'string' || !LINK.test(value)) throw invalidValue('hints', value)
    this.writeInformation(103, { link: links.join(', '), ...others } as HeadersArgument, callback)
  }

  /** Sends a 1xx response; 101 is not one that an app may send. */
  writeInformation(
    status: number,
    fields?: HeadersArgument | null,
    callback?: Callback | null,
  ): boolean {
    if (this[kBlock] !== undefined) throw headersSent('write')
    if (!Number.isInteger(status) || status < 100 || status > 199) throw outOfRange(status)
    if (status === 101) throw invalidStatus(status)
    const block = fields ? encodeFields(fields) : ''
    if (!this[kExchange].finished) this[kExchange].informational(status, block)
    if (callback) process.nextTick(callback)
    return true
  }

  // -- connection

  get socket(): NodeSocket | null {
    return this[kOver] ? null : this.req.socket
  }

  set socket(value: NodeSocket | null) {
    this.req.socket = value
  }

  get connection(): NodeSocket | null {
    return this.socket
  }

  set connection(value: NodeSocket | null) {
    this.socket = value
  }

  /** @param msecs milliseconds without progress until `timeout` is emitted; 0 is never */
  setTimeout(msecs: number, callback?: (socket: NodeSocket) => void): this {
    if (callback !== undefined) this.on('timeout', callback)
    this.socket?.setTimeout(msecs)
    return this
  }

  /** Gives the response up: before the head the client gets a 500, after it the connection is cut. */
  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    this[kErrored] = error ?? null
    cut(this, error)
    return this
  }

  // -- events

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'pipe' && this.write === NodeResponse.prototype.write) readNatively(args[0], this)
    return super.emit(event, ...args)
  }

  // -- state

  get writableEnded(): boolean {
    return this.finished
  }

  get writableFinished(): boolean {
    return this[kOver]
  }

  get writableLength(): number {
    return this[kStreaming]?.heldBytes ?? 0
  }

  get writableHighWaterMark(): number {
    return HIGH_WATER_BYTES
  }

  get writableObjectMode(): boolean {
    return false
  }

  get writableCorked(): number {
    return this[kStreaming]?.corked ?? 0
  }

  get writableNeedDrain(): boolean {
    return this[kStreaming]?.needDrain === true && !this.finished && !this.destroyed
  }

  get closed(): boolean {
    return this._closed
  }

  get errored(): Error | null {
    return this[kErrored]
  }

  // -- called by lifecycle.ts

  /** The response has ended. Node's order: `finish`, then the request's `end`, then `close`. */
  [kResponseOver](): void {
    if (this._closed) return
    this.req[kResponseOver]()
    if (this._events === undefined) {
      this[kOver] = true
      this.destroyed = true
      this._closed = true
      return
    }
    emitFinish(this)
  }

  /** The connection has gone before the response was complete. */
  [kDisconnected](): void {
    emitClose(this)
  }
}

export type ResponseClass = new (exchange: Exchange, req: NodeRequest) => NodeResponse

/** A class of responses that inherit from `prototype`, for the reason that `requestClass` tells. */
export function responseClass(prototype: object): ResponseClass {
  function Response(this: Mutable<NodeResponse>, exchange: Exchange, req: NodeRequest): void {
    this[kExchange] = exchange
    this[kFields] = undefined
    this[kBlock] = undefined
    this[kTrailers] = ''
    this[kStreaming] = undefined
    this[kOver] = false
    this[kErrored] = null
    this.req = req
    this.statusCode = 200
    this.statusMessage = undefined
    this.finished = false
    this.destroyed = false
    this.chunkedEncoding = false
    this.strictContentLength = false
    this._closed = false
    this._contentLength = null
    this._hasBody = exchange.method !== 'HEAD'
    this._removedContLen = false
    req[kResponse] = this as NodeResponse
  }
  Response.prototype = prototype
  return Response as unknown as ResponseClass
}

/**
 * What Node's `ServerResponse` has beside these. `stream.finished` and `on-finished` know a
 * response by the types of some of them.
 */
Object.assign(NodeResponse.prototype, {
  writable: true,
  sendDate: true,
  shouldKeepAlive: true,
  useChunkedEncodingByDefault: true,
  maxRequestsOnConnectionReached: false,
  writeHeader: NodeResponse.prototype.writeHead,
  _defaultKeepAlive: true,
  _removedConnection: false,
  _removedTE: false,
  _sent100: false,
  _expect_continue: false,
  _last: false,
  outputSize: 0,
})

function checkChunk(chunk: unknown): void {
  if (chunk === null)
    throw nodeError(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream')
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
    throw invalidArgument('chunk', 'of type string or an instance of Buffer or Uint8Array', chunk)
}

/** An exchange takes strings as UTF-8. */
function toBody(chunk: Body, encoding: BufferEncoding | null | undefined): Body {
  if (typeof chunk !== 'string' || !encoding) return chunk
  const name = encoding.toLowerCase()
  return name === 'utf8' || name === 'utf-8' ? chunk : Buffer.from(chunk, encoding)
}

function invalidStatus(status: unknown): Error {
  return nodeError(RangeError, 'ERR_HTTP_INVALID_STATUS_CODE', `Invalid status code: ${status}`)
}

function outOfRange(status: unknown): Error {
  return nodeError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "statusCode" is out of range. It must be >= 100 && <= 199. Received ${status}`,
  )
}
