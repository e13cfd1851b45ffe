/**
 * What a client must not send: the connection is closed with the code that RFC 6455 names, the log has
 * one line, and nothing is left behind. The cases follow the sections of the Autobahn test suite.
 */
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import type { Holdings } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import {
  closing,
  frameOf,
  type OfferFields,
  OPCODE,
  SocketClient,
} from '../support/websocket-client.ts'
import { APP } from './subjects.ts'

const LIMIT = 100_000
const packed = (text: string): Buffer => deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4)
const more = { isLast: false }
const compressed = { reserved: 4 }

type Case = readonly [title: string, code: number, ...frames: Buffer[]]

const CASES: readonly Case[] = [
  // 3: reserved bits, 4: opcodes
  ...[1, 2, 3, 4, 5, 6, 7].map(
    (reserved): Case => [
      `reserved bits ${reserved}`,
      1002,
      frameOf(OPCODE.text, 'a', { reserved }),
    ],
  ),
  ...[1, 2, 4].map(
    (reserved): Case => [
      `reserved bits ${reserved} in a ping`,
      1002,
      frameOf(OPCODE.ping, '', { reserved }),
    ],
  ),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode): Case => [`the reserved opcode ${opcode}`, 1002, frameOf(opcode)],
  ),
  // 5.1
  ['a frame that is not masked', 1002, frameOf(OPCODE.text, 'a', { isMasked: false })],
  ['a close frame that is not masked', 1002, frameOf(OPCODE.close, '', { isMasked: false })],
  // 2 and 5: control frames
  ['a ping of 126 bytes', 1002, frameOf(OPCODE.ping, 'x'.repeat(126))],
  ['a close frame of 126 bytes', 1002, frameOf(OPCODE.close, closing(1000, 'x'.repeat(124)))],
  ['a ping in fragments', 1002, frameOf(OPCODE.ping, 'a', more)],
  ['a pong in fragments', 1002, frameOf(OPCODE.pong, 'a', more)],
  ['a close frame in fragments', 1002, frameOf(OPCODE.close, '', more)],
  // 5: fragments
  ['a continuation of nothing', 1002, frameOf(OPCODE.more, 'a')],
  ['a first continuation', 1002, frameOf(OPCODE.more, 'a', more)],
  ['a message amid another', 1002, frameOf(OPCODE.text, 'a', more), frameOf(OPCODE.text, 'b')],
  [
    'a continuation behind the end',
    1002,
    frameOf(OPCODE.text, 'a', more),
    frameOf(OPCODE.more, 'b'),
    frameOf(OPCODE.more, 'c'),
  ],
  // 6: UTF-8
  ...[
    [0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xcf, 0x83, 0xce, 0xbc, 0xce, 0xb5, 0xed, 0xa0, 0x80],
    [0x80],
    [0xc3],
    [0xc0, 0xaf],
    [0xe0, 0x80, 0xaf],
    [0xf0, 0x80, 0x80, 0xaf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0xff],
    [0x61, 0xfe, 0x62],
  ].map(
    (bytes): Case => [
      `text of the bytes ${Buffer.from(bytes).toString('hex')}`,
      1007,
      frameOf(OPCODE.text, Buffer.from(bytes)),
    ],
  ),
  [
    'a character that a message does not finish',
    1007,
    frameOf(OPCODE.text, Buffer.of(0xe2), more),
    frameOf(OPCODE.more, Buffer.of(0x82)),
  ],
  // 7: closing
  ['a close code of one byte', 1002, frameOf(OPCODE.close, Buffer.of(3))],
  ['a reason that is not UTF-8', 1007, frameOf(OPCODE.close, closing(1000, Buffer.of(0xff)))],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): Case => [`the close code ${code}`, 1002, frameOf(OPCODE.close, closing(code))],
  ),
  // 9: limits
  ['a message over the limit', 1009, frameOf(OPCODE.binary, Buffer.alloc(LIMIT + 1))],
  ['a length over the limit', 1009, frameOf(OPCODE.binary, '', { length: LIMIT + 1 })],
  ['a length of 2 ** 52', 1009, frameOf(OPCODE.binary, '', { length: 2 ** 52 })],
  [
    'fragments over the limit',
    1009,
    frameOf(OPCODE.binary, Buffer.alloc(LIMIT), more),
    frameOf(OPCODE.more, 'x', more),
  ],
  // 12 and 13: compression
  ['a bomb', 1009, frameOf(OPCODE.text, packed('0'.repeat(LIMIT + 1)), compressed)],
  [
    'a bomb of 1 GB',
    1009,
    frameOf(
      OPCODE.binary,
      // A stored mebibyte of zeros, over and over, each of 1 KiB.
      Buffer.concat(Array(60).fill(deflateRawSync(Buffer.alloc(2 ** 24), { finishFlush: 2 }))),
      compressed,
    ).subarray(0, 90_000),
  ],
  ['what is no deflate', 1007, frameOf(OPCODE.text, Buffer.alloc(20, 0xff), compressed)],
  [
    'compressed text that is not UTF-8',
    1007,
    frameOf(
      OPCODE.text,
      deflateRawSync(Buffer.of(0xff), { finishFlush: 2 }).subarray(0, -4),
      compressed,
    ),
  ],
  [
    'a continuation that says it is compressed',
    1002,
    frameOf(OPCODE.text, packed('a'), { ...more, ...compressed }),
    frameOf(OPCODE.more, packed('b'), compressed),
  ],
  ['a ping that says it is compressed', 1002, frameOf(OPCODE.ping, 'a', compressed)],
]

/** These bits mean something with compression. */
const PLAIN_ONLY = new Set(['reserved bits 4'])

describe.each([
  ['a thread', [], 'HTTP/1.1'],
  ['a process', ['--worker-class', 'process'], 'HTTP/1.1'],
  ['a thread', [], 'HTTP/2'],
] as const)('an app in %s %j over %s', (_, flags, carrier) => {
  let server: SpawnedServer
  let before: Holdings
  const watcher = new FileWatcher()
  beforeAll(async () => {
    server = await SpawnedServer.start(
      APP,
      [
        ...['--interface', 'fetch', '--log-level', 'info', '--websocket-compression'],
        ...['--limit-websocket-message', `${LIMIT}`, ...flags],
      ],
      watcher.env,
    )
    await early()
    before = server.holdings
  })
  afterAll(async () => {
    await server.released(before)
    expect(await server.stop()).toBe(0)
    watcher.remove()
  })

  const open = (target: string, fields: OfferFields = {}) =>
    SocketClient.open(server, target, fields, carrier)
  const faults = (): string[] => server.output.match(/MONODON_[A-Z_]+.*/g) ?? []

  async function early(): Promise<void> {
    const client = await Client.connect(server)
    expect((await client.request('GET', get('/early'))).body.toString()).toBe('early')
    await client.leave()
  }

  test.each(CASES.map(([title, code, ...frames]) => ({ title, code, frames })))(
    'is spared $title: $code',
    async ({ title, code, frames }) => {
      const count = faults().length
      watcher.reset()
      const isPlain = PLAIN_ONLY.has(title)
      const extension = isPlain ? undefined : 'permessage-deflate'
      const client = await open('/echo?noted', {
        'sec-websocket-extensions': extension,
      })
      void client.write(Buffer.concat(frames))
      let answer = await client.frame()
      // What was whole before the fault is answered.
      while (answer.opcode !== OPCODE.close) answer = await client.frame()
      expect(answer.payload.readUInt16BE()).toBe(code)
      await client.ended()
      await until('the app to hear of it', () =>
        watcher.notes.some((note) => note.startsWith(`close ${code} `)),
      )
      await until('an entry in the log', () => faults().length > count)
      await early()
      expect(faults().slice(count)).toHaveLength(1)
      expect(faults().at(-1)).toContain('MONODON_BAD_WEBSOCKET')
      expect(faults().at(-1)).toMatch(/GET (http:\/\/localhost)?\/echo\?noted: /)
      expect(faults().at(-1)).toContain(`(closed with ${code})`)
    },
  )

  test.each([
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ])('takes the close code %i', async (code) => {
    const count = faults().length
    const client = await open('/echo')
    expect(await client.close(code, 'because')).toEqual([code, 'because'])
    expect(faults()).toHaveLength(count)
  })

  test('takes a close frame without a code', async () => {
    watcher.reset()
    const client = await open('/echo')
    await client.send(OPCODE.close)
    expect(await client.closeFrame()).toEqual([1005, ''])
    await client.ended()
    await until('the close', () => watcher.notes.includes('close 1005 - clean true'))
  })

  test('takes a message of just the limit, compressed or not', async () => {
    const fields = { 'sec-websocket-extensions': 'permessage-deflate' }
    const client = await open('/block', fields)
    await client.text('x'.repeat(LIMIT))
    await client.send(OPCODE.text, packed('x'.repeat(LIMIT)), compressed)
    await client.text('count')
    expect(await client.said()).toBe('2')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('hears of a client that vanishes, and logs nothing', async () => {
    for (const leave of ['leave', 'end', 'reset'] as const) {
      const count = faults().length
      watcher.reset()
      const client = await open('/echo')
      await client.text('a')
      await client.said()
      if (leave === 'leave') await client.leave()
      else if (leave === 'reset') client.reset()
      else client.socket.end()
      await until('the close', () => watcher.notes.includes('close 1006 - broken true'))
      expect(watcher.count('error true')).toBe(1)
      expect(faults()).toHaveLength(count)
      if (leave === 'end') await client.ended()
    }
  })
})
