import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { BatchReader, malformed } from './batch-reader.ts'
import { type Batch, BatchWriter, newBatch } from './batch-writer.ts'
import { BATCH_BYTES, BATCH_HEAD, KIND, OUTBOUND_BYTES } from './layout.ts'
import type { NativeEnclosing } from './native.ts'
import { type NodeBuffer, nodeBuffer } from './node-buffer.ts'
import type { Port } from './port.ts'

const HEAD_BYTES = BATCH_HEAD.words * 4
/** Of a `say` record, before its text. */
const SAY_BYTES = 16
/** Of the shortest record. */
const MIN_RECORD_WORDS = 3
const NOTHING = new Uint8Array(0)
const CUT_SHORT = 'its records do not end where the batch does'

/** What comes through the socket and is not about a request. */
export interface SocketEvents {
  /** A message of the arbiter. */
  tell(message: unknown): void
  /** No request follows: finish what is held, in this many milliseconds. */
  stop(timeoutMs: number): void
  /** The server has gone. */
  ended(): void
}

/** Opens the descriptor `fd`, a connected stream socket, for a `SocketPort`. */
export function openDescriptor(fd: number): (onread: OnReadOpts) => Socket {
  return (onread) => {
    // @types/node has `onread` only for sockets that connect.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: true,
      onread,
    }
    return new Socket(options)
  }
}

/**
 * A worker's end of the crossing in a process of its own: batches through a socket, as
 * docs/worker-protocol.md says.
 *
 * What is to be sent is set aside until the code that runs has returned (`process.nextTick`), so
 * that answers and the `take` that follows them go out in one write.
 */
export class SocketPort implements Port {
  index = 0
  readonly lends = false
  readonly inbound = new ArrayBuffer(BATCH_BYTES)
  private readonly writer: BatchWriter
  private readonly events: SocketEvents
  private readonly enclosing: NativeEnclosing | undefined
  private readonly reader = new BatchReader()
  private readonly bytes: NodeBuffer = nodeBuffer(this.inbound)
  private readonly words = new Uint32Array(this.inbound)
  private readonly outboundBytes = new Uint8Array(OUTBOUND_BYTES)
  private ring: (() => void) | undefined
  /** The last `take` gave nothing: the worker waits for the doorbell. */
  private isAsleep = false
  /** A `take` is on its way, and no request has come for it. */
  private isTakeOpen = false
  /** Of the `take` that is to be sent; 0 for none. */
  private most = 0
  /** Told to stop: no request follows, so none is asked for. */
  private isRetired = false
  private isDetached = false
  private hasEnded = false
  /** Batches that are to be sent. */
  private staged: Batch[] = []
  /** Files that were enclosed since the last `submit`, and belong to the next one. */
  private files = 0
  private isFlushDue = false
  private readonly flushDue = (): void => {
    if (this.isFlushDue) this.flush()
  }

  /** `open` makes the socket, which reads by `onread`. Without `enclosing` no files can be handed over. */
  constructor(
    open: (onread: OnReadOpts) => Duplex,
    events: SocketEvents,
    enclosing?: NativeEnclosing,
  ) {
    this.events = events
    this.enclosing = enclosing
    const buffer = new Uint8Array(HEAD_BYTES + BATCH_BYTES)
    const socket = open({
      buffer,
      callback: (length) => {
        this.read(buffer.subarray(0, length))
        return true
      },
    })
    for (const event of ['end', 'error', 'close']) socket.on(event, this.noteEnd)
    this.writer = new BatchWriter(socket, enclosing)
  }

  /** Gives the end to the worker of this number, whose doorbell is `ring`. */
  attach(index: number, ring: () => void): this {
    this.index = index
    this.ring = ring
    return this
  }

  take(most: number): number {
    if (this.isDetached) return 0
    const count = this.next()
    if (count > 0) {
      // What is ready need not wait for this batch.
      this.flush()
      return count
    }
    this.isAsleep = true
    if (most > 0 && !this.isTakeOpen && !this.isRetired) {
      this.isTakeOpen = true
      this.most = most
      if (this.staged.length === 0) this.stage(NOTHING, 0)
    }
    return 0
  }

  /** There is one, which is free again when `submit` returns. */
  outbound(): ArrayBuffer {
    return this.outboundBytes.buffer
  }

  submit(bytes: number, records: number): undefined {
    const { files } = this
    this.files = 0
    this.stage(this.outboundBytes.subarray(0, bytes), records, files)
  }

  tell(descriptor: number): number {
    return this.enclosing?.tell(descriptor) ?? -1
  }

  enclose(descriptor: number): number {
    // What is enclosed must be sent, and nothing is any more.
    if (this.isDetached || this.hasEnded || !this.enclosing?.add(descriptor)) return 0
    this.files++
    return 1
  }

  /** Says something to the arbiter. */
  say(message: object): void {
    const text = Buffer.from(JSON.stringify(message))
    const record = Buffer.alloc((SAY_BYTES + text.length + 3) & ~3)
    record.writeUInt32LE(record.length, 0)
    record.writeUInt32LE(KIND.say, 4)
    record.writeUInt32LE(text.length, 12)
    record.set(text, SAY_BYTES)
    this.stage(record, 1)
  }

  /** Sends what was set aside, in one write. */
  flush(): void {
    this.isFlushDue = false
    const { staged, most } = this
    const last = staged.at(-1)
    if (last === undefined) return
    last.bytes.writeUInt32LE(most, BATCH_HEAD.take * 4)
    this.most = 0
    this.staged = []
    this.writer.write(staged)
  }

  /**
   * Asks for no more requests until it is attached again. Those that a `take` on its way brings still
   * ring the doorbell, and can be answered.
   */
  detach(): void {
    this.flush()
  }

  /** Leaves, and resolves when all that was submitted and said is written or nobody can read it. */
  async close(): Promise<void> {
    this.most = 0
    this.flush()
    this.isDetached = true
    await this.writer.end()
  }

  // -- to the server

  private stage(records: Uint8Array, count: number, files = 0): void {
    if (this.isDetached || this.hasEnded) return
    this.staged.push({ bytes: newBatch(records, count), files })
    if (this.isFlushDue) return
    this.isFlushDue = true
    process.nextTick(this.flushDue)
  }

  // -- from the server

  private readonly noteEnd = (): void => {
    if (this.hasEnded) return
    this.hasEnded = true
    this.staged = []
    this.events.ended()
  }

  private read(bytes: Uint8Array): void {
    if (this.isDetached) return
    this.reader.append(bytes)
    if (!this.reader.isComplete) return
    if (this.ring === undefined) {
      if (this.next() > 0) throw malformed('a request that nobody has asked for')
    } else if (this.isAsleep) {
      this.isAsleep = false
      this.ring()
    }
  }

  /** Moves the next records for `Dispatch` into `inbound`. Gives their number, 0 when there are none. */
  private next(): number {
    while (this.reader.isComplete) {
      const { records } = this.reader
      const size = this.reader.take(this.bytes)
      // A heartbeat: anything that is sent is an answer.
      if (records === 0) this.stage(NOTHING, 0)
      const count = this.cut(records, size)
      if (count > 0) return count
    }
    return 0
  }

  /** Cuts out of `inbound` the records that are for the port. Gives how many are left. */
  private cut(records: number, size: number): number {
    const { words } = this
    let left = records
    let end = size >>> 2
    let word = 0
    for (let i = 0; i < records; i++) {
      const length = words[word]! >>> 2
      if (length < MIN_RECORD_WORDS || length > end - word) throw malformed(CUT_SHORT)
      const kind = words[word + 1]! & 0xff
      // Nobody would get the answer to a request that came before the end.
      const isInVain = kind === KIND.request && this.hasEnded
      if (isInVain || kind === KIND.stop || kind === KIND.tell) {
        if (!isInVain) this.heed(kind, word)
        words.copyWithin(word, word + length, end)
        end -= length
        left--
      } else {
        if (kind === KIND.request) this.isTakeOpen = false
        word += length
      }
    }
    if (word !== end) throw malformed(CUT_SHORT)
    return left
  }

  /** Passes on a record that is not about a request, once the batch that it came with is dispatched. */
  private heed(kind: number, word: number): void {
    const value = this.words[word + 3]!
    if (kind === KIND.stop) {
      this.isRetired = true
      queueMicrotask(() => this.events.stop(value))
      return
    }
    const at = (word + 4) << 2
    const message: unknown = JSON.parse(this.bytes.utf8Slice(at, at + value))
    queueMicrotask(() => this.events.tell(message))
  }
}
