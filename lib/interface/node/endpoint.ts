import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Exchange } from '../../bridge/exchange.ts'
import type { InterfaceContext } from '../interface.ts'
import { bare } from './bare.ts'
import { kContext, kExchange, type ServerContext } from './state.ts'

const kTimer: unique symbol = Symbol('monodon.timer')
/** Called when the timeout is over. */
export const kTimedOut: unique symbol = Symbol('monodon.timedOut')

/** What all sockets have in common that an app sees: who is at their ends, settings, and a timeout. */
export abstract class Endpoint extends bare<Duplex>(Socket.prototype) {
  abstract readonly [kExchange]: Exchange
  abstract readonly [kContext]: InterfaceContext
  declare [kTimer]: NodeJS.Timeout | undefined
  /** Milliseconds without progress until `timeout` is emitted; `undefined` without one. */
  declare timeout: number | undefined

  constructor() {
    super()
    this[kTimer] = undefined
    this.timeout = undefined
  }

  abstract [kTimedOut](): void

  // -- addresses

  get remoteAddress(): string | undefined {
    return this[kExchange].remoteAddress || undefined
  }

  get remotePort(): number | undefined {
    return this[kExchange].remotePort || undefined
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    const address = this.remoteAddress
    if (address === undefined) return undefined
    return address.includes(':') ? 'IPv6' : 'IPv4'
  }

  /** The host the server is bound to: its first, if it has several. */
  get localAddress(): string {
    return this[kContext].serverName
  }

  /** The port the server is bound to: its first, if it has several. */
  get localPort(): number {
    return Number(this[kContext].serverPort)
  }

  get localFamily(): 'IPv4' | 'IPv6' {
    return this.localAddress.includes(':') ? 'IPv6' : 'IPv4'
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort }
  }

  /** The server that the request has come to, if the app is one. Programs keep things on it. */
  get server(): unknown {
    return (this[kContext] as Partial<ServerContext>).server
  }

  get connecting(): boolean {
    return false
  }

  get pending(): boolean {
    return false
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

  /** @param msecs milliseconds without progress until `timeout` is emitted; 0: never */
  setTimeout(msecs: number, callback?: () => void): this {
    this.endTimeout()
    this.timeout = msecs
    if (msecs > 0 && !this[kExchange].finished) {
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

  protected endTimeout(): void {
    clearTimeout(this[kTimer])
    this[kTimer] = undefined
  }
}

function timedOut(socket: Endpoint): void {
  socket[kTimedOut]()
}
