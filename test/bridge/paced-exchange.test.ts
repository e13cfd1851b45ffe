/** Large responses over a port that lends nothing: in pieces, as the server has room. */
import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Dispatch, type Span } from '../../lib/bridge/dispatch.ts'
import type { Exchange } from '../../lib/bridge/exchange.ts'
import { blockEntries } from '../../lib/bridge/head.ts'
import { encodeHeader } from '../../lib/bridge/header-block.ts'
import { BATCH_BYTES, FLAG, KIND, OUTBOUND_BYTES } from '../../lib/bridge/layout.ts'
import type { Port } from '../../lib/bridge/port.ts'
import { setLogLevel } from '../../lib/log.ts'
import { pattern } from '../support/apps/probe.ts'
import {
  batch,
  blockOf,
  bodyOf,
  decode,
  drain,
  record,
  request,
  type SentRecord,
} from '../support/socket-peer.ts'

/** docs/worker-protocol.md: a worker that has sent this much more than was drained waits. */
const AHEAD = 262_144

/** A dispatch over a port that the test feeds. */
class Worker implements Port {
  readonly index = 1
  readonly lends = false
  readonly inbound = new ArrayBuffer(BATCH_BYTES)
  readonly records: SentRecord[] = []
  /** The first exchange that came. */
  exchange!: Exchange
  readonly dispatch: Dispatch
  private ring!: () => void
  private given: readonly Buffer[] = []
  private readonly memory = new ArrayBuffer(OUTBOUND_BYTES)

  constructor(handle: (exchange: Exchange) => void = () => {}, span?: Span) {
    this.dispatch = new Dispatch(
      (ring) => {
        this.ring = ring
        return this
      },
      (exchange) => {
        this.exchange ??= exchange
        handle(exchange)
      },
      {},
      span,
    )
  }

  take(): number {
    const { given } = this
    new Uint8Array(this.inbound).set(Buffer.concat(given))
    this.given = []
    return given.length
  }

  outbound(): ArrayBuffer {
    return this.memory
  }

  submit(bytes: number, records: number): undefined {
    const sent = Buffer.from(this.memory.slice(0, bytes))
    const head = batch(...Array.from({ length: records }, () => Buffer.alloc(0)))
    head.writeUInt32LE(bytes)
    for (const { records } of decode(Buffer.concat([head, sent])).batches)
      this.records.push(...records)
  }

  detach(): void {}

  /** Hands over records, and gives what was sent once they are dealt with. */
  async give(...records: readonly Buffer[]): Promise<SentRecord[]> {
    this.given = records
    this.ring()
    return this.sent()
  }

  /** What was sent since the last call. */
  async sent(): Promise<SentRecord[]> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.records.splice(0)
  }

  /** Plays a server that passes on all that comes; gives all that was sent. */
  async drainAll(sent: readonly SentRecord[], id = 1): Promise<SentRecord[]> {
    const all = [...sent]
    for (let latest = sent; ; ) {
      const bytes = bytesIn(latest)
      if (bytes === 0) return all
      latest = await this.give(drain(id, bytes))
      all.push(...latest)
    }
  }
}

function bytesIn(records: readonly SentRecord[]): number {
  return records
    .filter(({ kind }) => kind === 'chunk')
    .reduce((sum, record) => sum + bodyOf(record).length, 0)
}

function bodyIn(records: readonly SentRecord[]): Buffer {
  return Buffer.concat(records.filter(({ kind }) => /chunk|response/.test(kind)).map(bodyOf))
}

function kinds(records: readonly SentRecord[]): string {
  return [...new Set(records.map(({ kind }) => kind))].join(' ')
}

function headersOf(record: SentRecord): [string, string][] {
  return blockEntries(blockOf(record))
}

/** The same bytes in memory that can shrink, which the standard library of TypeScript does not know yet. */
function resizable(content: Uint8Array): { bytes: Uint8Array; shrink(): void } {
  const options = { maxByteLength: content.length }
  const buffer: ArrayBuffer & { resize(bytes: number): void } = Reflect.construct(ArrayBuffer, [
    content.length,
    options,
  ])
  const bytes = new Uint8Array(buffer)
  bytes.set(content)
  return { bytes, shrink: () => buffer.resize(0) }
}

beforeEach(() => setLogLevel('critical'))

describe('a whole response', () => {
  it.each([0, 1, 16_384, 262_100])('of %i bytes is one record', async (size) => {
    const worker = new Worker((exchange) => exchange.respond(200, '', pattern(size)))
    const sent = await worker.give(request(1))
    expect(kinds(sent)).toBe('response')
    expect(bodyIn(sent).equals(pattern(size))).toBe(true)
    expect(worker.dispatch.pending).toBe(0)
  })

  it.each([262_144, 1_000_001])('of %i bytes is streamed with its length', async (size) => {
    const worker = new Worker((exchange) => exchange.respond(201, '', pattern(size)))
    const first = await worker.give(request(1))
    expect(headersOf(first[0]!)).toEqual([['content-length', String(size)]])
    expect(first[0]!.aux).toBe(201)
    expect(bytesIn(first)).toBe(Math.min(size, AHEAD))
    const sent = await worker.drainAll(first)
    expect(kinds(sent)).toBe('head chunk end')
    expect(bodyIn(sent).equals(pattern(size))).toBe(true)
    expect(worker.dispatch.pending).toBe(0)
  })

  it.each([
    ['x', 300_000],
    ['é', 100_000],
    ['€', 100_000],
  ])('of a string of %s keeps its characters', async (character, count) => {
    const text = character.repeat(count)
    const worker = new Worker((exchange) => exchange.respond(200, '', text))
    const sent = await worker.drainAll(await worker.give(request(1)))
    expect(bodyIn(sent).toString() === text).toBe(true)
  })

  it('keeps the length that the app gives', async () => {
    const block = encodeHeader('content-length', '300000')
    const worker = new Worker((exchange) => exchange.respond(200, block, pattern(300_000)))
    const [head] = await worker.give(request(1))
    expect(headersOf(head!)).toEqual([['content-length', '300000']])
  })

  it('to HEAD is only its head', async () => {
    const worker = new Worker((exchange) => exchange.respond(200, '', pattern(300_000)))
    const sent = await worker.give(request(1, { method: 'HEAD' }))
    expect(kinds(sent)).toBe('head end')
    expect(headersOf(sent[0]!)).toEqual([['content-length', '300000']])
  })

  it('may come from memory that shrinks meanwhile', async () => {
    const { bytes, shrink } = resizable(pattern(400_000))
    const worker = new Worker((exchange) => exchange.respond(200, '', bytes))
    const first = await worker.give(request(1))
    shrink()
    expect(bodyIn(await worker.drainAll(first)).equals(pattern(400_000))).toBe(true)
  })

  it('is waited for by a worker that stops', async () => {
    const worker = new Worker((exchange) => exchange.respond(200, '', pattern(400_000)))
    const first = await worker.give(request(1))
    expect(worker.exchange.finished).toBe(true)
    expect(worker.dispatch.pending).toBe(1)
    const idle = vi.fn()
    void worker.dispatch.whenIdle().then(idle)
    await worker.sent()
    expect(idle).not.toHaveBeenCalled()
    await worker.drainAll(first)
    expect(idle).toHaveBeenCalled()
  })

  it('is looked at as sent: the app cannot fail any more', async () => {
    const worker = new Worker((exchange) => {
      exchange.respond(200, '', pattern(400_000))
      throw new Error('too late')
    })
    const sent = await worker.drainAll(await worker.give(request(1)))
    expect(kinds(sent)).toBe('head chunk end')
  })

  it.each([
    ['the client leaves', record(KIND.abort, { id: 1 })],
    ['the client has all', record(KIND.abort, { id: 1, flags: FLAG.complete })],
    ['the body breaks off', record(KIND.bodyBroken, { id: 1, flags: FLAG.over })],
  ])('is forgotten when %s', async (_, event) => {
    const worker = new Worker((exchange) => exchange.respond(200, '', pattern(400_000)))
    const aborted = vi.fn()
    await worker.give(request(1))
    worker.exchange.onAbort = aborted
    expect(kinds(await worker.give(event))).toBe('done')
    expect(worker.dispatch.pending).toBe(0)
    expect(aborted).not.toHaveBeenCalled()
    expect(await worker.give(drain(1, 100_000))).toEqual([])
  })

  it('whose buffer was taken away is cut', async () => {
    const buffer = pattern(400_000)
    const worker = new Worker((exchange) => exchange.respond(200, '', buffer))
    await worker.give(request(1))
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
    expect(kinds(await worker.give(drain(1, 200_000)))).toBe('fail')
    expect(worker.dispatch.pending).toBe(0)
  })
})

describe('a streamed response', () => {
  it('says when there is room, and when its buffers are free', async () => {
    const worker = new Worker((exchange) => exchange.start(200, ''))
    await worker.give(request(1))
    const { exchange } = worker
    expect(exchange.write('small')).toBe(true)
    expect(exchange.released()).toBeUndefined()
    expect(exchange.write(pattern(300_000))).toBe(false)
    const events: string[] = []
    void exchange.released()?.then(() => events.push('released'))
    void exchange.drained().then(() => events.push('drained'))
    expect(bytesIn(await worker.sent())).toBe(AHEAD)
    expect(events).toEqual([])
    expect(bytesIn(await worker.give(drain(1, 100_000)))).toBe(300_005 - AHEAD)
    expect(events).toEqual(['released'])
    await worker.give(drain(1, 200_005))
    expect(events).toEqual(['released', 'drained'])
    exchange.end()
    expect(kinds(await worker.sent())).toBe('end')
  })

  it('frees its buffers when the app fails', async () => {
    const worker = new Worker((exchange) => exchange.start(200, ''))
    await worker.give(request(1))
    worker.exchange.write(pattern(400_000))
    const released = worker.exchange.released()
    worker.exchange.fail(new Error('broken'))
    await released
    expect(kinds(await worker.sent())).toBe('chunk fail')
    expect(worker.dispatch.pending).toBe(0)
  })

  it('tells the app that the client has left', async () => {
    const worker = new Worker((exchange) => exchange.start(200, ''))
    await worker.give(request(1))
    worker.exchange.write(pattern(400_000))
    const waits = Promise.all([worker.exchange.released(), worker.exchange.drained()])
    const aborted = vi.fn()
    worker.exchange.onAbort = aborted
    await worker.sent()
    expect(kinds(await worker.give(record(KIND.abort, { id: 1 })))).toBe('done')
    await waits
    expect(aborted).toHaveBeenCalledOnce()
  })

  it('arrives in order and never too far ahead, whatever the app writes and the server takes', async () => {
    const action = fc.oneof(
      fc.record({ write: fc.integer({ min: 0, max: 600_000 }), text: fc.boolean() }),
      fc.record({ drain: fc.double({ min: 0, max: 1, noNaN: true }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const worker = new Worker((exchange) => exchange.start(200, ''))
        const sent = await worker.give(request(1))
        const written: Uint8Array[] = []
        let ahead = 0
        for (const act of actions) {
          if ('write' in act) {
            const chunk = act.text ? 'ü'.repeat(act.write / 8) : pattern(act.write)
            written.push(Buffer.from(chunk as string))
            worker.exchange.write(chunk)
          }
          const bytes = 'drain' in act ? Math.floor(ahead * act.drain) : 0
          const latest = await worker.give(drain(1, bytes))
          ahead += bytesIn(latest) - bytes
          expect(ahead).toBeLessThanOrEqual(AHEAD)
          sent.push(...latest)
        }
        worker.exchange.end()
        const rest = await worker.sent()
        sent.push(...rest, ...(await worker.give(drain(1, ahead))))
        const all = await worker.drainAll(sent.splice(0), 1)
        expect(bodyIn(all).equals(Buffer.concat(written))).toBe(true)
        expect(all.at(-1)!.kind).toBe('end')
        expect(worker.dispatch.pending).toBe(0)
      }),
      { numRuns: 40 },
    )
  })
})

describe('the span of a worker', () => {
  it('ends once, when so many requests were taken; events do not count', async () => {
    const onSpent = vi.fn()
    const worker = new Worker((exchange) => exchange.respond(200, '', ''), { requests: 3, onSpent })
    await worker.give(request(1), drain(9, 1), request(2))
    await worker.give(drain(9, 1), drain(9, 1))
    expect(onSpent).not.toHaveBeenCalled()
    expect(await worker.give(request(3), request(4))).toHaveLength(2)
    expect(onSpent).toHaveBeenCalledOnce()
    expect(await worker.give(request(5), request(6), request(7), request(8))).toHaveLength(4)
    expect(onSpent).toHaveBeenCalledOnce()
  })
})

describe('a listener of the app that throws', () => {
  it('does not cost what comes behind it in the batch', async () => {
    const targets: string[] = []
    const worker = new Worker((exchange) => void targets.push(exchange.target))
    await worker.give(request(1))
    worker.exchange.onAbort = () => {
      throw new Error('thrown by the app')
    }
    await worker.give(record(KIND.abort, { id: 1 }), request(2, { target: '/next' }))
    expect(targets.at(-1)).toBe('/next')
    await worker.give(request(3, { target: '/later' }))
    expect(targets.at(-1)).toBe('/later')
  })
})
