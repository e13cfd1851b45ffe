import { errorRow, MonodonError } from '../errors.ts'
import type { Handle } from '../interface/interface.ts'
import { logError } from '../log.ts'
import { IncomingBody } from './body.ts'
import {
  type BodyFault,
  CLOSE_CODES,
  type Exchange,
  type HeaderBlock,
  type Mounted,
  type RequestBody,
  type Socket,
  type SocketReceiver,
  type TlsFacts,
} from './exchange.ts'
import { findInBlock, methodOf, visitBlock } from './head.ts'
import type { Home } from './home.ts'
import { FLAG, HEADER_CODES, HIGH_WATER_BYTES, KIND } from './layout.ts'
import { LiveSocket } from './live-socket.ts'
import { tlsFactsIn } from './tls-facts.ts'

/** What of a connection that was taken over is open. */
type Tunnel = typeof NO_TUNNEL | typeof OPEN | typeof HALF_CLOSED
const NO_TUNNEL = 0
const OPEN = 1
/** The server's side is closed. */
const HALF_CLOSED = 2

/** One request that this worker holds, over its record. */
export class LiveExchange implements Exchange {
  readonly id: number
  readonly contentLength: number
  aborted = false
  started = false
  finished = false
  onAbort: (() => void) | undefined = undefined
  /** Whether the worker keeps it for events: not all was sent before `handle` returned. */
  kept = false

  protected readonly home: Home<LiveExchange>
  private readonly text: string
  private readonly first: number
  private readonly targetAndFields: number
  private readonly peer: number
  private inline: Uint8Array | undefined
  protected incoming: IncomingBody | undefined = undefined
  /** Bytes written that native code has not reported as drained. */
  protected waiting = 0
  private tunnel: Tunnel = NO_TUNNEL
  /** The WebSocket, once it is open. */
  socket: LiveSocket | undefined = undefined
  private lent = 0
  private drainWaiters: (() => void)[] | undefined = undefined
  private releaseWaiters: (() => void)[] | undefined = undefined

  /** `first` is word 1 of the record; `text` its head bytes as latin1. */
  constructor(
    home: Home<LiveExchange>,
    id: number,
    first: number,
    targetAndFields: number,
    peer: number,
    contentLength: number,
    text: string,
    inline: Uint8Array | undefined,
  ) {
    this.home = home
    this.id = id
    this.first = first
    this.targetAndFields = targetAndFields
    this.peer = peer
    this.contentLength = contentLength
    this.text = text
    this.inline = inline
  }

  /** Has the app answer it. */
  answerBy(handle: Handle): void {
    handle(this)
  }

  get hasContext(): boolean {
    return false
  }

  get method(): string {
    return methodOf(this.text, this.first >>> 16, this.peer)
  }

  get target(): string {
    const at = this.targetAt
    return this.text.slice(at, at + (this.targetAndFields & 0xffff))
  }

  get httpVersion(): '1.0' | '1.1' | '2.0' {
    const version = this.first >>> 24
    return version === 11 ? '1.1' : version === 20 ? '2.0' : '1.0'
  }

  get scheme(): 'http' | 'https' {
    return (this.first >>> 8) & FLAG.tls ? 'https' : 'http'
  }

  get tls(): TlsFacts | undefined {
    return (this.first >>> 8) & FLAG.encrypted ? tlsFactsIn(this.text) : undefined
  }

  get remoteAddress(): string {
    const at = this.peer >>> 24
    return this.text.slice(at, at + ((this.peer >>> 16) & 0xff))
  }

  get remotePort(): number {
    return this.peer & 0xffff
  }

  get mounted(): Mounted | undefined {
    if (((this.first >>> 8) & FLAG.mounted) === 0) return undefined
    const found = { prefix: '', mount: '' }
    const end = visitBlock(this.text, this.blockAt, this.headerCount, () => undefined)
    visitBlock(this.text, end, 2, (name, value) => {
      if (name === ':prefix') found.prefix = value
      else found.mount = value
    })
    return found
  }

  get headerCount(): number {
    return this.targetAndFields >>> 16
  }

  header(name: string): string | undefined {
    return findInBlock(this.text, this.blockAt, this.headerCount, name, HEADER_CODES.get(name) ?? 0)
  }

  forEachHeader(visit: (name: string, value: string, code: number) => void): void {
    visitBlock(this.text, this.blockAt, this.headerCount, visit)
  }

  get upgradable(): boolean {
    return ((this.first >>> 8) & FLAG.upgradable) !== 0
  }

  get websocket(): boolean {
    return ((this.first >>> 8) & FLAG.websocket) !== 0
  }

  get body(): RequestBody {
    if (this.incoming === undefined) {
      const follows = ((this.first >>> 8) & FLAG.bodyFollows) !== 0
      this.incoming = this.openBody(this.inline, follows)
      this.inline = undefined
      if (this.aborted) this.incoming.break('aborted')
      else if (this.finished) this.incoming.break('finished')
    }
    return this.incoming
  }

  respond(status: number, headers: HeaderBlock, body: string | Uint8Array): void {
    if (!this.begin()) return
    this.home.outbox.response(this.id, status, headers, body)
    this.finish()
  }

  positionOf(descriptor: number): number {
    return this.home.outbox.positionOf(descriptor)
  }

  respondFile(
    status: number,
    headers: HeaderBlock,
    descriptor: number,
    offset: number,
    length: number,
  ): boolean {
    if (!this.begin()) return true
    if (!this.home.outbox.file(this.id, status, headers, descriptor, offset, length)) {
      this.started = false
      return false
    }
    this.finish()
    return true
  }

  start(status: number, headers: HeaderBlock): void {
    if (!this.begin()) return
    this.home.outbox.block(KIND.head, this.id, status, headers)
    this.home.wrote()
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.finished || this.tunnel === HALF_CLOSED) return true
    if (chunk.length === 0) return this.waiting < HIGH_WATER_BYTES
    const bytes = this.home.outbox.chunk(this.id, chunk)
    if (bytes < 0) this.lent++
    this.waiting += Math.abs(bytes)
    this.home.wrote()
    return this.waiting < HIGH_WATER_BYTES
  }

  writeFile(descriptor: number, offset: number, length: number): boolean | undefined {
    if (this.finished) return true
    if (!this.home.outbox.filePiece(this.id, descriptor, offset, length)) return undefined
    this.waiting += length
    this.home.wrote()
    return this.waiting < HIGH_WATER_BYTES
  }

  drained(): Promise<void> {
    if (this.finished || this.waiting < HIGH_WATER_BYTES) return Promise.resolve()
    return new Promise((resolve) => {
      this.drainWaiters ??= []
      this.drainWaiters.push(resolve)
    })
  }

  released(): Promise<void> | undefined {
    return this.lent === 0 ? undefined : this.whenReleased()
  }

  end(trailers: HeaderBlock = ''): void {
    if (this.finished || this.tunnel === HALF_CLOSED) return
    this.home.outbox.block(KIND.end, this.id, 0, trailers)
    if (this.tunnel === NO_TUNNEL) {
      this.finish()
      return
    }
    this.tunnel = HALF_CLOSED
    this.home.wrote()
  }

  fail(error: unknown): void {
    if (this.finished) return
    logError(error, { method: this.method, target: this.target, worker: this.home.index })
    const status = (error instanceof MonodonError ? errorRow(error.code).status : undefined) ?? 500
    if (this.home.explain !== undefined && !this.started) {
      this.home.explain(this, error, status)
      return
    }
    this.refuse(status)
  }

  informational(status: number, headers: HeaderBlock): void {
    if (this.finished || this.started) return
    this.home.outbox.block(KIND.informational, this.id, status, headers)
    this.home.wrote()
  }

  upgrade(): void {
    if (!this.upgradable) throw new MonodonError('MONODON_NOT_UPGRADABLE')
    if (!this.begin()) return
    this.tunnel = OPEN
    this.incoming = this.openBody(undefined, true)
    this.home.outbox.number(KIND.upgrade, this.id, 0, 0)
    this.home.wrote()
  }

  cut(): void {
    if (!this.finished) this.refuse(500)
  }

  accept(headers: HeaderBlock, receiver: SocketReceiver): Socket | undefined {
    if (!this.websocket) throw new MonodonError('MONODON_NOT_UPGRADABLE')
    if (!this.begin()) return undefined
    this.home.outbox.block(KIND.accept, this.id, 0, headers)
    this.socket = new this.Socket(this.id, this.home.outbox, receiver, {
      wrote: () => this.home.wrote(),
      cut: (overflows) => {
        if (!this.finished) this.refuse(500, overflows ? FLAG.overflow : 0)
      },
    })
    if (this.home.dismissal !== undefined) this.socket.close(...this.home.dismissal)
    return this.socket
  }

  // -- events from native code

  /** The WebSocket has ended, and the exchange with it. */
  closed(code: number, reason: string): void {
    if (this.finished) return
    this.finished = true
    this.acknowledge()
    this.socket?.closed(code, reason)
  }

  bodyChunk(chunk: Uint8Array): void {
    this.incoming?.push(chunk)
  }

  bodyEnd(trailers: [string, string][]): void {
    this.incoming?.end(trailers)
  }

  bodyBroken(fault: BodyFault): void {
    this.incoming?.break(fault)
  }

  /** The client has gone, or native code has answered: nothing more can be said. */
  abort(): void {
    if (this.finished) return
    this.aborted = true
    this.complete('aborted')
    const { onAbort } = this
    this.onAbort = undefined
    onAbort?.()
    this.socket?.closed(CLOSE_CODES.abnormal, '')
  }

  /** The client has all that it is to get, though the app has not ended its response. */
  complete(fault: BodyFault = 'finished'): void {
    if (this.finished) return
    this.finished = true
    // What came through a tunnel up to its end can still be read.
    if (this.tunnel === NO_TUNNEL || fault !== 'finished') this.incoming?.break(fault)
    this.wakeDrained()
    if (this.lent === 0) this.acknowledge()
  }

  drain(bytes: number): void {
    this.socket?.drain(bytes)
    this.waiting -= bytes
    if (this.waiting < HIGH_WATER_BYTES) this.wakeDrained()
  }

  release(count: number): void {
    this.lent -= count
    if (this.lent > 0) return
    this.wakeReleased()
    if (this.finished && this.kept) this.acknowledge()
  }

  /** Gives the id back. Not before lent buffers came home: events to a forgotten id are dropped. */
  protected acknowledge(): void {
    this.home.outbox.number(KIND.done, this.id, 0, 0)
    this.home.wrote()
    if (this.kept) this.home.settled(this.id)
  }

  /** What a WebSocket is made of. */
  protected get Socket(): typeof LiveSocket {
    return LiveSocket
  }

  private openBody(first: Uint8Array | undefined, follows: boolean): IncomingBody {
    return new IncomingBody(first, follows, (bytes) => {
      this.home.outbox.number(KIND.wantBody, this.id, 0, bytes)
      this.home.wrote()
    })
  }

  /** True once the connection was taken over. */
  get isTunnel(): boolean {
    return this.tunnel !== NO_TUNNEL
  }

  private get targetAt(): number {
    return (this.peer >>> 24) + ((this.peer >>> 16) & 0xff)
  }

  private get blockAt(): number {
    return this.targetAt + (this.targetAndFields & 0xffff)
  }

  /** Has native code answer in place of the app, or cut off what it has begun. */
  protected refuse(status: number, flags = 0): void {
    this.home.outbox.number(KIND.fail | (flags << 8), this.id, status, 0)
    this.finish()
  }

  /** False after an abort, when nobody is there to be answered. */
  private begin(): boolean {
    if (this.aborted) return false
    if (this.started || this.finished) throw new MonodonError('MONODON_APP_ANSWERED_TWICE')
    this.started = true
    return true
  }

  protected finish(): void {
    this.finished = true
    if (this.incoming !== undefined) this.incoming.break('finished')
    if (this.drainWaiters !== undefined) this.wakeDrained()
    if (this.releaseWaiters !== undefined) this.wakeReleased()
    this.home.wrote()
    if (this.kept) this.home.settled(this.id)
  }

  protected whenReleased(): Promise<void> {
    return new Promise((resolve) => {
      this.releaseWaiters ??= []
      this.releaseWaiters.push(resolve)
    })
  }

  protected wakeDrained(): void {
    const waiters = this.drainWaiters
    this.drainWaiters = undefined
    for (const resolve of waiters ?? []) resolve()
  }

  protected wakeReleased(): void {
    const waiters = this.releaseWaiters
    this.releaseWaiters = undefined
    for (const resolve of waiters ?? []) resolve()
  }
}
