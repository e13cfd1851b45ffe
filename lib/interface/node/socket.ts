import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { InterfaceContext } from '../interface.ts'
import { bare } from './bare.ts'
import { nodeError } from './errors.ts'
import { cut } from './lifecycle.ts'
import type { NodeResponse } from './response.ts'
import type { ServerContext } from './server.ts'
import { kContext, kDisconnected, kExchange, kResponse, kResponseOver } from './state.ts'

const kReadable: unique symbol = Symbol('monodon.readable')
const kWritable: unique symbol = Symbol('monodon.writable')
const kTimer: unique symbol = Symbol('monodon.timer')

/**
 * What an app sees of the connection: who the client is, when it leaves, a way to cut it and a
 * timeout. The connection belongs to native code and each request has its own such object: bytes
 * cannot be read from it or written to it. The state of the stream is built when first touched.
 */
export class NodeSocket extends bare<Duplex>(Socket.prototype) {
  declare readonly [kResponse]: NodeResponse
  declare [kReadable]: object | undefined
  declare [kWritable]: object | undefined
  declare [kTimer]: NodeJS.Timeout | undefined
  /** Milliseconds without progress until `timeout` is emitted; `undefined` without one. */
  declare timeout: number | undefined
  /** True for a connection over TLS, else absent, as in Node. */
  declare readonly encrypted?: true

  constructor(res: NodeResponse) {
    super()
    this[kResponse] = res
    this[kReadable] = undefined
    this[kWritable] = undefined
    this[kTimer] = undefined
    this.timeout = undefined
    if (res[kExchange].scheme === 'https') this.encrypted = true
  }

  // -- addresses

  get remoteAddress(): string | undefined {
    return this[kResponse][kExchange].remoteAddress || undefined
  }

  get remotePort(): number | undefined {
    return this[kResponse][kExchange].remotePort || undefined
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    const address = this.remoteAddress
    if (address === undefined) return undefined
    return address.includes(':') ? 'IPv6' : 'IPv4'
  }

  /** The host the server is bound to: its first, if it has several. */
  get localAddress(): string {
    return contextOf(this).serverName
  }

  /** The port the server is bound to: its first, if it has several. */
  get localPort(): number {
    return Number(contextOf(this).serverPort)
  }

  get localFamily(): 'IPv4' | 'IPv6' {
    return this.localAddress.includes(':') ? 'IPv6' : 'IPv4'
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort }
  }

  /** Bytes are counted by native code, for the access log. */
  get bytesRead(): number {
    return 0
  }

  get bytesWritten(): number {
    return 0
  }

  /** The server that the request has come to, if the app is one. Programs keep things on it. */
  get server(): unknown {
    return (contextOf(this) as Partial<ServerContext>).server
  }

  get connecting(): boolean {
    return false
  }

  get pending(): boolean {
    return false
  }

  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open'
  }

  // -- settings that native code has made already

  /** Small packets are sent at once on every connection. */
  setNoDelay(): this {
    return this
  }

  /** Idle connections are closed by native code (`keep-alive`). */
  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  // -- timeout

  /**
   * @param msecs milliseconds without progress of this request's bodies until `timeout` is emitted
   * on request, response and socket; if none of them has a listener the connection is cut. 0: never.
   */
  setTimeout(msecs: number, callback?: () => void): this {
    clearTimeout(this[kTimer])
    this[kTimer] = undefined
    this.timeout = msecs
    if (msecs > 0 && !this[kResponse][kExchange].finished) {
      this[kTimer] = setTimeout(timedOut, msecs, this)
      this[kTimer].unref()
      if (callback !== undefined) this.once('timeout', callback)
    } else if (callback !== undefined) this.removeListener('timeout', callback)
    return this
  }

  /** Bytes came or went: the timeout begins anew. */
  progressed(): void {
    this[kTimer]?.refresh()
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
    clearTimeout(this[kTimer])
    if (!this[kResponse][kExchange].finished) cut(this[kResponse], error)
    callback(this.listenerCount('error') === 0 ? null : error)
  }

  // -- called by lifecycle.ts

  [kDisconnected](error: Error | undefined): void {
    this.destroy(error)
  }

  /** The connection lives on, but this request has no more part in it. */
  [kResponseOver](): void {
    clearTimeout(this[kTimer])
  }
}

function contextOf(socket: NodeSocket): InterfaceContext {
  return socket[kResponse].req[kContext]
}

function buildStream(socket: NodeSocket): void {
  if (socket[kReadable] !== undefined) return
  Reflect.apply(Duplex as unknown as () => void, socket, [{ allowHalfOpen: true }])
}

function timedOut(socket: NodeSocket): void {
  const res = socket[kResponse]
  const req = res.req
  const heard = [
    !req.complete && req.emit('timeout', socket),
    res.emit('timeout', socket),
    socket.emit('timeout'),
  ]
  if (!heard.includes(true)) socket.destroy()
}
