import { MonodonError } from '../errors.ts'
import { BATCH_BYTES, BATCH_HEAD } from './layout.ts'

const HEAD_BYTES = BATCH_HEAD.words * 4
/** Holds the largest batch, so that it grows only when several wait. */
const USUAL_BYTES = HEAD_BYTES + BATCH_BYTES

/** Cuts a stream of bytes into batches, wherever the stream was split. */
export class BatchReader {
  private bytes = new Uint8Array(USUAL_BYTES)
  private words = new Uint32Array(this.bytes.buffer)
  /** What has come and was not taken. Batches are whole words, so `start` is at a word's front. */
  private start = 0
  private end = 0

  /** Adds what has come. */
  append(chunk: Uint8Array): void {
    if (chunk.length > this.bytes.length - this.end) this.makeRoom(chunk.length)
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  /**
   * Whether the next batch is complete.
   *
   * @throws MonodonError `MONODON_MALFORMED_BATCH` when its head makes no sense
   */
  get isComplete(): boolean {
    const come = this.end - this.start
    if (come < HEAD_BYTES) return false
    const size = this.headWord(BATCH_HEAD.bytes)
    if (size > BATCH_BYTES || size % 4 !== 0) throw malformed(`a batch of ${size} bytes`)
    return come >= HEAD_BYTES + size
  }

  /** Records of the next batch, which is complete. */
  get records(): number {
    return this.headWord(BATCH_HEAD.records)
  }

  /** Moves the records of the next batch, which is complete, to the front of `target`. Gives their bytes. */
  take(target: Uint8Array): number {
    const from = this.start + HEAD_BYTES
    const size = this.headWord(BATCH_HEAD.bytes)
    target.set(this.bytes.subarray(from, from + size))
    this.start = from + size
    if (this.start === this.end) this.empty()
    return size
  }

  private headWord(word: number): number {
    return this.words[(this.start >>> 2) + word]!
  }

  private empty(): void {
    this.start = 0
    this.end = 0
    if (this.bytes.length > USUAL_BYTES) this.replace(USUAL_BYTES)
  }

  /** Moves what is here to the front, of a larger buffer if need be. */
  private makeRoom(bytes: number): void {
    const come = this.end - this.start
    const needed = come + bytes
    if (needed > this.bytes.length) {
      this.replace(Math.max(needed + 3 - ((needed + 3) % 4), 2 * this.bytes.length))
    } else {
      this.bytes.copyWithin(0, this.start, this.end)
    }
    this.start = 0
    this.end = come
  }

  /** `size` is a multiple of 4. */
  private replace(size: number): void {
    const bytes = new Uint8Array(size)
    bytes.set(this.bytes.subarray(this.start, this.end))
    this.bytes = bytes
    this.words = new Uint32Array(bytes.buffer)
  }
}

/** The server breaks the protocol. */
export function malformed(detail: string): MonodonError {
  return new MonodonError('MONODON_MALFORMED_BATCH', { detail: `from the server: ${detail}` })
}
