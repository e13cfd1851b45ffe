import { Duplex } from 'node:stream'
import type { Exchange } from '../../bridge/exchange.ts'
import type { InterfaceContext } from '../interface.ts'
import { Endpoint, kTimedOut } from './endpoint.ts'
import { nodeError } from './errors.ts'
import { cut } from './lifecycle.ts'
import {
  kContext,
  kDisconnected,
  kExchange,
  kResponse,
  kResponseOver,
  type ResponseState,
} from './state.ts'

const kReadable: unique symbol = Symbol('monodon.readable')
const kWritable: unique symbol = Symbol('monodon.writable')

/**
 * What an app sees of the connection: who the client is, when it leaves, a way to cut it and a
 * timeout. The connection belongs to native code and each request has its own such object: bytes
 * cannot be read from it or written to it. The state of the stream is built when first touched.
 */
export class NodeSocket extends Endpoint {
  declare readonly [kResponse]: ResponseState
  declare [kReadable]: object | undefined
  declare [kWritable]: object | undefined
  /** True for a connection over TLS, else absent, as in Node. */
  declare readonly encrypted?: true

  constructor(res: ResponseState) {
    super()
    this[kResponse] = res
    this[kReadable] = undefined
    this[kWritable] = undefined
    if (res[kExchange].scheme === 'https') this.encrypted = true
  }

  override get [kExchange](): Exchange {
    return this[kResponse][kExchange]
  }

  override get [kContext](): InterfaceContext {
    return this[kResponse].req[kContext]
  }

  /** Bytes are counted by native code, for the access log. */
  get bytesRead(): number {
    return 0
  }

  get bytesWritten(): number {
    return 0
  }

  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open'
  }

  // -- stream

  get _readableState(): object {
    buildStream(this)
    return this[kReadable] as object
  }

  set _readableState(value: object) {
    this[kReadable] = value
  }

  get _writableState(): object {
    buildStream(this)
    return this[kWritable] as object
  }

  set _writableState(value: object) {
    this[kWritable] = value
  }

  override _read(): void {}

  override _write(_: unknown, __: string, callback: (error: Error) => void): void {
    callback(
      nodeError(
        Error,
        'ERR_METHOD_NOT_IMPLEMENTED',
        'The connection belongs to the server: answer through the response',
      ),
    )
  }

  override _final(callback: () => void): void {
    this.destroy()
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.endTimeout()
    if (!this[kExchange].finished) cut(this[kResponse], error)
    callback(this.listenerCount('error') === 0 ? null : error)
  }

  /** On request, response and socket; if none of them has a listener the connection is cut. */
  override [kTimedOut](): void {
    const res = this[kResponse]
    const { req } = res
    const heard = [
      !req.complete && req.emit('timeout', this),
      res.emit('timeout', this),
      this.emit('timeout'),
    ]
    if (!heard.includes(true)) this.destroy()
  }

  // -- called by lifecycle.ts

  [kDisconnected](error: Error | undefined): void {
    this.destroy(error)
  }

  /** The connection lives on, but this request has no more part in it. */
  [kResponseOver](): void {
    this.endTimeout()
  }
}

function buildStream(socket: NodeSocket): void {
  if (socket[kReadable] !== undefined) return
  Reflect.apply(Duplex as unknown as () => void, socket, [{ allowHalfOpen: true }])
}
