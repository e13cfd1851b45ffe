import type { Duplex } from 'node:stream'
import { BATCH_HEAD } from './layout.ts'
import type { NativeEnclosing } from './native.ts'

const HEAD_BYTES = BATCH_HEAD.words * 4

/** A batch with its head, and the number of files that come with it. */
export interface Batch {
  readonly bytes: Buffer
  readonly files: number
}

/** The bytes of a batch that asks for nothing. */
export function newBatch(records: Uint8Array, count: number): Buffer {
  const batch = Buffer.allocUnsafe(HEAD_BYTES + records.length)
  batch.writeUInt32LE(records.length, BATCH_HEAD.bytes * 4)
  batch.writeUInt32LE(count, BATCH_HEAD.records * 4)
  batch.writeUInt32LE(0, BATCH_HEAD.take * 4)
  batch.set(records, HEAD_BYTES)
  return batch
}

/** A sign of life, which may be sent at any time. */
const EMPTY = newBatch(new Uint8Array(0), 0)

/**
 * Writes batches to a worker's socket in their order. Native code sends those that files come with, past
 * Node's stream: so such a batch waits until the stream has written what it was given before, and what
 * follows it waits meanwhile.
 */
export class BatchWriter {
  private readonly socket: Duplex
  private readonly enclosing: NativeEnclosing | undefined
  /** Not empty while the first of them, which has files, waits for the stream. */
  private waiting: Batch[] = []
  /** To be called once nothing waits. */
  private whenIdle: (() => void) | undefined

  constructor(socket: Duplex, enclosing?: NativeEnclosing) {
    this.socket = socket
    this.enclosing = enclosing
  }

  write(batches: Batch[]): void {
    if (this.waiting.length > 0) this.waiting.push(...batches)
    else this.send(batches)
  }

  /** Ends the socket; resolves when all is written, or nobody can read it. */
  async end(): Promise<void> {
    if (this.waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve
      })
    }
    await new Promise<void>((resolve) => this.socket.end(() => resolve()))
  }

  private send(batches: Batch[]): void {
    const { socket } = this
    let sent = 0
    if (batches.length > 1) socket.cork()
    for (const { bytes, files } of batches) {
      if (files > 0) break
      socket.write(bytes)
      sent++
    }
    if (batches.length > 1) socket.uncork()
    if (sent < batches.length) this.sendFiles(batches.slice(sent))
  }

  /** Sends batches the first of which has files. */
  private sendFiles(batches: Batch[]): void {
    const [first, ...others] = batches
    const { bytes, files } = first!
    const sent = this.socket.writableLength > 0 ? 0 : this.enclosing!.send(bytes, files)
    if (sent === 0) {
      this.waiting = batches
      // Written behind all that is in the way, and when there is room.
      this.socket.write(EMPTY, this.resume)
      return
    }
    if (sent < bytes.length) this.socket.write(bytes.subarray(sent))
    if (others.length > 0) this.send(others)
  }

  private readonly resume = (error?: Error | null): void => {
    const { waiting } = this
    this.waiting = []
    if (!error) this.send(waiting)
    if (this.waiting.length === 0) this.whenIdle?.()
  }
}
