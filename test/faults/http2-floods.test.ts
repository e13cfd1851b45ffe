/**
 * What a client of HTTP/2 can send to keep a server busy for nothing. It gets GOAWAY, the log has one
 * line, and a client beside it is served all the while.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { FLAG, FRAME, frame, H2Connection, headerBlock, headers } from '../support/h2-frames.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const ENHANCE_YOUR_CALM = 11
const CANCEL = Buffer.of(0, 0, 0, 8)

type Fields = readonly (readonly [string, string])[]

function request(method: string, path: string): Fields {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'localhost'],
    [':path', path],
  ]
}

const open = (stream: number, path: string): Buffer => headers(stream, request('POST', path), true)
/** How an upload begins that the app never reads. */
const UNREAD = open(1, '/route/never')

/** RFC 7541: a field of 4,000 bytes, put into the table, and then named again and again by one byte. */
function bomb(times: number): Buffer {
  const name = Buffer.from([0x40, 1, 'x'.charCodeAt(0)])
  const value = Buffer.concat([Buffer.from([127, 0xa1, 0x1e]), Buffer.alloc(4000, 'v')])
  const block = [
    headerBlock(request('GET', '/route/early')),
    name,
    value,
    Buffer.alloc(times, 0xbe),
  ]
  return frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.concat(block))
}

/** Each sends more than is borne; `nth` counts from 0. */
const FLOODS: readonly (readonly [string, number, (nth: number) => Uint8Array])[] = [
  ['pings', 100_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['settings', 100_000, () => frame(FRAME.settings, 0, 0)],
  ['priorities', 100_000, () => frame(FRAME.priority, 0, 1, Buffer.of(0, 0, 0, 3, 1))],
  ['window updates', 100_000, () => frame(FRAME.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1))],
  ['frames that nobody knows', 100_000, () => frame(0x42, 0, 0, Buffer.from('who knows'))],
  ['empty pieces of a body', 100_000, (nth) => (nth === 0 ? UNREAD : frame(FRAME.data, 0, 1))],
  [
    'tiny pieces of a body',
    100_000,
    (nth) => (nth === 0 ? UNREAD : frame(FRAME.data, 0, 1, Buffer.of(1))),
  ],
  [
    'requests that are reset at once (CVE-2023-44487)',
    20_000,
    (nth) => {
      const stream = 2 * nth + 1
      return Buffer.concat([open(stream, '/route/never'), frame(FRAME.reset, 0, stream, CANCEL)])
    },
  ],
  [
    'more requests at a time than the settings allow',
    20_000,
    (nth) => open(2 * nth + 1, '/route/never'),
  ],
  [
    'a head without an end (CVE-2024-27316)',
    100_000,
    (nth) =>
      nth === 0
        ? frame(FRAME.headers, 0, 1, headerBlock(request('GET', '/route/early')))
        : frame(FRAME.continuation, 0, 1, headerBlock([[`x-${nth}`, 'y'.repeat(100)]])),
  ],
  [
    'a head without an end, in frames without a byte',
    100_000,
    (nth) =>
      nth === 0
        ? frame(FRAME.headers, 0, 1, headerBlock(request('GET', '/route/early')))
        : frame(FRAME.continuation, 0, 1),
  ],
  ['a head that is small on the wire and large in memory', 1, () => bomb(2000)],
]

describe('a flood of', () => {
  let server: SpawnedServer
  let connection: H2Connection
  beforeAll(async () => {
    server = await SpawnedServer.conformance('fetch')
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    connection = await H2Connection.connect(server)
  })
  afterEach(() => connection.leave())

  test.each(FLOODS)('%s', async (_, most, make) => {
    const logged = floods(server)
    let served = 0
    let isOver = false
    const neighbour = (async () => {
      while (!isOver || served === 0) {
        const answer = await fetchOnce(server, '/route/early')
        expect(answer.status).toBe(200)
        served += 1
      }
    })()
    let sent = 0
    while (sent < most && !connection.isOver) {
      for (let end = Math.min(most, sent + 500); sent < end; sent += 1) connection.write(make(sent))
      await new Promise(setImmediate)
    }
    const goaway = await connection.find(({ type }) => type === FRAME.goaway)
    // The connection may be reset before it is read, since the client goes on sending.
    if (goaway !== undefined) expect(goaway.payload.readUInt32BE(4)).toBe(ENHANCE_YOUR_CALM)
    await until('the end', () => connection.isOver)
    isOver = true
    await neighbour
    await until('the line in the log', () => floods(server) > logged)
    expect(floods(server)).toBe(logged + 1)
  })

  test('a large head within four times the limit gets 431', async () => {
    const logged = floods(server)
    connection.write(bomb(30))
    const answer = await connection.find(({ type }) => type === FRAME.headers)
    expect(answer?.stream).toBe(1)
    connection.write(frame(FRAME.ping, 0, 0, Buffer.from('an echo?')))
    await connection.find(({ type, flags }) => type === FRAME.ping && (flags & FLAG.ack) !== 0)
    expect(floods(server)).toBe(logged)
  })
})

describe('pings of a client that reads no answer', () => {
  test('fill no memory: the server stops reading, and cuts the connection', async () => {
    const server = await SpawnedServer.conformance('fetch', ['--send-timeout', '1s'])
    const connection = await H2Connection.connect(server)
    connection.socket.pause()
    const pings = Buffer.concat(
      Array.from({ length: 5000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
    )
    let isOver = false
    connection.socket.once('close', () => {
      isOver = true
    })
    await until('the connection to be cut', () => {
      if (connection.socket.writableLength < 2 ** 22) connection.write(pings)
      return isOver
    })
    await connection.leave()
    await server.stop()
  })
})

/** Lines in the log about floods. */
function floods(server: SpawnedServer): number {
  return server.output.split('MONODON_HTTP2_FLOOD').length - 1
}
