import { type ErrorCode, MonodonError } from '../errors.ts'
import type { BodyFault, BodyReader, RequestBody } from './exchange.ts'
import { BODY_WINDOW_BYTES } from './layout.ts'

/** Sends for more of the body: `bytes` on top of what was asked for before. */
export type WantMore = (bytes: number) => void

type Trailers = readonly (readonly [name: string, value: string])[]

const FAULT_CODES: Readonly<Record<BodyFault, ErrorCode>> = {
  truncated: 'MONODON_BODY_TRUNCATED',
  malformed: 'MONODON_BODY_MALFORMED',
  'too-large': 'MONODON_BODY_TOO_LARGE',
  'timed-out': 'MONODON_BODY_TIMED_OUT',
  aborted: 'MONODON_BODY_ABORTED',
  finished: 'MONODON_BODY_FINISHED',
}

/**
 * A request's body: what came with the head, then what native code passes on. At most
 * `BODY_WINDOW_BYTES` are on their way or wait here, whatever the client sends.
 */
export class IncomingBody implements RequestBody {
  trailers: Trailers = []
  private chunks: Uint8Array[] = []
  private ended: boolean
  private fault: BodyFault | undefined
  private reader: BodyReader | undefined
  private asked = false
  /** Bytes handed to the app since more was last asked for. */
  private handed = 0
  private readonly want: WantMore

  /** `first`: the bytes that came with the head; `follows`: whether they are not all. */
  constructor(first: Uint8Array | undefined, follows: boolean, want: WantMore) {
    if (first !== undefined) this.chunks.push(first)
    this.ended = !follows
    this.want = want
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    const next = this.next()
    if (next !== undefined) return next
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject }
    })
  }

  readTo(reader: BodyReader): Uint8Array | null | undefined {
    const next = this.next()
    if (next === undefined) this.reader = reader
    return next
  }

  /** What is here already; where that is nothing, it is asked for. */
  private next(): Uint8Array | null | undefined {
    if (this.reader !== undefined) throw new Error('a read of this body is pending already')
    const chunk = this.chunks.shift()
    if (chunk !== undefined) {
      this.hand(chunk)
      return chunk
    }
    if (this.fault !== undefined) throw new MonodonError(FAULT_CODES[this.fault])
    if (this.ended) return null
    if (!this.asked) {
      this.asked = true
      this.want(BODY_WINDOW_BYTES)
    }
    return undefined
  }

  /** More bytes have come. */
  push(chunk: Uint8Array): void {
    const reader = this.takeReader()
    if (reader === undefined) {
      this.chunks.push(chunk)
      return
    }
    this.hand(chunk)
    reader.resolve(chunk)
  }

  /** The whole body has come. */
  end(trailers: Trailers): void {
    this.ended = true
    this.trailers = trailers
    this.takeReader()?.resolve(null)
  }

  /** No more will come, and what is left may not be taken for the whole. */
  break(fault: BodyFault): void {
    if (this.fault !== undefined || (this.ended && fault === 'aborted')) return
    this.fault = fault
    if (fault === 'finished') {
      this.chunks = []
      this.ended = false
    }
    this.takeReader()?.reject(new MonodonError(FAULT_CODES[fault]))
  }

  /** Whoever waits, and may read on as soon as it is told. */
  private takeReader(): BodyReader | undefined {
    const { reader } = this
    this.reader = undefined
    return reader
  }

  /** Asks for as much again as the app has taken, half a window at a time. */
  private hand(chunk: Uint8Array): void {
    if (!this.asked || this.ended) return
    this.handed += chunk.byteLength
    if (this.handed >= BODY_WINDOW_BYTES / 2) {
      this.want(this.handed)
      this.handed = 0
    }
  }
}
