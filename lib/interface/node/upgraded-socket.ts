import { AsyncResource } from 'node:async_hooks'
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import type { BodyReader, Exchange } from '../../bridge/exchange.ts'
import { LEND_BYTES } from '../../bridge/layout.ts'
import type { InterfaceContext } from '../interface.ts'
import { Endpoint, kTimedOut } from './endpoint.ts'
import { readReset } from './errors.ts'
import { kContext, kDisconnected, kExchange, kResponseOver } from './state.ts'

/** How long a client may take for what was written before `destroy`, in milliseconds. */
const LINGER_MS = 2000

type Callback = (error?: Error | null) => void

/** What is written at once by `_writev`. */
interface Written {
  readonly chunk: Uint8Array
}

/**
 * The connection of a request that was upgraded: a stream of the bytes that follow the request, and of
 * the answer with all that comes after it. As in Node each side ends by itself.
 */
export class UpgradedSocket extends Endpoint {
  declare readonly [kExchange]: Exchange
  declare readonly [kContext]: InterfaceContext
  /** True for a connection over TLS, else absent, as in Node. */
  declare readonly encrypted?: true
  declare private received: number
  declare private sent: number
  /** Listeners of what comes find the async context in which the connection was upgraded. */
  declare private readonly scope: AsyncResource
  declare private readonly reader: BodyReader
  /** A read of the exchange is pending. */
  declare private isReading: boolean
  /** Our side is closed, or is as soon as what was written is sent. */
  declare private hasEnded: boolean

  /** Takes the connection over. */
  constructor(exchange: Exchange, context: InterfaceContext) {
    super()
    this[kExchange] = exchange
    this[kContext] = context
    this.received = 0
    this.sent = 0
    this.scope = new AsyncResource('MonodonSocket', { requireManualDestroy: true })
    this.reader = { resolve: (chunk) => this.arrive(chunk), reject: () => {} }
    this.isReading = false
    this.hasEnded = false
    if (exchange.scheme === 'https') this.encrypted = true
    Reflect.apply(Duplex as unknown as () => void, this, [{ allowHalfOpen: true }])
    exchange.upgrade()
    exchange.onAbort = () => this.destroy(readReset())
    // As in Node, it is read from the beginning: that a client ends is noticed although nobody asks.
    this.read(0)
  }

  get bytesRead(): number {
    return this.received
  }

  /** Bytes written, those that wait in the stream included. */
  get bytesWritten(): number {
    return this.sent + this.writableLength
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable && this.writable) return 'open'
    if (this.readable) return 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Closes the connection at once: the client hears no end of what was written. */
  resetAndDestroy(): this {
    this[kExchange].cut()
    return this.destroy()
  }

  override _read(): void {
    if (this.isReading) return
    let next: Uint8Array | null | undefined
    try {
      next = this[kExchange].body.readTo(this.reader)
    } catch {
      // It was given up, by either side: `destroy` has been called or is about to be.
      return
    }
    if (next === undefined) this.isReading = true
    else this.deliver(next)
  }

  override _write(chunk: Uint8Array, _: string, callback: Callback): void {
    this.send([chunk], chunk.byteLength, callback)
  }

  /** A frame is often a head and a payload, which are one record together. */
  override _writev(written: Written[], callback: Callback): void {
    const chunks = written.map(({ chunk }) => chunk)
    const length = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
    this.send(length < LEND_BYTES ? [Buffer.concat(chunks, length)] : chunks, length, callback)
  }

  override _final(callback: Callback): void {
    // `finish` must not come long before the end is sent: programs destroy the socket then.
    this[kExchange].drained().then(() => {
      this.endWriting()
      callback()
    })
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.endTimeout()
    if (!this.readableEnded || !this.writableFinished) this.linger()
    // As in Node's request and response, an error that nobody listens for is not raised.
    callback(this.listenerCount('error') === 0 ? null : error)
  }

  override [kTimedOut](): void {
    this.emit('timeout')
  }

  // -- called by lifecycle.ts

  [kDisconnected](error: Error | undefined): void {
    this.destroy(error)
  }

  [kResponseOver](): void {}

  /** What was read has come. */
  private arrive(chunk: Uint8Array | null): void {
    this.isReading = false
    try {
      this.scope.runInAsyncScope(this.deliver, this, chunk)
    } catch (error) {
      // As in Node, it is uncaught, and who goes on all the same gets what follows.
      process.nextTick(raise, error)
      this.read(0)
    }
  }

  private send(chunks: Uint8Array[], length: number, callback: Callback): void {
    const exchange = this[kExchange]
    this.progressed()
    this.sent += length
    let hasRoom = true
    for (const chunk of chunks) hasRoom = exchange.write(chunk)
    // What is lent is the app's again when it is sent.
    const lent = length < LEND_BYTES ? undefined : exchange.released()
    if (hasRoom && lent === undefined) callback()
    else
      (lent ?? exchange.drained()).then(() => {
        this.progressed()
        callback()
      })
  }

  private endWriting(): void {
    if (this.hasEnded || this[kExchange].finished) return
    this.hasEnded = true
    this[kExchange].end()
  }

  /**
   * What was written before is still sent, as the kernel sends it for a socket that was closed. What
   * the client sends is thrown away, until it closes or its time is over.
   */
  private linger(): void {
    const exchange = this[kExchange]
    if (exchange.finished) return
    this.endWriting()
    setTimeout(() => exchange.cut(), LINGER_MS).unref()
    this._read()
  }

  private deliver(chunk: Uint8Array | null): void {
    if (this.destroyed) {
      if (chunk !== null) this._read()
      return
    }
    this.progressed()
    if (chunk === null) {
      this.push(null)
      // As in Node, a client that ends is noticed although nobody reads.
      if (this.readableLength === 0) this.read(0)
      return
    }
    this.received += chunk.byteLength
    this.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }
}

function raise(error: unknown): never {
  throw error
}
