/**
 * An `Exchange` in memory, for unit tests of the interfaces. It holds an interface to the contract
 * of `lib/bridge/exchange.ts` (a call that the contract forbids throws), records what the interface
 * did, and lets the test play the client: feed a body, leave, read slowly, keep lent buffers.
 */
import type {
  BodyFault,
  BodyReader,
  Exchange,
  HeaderBlock,
  RequestBody,
  Socket,
  SocketReceiver,
} from '../../lib/bridge/exchange.ts'
import { HEADER_CODES, HEADER_NAMES, LEND_BYTES } from '../../lib/bridge/layout.ts'
import { MonodonError } from '../../lib/errors.ts'

export type Field = [name: string, value: string]

/** What an interface did, in order. Bodies are copied at the moment native code would read them. */
export type Call =
  | { call: 'respond'; status: number; reason: string; headers: Field[]; body: Uint8Array }
  | { call: 'start'; status: number; reason: string; headers: Field[] }
  | { call: 'write'; body: Uint8Array }
  | { call: 'end'; trailers: Field[] }
  | { call: 'fail'; error: unknown }
  | { call: 'informational'; status: number; headers: Field[] }
  | { call: 'upgrade' }
  | { call: 'cut' }
  | { call: 'accept'; headers: Field[] }
  | { call: 'send'; message: string | Uint8Array }
  | { call: 'close'; code: number; reason: string }

export interface FakeOptions {
  method?: string
  target?: string
  httpVersion?: Exchange['httpVersion']
  scheme?: Exchange['scheme']
  tls?: Exchange['tls']
  remoteAddress?: string
  remotePort?: number
  /** Field lines in the order sent; names in any case. */
  headers?: readonly (readonly [string, string])[]
  /** Body bytes that are here already; the body ends with them unless `open`. */
  body?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** The body goes on: the test calls `push`, `finishBody` or `breakBody`. */
  open?: boolean
  /** Default: the length of `body`, or -1 if `open`. */
  contentLength?: number
  /** Bytes that may wait before `write` returns false (default: no limit). The test calls `drain`. */
  highWater?: number
  /** The client offers to switch protocols. */
  upgradable?: boolean
  /** What it offers is WebSocket. */
  websocket?: boolean
  /** Keep lent buffers (and large respond bodies) until the test calls `giveBack`. */
  keepLent?: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const toBytes = (chunk: string | Uint8Array): Uint8Array =>
  typeof chunk === 'string' ? encoder.encode(chunk) : chunk

/** `slice` would not do: a Buffer's shares the memory. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const FAULT_CODES = {
  truncated: 'MONODON_BODY_TRUNCATED',
  malformed: 'MONODON_BODY_MALFORMED',
  'too-large': 'MONODON_BODY_TOO_LARGE',
  'timed-out': 'MONODON_BODY_TIMED_OUT',
  aborted: 'MONODON_BODY_ABORTED',
  finished: 'MONODON_BODY_FINISHED',
} as const satisfies Record<BodyFault, string>

/** The fields of a header block, as native code reads them. Throws on a malformed block. */
function decodeHeaderBlock(block: HeaderBlock): Field[] {
  return decodeBlock(block).fields
}

function decodeBlock(block: HeaderBlock): { fields: Field[]; reason: string } {
  let reason = ''
  const fields: Field[] = []
  let at = 0
  const take = (length: number): string => {
    if (at + length > block.length) throw new Error('header block is cut short')
    at += length
    return block.slice(at - length, at)
  }
  while (at < block.length) {
    const code = take(1).charCodeAt(0)
    const size = take(2)
    const length = size.charCodeAt(0) | (size.charCodeAt(1) << 8)
    const name = code === 0 ? take(take(1).charCodeAt(0)) : HEADER_NAMES[code]
    if (!name) throw new Error(`header code ${code} is not in the table`)
    const value = take(length)
    // The reason phrase travels here too; it is no field.
    if (name === ':reason') reason = value
    else fields.push([name, value])
  }
  return { fields, reason }
}

class FakeBody implements RequestBody {
  readonly trailers: (readonly [name: string, value: string])[] = []
  readonly chunks: Uint8Array[] = []
  ended = false
  fault: BodyFault | undefined
  private waiting: BodyReader | undefined

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    const pending = withResolvers<Uint8Array | null>()
    const next = this.readTo(pending)
    return next === undefined ? pending.promise : next
  }

  readTo(reader: BodyReader): Uint8Array | null | undefined {
    if (this.waiting !== undefined) throw new Error('contract: a read is pending already')
    const chunk = this.fault === 'aborted' ? undefined : this.chunks.shift()
    if (chunk !== undefined) return chunk
    if (this.fault !== undefined) throw new MonodonError(FAULT_CODES[this.fault])
    if (this.ended) return null
    this.waiting = reader
    return undefined
  }

  /** Serves a pending read from what has arrived since. */
  wake(): void {
    const waiting = this.waiting
    if (waiting === undefined) return
    const chunk = this.chunks.shift()
    if (chunk === undefined && this.fault === undefined && !this.ended) return
    this.waiting = undefined
    if (chunk !== undefined) waiting.resolve(chunk)
    else if (this.fault !== undefined) waiting.reject(new MonodonError(FAULT_CODES[this.fault]))
    else waiting.resolve(null)
  }

  break(fault: BodyFault): void {
    if (this.fault !== undefined) return
    this.fault = fault
    this.wake()
  }
}

interface PromiseWithResolversOf<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (reason: unknown) => void
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): PromiseWithResolversOf<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

export class FakeExchange implements Exchange {
  readonly method: string
  readonly target: string
  readonly httpVersion: Exchange['httpVersion']
  readonly scheme: Exchange['scheme']
  readonly tls: Exchange['tls']
  readonly remoteAddress: string
  readonly remotePort: number
  readonly mounted = undefined
  readonly headerCount: number
  readonly contentLength: number
  readonly upgradable: boolean
  readonly hasContext = false
  readonly websocket: boolean
  aborted = false
  onAbort: (() => void) | undefined
  started = false
  finished = false

  /** What the interface did, in order. */
  readonly calls: Call[] = []
  /** Resolves when the response is finished in whatever way. */
  readonly over: Promise<void>
  /** True once the interface has touched the body. */
  bodyTouched = false

  private readonly fields: Field[]
  private readonly highWater: number
  private readonly keepLent: boolean
  private input = new FakeBody()
  /** Who hears of the WebSocket. */
  private receiver: SocketReceiver | undefined
  /** Sides of a tunnel that are open. */
  private openSides = 0
  private readonly finish: () => void
  private readonly finishTunnel: () => void
  private waitingBytes = 0
  private drainWaiters: (() => void)[] = []
  private lent: { call: { body: Uint8Array }; source: Uint8Array }[] = []
  private releaseWaiters: (() => void)[] = []

  constructor(options: FakeOptions = {}) {
    this.method = options.method ?? 'GET'
    this.target = options.target ?? '/'
    this.httpVersion = options.httpVersion ?? '1.1'
    this.scheme = options.scheme ?? 'http'
    this.tls = options.tls
    this.remoteAddress = options.remoteAddress ?? '127.0.0.1'
    this.remotePort = options.remotePort ?? 50_000
    this.fields = (options.headers ?? []).map(([name, value]) => [name.toLowerCase(), value])
    this.headerCount = this.fields.length
    this.highWater = options.highWater ?? Number.POSITIVE_INFINITY
    this.keepLent = options.keepLent ?? false
    this.websocket = options.websocket ?? false
    this.upgradable = options.upgradable ?? this.websocket
    const body = options.body ?? []
    const parts = typeof body === 'string' || body instanceof Uint8Array ? [body] : body
    for (const part of parts) this.input.chunks.push(copyOf(toBytes(part)))
    this.input.ended = !options.open
    this.contentLength =
      options.contentLength ??
      (options.open ? -1 : this.input.chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    const over = withResolvers<void>()
    this.over = over.promise
    this.finishTunnel = () => over.resolve()
    this.finish = () => {
      this.finished = true
      this.input.break('finished')
      over.resolve()
    }
  }

  // -- Exchange: the request

  header(name: string): string | undefined {
    const values = this.fields.filter((field) => field[0] === name).map((field) => field[1])
    return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ', ')
  }

  forEachHeader(visit: (name: string, value: string, code: number) => void): void {
    for (const [name, value] of this.fields) visit(name, value, HEADER_CODES.get(name) ?? 0)
  }

  get body(): RequestBody {
    this.bodyTouched = true
    return this.input
  }

  // -- Exchange: the response

  /** It sends no files: they have to be read. */
  positionOf(): number {
    return -1
  }

  writeFile(): boolean | undefined {
    throw new Error('contract: writeFile without a position')
  }

  respondFile(): boolean {
    throw new Error('contract: respondFile without a position')
  }

  respond(status: number, headers: HeaderBlock, body: string | Uint8Array): void {
    if (this.aborted) return
    if (this.started || this.finished) throw new Error('contract: respond after the response began')
    this.started = true
    const { fields, reason } = decodeBlock(headers)
    const call = {
      call: 'respond' as const,
      status,
      reason,
      headers: fields,
      body: toBytes(body),
    }
    this.calls.push(call)
    this.readOrLend(call, body)
    this.finish()
  }

  start(status: number, headers: HeaderBlock): void {
    if (this.aborted) return
    if (this.started || this.finished) throw new Error('contract: start after the response began')
    this.started = true
    const { fields, reason } = decodeBlock(headers)
    this.calls.push({ call: 'start', status, reason, headers: fields })
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.aborted) return true
    if (!this.started || this.finished) throw new Error('contract: write outside of a response')
    const call = { call: 'write' as const, body: toBytes(chunk) }
    this.calls.push(call)
    this.readOrLend(call, chunk)
    this.waitingBytes += call.body.length
    return this.waitingBytes <= this.highWater
  }

  drained(): Promise<void> {
    if (this.aborted || this.waitingBytes <= this.highWater) return Promise.resolve()
    return new Promise((resolve) => this.drainWaiters.push(resolve))
  }

  released(): Promise<void> | undefined {
    if (this.lent.length === 0) return undefined
    return new Promise((resolve) => this.releaseWaiters.push(resolve))
  }

  end(trailers: HeaderBlock = ''): void {
    if (this.aborted) return
    if (!this.started || this.finished) throw new Error('contract: end outside of a response')
    if (this.openSides === 1 && !this.input.ended) throw new Error('contract: end of an ended side')
    this.calls.push({ call: 'end', trailers: decodeHeaderBlock(trailers) })
    if (this.openSides > 0) this.closeSide()
    else this.finish()
  }

  fail(error: unknown): void {
    if (this.aborted) return
    if (this.finished) throw new Error('contract: fail after the response ended', { cause: error })
    this.calls.push({ call: 'fail', error })
    this.finish()
  }

  informational(status: number, headers: HeaderBlock): void {
    if (this.aborted) return
    if (this.started) throw new Error('contract: informational after the response began')
    this.calls.push({ call: 'informational', status, headers: decodeHeaderBlock(headers) })
  }

  upgrade(): void {
    if (!this.upgradable) throw new MonodonError('MONODON_NOT_UPGRADABLE')
    if (this.aborted) return
    if (this.started || this.finished) throw new Error('contract: upgrade after the response began')
    this.started = true
    this.openSides = 2
    this.input = new FakeBody()
    this.calls.push({ call: 'upgrade' })
  }

  cut(): void {
    if (this.aborted || this.finished) return
    this.calls.push({ call: 'cut' })
    this.finish()
  }

  accept(headers: HeaderBlock, receiver: SocketReceiver): Socket | undefined {
    if (!this.websocket) throw new MonodonError('MONODON_NOT_UPGRADABLE')
    if (this.aborted) return undefined
    if (this.started || this.finished) throw new Error('contract: accept after the response began')
    this.started = true
    this.calls.push({ call: 'accept', headers: decodeHeaderBlock(headers) })
    this.receiver = receiver
    return {
      buffered: 0,
      send: (message) => {
        this.calls.push({ call: 'send', message })
      },
      close: (code, reason) => {
        this.calls.push({ call: 'close', code, reason })
      },
      cut: () => this.cut(),
    }
  }

  /** The exchange is over when both sides of a tunnel are. */
  private closeSide(): void {
    this.openSides--
    if (this.openSides > 0) return
    this.finished = true
    this.finishTunnel()
  }

  private readOrLend(call: { body: Uint8Array }, source: string | Uint8Array): void {
    if (typeof source !== 'string' && source.length >= LEND_BYTES && this.keepLent)
      this.lent.push({ call, source })
    else call.body = copyOf(call.body)
  }

  // -- the client

  /** More of the request body has arrived. */
  push(chunk: string | Uint8Array): void {
    this.input.chunks.push(copyOf(toBytes(chunk)))
    this.input.wake()
  }

  /** The request body is complete. */
  finishBody(trailers: readonly (readonly [string, string])[] = []): void {
    this.input.trailers.push(...trailers)
    this.input.ended = true
    this.input.wake()
    if (this.openSides > 0) this.closeSide()
  }

  /** The request body can not be read to its end. */
  breakBody(fault: BodyFault): void {
    this.input.break(fault)
  }

  /** A message of the WebSocket has come. */
  message(data: string | Uint8Array): void {
    this.receiver?.message(data)
  }

  /** The WebSocket has ended. */
  closeSocket(code: number, reason = ''): void {
    this.finish()
    this.receiver?.closed(code, reason)
  }

  /** The client leaves. */
  abort(): void {
    if (this.aborted || this.finished) return
    this.aborted = true
    this.input.break('aborted')
    this.drain()
    this.giveBack()
    this.finish()
    this.onAbort?.()
    this.receiver?.closed(1006, '')
  }

  /** The client has read everything that waited. */
  drain(): void {
    this.waitingBytes = 0
    for (const resolve of this.drainWaiters.splice(0)) resolve()
  }

  /** Native code has read the lent buffers (only now: a change made before shows in `calls`). */
  giveBack(): void {
    for (const { call, source } of this.lent.splice(0)) call.body = copyOf(source)
    for (const resolve of this.releaseWaiters.splice(0)) resolve()
  }

  // -- what the client got

  /** Status of the final response; `undefined` if none was begun. */
  get status(): number | undefined {
    for (const call of this.calls)
      if (call.call === 'respond' || call.call === 'start') return call.status
    return undefined
  }

  /** The reason phrase of the final response, where it is not the usual one. */
  get reason(): string {
    for (const call of this.calls)
      if (call.call === 'respond' || call.call === 'start') return call.reason
    return ''
  }

  /** Field lines of the final response. */
  get responseHeaders(): Field[] {
    for (const call of this.calls)
      if (call.call === 'respond' || call.call === 'start') return call.headers
    return []
  }

  /** Values of one response field, by its name in lower case. */
  responseHeader(name: string): string[] {
    return this.responseHeaders.filter((field) => field[0] === name).map((field) => field[1])
  }

  /** Body bytes handed over (for HEAD too: native code drops those of `respond`). */
  get sent(): Uint8Array {
    return Buffer.concat(this.calls.map((call) => ('body' in call ? call.body : new Uint8Array())))
  }

  /** `sent` as UTF-8. */
  get text(): string {
    return decoder.decode(this.sent)
  }

  /** True when the response was given whole: by `respond`, or `start` up to `end`. */
  get complete(): boolean {
    const last = this.calls.at(-1)?.call
    return last === 'respond' || last === 'end'
  }

  /** What `fail` was called with. */
  get error(): unknown {
    for (const call of this.calls) if (call.call === 'fail') return call.error
    return undefined
  }

  /** Names of the calls, in order. */
  get sequence(): string[] {
    return this.calls.map((call) => call.call)
  }
}
