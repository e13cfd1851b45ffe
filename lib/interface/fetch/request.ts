import { type InspectOptions, inspect } from 'node:util'
import type { Exchange } from '../../bridge/exchange.ts'
import type { InterfaceContext } from '../interface.ts'
import { clientSignal } from './abort.ts'
import { platform, standInFor, withPlatform } from './platform.ts'
import { bodyStream, readAll } from './request-body.ts'
import { LazyHeaders } from './request-headers.ts'
import { requestUrl } from './request-url.ts'
import { isDisturbed } from './streams.ts'

/** What a request that the server has made came from; `undefined` for any other value. */
export let originOf: (
  value: unknown,
) => { readonly exchange: Exchange; readonly context: InterfaceContext } | undefined

/**
 * A `Request` over an exchange: every part of it is built when it is first touched, and a platform
 * `Request` only where one is needed (`clone`, `new Request(request)`).
 *
 * A GET or HEAD request has no body here, as the fetch standard has it.
 */
export class LazyRequest {
  readonly #exchange: Exchange
  readonly #context: InterfaceContext
  #url: string | undefined = undefined
  #headers: LazyHeaders | undefined = undefined
  #signal: AbortSignal | undefined = undefined
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined
  #platform: Request | undefined = undefined
  /** The body was read past the stream. */
  #consumed = false

  constructor(exchange: Exchange, context: InterfaceContext) {
    this.#exchange = exchange
    this.#context = context
  }

  get method(): string {
    return this.#exchange.method
  }

  get url(): string {
    this.#url ??= requestUrl(this.#exchange, this.#context)
    return this.#url
  }

  get headers(): Headers {
    this.#headers ??= new LazyHeaders(this.#exchange)
    return this.#headers
  }

  /** Aborts when the client leaves before the response is complete. */
  get signal(): AbortSignal {
    this.#signal ??= clientSignal(this.#exchange)
    return this.#signal
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#platform !== undefined) return this.#platform.body
    if (!this.#hasBody()) return null
    this.#stream ??= this.#consumed ? this.#withUsedBody().body! : bodyStream(this.#exchange.body)
    return this.#stream
  }

  get bodyUsed(): boolean {
    if (this.#consumed) return true
    if (this.#platform !== undefined) return this.#platform.bodyUsed
    return this.#stream !== undefined && isDisturbed(this.#stream)
  }

  async text(): Promise<string> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#materialize().text()
    return decoder.decode(bytes instanceof Promise ? await bytes : bytes)
  }

  async json(): Promise<unknown> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#materialize().json()
    return JSON.parse(decoder.decode(bytes instanceof Promise ? await bytes : bytes))
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#take()
    if (bytes === undefined) return new Uint8Array(await this.#materialize().arrayBuffer())
    return wholeBuffer(bytes instanceof Promise ? await bytes : bytes)
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer
  }

  async blob(): Promise<Blob> {
    return (await this.#typed()).blob()
  }

  async formData(): Promise<FormData> {
    return (await this.#typed()).formData()
  }

  clone(): Request {
    return this.#materialize().clone()
  }

  // -- what srvx adds to a request, which h3 looks for: `getRequestIP`, `event.waitUntil`

  /** The client's address without a port; `undefined` for a client without one (a Unix socket). */
  get ip(): string | undefined {
    return this.#exchange.remoteAddress || undefined
  }

  /** As `waitUntil` of the info. */
  waitUntil(promise: PromiseLike<unknown>): void {
    this.#context.waitUntil(Promise.resolve(promise))
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { method, url, headers } = this
    return `Request ${inspect({ method, url, headers: new Map(headers) }, options)}`
  }

  #hasBody(): boolean {
    const { contentLength, method } = this.#exchange
    return contentLength !== 0 && method !== 'GET' && method !== 'HEAD'
  }

  /** The whole body, if nothing has touched it; `undefined` if the platform has to answer. */
  #take(): Uint8Array | Promise<Uint8Array> | undefined {
    if (this.#platform !== undefined || this.#stream !== undefined || this.#consumed)
      return undefined
    if (!this.#hasBody()) return EMPTY
    this.#consumed = true
    return readAll(this.#exchange.body)
  }

  /** The whole body with its type, for what the platform makes of both. */
  async #typed(): Promise<Response> {
    const body = await this.bytes()
    const type = this.headers.get('content-type')
    const { Response } = platform()
    return new Response(body, type === null ? {} : { headers: { 'content-type': type } })
  }

  #materialize(): Request {
    if (this.#platform !== undefined) return this.#platform
    const body = this.body
    if (body !== null && (body.locked || this.bodyUsed)) return this.#withUsedBody()
    this.#platform = new (platform().Request)(this.url, this.#init(body))
    return this.#platform
  }

  /** A platform request that is used up as this one is, so that the platform says what that means. */
  #withUsedBody(): Request {
    const request = new (platform().Request)(this.url, this.#init(EMPTY))
    void request.arrayBuffer()
    return request
  }

  #init(body: BodyInit | null): RequestInit & { duplex: 'half' } {
    const { method, headers, signal } = this
    return { method, headers, signal, body, duplex: 'half' }
  }

  /** The platform's request behind a lazy one; any other value as it is. */
  static unwrap(value: unknown): unknown {
    const lazy = typeof value === 'object' && value !== null && #exchange in value
    return lazy ? value.#materialize() : value
  }

  static {
    originOf = (value) =>
      typeof value === 'object' && value !== null && #exchange in value
        ? { exchange: value.#exchange, context: value.#context }
        : undefined
    Object.defineProperty(LazyRequest, 'name', { value: 'Request' })
    // What a request that a server received has in any case, as the platform gives it.
    const constants: Record<string, unknown> = {
      cache: 'default',
      credentials: 'same-origin',
      destination: '',
      duplex: 'half',
      integrity: '',
      isHistoryNavigation: false,
      isReloadNavigation: false,
      keepalive: false,
      mode: 'cors',
      redirect: 'follow',
      referrer: 'about:client',
      referrerPolicy: '',
    }
    for (const [name, value] of Object.entries(constants))
      Object.defineProperty(LazyRequest.prototype, name, { get: () => value, configurable: true })
    withPlatform(() => {
      const { Request } = platform()
      standInFor(LazyRequest, Request, new Request('http://localhost/'), (request) =>
        request.#materialize(),
      )
    })
  }
}

const decoder = new TextDecoder()
const EMPTY = new Uint8Array(0)

/** Bytes that fill their buffer, as `bytes` and `arrayBuffer` have to give them. */
function wholeBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength)
    return new Uint8Array(buffer)
  return new Uint8Array(bytes)
}

/** A lazy request over `exchange`, as the app sees it. */
export function requestOf(exchange: Exchange, context: InterfaceContext): Request {
  // The class has all that `Request` has: what it does not declare is inherited by `standInFor`.
  return new LazyRequest(exchange, context) as unknown as Request
}
