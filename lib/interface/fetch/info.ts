import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Exchange, TlsFacts } from '../../bridge/exchange.ts'
import type { InterfaceContext } from '../interface.ts'
import { classesFor } from '../node/adopt.ts'
import { disconnected } from '../node/lifecycle.ts'
import { watchAbort } from './abort.ts'
import { encodeFields } from './response-headers.ts'
import { type UpgradeOptions, upgradeWebSocket, type WebSocketUpgrade } from './upgrade.ts'

/** Of `incoming`, once it was asked for. */
let classes: ReturnType<typeof classesFor> | undefined

/**
 * What the server knows of a request besides the `Request`: the second argument of `fetch`, and the
 * third (an execution context, where an app expects one there).
 */
export class FetchInfo {
  readonly #exchange: Exchange
  readonly #context: InterfaceContext

  constructor(exchange: Exchange, context: InterfaceContext) {
    this.#exchange = exchange
    this.#context = context
  }

  /** The client's address without a port; `''` for a client without one (a Unix socket). */
  get remoteAddress(): string {
    return this.#exchange.remoteAddress
  }

  /** The client's port; 0 for a client without one. */
  get remotePort(): number {
    return this.#exchange.remotePort
  }

  /** How the connection is encrypted; `undefined` if it is not by this server. */
  get tls(): TlsFacts | undefined {
    return this.#exchange.tls
  }

  /** The client as `Deno.serve` gives it. */
  get remoteAddr(): { transport: 'tcp' | 'unix'; hostname: string; port: number } {
    const { remoteAddress: hostname, remotePort: port } = this.#exchange
    return { transport: hostname === '' ? 'unix' : 'tcp', hostname, port }
  }

  /** The client as `Bun.serve` gives it; the request is not looked at: the info belongs to it. */
  requestIP(_request?: Request): {
    address: string
    port: number
    family: 'IPv4' | 'IPv6'
  } | null {
    const { remoteAddress: address, remotePort: port } = this.#exchange
    if (address === '') return null
    return { address, port, family: isIPv6(address) ? 'IPv6' : 'IPv4' }
  }

  /**
   * The request as `node:http` has it, which @hono/node-server gives its apps: for its `socket` and
   * `rawHeaders`. Its body is that of the `Request`, and can be read once, from either.
   */
  get incoming(): IncomingMessage {
    classes ??= classesFor({})
    const incoming = new classes.Request(this.#exchange, this.#context)
    const outgoing = new classes.Response(this.#exchange, incoming)
    watchAbort(this.#exchange, () => disconnected(outgoing))
    // From now on it is a field: no request pays for one that nobody asks for.
    Object.defineProperty(this, 'incoming', { value: incoming })
    return incoming as unknown as IncomingMessage
  }

  /**
   * Sends `103 Early Hints` with these fields ahead of the response, so that a browser can begin to load
   * what the response will need. It may be called several times. It does nothing once the response has
   * begun, and for clients that speak HTTP/1.0.
   *
   * @throws MonodonError `MONODON_BAD_HEADER`; TypeError for what is no list of fields
   */
  earlyHints(fields: HeadersInit): void {
    this.#exchange.informational(103, encodeFields(fields, null))
  }

  /** Accepts the WebSocket that the request offers: see `upgradeWebSocket` of the package. */
  upgradeWebSocket(request: Request, options?: UpgradeOptions): WebSocketUpgrade {
    return upgradeWebSocket(request, options)
  }

  /**
   * Keeps the worker alive until `promise` settles, also after the response; a rejection is logged.
   */
  waitUntil(promise: PromiseLike<unknown>): void {
    this.#context.waitUntil(Promise.resolve(promise))
  }
}
