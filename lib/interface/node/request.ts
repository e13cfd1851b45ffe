import { Buffer } from 'node:buffer'
import { type IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Exchange } from '../../bridge/exchange.ts'
import { MonodonError } from '../../errors.ts'
import type { InterfaceContext } from '../interface.ts'
import { bare, type Mutable } from './bare.ts'
import { connectionReset } from './errors.ts'
import { addDistinct, addReceived } from './headers.ts'
import { cut } from './lifecycle.ts'
import { NodeSocket } from './socket.ts'
import {
  kContext,
  kDisconnected,
  kExchange,
  kResponse,
  kResponseOver,
  kSocket,
  type ResponseState,
} from './state.ts'
import { TlsSocket } from './tls-socket.ts'

const kReadable: unique symbol = Symbol('monodon.readable')
const kUrl: unique symbol = Symbol('monodon.url')
const kReading: unique symbol = Symbol('monodon.reading')
const kArrived: unique symbol = Symbol('monodon.arrived')
const kHeaders: unique symbol = Symbol('monodon.headers')

/** Throws the body away: Node's own. */
const dump = (IncomingMessage.prototype as unknown as { _dump(this: NodeRequest): void })._dump

/** Bytes of the body that wait in the stream before no more are asked for. */
const HIGH_WATER_BYTES = 65_536

/**
 * `http.IncomingMessage` over an exchange. Headers, socket and the stream are built when they are
 * first touched; the stream's state as soon as anything reads `_readableState`.
 */
export class NodeRequest extends bare<Readable>(IncomingMessage.prototype) {
  declare readonly [kExchange]: Exchange
  declare readonly [kContext]: InterfaceContext
  declare [kResponse]: ResponseState
  declare [kReadable]: object | undefined
  /** True while the exchange's body has a read pending. */
  declare [kReading]: boolean
  /** What `keepArrived` set aside, in order. */
  declare [kArrived]: (Uint8Array | null | Promise<Uint8Array | null>)[] | undefined
  declare [kSocket]: NodeSocket | null | undefined
  declare [kUrl]: string | undefined
  declare [kHeaders]: IncomingHttpHeaders | undefined
  /** Node's table of listeners; undefined until there was one. */
  declare readonly _events: object | undefined
  /** True once the client has gone, or the request was destroyed, before it was read to its end. */
  declare aborted: boolean
  /** True once the whole body has come. */
  declare complete: boolean
  declare _consuming: boolean
  declare _dumped: boolean

  // -- head

  get method(): string {
    return this[kExchange].method
  }

  set method(value: string) {
    shadow(this, 'method', value)
  }

  /** The request target as sent. Middlewares rewrite it. */
  get url(): string {
    return this[kUrl] ?? this[kExchange].target
  }

  set url(value: string) {
    this[kUrl] = value
  }

  get httpVersion(): string {
    return this[kExchange].httpVersion
  }

  set httpVersion(value: string) {
    shadow(this, 'httpVersion', value)
  }

  get httpVersionMajor(): number {
    return this[kExchange].httpVersion === '2.0' ? 2 : 1
  }

  get httpVersionMinor(): number {
    return this[kExchange].httpVersion === '1.1' ? 1 : 0
  }

  get headers(): IncomingHttpHeaders {
    let headers = this[kHeaders]
    if (headers === undefined) {
      const joined: IncomingHttpHeaders = {}
      this[kExchange].forEachHeader((name, value) => addReceived(joined, name, value))
      headers = joined
      this[kHeaders] = headers
    }
    return headers
  }

  set headers(value: IncomingHttpHeaders) {
    this[kHeaders] = value
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    const headers: NodeJS.Dict<string[]> = Object.create(null)
    this[kExchange].forEachHeader((name, value) => addDistinct(headers, name, value))
    return shadow(this, 'headersDistinct', headers)
  }

  set headersDistinct(value: NodeJS.Dict<string[]>) {
    shadow(this, 'headersDistinct', value)
  }

  /** Names and values in turn, as sent but for the names' case: they are in lower case. */
  get rawHeaders(): string[] {
    const lines: string[] = []
    this[kExchange].forEachHeader((name, value) => lines.push(name, value))
    return shadow(this, 'rawHeaders', lines)
  }

  set rawHeaders(value: string[]) {
    shadow(this, 'rawHeaders', value)
  }

  // -- trailers: empty until the body has been read

  get trailers(): NodeJS.Dict<string> {
    const headers: IncomingHttpHeaders = {}
    for (const [name, value] of receivedTrailers(this)) addReceived(headers, name, value)
    return headers as NodeJS.Dict<string>
  }

  get trailersDistinct(): NodeJS.Dict<string[]> {
    const headers: NodeJS.Dict<string[]> = Object.create(null)
    for (const [name, value] of receivedTrailers(this)) addDistinct(headers, name, value)
    return headers
  }

  get rawTrailers(): string[] {
    return receivedTrailers(this).flat()
  }

  // -- connection

  get socket(): NodeSocket | null {
    let socket = this[kSocket]
    if (socket === undefined) {
      const Socket = this[kExchange].tls === undefined ? NodeSocket : TlsSocket
      socket = new Socket(this[kResponse])
      this[kSocket] = socket
    }
    return socket
  }

  /** `stream.pipeline` sets it to null so that destroying the request spares the connection. */
  set socket(value: NodeSocket | null) {
    this[kSocket] = value
  }

  get connection(): NodeSocket | null {
    return this.socket
  }

  set connection(value: NodeSocket | null) {
    this.socket = value
  }

  get client(): NodeSocket | null {
    return this.socket
  }

  /** Aborts when the connection goes before the response is complete, as in Node 24. */
  get signal(): AbortSignal {
    const controller = new AbortController()
    if (this.aborted) controller.abort()
    else this.socket?.once('close', () => controller.abort())
    return shadow(this, 'signal', controller.signal)
  }

  /** @param msecs milliseconds without progress until `timeout` is emitted; 0 is never */
  setTimeout(msecs: number, callback?: () => void): this {
    if (callback !== undefined) this.on('timeout', callback)
    this.socket?.setTimeout(msecs)
    return this
  }

  // -- body

  get _readableState(): object {
    if (this[kReadable] === undefined) {
      Reflect.apply(Readable as unknown as () => void, this, [{ highWaterMark: HIGH_WATER_BYTES }])
      if (this.aborted) this.destroy(connectionReset())
    }
    return this[kReadable] as unknown as object
  }

  set _readableState(value: object) {
    this[kReadable] = value
  }

  override _read(): void {
    this._consuming = true
    // Asked for without the exchange: its body cannot be read once the response has ended.
    if (this[kExchange].contentLength === 0) {
      deliver(this, null)
      return
    }
    if (this[kReading]) return
    try {
      const arrived = this[kArrived]?.shift()
      const next = arrived === undefined ? this[kExchange].body.read() : arrived
      if (next === null || next instanceof Uint8Array) deliver(this, next)
      else {
        this[kReading] = true
        next.then(
          (chunk) => deliver(this, chunk),
          (error) => readFailed(this, error),
        )
      }
    } catch (error) {
      readFailed(this, error)
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.readableEnded || !this.complete) {
      if (!this.aborted) {
        this.aborted = true
        this.emit('aborted')
      }
      if (this[kSocket] !== null && !this[kExchange].finished) cut(this[kResponse], error)
    }
    // As in Node, an error that nobody listens for is not raised: clients leave all the time.
    process.nextTick(() => callback(this.listenerCount('error') === 0 ? null : error))
  }

  // -- called by lifecycle.ts and response.ts

  /** The connection has gone. */
  [kDisconnected](error: Error | undefined): void {
    this[kSocket]?.[kDisconnected](error)
    // A prepended listener is there without the stream's state.
    if (this[kReadable] !== undefined || this.listenerCount('close') > 0)
      this.destroy(connectionReset())
    else if (!this.aborted) {
      this.aborted = true
      this.emit('aborted')
    }
  }

  /** The response has ended: what nobody reads is thrown away, and listeners hear `end`. */
  [kResponseOver](): void {
    if (this[kReadable] !== undefined && !this._consuming) dump.call(this)
    this[kSocket]?.[kResponseOver]()
  }
}

export type RequestClass = new (exchange: Exchange, context: InterfaceContext) => NodeRequest

/**
 * A class of requests that inherit from `prototype`: `NodeRequest.prototype`, or an object of a
 * framework that inherits from it. Express puts `app.request` under each request; V8 gives an object
 * whose prototype is replaced a shape of its own (up to Node 22), and all code that touches it is slow
 * then. One that has it from the start keeps its shape.
 */
export function requestClass(prototype: object): RequestClass {
  function Request(
    this: Mutable<NodeRequest>,
    exchange: Exchange,
    context: InterfaceContext,
  ): void {
    this[kExchange] = exchange
    this[kContext] = context
    // The response's constructor sets it.
    this[kResponse] = undefined as unknown as ResponseState
    this[kReadable] = undefined
    this[kReading] = false
    this[kArrived] = undefined
    this[kSocket] = undefined
    this[kUrl] = undefined
    this[kHeaders] = undefined
    this.aborted = false
    this.complete = exchange.contentLength === 0
    this._consuming = false
    this._dumped = false
  }
  Request.prototype = prototype
  return Request as unknown as RequestClass
}

/** What Node's `IncomingMessage` has beside these, for a server. */
Object.assign(NodeRequest.prototype, {
  statusCode: null,
  statusMessage: null,
  upgrade: false,
  joinDuplicateHeaders: false,
})

/**
 * Sets aside what has come of a body that the app has begun to read, just before the response ends:
 * it cannot be read from the exchange afterwards.
 */
export function keepArrived(req: NodeRequest): void {
  if (req[kReadable] === undefined || req[kExchange].contentLength === 0) return
  if (req.complete || req.destroyed || req[kReading] || !isRead(req)) return
  const arrived: NonNullable<NodeRequest[typeof kArrived]> = []
  req[kArrived] = arrived
  try {
    for (;;) {
      const next = req[kExchange].body.read()
      arrived.push(next)
      if (next instanceof Uint8Array) continue
      // `_read` sees to its rejection, but later.
      next?.catch(() => undefined)
      return
    }
  } catch {
    // `_read` meets the same fault once it has come this far.
  }
}

function deliver(req: NodeRequest, chunk: Uint8Array | null): void {
  req[kReading] = false
  if (req.destroyed) return
  req[kSocket]?.progressed()
  if (chunk === null) {
    req.complete = true
    req.push(null)
  } else req.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
}

function readFailed(req: NodeRequest, error: unknown): void {
  req[kReading] = false
  if (req.destroyed) return
  const code = error instanceof MonodonError ? error.code : undefined
  if (code === 'MONODON_BODY_ABORTED') req.destroy(connectionReset())
  // The response has ended and native code discards the rest. To an app that discards it too that
  // is the end; one that wants the bytes must not take what it has for the whole.
  else if (code === 'MONODON_BODY_FINISHED' && !isRead(req)) deliver(req, null)
  else req.destroy(error instanceof Error ? error : new Error(String(error)))
}

/** Whether someone wants the bytes: a listener, a pipe or an iterator. */
function isRead(req: NodeRequest): boolean {
  return req.listenerCount('data') > 0 || req.listenerCount('readable') > 0
}

function receivedTrailers(req: NodeRequest): readonly (readonly [string, string])[] {
  return req.complete && req[kExchange].contentLength !== 0 ? req[kExchange].body.trailers : []
}

/** Puts an own property before an accessor of the prototype. */
function shadow<T>(target: object, name: string, value: T): T {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
  return value
}
