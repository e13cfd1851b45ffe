import type { Socket, SocketReceiver } from './exchange.ts'
import {
  AHEAD_BYTES,
  BODY_WINDOW_BYTES,
  FLAG,
  HIGH_WATER_BYTES,
  KIND,
  MESSAGE_COST,
  UTF8_FACTOR,
} from './layout.ts'
import type { NodeBuffer } from './node-buffer.ts'
import type { Outbox } from './outbox.ts'
import { PIECE_BYTES } from './outbox.ts'
import { countChunk } from './scavenger.ts'

/** The worker's side of a WebSocket whose exchange was accepted. */
export class LiveSocket implements Socket {
  /** Bytes sent that native code has not reported as drained. */
  protected waiting = 0
  protected readonly id: number
  protected readonly outbox: Outbox
  private readonly wrote: () => void
  private readonly cutExchange: (overflows: boolean) => void
  private readonly receiver: SocketReceiver
  protected isClosing = false
  /** Bytes of messages taken since more was last asked for. */
  private taken = 0
  /** The pieces of a message whose last one has not come. */
  private pieces: Uint8Array[] | undefined = undefined

  constructor(
    id: number,
    outbox: Outbox,
    receiver: SocketReceiver,
    { wrote, cut }: { wrote(): void; cut(overflows: boolean): void },
  ) {
    this.id = id
    this.outbox = outbox
    this.receiver = receiver
    this.wrote = wrote
    this.cutExchange = cut
    this.want(BODY_WINDOW_BYTES)
  }

  /** Native code reports nothing below the high-water mark, so that less is no news. */
  get buffered(): number {
    return this.waiting < HIGH_WATER_BYTES ? 0 : this.waiting
  }

  send(message: string | Uint8Array): void {
    if (this.isClosing) return
    this.waiting += this.outbox.message(this.id, message, 0)
    this.wrote()
  }

  close(code: number, reason: string): void {
    if (this.isClosing) return
    this.isClosing = true
    this.sendClose(code, reason)
  }

  cut(overflows = false): void {
    this.isClosing = true
    this.cutExchange(overflows)
  }

  // -- events from native code

  /** A message, or a piece of one, in `bytes` from `at` on. */
  message(flags: number, bytes: NodeBuffer, at: number, length: number): void {
    this.taken += length + MESSAGE_COST
    if (this.taken >= BODY_WINDOW_BYTES / 2) {
      this.want(this.taken)
      this.taken = 0
    }
    const isText = (flags & FLAG.text) !== 0
    if (!isText) countChunk(length)
    if (this.pieces !== undefined || flags & FLAG.more) {
      this.pieces ??= []
      this.pieces.push(Uint8Array.prototype.slice.call(bytes, at, at + length))
      if (flags & FLAG.more) return
      const whole = Buffer.concat(this.pieces)
      this.pieces = undefined
      this.receiver.message(isText ? whole.toString() : whole)
    } else {
      const end = at + length
      this.receiver.message(
        isText ? bytes.utf8Slice(at, end) : Uint8Array.prototype.slice.call(bytes, at, end),
      )
    }
  }

  /** It has ended, by a closing handshake or without one (1006). */
  closed(code: number, reason: string): void {
    this.isClosing = true
    this.receiver.closed(code, reason)
  }

  /** The connection has taken `bytes` of what was sent. */
  drain(bytes: number): void {
    this.waiting -= bytes
  }

  protected sendClose(code: number, reason: string): void {
    this.outbox.close(this.id, code, reason)
    this.wrote()
  }

  protected sent(): void {
    this.wrote()
  }

  private want(bytes: number): void {
    this.outbox.number(KIND.wantBody, this.id, 0, bytes)
    this.wrote()
  }
}

/** A message, or what is left of one, that waits until the server has room. */
interface Waiting {
  bytes: Uint8Array
  readonly flags: number
}

/**
 * The same over a port that lends nothing: what is too large for a record or for the server's room is
 * kept here, and sent in pieces as the server drains.
 */
export class PacedSocket extends LiveSocket {
  private readonly backlog: Waiting[] = []
  private backlogBytes = 0
  /** What to close with behind the backlog. */
  private closing: readonly [code: number, reason: string] | undefined = undefined

  override send(message: string | Uint8Array): void {
    if (this.isClosing) return
    const most = Math.min(PIECE_BYTES, AHEAD_BYTES - this.waiting)
    if (this.backlog.length === 0 && message.length * UTF8_FACTOR <= most) {
      super.send(message)
      return
    }
    const bytes = Buffer.from(message as string)
    this.backlog.push({ bytes, flags: typeof message === 'string' ? FLAG.text : 0 })
    this.backlogBytes += bytes.byteLength
    this.waiting += bytes.byteLength
    this.pump()
  }

  override drain(bytes: number): void {
    super.drain(bytes)
    if (this.backlog.length > 0) this.pump()
  }

  override closed(code: number, reason: string): void {
    this.backlog.length = 0
    super.closed(code, reason)
  }

  override cut(overflows = false): void {
    this.backlog.length = 0
    super.cut(overflows)
  }

  protected override sendClose(code: number, reason: string): void {
    if (this.backlog.length === 0) super.sendClose(code, reason)
    else this.closing = [code, reason]
  }

  /** Sends as much of the backlog as the server has room for. */
  private pump(): void {
    let room = AHEAD_BYTES - (this.waiting - this.backlogBytes)
    for (let next = this.backlog[0]; next !== undefined && room > 0; next = this.backlog[0]) {
      const piece = next.bytes.subarray(0, Math.min(room, PIECE_BYTES))
      next.bytes = next.bytes.subarray(piece.byteLength)
      const isLast = next.bytes.byteLength === 0
      this.outbox.message(this.id, piece, isLast ? next.flags : next.flags | FLAG.more)
      this.sent()
      room -= piece.byteLength
      this.backlogBytes -= piece.byteLength
      if (isLast) this.backlog.shift()
    }
    if (this.backlog.length === 0 && this.closing !== undefined) super.sendClose(...this.closing)
  }
}
