import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type OnReadOpts, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Dispatch } from '../../lib/bridge/dispatch.ts'
import { BATCH_BYTES, KIND } from '../../lib/bridge/layout.ts'
import { SocketPort } from '../../lib/bridge/socket-port.ts'
import {
  batch,
  decode,
  drain,
  record,
  request,
  type SentBatch,
  SocketPeer,
  saidIn,
  stop,
  tell,
} from '../support/socket-peer.ts'
import { until } from '../support/wait.ts'

/** A port whose bytes the test hands over piece by piece, and what came of them. */
class Harness {
  /** What happened, in order. */
  readonly log: string[] = []
  /** What each call of `write` or `writev` of the socket got. */
  readonly writes: SentBatch[][] = []
  readonly port: SocketPort
  private onread!: OnReadOpts

  constructor() {
    this.port = new SocketPort(
      (onread) => {
        this.onread = onread
        const note = (bytes: Buffer) => this.writes.push(decode(bytes).batches)
        return new Duplex({
          read: () => {},
          write: (bytes: Buffer, _, done) => {
            note(bytes)
            done()
          },
          writev: (chunks, done) => {
            note(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)))
            done()
          },
        })
      },
      {
        tell: (message) => this.log.push(`tell ${JSON.stringify(message)}`),
        stop: (ms) => this.log.push(`stop ${ms}`),
        ended: () => this.log.push('ended'),
      },
    )
  }

  /** As a worker that takes at most 3 requests, and all there is when it is rung. */
  attach(): this {
    this.port.attach(1, this.drain)
    this.drain()
    return this
  }

  readonly drain = (): void => {
    for (let count = this.port.take(3); count > 0; count = this.port.take(3)) this.note(count)
  }

  private note(count: number): void {
    const words = new Uint32Array(this.port.inbound)
    for (let i = 0, word = 0; i < count; i++) {
      this.log.push(`${words[word + 1]! & 0xff} of ${words[word + 2]}`)
      word += words[word]! >>> 2
    }
  }

  /** Hands over bytes as one read; gives what was written when it was dealt with. */
  async receive(bytes: Uint8Array): Promise<SentBatch[][]> {
    const buffer = this.onread.buffer as Uint8Array
    buffer.set(bytes)
    this.onread.callback(bytes.length, buffer)
    return this.sent()
  }

  /** What was written since the last call. */
  async sent(): Promise<SentBatch[][]> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.writes.splice(0)
  }

  /** Submits a `done` record for each id. */
  submit(...ids: number[]): void {
    const bytes = Buffer.concat(ids.map((id) => record(KIND.done, { id, words: [0] })))
    new Uint8Array(this.port.outbound()).set(bytes)
    this.port.submit(bytes.length, ids.length)
  }
}

/** The writes as lists of batches: ids of the records, then the take. */
function shape(writes: SentBatch[][]): (number | string)[][][] {
  return writes.map((batches) =>
    batches.map(({ records, take }) => [...records.map(({ id }) => id), `take ${take}`]),
  )
}

describe('what the server sends', () => {
  const STREAM = Buffer.concat([
    batch(tell({ type: 'reopenLogs' })),
    batch(request(1), tell({ n: 1 }), drain(9, 5), tell({ n: 2 }), request(2)),
    batch(),
    batch(drain(1, 1)),
    batch(request(3, { method: 'POST', body: 'hello' }), stop(250)),
  ])
  const ABOUT_REQUESTS = ['1 of 1', '6 of 9', '1 of 2', '6 of 1', '1 of 3']
  const ABOUT_WORKER = ['tell {"type":"reopenLogs"}', 'tell {"n":1}', 'tell {"n":2}', 'stop 250']

  it('reaches the worker whole wherever it is split', async () => {
    for (let split = 1; split < STREAM.length; split++) {
      const harness = new Harness().attach()
      await harness.receive(STREAM.subarray(0, split))
      await harness.receive(STREAM.subarray(split))
      const { log } = harness
      expect(log.filter((line) => / of /.test(line))).toEqual(ABOUT_REQUESTS)
      expect(log.filter((line) => !/ of /.test(line))).toEqual(ABOUT_WORKER)
      // Its own request comes before the stop.
      expect(log.at(-1)).toBe('stop 250')
    }
  })

  it('may be messages before there is a worker', async () => {
    const harness = new Harness()
    await harness.receive(batch(tell({ type: 'start' })))
    expect(harness.log).toEqual(['tell {"type":"start"}'])
  })

  it('may not be requests before there is a worker', async () => {
    await expect(new Harness().receive(batch(request(1)))).rejects.toThrow(/asked for/)
  })

  it('waits for a worker that is not asleep', async () => {
    const harness = new Harness()
    let rung = 0
    harness.port.attach(1, () => {
      rung++
    })
    await harness.receive(batch(request(1)))
    expect(rung).toBe(0)
    harness.drain()
    expect(harness.log).toEqual(['1 of 1'])
    await harness.receive(batch(request(2)))
    expect(rung).toBe(1)
  })

  it.each([
    ['is longer than its batch', [KIND.drain, 20]],
    ['is shorter than a record', [KIND.drain, 8]],
    ['ends before its batch', [KIND.drain, 12]],
  ])('is refused when a record %s', async (_, [kind, size]) => {
    const broken = record(kind!, { id: 1, words: [0] })
    broken.writeUInt32LE(size!)
    await expect(new Harness().attach().receive(batch(broken))).rejects.toThrow(
      expect.objectContaining({ code: 'MONODON_MALFORMED_BATCH' }),
    )
  })
})

describe('a heartbeat', () => {
  it('is answered by an empty batch', async () => {
    const harness = new Harness().attach()
    await harness.sent()
    expect(shape(await harness.receive(batch()))).toEqual([[['take 0']]])
  })

  it('is answered while the app is loaded', async () => {
    expect(shape(await new Harness().receive(batch()))).toEqual([[['take 0']]])
  })
})

describe('a take', () => {
  it('is sent once, until a request has come for it', async () => {
    const harness = new Harness().attach()
    expect(shape(await harness.sent())).toEqual([[['take 3']]])
    harness.drain()
    expect(await harness.sent()).toEqual([])
    expect(await harness.receive(batch(drain(1, 1)))).toEqual([])
    expect(shape(await harness.receive(batch(request(1))))).toEqual([[['take 3']]])
  })

  it('goes out with the answers, in one write', async () => {
    const harness = new Harness()
    harness.port.attach(1, () => {
      while (harness.port.take(5) > 0) harness.submit(1, 2)
    })
    harness.port.take(5)
    await harness.sent()
    expect(shape(await harness.receive(batch(request(1), request(2))))).toEqual([
      [[1, 2, 'take 5']],
    ])
  })

  it('gives a batch whole, though it is larger than what is asked for now', async () => {
    const harness = new Harness().attach()
    await harness.receive(batch(...[1, 2, 3, 4, 5].map((id) => request(id))))
    expect(harness.log).toHaveLength(5)
  })

  it('is not sent after stop', async () => {
    const harness = new Harness().attach()
    await harness.sent()
    expect(await harness.receive(batch(request(1), stop(9)))).toEqual([])
    expect(harness.log).toEqual(['1 of 1', 'stop 9'])
  })
})

describe('what the worker submits', () => {
  it('may be several batches in one write', async () => {
    const harness = new Harness()
    harness.submit(1)
    harness.submit(2, 3)
    expect(shape(await harness.sent())).toEqual([
      [
        [1, 'take 0'],
        [2, 3, 'take 0'],
      ],
    ])
  })

  it('goes out at once when it is flushed, and once', async () => {
    const harness = new Harness()
    harness.submit(1)
    harness.port.flush()
    expect(shape(harness.writes)).toEqual([[[1, 'take 0']]])
    expect(await harness.sent()).toHaveLength(1)
  })

  it('does not wait for slow neighbours in its batch', async () => {
    const harness = new Harness()
    const before: number[] = []
    const dispatch = new Dispatch(
      (ring) => harness.port.attach(1, ring),
      (exchange) => {
        before.push(harness.writes.flat(2).reduce((sum, { records }) => sum + records.length, 0))
        // Longer than answers may wait for each other.
        for (const from = performance.now(); performance.now() - from < 0.3; );
        exchange.respond(200, '', 'answer')
      },
      {},
    )
    await harness.sent()
    await harness.receive(batch(request(1), request(2), request(3)))
    expect(before).toEqual([0, 1, 2])
    expect(dispatch.pending).toBe(0)
  })

  it('goes out before another batch is begun', async () => {
    const harness = new Harness()
    harness.port.attach(1, () => {})
    await harness.receive(Buffer.concat([batch(request(1)), batch(request(2))]))
    expect(harness.port.take(1)).toBe(1)
    harness.submit(1)
    expect(harness.port.take(1)).toBe(1)
    expect(shape(harness.writes)).toEqual([[[1, 'take 0']]])
  })

  it('goes out before the end', async () => {
    const harness = new Harness().attach()
    harness.submit(1)
    harness.port.say({ type: 'spent', text: 'é' })
    await harness.port.close()
    const records = harness.writes.flat(2).flatMap(({ records }) => records)
    expect(records.map(({ kind }) => kind)).toEqual(['done', 'say'])
    expect(saidIn(records[1]!)).toEqual({ type: 'spent', text: 'é' })
  })
})

describe('over a socket', () => {
  let folder: string
  let server: Server
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'monodon-'))
    server = createServer({ allowHalfOpen: true })
  })
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true })
  })

  async function connected(events: Partial<ConstructorParameters<typeof SocketPort>[1]> = {}) {
    const path = join(folder, 'socket')
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    const ignore = () => {}
    const port = new SocketPort((onread) => connect({ path, onread }), {
      tell: ignore,
      stop: ignore,
      ended: ignore,
      ...events,
    })
    return { port, peer: new SocketPeer(await accepted) }
  }

  it('passes on the largest batches, both ways', async () => {
    const { port, peer } = await connected()
    let sum = 0
    const answer = (): void => {
      for (let count = port.take(1); count > 0; count = port.take(1)) {
        const size = new Uint32Array(port.inbound)[0]!
        sum += size
        const words = new Uint32Array(port.outbound())
        words.set([BATCH_BYTES, KIND.chunk, 1, BATCH_BYTES - 16])
        port.submit(BATCH_BYTES, 1)
      }
    }
    port.attach(1, answer)
    answer()
    const bytes = Buffer.alloc(BATCH_BYTES - 16, 'x')
    const largest = record(KIND.bodyChunk, { id: 1, words: [bytes.length], bytes })
    for (let i = 0; i < 20; i++) peer.send(largest)
    await until('20 answers', () => peer.records.length === 20)
    expect(sum).toBe(20 * BATCH_BYTES)
    expect(peer.takes).toEqual([1])
    expect(peer.records.every(({ bytes }) => bytes.length === BATCH_BYTES - 16)).toBe(true)
    peer.leave()
  })

  it('says once that the server has gone', async () => {
    let ends = 0
    const { port, peer } = await connected({
      ended: () => {
        ends++
      },
    })
    peer.leave()
    await until('the end', () => ends > 0)
    // What is submitted from now on has nobody to go to.
    port.submit(16, 1)
    await port.close()
    expect(ends).toBe(1)
  })
})
