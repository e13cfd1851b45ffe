import type { Exchange, RequestBody } from '../../bridge/exchange.ts'
import { MonodonError } from '../../errors.ts'
import type { InputStream } from './types.ts'

const LINE_FEED = 10
const NOTHING = new Uint8Array(0)

/** `wsgi.input`. Costs one small object until it is read. */
export class RequestInput implements InputStream {
  readonly #exchange: Exchange
  #reader: BodyReader | undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    this.#reader = undefined
  }

  read(size?: number): Promise<Uint8Array> {
    return this.#queue((reader) => reader.take(bound(size), false))
  }

  readline(limit?: number): Promise<Uint8Array> {
    return this.#queue((reader) => reader.take(bound(limit), true))
  }

  readlines(hint?: number): Promise<Uint8Array[]> {
    return this.#queue(async (reader) => {
      const lines: Uint8Array[] = []
      let total = 0
      // Python's io: a hint of 0 or less is no hint.
      const enough = hint === undefined || hint <= 0 ? Number.POSITIVE_INFINITY : hint
      while (total < enough) {
        const line = await reader.take(Number.POSITIVE_INFINITY, true)
        if (line.length === 0) break
        lines.push(line)
        total += line.length
      }
      return lines
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const chunk = await this.#queue((reader) => reader.next())
      if (chunk === null) return
      yield chunk
    }
  }

  #queue<T>(operation: (reader: BodyReader) => Promise<T>): Promise<T> {
    this.#reader ??= new BodyReader(this.#exchange)
    return this.#reader.queue(operation)
  }
}

/** A size as Python's io takes it: absent, null or negative is no bound. */
function bound(size: number | undefined): number {
  if (size === undefined || size === null || size < 0) return Number.POSITIVE_INFINITY
  if (!Number.isInteger(size)) throw new TypeError(`a size is a whole number, not ${size}`)
  return size
}

/** Reads the body on behalf of one operation at a time, in the order they were asked for. */
class BodyReader {
  private readonly exchange: Exchange
  private readonly body: RequestBody
  /** Bytes that were read and not yet taken. */
  private rest: Uint8Array = NOTHING
  private last: Promise<unknown> = Promise.resolve()

  constructor(exchange: Exchange) {
    this.exchange = exchange
    this.body = exchange.body
  }

  queue<T>(operation: (reader: BodyReader) => Promise<T>): Promise<T> {
    const result = this.last.then(() => operation(this))
    this.last = result.catch(() => {})
    return result
  }

  /** The bytes that are here, or that arrive next; `null` at the end. */
  async next(): Promise<Uint8Array | null> {
    this.checkOpen()
    if (this.rest.length === 0) return this.body.read()
    const chunk = this.rest
    this.rest = NOTHING
    return chunk
  }

  /** Up to `limit` bytes, in a line only up to its line feed. */
  async take(limit: number, line: boolean): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let total = 0
    while (total < limit) {
      const chunk = await this.next()
      if (chunk === null) break
      const feed = line ? chunk.indexOf(LINE_FEED) : -1
      const wanted = Math.min(limit - total, feed === -1 ? chunk.length : feed + 1)
      parts.push(chunk.subarray(0, wanted))
      this.rest = chunk.subarray(wanted)
      total += wanted
      if (feed !== -1 && wanted === feed + 1) break
    }
    return join(parts, total)
  }

  /** What is buffered here must not outlive the exchange, or a late read would seem to succeed. */
  private checkOpen(): void {
    if (this.exchange.aborted) throw new MonodonError('MONODON_BODY_ABORTED')
    if (this.exchange.finished) throw new MonodonError('MONODON_BODY_FINISHED')
  }
}

function join(parts: Uint8Array[], total: number): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const joined = new Uint8Array(total)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
