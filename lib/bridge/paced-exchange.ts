import { MonodonError } from '../errors.ts'
import { logError } from '../log.ts'
import type { BodyFault, HeaderBlock } from './exchange.ts'
import { blockEntries } from './head.ts'
import { encodeHeader } from './header-block.ts'
import { AHEAD_BYTES, HIGH_WATER_BYTES, KIND, UTF8_FACTOR } from './layout.ts'
import { LiveExchange } from './live-exchange.ts'
import { PacedSocket } from './live-socket.ts'
import { PIECE_BYTES, RECORD_ROOM, stable } from './outbox.ts'

/**
 * An exchange over a port that lends nothing. What is too large for a record or for the server's
 * room is kept here, and sent in pieces as the server drains: also after the app has ended the
 * response, which to the app looks sent.
 */
export class PacedExchange extends LiveExchange {
  /** What was written and is not sent. No array in it is empty. */
  private backlog: Uint8Array[] | undefined = undefined
  private backlogBytes = 0
  /** Of a response that has ended behind its backlog. */
  private trailers: HeaderBlock | undefined = undefined
  /** The server's side of a tunnel is to be closed behind the backlog. */
  private isClosing = false

  protected override get Socket(): typeof PacedSocket {
    return PacedSocket
  }

  override respond(status: number, headers: HeaderBlock, body: string | Uint8Array): void {
    const room = RECORD_ROOM - headers.length
    if (body.length * UTF8_FACTOR <= room) {
      super.respond(status, headers, body)
      return
    }
    const bytes = bytesOf(body)
    if (bytes.byteLength <= room) {
      super.respond(status, headers, bytes)
      return
    }
    this.start(status, withLength(headers, bytes.byteLength))
    if (this.method !== 'HEAD') this.write(bytes)
    this.end()
  }

  override write(chunk: string | Uint8Array): boolean {
    if (this.isClosing) return true
    if (this.finished || chunk.length === 0) return super.write(chunk)
    const most = Math.min(PIECE_BYTES, AHEAD_BYTES - this.waiting)
    if (this.backlog === undefined && chunk.length * UTF8_FACTOR <= most) return super.write(chunk)
    const bytes = bytesOf(chunk)
    this.backlog ??= []
    this.backlog.push(bytes)
    this.backlogBytes += bytes.byteLength
    this.waiting += bytes.byteLength
    this.pump()
    return this.waiting < HIGH_WATER_BYTES
  }

  override writeFile(descriptor: number, offset: number, length: number): boolean | undefined {
    // What waits here comes first.
    if (this.backlog !== undefined) return undefined
    return super.writeFile(descriptor, offset, length)
  }

  override released(): Promise<void> | undefined {
    return this.backlog === undefined ? undefined : this.whenReleased()
  }

  override end(trailers: HeaderBlock = ''): void {
    if (this.finished) return
    if (this.backlog === undefined) {
      super.end(trailers)
      return
    }
    if (this.isTunnel) {
      this.isClosing = true
      return
    }
    this.trailers = trailers
    this.finished = true
    this.incoming?.break('finished')
    this.wakeDrained()
    if (!this.kept) this.home.keep(this)
  }

  override drain(bytes: number): void {
    super.drain(bytes)
    if (this.backlog !== undefined) this.pump()
  }

  override abort(): void {
    if (this.trailers === undefined) super.abort()
    else this.complete()
  }

  override complete(fault: BodyFault = 'finished'): void {
    this.backlog = undefined
    this.wakeReleased()
    if (this.trailers === undefined) super.complete(fault)
    else this.acknowledge()
  }

  protected override finish(): void {
    this.backlog = undefined
    super.finish()
  }

  /** Sends as much of the backlog as the server has room for. */
  private pump(): void {
    const backlog = this.backlog ?? []
    let room = AHEAD_BYTES - (this.waiting - this.backlogBytes)
    while (room > 0) {
      const [first] = backlog
      if (first === undefined) {
        this.caughtUp()
        return
      }
      if (first.byteLength === 0) {
        this.lost()
        return
      }
      const piece = first.subarray(0, Math.min(room, PIECE_BYTES))
      this.home.outbox.chunk(this.id, piece)
      this.home.wrote()
      room -= piece.byteLength
      this.backlogBytes -= piece.byteLength
      if (piece.byteLength === first.byteLength) backlog.shift()
      else backlog[0] = first.subarray(piece.byteLength)
    }
  }

  private caughtUp(): void {
    this.backlog = undefined
    this.wakeReleased()
    if (this.isClosing) super.end()
    if (this.trailers === undefined) return
    this.home.outbox.block(KIND.end, this.id, 0, this.trailers)
    this.finish()
  }

  /** A buffer of the backlog was transferred elsewhere: its bytes are gone. */
  private lost(): void {
    const error = new MonodonError('MONODON_CONTENT_LENGTH_MISMATCH', {
      detail: 'a buffer was transferred before it was sent',
    })
    logError(error, { method: this.method, target: this.target, worker: this.home.index })
    this.refuse(500)
  }
}

/** Bytes that stay as long as they are while they wait. */
function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : stable(body)
}

/** A streamed response has the length that a whole one is given by the server. */
function withLength(headers: HeaderBlock, length: number): HeaderBlock {
  if (blockEntries(headers).some(([name]) => name === 'content-length')) return headers
  return headers + encodeHeader('content-length', String(length))
}
