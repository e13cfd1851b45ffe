/** HTTP/2 under way: goodbyes, and windows that follow the app and the client. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { Watcher } from '../support/apps/probe.ts'
import { FLAG, FRAME, type Frame, frame, H2Connection, headers } from '../support/h2-frames.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const MIB = 1_048_576

describe('HTTP/2', () => {
  const watcher = new Watcher()
  let server: TestServer
  let connection: H2Connection

  async function start(options: ServeOptions = {}): Promise<void> {
    server = await startServer(createFetchApp(watcher), { interface: 'fetch', ...options })
    connection = await H2Connection.connect(server)
  }
  beforeEach(() => watcher.reset())
  afterEach(async () => {
    await connection.leave()
    await server.close()
  })

  test('says goodbye twice, and serves what was on its way in between', async () => {
    await start()
    connection.write(request('GET', 1, '/route/gate'))
    await until('the gate', () => watcher.count('at the gate') === 1)
    const closed = server.serving.close()
    const first = await connection.find(({ type }) => type === FRAME.goaway)
    expect(first?.payload.readUInt32BE(0)).toBe(2 ** 31 - 1)
    expect(first?.payload.readUInt32BE(4)).toBe(0)
    // The client has sent this before it has read the goodbye.
    connection.write(request('GET', 3, '/route/early'))
    expect((await answer(3)).type).toBe(FRAME.headers)
    const ping = await connection.find(({ type, flags }) => type === FRAME.ping && flags === 0)
    connection.write(frame(FRAME.ping, FLAG.ack, 0, ping!.payload))
    await until('the second one', () => goaways().length === 2)
    expect(goaways()[1]?.payload.readUInt32BE(0)).toBe(3)
    watcher.open()
    expect((await answer(1)).type).toBe(FRAME.headers)
    await until('the end', () => connection.isOver)
    await closed
  })

  test('an app that does not read stops the upload', async () => {
    await start()
    connection.write(request('POST', 1, '/route/gate', true))
    await until('the gate', () => watcher.count('at the gate') === 1)
    const room = () =>
      65_535 + windows(1) + (settings().get(INITIAL_WINDOW) ?? 65_535) - 65_535 - sent
    let sent = 0
    const piece = Buffer.alloc(16_384)
    const upload = async () => {
      connection.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
      const pings = () => connection.frames.filter(({ type }) => type === FRAME.ping).length
      const before = pings()
      await until('an echo', () => pings() > before)
      while (room() >= piece.length) {
        connection.write(frame(FRAME.data, 0, 1, piece))
        sent += piece.length
      }
    }
    for (let round = 0; round < 20; round += 1) await upload()
    // The window, and what was on its way to the app as the request began.
    expect(sent).toBeGreaterThan(128 * 1024)
    expect(sent).toBeLessThan(MIB)
    watcher.open()
    expect((await answer(1)).type).toBe(FRAME.headers)
  })

  test('a client that does not read stops the app', async () => {
    await start()
    connection.write(frame(FRAME.settings, 0, 0, setting(INITIAL_WINDOW, 0)))
    connection.write(request('GET', 1, '/route/stream?chunks=500&size=10000'))
    expect((await answer(1)).type).toBe(FRAME.headers)
    await until('some chunks', () => watcher.count('chunk') > 0)
    const chunks = await settled(() => watcher.count('chunk'))
    expect(chunks).toBeLessThan(50)
    connection.write(
      frame(FRAME.windowUpdate, 0, 0, uint32(5_000_000)),
      frame(FRAME.windowUpdate, 0, 1, uint32(5_000_000)),
    )
    await until('the rest', () => received(1) === 5_000_000)
    await connection.find(
      ({ type, flags }) => type === FRAME.data && (flags & FLAG.endStream) !== 0,
    )
  })

  test('a response without a window is reset after send-timeout, the others go on', async () => {
    await start({ sendTimeout: '1s' })
    connection.write(frame(FRAME.settings, 0, 0, setting(INITIAL_WINDOW, 0)))
    connection.write(request('GET', 1, '/route/endless'), request('GET', 3, '/route/never'))
    const reset = await connection.find(({ type }) => type === FRAME.reset)
    expect(reset?.stream).toBe(1)
    await until('the app to hear of it', () => watcher.count('closed') > 0)
    connection.write(request('GET', 5, '/route/status?code=204'))
    expect((await answer(5)).type).toBe(FRAME.headers)
  })

  test('a client that takes long for a whole response is not idle', async () => {
    await start({ keepAlive: '1s' })
    const size = 2 * MIB
    connection.write(request('GET', 1, `/route/bytes?size=${size}`))
    connection.write(frame(FRAME.windowUpdate, 0, 0, uint32(size)))
    // The app has given it away at once. The client takes a little now and then, for 3 s.
    const pieces = setInterval(
      () => connection.write(frame(FRAME.windowUpdate, 0, 1, uint32(Math.ceil(size / 30)))),
      100,
    )
    await until('all of it', () => received(1) === size || connection.isOver)
    clearInterval(pieces)
    expect(received(1)).toBe(size)
    expect(goaways()).toEqual([])
    // Now it is.
    await until('the goodbye', () => goaways().length > 0)
  })

  test('priorities are taken and change nothing', async () => {
    await start()
    connection.write(
      frame(FRAME.priority, 0, 7, Buffer.of(0x80, 0, 0, 1, 255)),
      // PRIORITY_UPDATE of RFC 9218.
      frame(0x10, 0, 0, Buffer.concat([uint32(1), Buffer.from('u=0, i')])),
      headers(1, [...fields('GET', '/p'), ['priority', 'u=9, nonsense;;']]),
    )
    expect((await answer(1)).type).toBe(FRAME.headers)
    expect(goaways()).toEqual([])
  })

  const answer = async (stream: number): Promise<Frame> =>
    (await connection.find(
      (found) =>
        found.stream === stream && (found.type === FRAME.headers || found.type === FRAME.reset),
    ))!
  const goaways = () => connection.frames.filter(({ type }) => type === FRAME.goaway)
  const received = (stream: number): number =>
    connection.frames
      .filter((found) => found.type === FRAME.data && found.stream === stream)
      .reduce((sum, { payload }) => sum + payload.length, 0)
  /** What the server has added to a stream's window. */
  const windows = (stream: number): number =>
    connection.frames
      .filter((found) => found.type === FRAME.windowUpdate && found.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
  const settings = (): Map<number, number> => {
    const found = connection.frames.find(
      ({ type, flags }) => type === FRAME.settings && (flags & FLAG.ack) === 0,
    )!
    const all = new Map<number, number>()
    for (let at = 0; at < found.payload.length; at += 6)
      all.set(found.payload.readUInt16BE(at), found.payload.readUInt32BE(at + 2))
    return all
  }
})

describe('trailers over HTTP/2', () => {
  test('go both ways in the node interface', async () => {
    const app = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      let body = ''
      for await (const piece of req) body += piece
      res.setHeader('trailer', 'x-sum')
      res.write(`${body} ${req.trailers['x-sent']}`)
      res.addTrailers({ 'x-sum': '42' })
      res.end()
    }
    const server = await startServer(app, { interface: 'node' })
    const session = connect(`http://${server.host}:${server.port}`)
    const stream = session.request({ ':method': 'POST' }, { waitForTrailers: true } as object)
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'after' }))
    stream.end('body')
    let trailers: IncomingHttpHeaders = {}
    stream.on('trailers', (found) => {
      trailers = found
    })
    let text = ''
    for await (const piece of stream) text += piece
    expect(text).toBe('body after')
    expect(trailers['x-sum']).toBe('42')
    session.destroy()
    await server.close()
  })
})

/** SETTINGS_INITIAL_WINDOW_SIZE. */
const INITIAL_WINDOW = 4

function setting(name: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(0, name), uint32(value)])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function fields(method: string, path: string): [string, string][] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'localhost'],
    [':path', path],
  ]
}

function request(method: string, stream: number, path: string, open = false): Buffer {
  return headers(stream, fields(method, path), open)
}

/** A count, once it has stayed the same for a while. */
async function settled(count: () => number): Promise<number> {
  let last = -1
  let since = 0
  await until('the count to settle', () => {
    const now = count()
    since = now === last ? since + 1 : 0
    last = now
    return since > 50
  })
  return last
}
