import { type InspectOptions, inspect } from 'node:util'
import type { HeaderBlock } from '../../bridge/exchange.ts'
import { encodeReason } from '../../bridge/header-block.ts'
import { isPlatformResponse, platform, standInFor, withPlatform } from './platform.ts'
import { encodeFields } from './response-headers.ts'
import { fromIterable, streamOf } from './response-stream.ts'
import { isAsyncIterable, isBytes, isDisturbed, isStream, viewBytes } from './streams.ts'

// What only the sender may see of a response; assigned in the class's static block.

/** Whether a value is a `FastResponse`, and no other `Response`. */
export let isFast: (value: unknown) => value is FastResponse
/** The body as the app gave it; `null` without one. */
export let sourceOf: (response: FastResponse) => unknown
/** The platform response that a fast one has turned into, if its body was touched. */
export let platformOf: (response: FastResponse) => Response | undefined
/** That response, built if there is none. */
export let materialize: (response: FastResponse) => Response
/**
 * Its header fields, encoded, after its `statusText` if it has one that is not usual.
 *
 * @throws MonodonError `MONODON_BAD_HEADER`
 */
export let blockOf: (response: FastResponse) => HeaderBlock
/** A response with status 101, which no constructor gives. */
export let switchingResponse: (fields: HeadersInit | undefined) => FastResponse

/**
 * A `Response` that keeps what it was given as it is and builds the platform's objects only when
 * they are touched: to answer with a string or bytes nothing is built at all.
 *
 * It is a `Response` for `instanceof` in both directions, and has all that the platform's has. What
 * differs: illegal header fields are reported when the response is sent, not when it is made; header
 * records and bytes are not copied and must not be changed until it was sent.
 */
export class FastResponse implements Response {
  readonly #source: unknown
  #status: number = 200
  readonly #statusText: string = ''
  readonly #fields: HeadersInit | undefined = undefined
  #headers: Headers | undefined = undefined
  #platform: Response | undefined = undefined

  /**
   * @param body default `null`
   * @param init status (200 to 599, default 200), statusText (default `''`: the usual one of the
   *   status), headers
   * @throws RangeError for another status; TypeError for a body where the status allows none
   */
  constructor(
    body: BodyInit | AsyncIterable<Uint8Array | string> | null = null,
    init?: ResponseInit,
  ) {
    this.#source = body
    if (init === undefined || init === null) return
    const { status, statusText, headers } = init
    if (status !== undefined && status !== 200) this.#status = checkedStatus(status, body)
    if (statusText !== undefined) this.#statusText = String(statusText)
    this.#fields = headers
  }

  get status(): number {
    return this.#status
  }

  get statusText(): string {
    return this.#statusText
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299
  }

  get redirected(): boolean {
    return false
  }

  get type(): ResponseType {
    return 'default'
  }

  get url(): string {
    return ''
  }

  get headers(): Headers {
    if (this.#headers === undefined) {
      // The boundary of a form is chosen where the form is encoded.
      if (this.#source instanceof FormData) this.#materialize()
      else this.#headers = headersWithType(this.#fields, defaultType(this.#source))
    }
    return this.#headers!
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#source === null ? null : this.#materialize().body
  }

  get bodyUsed(): boolean {
    if (this.#platform !== undefined) return this.#platform.bodyUsed
    // A stream may also be read by whoever made it.
    return isStream(this.#source) && isDisturbed(this.#source)
  }

  text(): Promise<string> {
    return this.#materialize().text()
  }

  json(): Promise<unknown> {
    return this.#materialize().json()
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#materialize().arrayBuffer())
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#materialize().arrayBuffer()
  }

  blob(): Promise<Blob> {
    return this.#materialize().blob()
  }

  formData(): Promise<FormData> {
    return this.#materialize().formData()
  }

  clone(): Response {
    const source = this.#source
    if (this.#platform !== undefined || !isPlain(source)) return this.#materialize().clone()
    const { status, statusText, headers } = this
    return new FastResponse(source, {
      status,
      statusText,
      headers: new (platform().Headers)(headers),
    })
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { status, statusText, headers, bodyUsed } = this
    return `Response ${inspect({ status, statusText, headers: new Map(headers), bodyUsed }, options)}`
  }

  /** A platform response with the same body; `headers` stay the ones that were handed out. */
  #materialize(): Response {
    if (this.#platform === undefined) {
      const headers = this.#headers ?? this.#fields
      const { status, statusText } = this
      this.#platform = new (platform().Response)(
        platformBody(this.#source),
        headers === undefined ? { status, statusText } : { status, statusText, headers },
      )
      this.#headers ??= this.#platform.headers
    }
    return this.#platform
  }

  static error(): Response {
    return platform().Response.error()
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('the value cannot be written as JSON')
    if (init === undefined) return new FastResponse(text, JSON_INIT)
    const { status = 200, statusText = '' } = init
    const headers = headersWithType(init.headers, 'application/json')
    return new FastResponse(text, { status, statusText, headers })
  }

  static redirect(url: string | URL, status = 302): Response {
    const target = String(url)
    if (!URL.canParse(target)) throw new TypeError(`Failed to parse URL from ${target}`)
    if (!REDIRECTS.has(Number(status))) throw new RangeError(`${status} is not a redirect status`)
    return new FastResponse(null, { status, headers: { location: new URL(target).href } })
  }

  static {
    Object.defineProperty(FastResponse, 'name', { value: 'Response' })
    Object.defineProperty(FastResponse, Symbol.hasInstance, { value: hasInstance })
    withPlatform(() => {
      const { Response } = platform()
      standInFor(FastResponse, Response, new Response(), (response) => response.#materialize())
    })
    isFast = (value): value is FastResponse =>
      typeof value === 'object' && value !== null && #source in value
    sourceOf = (response) => response.#source
    platformOf = (response) => response.#platform
    materialize = (response) => response.#materialize()
    switchingResponse = (fields) => {
      const response = new FastResponse(
        null,
        fields === undefined ? undefined : { headers: fields },
      )
      response.#status = 101
      return response
    }
    blockOf = (response) => {
      const block =
        response.#headers === undefined
          ? encodeFields(response.#fields, defaultType(response.#source))
          : encodeFields(response.#headers, null)
      const reason = response.#statusText
      return reason === '' ? block : encodeReason(response.#status, reason) + block
    }
  }
}

/** Each `Response` of the platform is one of ours; a subclass has its own instances, as ever. */
function hasInstance(this: unknown, value: unknown): boolean {
  if (this === FastResponse) return isFast(value) || isPlatformResponse(value)
  return Function.prototype[Symbol.hasInstance].call(this, value)
}

const JSON_INIT: ResponseInit = { headers: { 'content-type': 'application/json' } }
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** https://fetch.spec.whatwg.org/#null-body-status, as far as a `Response` may have it. */
export const NULL_BODY: ReadonlySet<number> = new Set([204, 205, 304])

function checkedStatus(status: unknown, body: unknown): number {
  const code = Number(status)
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new RangeError(`status ${status} is not in the range of 200 to 599`)
  if (body !== null && NULL_BODY.has(code))
    throw new TypeError(`a response with status ${code} has no body`)
  return code
}

/** Whether a body can be used any number of times. */
function isPlain(source: unknown): source is string | ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  return typeof source === 'string' || source instanceof ArrayBuffer || ArrayBuffer.isView(source)
}

/**
 * A body as the platform takes it. It refuses memory that is shared; and the stream that it makes of
 * an iterable must not be cancelled: if the iterable then ends by itself, the platform closes the
 * stream a second time in a microtask, where nobody can catch the error (undici up to 7).
 */
function platformBody(source: unknown): BodyInit | null {
  if (isBytes(source)) {
    const bytes = viewBytes(source)!
    return bytes.buffer instanceof SharedArrayBuffer ? new Uint8Array(bytes) : (source as BodyInit)
  }
  if (!isStream(source) && isAsyncIterable(source)) return streamOf(fromIterable(source))
  return source as BodyInit | null
}

/** The `content-type` of a body (https://fetch.spec.whatwg.org/#concept-bodyinit-extract). */
function defaultType(source: unknown): string | null {
  if (typeof source === 'string') return TEXT
  if (source === null) return null
  if (source instanceof Blob) return source.type || null
  if (source instanceof URLSearchParams) return 'application/x-www-form-urlencoded;charset=UTF-8'
  const hasNoType = isBytes(source) || isStream(source) || isAsyncIterable(source)
  // Any other value is a string in the end.
  return hasNoType ? null : TEXT
}

const TEXT = 'text/plain;charset=UTF-8'

function headersWithType(fields: HeadersInit | undefined, type: string | null): Headers {
  const headers = new (platform().Headers)(fields)
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  return headers
}
