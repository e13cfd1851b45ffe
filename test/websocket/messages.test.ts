/** Messages, both ways, wherever the app runs. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import type { TestServer } from '../support/server.ts'
import { parallel, until } from '../support/wait.ts'
import {
  closing,
  frameOf,
  type Message,
  OPCODE,
  type SocketClient,
} from '../support/websocket-client.ts'
import { subjects } from './subjects.ts'

const MIB = 2 ** 20

describe.each(subjects())('a WebSocket $title', ({ watcher, start, open: openAt }) => {
  let server: TestServer
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.close())

  const open = (target: string) => openAt(server, target)
  const noted = (event: string) => until(event, () => watcher.notes.includes(event))

  /** Opens, talks and closes; the app hears all of it. */
  async function talk(target: string, say: (client: SocketClient) => Promise<void>): Promise<void> {
    watcher.reset()
    const client = await open(target)
    await say(client)
    expect(await client.close(1000, 'done')).toEqual([1000, 'done'])
    await noted('close 1000 done clean true')
  }

  test('opens, echoes text and bytes, and closes', async () => {
    await talk('/echo', async (client) => {
      await noted('open true 1')
      await client.text('h\u00e9llo \u{1f600}')
      expect(await client.said()).toBe('h\u00e9llo \u{1f600}')
      await client.send(OPCODE.binary, pattern(10))
      expect(await client.message()).toMatchObject({
        isText: false,
        bytes: Buffer.from(pattern(10)),
      })
    })
    expect(watcher.notes).toEqual(['open true 1', 'close 1000 done clean true'])
  })

  test.each([0, 1, 125, 126, 65_535, 65_536, 65_537, 262_144, 262_145, 10 * MIB])(
    'echoes %i bytes, as bytes and as text',
    async (size) => {
      await talk('/echo', async (client) => {
        const bytes = Buffer.from(pattern(size))
        await client.send(OPCODE.binary, bytes)
        const echo = await client.message()
        expect(echo.isText).toBe(false)
        expect(echo.bytes.equals(bytes)).toBe(true)
        const text = '\u00e9a'.repeat(Math.floor(size / 3)) + 'x'.repeat(size % 3)
        await client.text(text)
        expect((await client.said()) === text).toBe(true)
      })
    },
  )

  test('keeps the order of messages, however large', async () => {
    await talk('/echo', async (client) => {
      const sizes = [1, 100_000, 2, 300_000, 3, 70_000, 0, 1_000_000, 4]
      for (const [at, size] of sizes.entries())
        void client.send(OPCODE.binary, Buffer.alloc(size, at))
      for (const [at, size] of sizes.entries()) {
        const { bytes } = await client.message()
        expect(bytes.equals(Buffer.alloc(size, at))).toBe(true)
      }
    })
  })

  test('keeps the order of many small messages', async () => {
    await talk('/echo', async (client) => {
      const count = 5000
      const all = Array.from({ length: count }, (_, at) => frameOf(OPCODE.text, `${at}`))
      void client.write(Buffer.concat(all))
      for (let at = 0; at < count; at++) expect(await client.said()).toBe(`${at}`)
    })
  })

  test('takes fragments, with pings between and among them', async () => {
    await talk('/echo', async (client) => {
      await client.send(OPCODE.text, 'a', { isLast: false })
      await client.send(OPCODE.ping, 'still there?')
      await client.send(OPCODE.more, '', { isLast: false })
      await client.send(OPCODE.pong, 'unasked')
      await client.send(OPCODE.more, 'b\u00e9', { isLast: true })
      expect(await client.frame()).toMatchObject({
        opcode: OPCODE.pong,
        payload: Buffer.from('still there?'),
      })
      expect(await client.said()).toBe('ab\u00e9')
    })
  })

  test('takes a character that is cut by a fragment', async () => {
    await talk('/echo', async (client) => {
      const bytes = Buffer.from('\u{1f600}')
      await client.send(OPCODE.text, bytes.subarray(0, 1), { isLast: false })
      await client.send(OPCODE.more, bytes.subarray(1))
      expect(await client.said()).toBe('\u{1f600}')
    })
  })

  test('takes bytes one at a time', async () => {
    await talk('/echo', async (client) => {
      const frames = Buffer.concat([
        frameOf(OPCODE.text, 'slowly'),
        frameOf(OPCODE.binary, pattern(200)),
      ])
      for (const byte of frames) await client.write(Buffer.of(byte))
      expect(await client.said()).toBe('slowly')
      expect((await client.message()).bytes.equals(pattern(200))).toBe(true)
    })
  })

  test('is closed amid a message', async () => {
    await talk('/echo', (client) => client.send(OPCODE.text, 'not all of', { isLast: false }))
  })

  test('gives blobs where they are asked for', async () => {
    await talk('/echo?blob', async (client) => {
      await client.send(OPCODE.binary, pattern(100_000))
      expect((await client.message()).bytes.equals(pattern(100_000))).toBe(true)
    })
  })

  test('sends whatever it is given, in order', async () => {
    watcher.reset()
    const client = await open('/kinds')
    await client.text('go')
    const sent: (string | number[])[] = []
    for (let i = 0; i < 11; i++) {
      const { isText, bytes } = await client.message()
      sent.push(isText ? bytes.toString() : [...bytes])
    }
    expect(sent).toEqual([
      [1, 2, 3, 4],
      [9, 9, 9, 9],
      [9, 9],
      [9, 9],
      [1, 2],
      [0, 0],
      'h\u00e9 \u{1f600} \ufffd',
      [...Buffer.from('a blob')],
      'behind the blob',
      [7],
      '42',
    ])
    expect(await client.closeFrame()).toEqual([4000, 'behind it all'])
    await client.send(OPCODE.close, closing(4000, 'as you wish'))
    await client.ended()
    await noted('close 4000 as you wish clean true')
  })

  test('has listeners beside its handlers', async () => {
    await talk('/listeners', async (client) => {
      await client.text('one')
      expect([await client.said(), await client.said(), await client.said()]).toEqual([
        'listener one',
        'once',
        'handler one',
      ])
      await client.text('off')
      expect([await client.said(), await client.said()]).toEqual(['listener off', 'handler off'])
      await client.text('two')
      expect(await client.said()).toBe('handler two')
    })
    expect(watcher.count('heard the close')).toBe(1)
  })

  test('has events as the platform has them', async () => {
    await talk('/event', async (client) => {
      await client.text('facts')
      expect(JSON.parse(await client.said())).toEqual({
        type: 'message',
        data: 'facts',
        origin: '',
        cancelable: false,
        defaultPrevented: false,
        isOne: true,
        targets: true,
        stamped: true,
      })
    })
  })

  test('opens after a while, and may set its handlers when it opens', async () => {
    for (const [path, echo] of [
      ['/late', 'hello'],
      ['/handlers-in-open', 'late hello'],
    ] as const) {
      const client = await open(path)
      await client.text('hello')
      expect(await client.said()).toBe(echo)
      expect(await client.close()).toEqual([1000, ''])
    }
  })

  test('takes what comes together with the offer', async () => {
    const { socket } = await open('/echo')
    socket.destroy()
    await parallel(Array(20).keys(), 4, async () => {
      const client = await open('/late')
      await client.write(
        Buffer.concat([frameOf(OPCODE.text, 'a'), frameOf(OPCODE.close, closing(1000))]),
      )
      // Behind the client's close frame nothing has to be sent: the echo may be.
      const first = await client.frame()
      if (first.opcode === OPCODE.text) expect(await client.closeFrame()).toEqual([1000, ''])
      else expect(first.opcode).toBe(OPCODE.close)
      await client.ended()
    })
  })
})

describe.each(subjects())('a WebSocket with compression $title', ({ start, open }) => {
  let server: TestServer
  beforeAll(async () => {
    server = await start({ websocketCompression: true })
  })
  afterAll(() => server.close())

  const inflated = ({ frames }: Message): string => {
    expect(frames.map(({ reserved }) => reserved)).toEqual(
      frames.map((_, at) => (at === 0 ? 4 : 0)),
    )
    const bytes = Buffer.concat(frames.map(({ payload }) => payload))
    return inflateRawSync(Buffer.concat([bytes, Buffer.of(0, 0, 0xff, 0xff)]), {
      finishFlush: 2,
    }).toString()
  }

  test.each([
    ['permessage-deflate', ''],
    ['permessage-deflate; client_max_window_bits', ''],
    ['permessage-deflate; server_max_window_bits=9', '; server_max_window_bits=9'],
    ['permessage-deflate; server_no_context_takeover; client_no_context_takeover', ''],
    ['x-unknown, permessage-deflate', ''],
  ])('takes the offer %s', async (extensions, more) => {
    const client = await open(server, '/echo', {
      'sec-websocket-extensions': extensions,
    })
    expect(client.fields.get('sec-websocket-extensions')).toEqual([
      `permessage-deflate; server_no_context_takeover; client_no_context_takeover${more}`,
    ])
    for (const size of [2000, 500_000]) {
      const text = 'compressible '.repeat(size / 10)
      const packed = deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4)
      await client.send(OPCODE.text, packed, { reserved: 4 })
      const message = await client.message()
      expect(message.bytes.length).toBeLessThan(text.length / 5)
      expect(inflated(message) === text).toBe(true)
    }
    // What is small is not compressed, and a client may send what is not.
    await client.text('small')
    expect(await client.said()).toBe('small')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('takes a compressed message in fragments', async () => {
    const fields = { 'sec-websocket-extensions': 'permessage-deflate' }
    const client = await open(server, '/echo', fields)
    const packed = deflateRawSync('in pieces', { finishFlush: 2 }).subarray(0, -4)
    await client.send(OPCODE.text, packed.subarray(0, 3), { reserved: 4, isLast: false })
    await client.send(OPCODE.ping)
    await client.send(OPCODE.more, packed.subarray(3))
    expect((await client.frame()).opcode).toBe(OPCODE.pong)
    expect(await client.said()).toBe('in pieces')
    expect(await client.close()).toEqual([1000, ''])
  })

  test.each([
    'permessage-deflate; server_max_window_bits=8',
    'permessage-deflate; unknown=1',
    'x-unknown',
  ])('goes on without what it cannot do: %s', async (extensions) => {
    const client = await open(server, '/echo', {
      'sec-websocket-extensions': extensions,
    })
    expect(client.fields.has('sec-websocket-extensions')).toBe(false)
    await client.text('x'.repeat(5000))
    expect(await client.said()).toHaveLength(5000)
    expect(await client.close()).toEqual([1000, ''])
  })
})

test('compression is off unless it is asked for', async () => {
  const { start, open } = subjects()[0]!
  const server = await start()
  const fields = { 'sec-websocket-extensions': 'permessage-deflate' }
  const client = await open(server, '/echo', fields)
  expect(client.fields.has('sec-websocket-extensions')).toBe(false)
  expect(await client.close()).toEqual([1000, ''])
  await server.close()
})
