/** wsgi.file_wrapper in TypeScript: what is a file is sent by native code, everything else in blocks; the client sees no difference. */
import { createReadStream, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { connect as connectH2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Environ, StartResponse } from 'monodon'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { type Holdings, holdings, leaked } from '../support/leaks.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'

const SIZES = [0, 1, 16_384, 16_385, 100_000, 5_000_011]

let folder: string
let server: TestServer
let before: Holdings

/** Fails a response for which JavaScript reads. */
const forbid = (handle: FileHandle): FileHandle =>
  Object.assign(handle, { read: () => Promise.reject(new Error('JavaScript has read')) })

async function fileOf(
  query: URLSearchParams,
): Promise<Parameters<Environ['wsgi.file_wrapper']>[0]> {
  const path = join(folder, query.get('name') ?? '100000')
  const [start, end] = [Number(query.get('start')), Number(query.get('end'))]
  switch (query.get('kind')) {
    case 'url':
      return pathToFileURL(path)
    case 'handle': {
      const handle = await open(path)
      if (start > 0) await handle.read(Buffer.alloc(start), 0, start)
      return forbid(handle)
    }
    case 'stream':
      return createReadStream(path, end > 0 ? { start, end } : { start })
    case 'stream-of-handle':
      return (await open(path)).createReadStream(end > 0 ? { start, end } : { start })
    case 'begun': {
      const stream = createReadStream(path, { highWaterMark: 1000 })
      await new Promise<void>((resolve) => stream.once('readable', () => resolve()))
      stream.read(10)
      return stream
    }
    case 'encoded':
      return createReadStream(path, 'latin1')
    case 'object': {
      const handle = await open(path)
      return {
        read: async (size: number) => {
          const { bytesRead, buffer } = await handle.read(Buffer.alloc(size), 0, size)
          return buffer.subarray(0, bytesRead)
        },
        close: () => handle.close(),
      }
    }
    default:
      return path
  }
}

async function app(environ: Environ, start: StartResponse) {
  const query = new URLSearchParams(environ.QUERY_STRING)
  const declared = query.get('declared')
  const fields = query.getAll('field').map((field) => field.split(': ') as [string, string])
  if (declared !== null) fields.push(['Content-Length', declared])
  start(query.get('status') ?? '200 OK', fields)
  const file = await fileOf(query)
  return environ['wsgi.file_wrapper'](file)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-wsgi-files-'))
  for (const size of SIZES) writeFileSync(join(folder, String(size)), pattern(size))
  server = await startServer(app, { interface: 'wsgi' })
  await fetchOnce(server, '/')
  before = holdings()
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})
afterEach(() => until('the files to be closed', () => leaked(before, holdings()).length === 0))

const answerTo = (query: string) => fetchOnce(server, `/?${query}`)

test.each(
  ['path', 'url', 'handle', 'stream', 'stream-of-handle', 'object'].flatMap((kind) =>
    SIZES.map((size) => [kind, size] as const),
  ),
)('%s of %i bytes', async (kind, size) => {
  // A file that is empty, as far as the system tells, has to be read to know.
  if (kind === 'handle' && size === 0) return
  const answer = await answerTo(`kind=${kind}&name=${size}`)
  expect(answer.status).toBe(200)
  expect(answer.body.equals(pattern(size))).toBe(true)
  if (kind !== 'object' && size > 0) expect(answer.headers['content-length']).toBe(String(size))
})

test('from where a file stands, and the part of a stream', async () => {
  const whole = pattern(100_000)
  for (const [query, from, to] of [
    ['kind=handle&start=10', 10, 100_000],
    ['kind=handle&start=99999', 99_999, 100_000],
    ['kind=handle&start=100000', 100_000, 100_000],
    ['kind=handle&start=10&declared=20000', 10, 20_010],
    ['kind=stream&start=10', 10, 100_000],
    ['kind=stream&start=10&end=50000', 10, 50_001],
    ['kind=stream&start=10&end=500000', 10, 100_000],
    ['kind=stream-of-handle&start=5&end=40000', 5, 40_001],
    ['kind=stream&start=100000', 100_000, 100_000],
    ['declared=0', 0, 0],
    ['declared=99999', 0, 99_999],
    ['kind=begun', 10, 100_000],
    ['kind=encoded&declared=5', 0, 5],
  ] as const) {
    const { body } = await answerTo(query)
    expect(body.equals(whole.subarray(from, to)), query).toBe(true)
  }
})

test.runIf(process.platform === 'linux')('what has no size is read', async () => {
  const answer = await answerTo('name=../../proc/self/status')
  expect(answer.body.toString()).toMatch(/^Name:/)
})

const TAG = 'field=ETag: "a"'
const OLD = 'field=Last-Modified: Sun, 02 Jan 2000 00:00:00 GMT'

test.each([
  ['a part', '', ['Range: bytes=10-19'], 206, 10, 20],
  ['the end', '', ['Range: bytes=-5'], 206, 99_995, 100_000],
  ['a large part', '', ['Range: bytes=1-'], 206, 1, 100_000],
  ['a part of what is left', 'start=50', ['Range: bytes=10-19'], 206, 60, 70],
  ['a part of what was declared', 'declared=100', ['Range: bytes=90-500'], 206, 90, 100],
  ['nothing beyond the end', '', ['Range: bytes=100000-'], 416, 0, 0],
  ['all, of a form that is none', '', ['Range: lines=1-2'], 200, 0, 100_000],
  ['a part of what is still the same', TAG, ['Range: bytes=1-2', 'If-Range: "a"'], 206, 1, 3],
  ['all of what is another', TAG, ['Range: bytes=1-2', 'If-Range: "b"'], 200, 0, 100_000],
  ['all of what cannot be known', '', ['Range: bytes=1-2', 'If-Range: "a"'], 200, 0, 100_000],
  ['nothing new', TAG, ['If-None-Match: W/"a"'], 304, 0, 0],
  ['nothing since then', OLD, ['If-Modified-Since: Sun, 02 Jan 2000 00:00:00 GMT'], 304, 0, 0],
  ['all that is new', TAG, ['If-None-Match: "b"'], 200, 0, 100_000],
  ['nothing of another', TAG, ['If-Match: "b"'], 412, 0, 0],
  ['all that has no tag', '', ['If-None-Match: *', 'If-Match: "b"'], 200, 0, 100_000],
  [
    'all where the app sees to it',
    'field=Accept-Ranges: none',
    ['Range: bytes=1-2'],
    200,
    0,
    100_000,
  ],
  ['all that is not a 200', 'status=203 Other', ['Range: bytes=1-2'], 203, 0, 100_000],
] as const)('who asks under conditions gets %s', async (_, query, fields, status, from, to) => {
  const client = await Client.connect(server)
  const target = `/?kind=handle&${encodeURI(query)}`
  const answer = await client.request('GET', get(target, ...fields))
  expect(answer.status).toBe(status)
  expect(answer.body.equals(pattern(100_000).subarray(from, to))).toBe(true)
  if (status === 206) {
    const total = query.startsWith('declared') ? 100 : query.startsWith('start') ? 99_950 : 100_000
    const at = query.startsWith('start') ? from - 50 : from
    const range = `bytes ${at}-${at + to - from - 1}/${total}`
    expect(answer.headers['content-range']).toBe(range)
  }
  expect((await client.request('GET', get('/?name=1'))).body.length).toBe(1)
  await client.leave()
})

test('who asks for several parts gets them in one body', async () => {
  const client = await Client.connect(server)
  const fields = ['Range: bytes=0-4,50000-50009,-3']
  const query = encodeURI('field=Content-Type: video/mp4')
  const answer = await client.request('GET', get(`/?kind=handle&${query}`, ...fields))
  expect(answer.status).toBe(206)
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(
    answer.headers['content-type']!,
  )![1]
  const part = (from: number, to: number): string => {
    const bytes = Buffer.from(pattern(100_000).subarray(from, to)).toString('latin1')
    const range = `content-range: bytes ${from}-${to - 1}/100000`
    return `\r\n--${boundary}\r\ncontent-type: video/mp4\r\n${range}\r\n\r\n${bytes}`
  }
  const expected = `${part(0, 5)}${part(50_000, 50_010)}${part(99_997, 100_000)}\r\n--${boundary}--\r\n`
  expect(answer.body.toString('latin1')).toBe(expected)
  await client.leave()
})

test('HEAD tells the length, and the connection goes on', async () => {
  const client = await Client.connect(server)
  for (const size of [1, 5_000_011]) {
    const head = get(`/?kind=handle&name=${size}`).replace('GET', 'HEAD')
    const answer = await client.request('HEAD', head)
    expect(answer).toMatchObject({ status: 200, framing: 'none' })
    expect(answer.headers['content-length']).toBe(String(size))
    const whole = await client.request('GET', get(`/?kind=handle&name=${size}`))
    expect(whole.body.equals(pattern(size))).toBe(true)
  }
  await client.leave()
})

test('to many clients at a time, and over HTTP/2', async () => {
  const bodies = await Promise.all(
    Array.from({ length: 40 }, async (_, at) => (await answerTo(`kind=handle&start=${at}`)).body),
  )
  for (const [at, body] of bodies.entries())
    expect(body.equals(pattern(100_000).subarray(at))).toBe(true)
  const session = connectH2(`http://${server.host}:${server.port}`)
  const pieces: Buffer[] = []
  const stream = session.request({ ':path': '/?kind=handle&name=5000011' })
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  await within(PATIENCE_MS, 'the file', () => new Promise((resolve) => stream.on('end', resolve)))
  session.destroy()
  expect(Buffer.concat(pieces).equals(pattern(5_000_011))).toBe(true)
})

test('a file that is shorter than was declared is a 500', async () => {
  for (const kind of ['path', 'stream', 'handle'])
    expect((await answerTo(`kind=${kind}&declared=100001`)).status).toBe(500)
  expect((await answerTo('name=missing')).status).toBe(500)
  expect((await answerTo('kind=stream&name=missing')).status).toBe(500)
})

test('a client that leaves, or does not read, holds no file of the app', async () => {
  const client = await Client.connect(server, ['GET'])
  await client.write(get('/?kind=handle&name=5000011'))
  await until('the beginning', () => client.bodyBytes > 0)
  await client.reset()
  await until('the end', () => server.count('claimed') === 0)
})

test('a file that shrinks breaks off, so that the client sees it', async () => {
  writeFileSync(join(folder, 'shrinks'), Buffer.alloc(60_000_000))
  const client = await Client.connect(server, ['GET'])
  client.socket.once('data', () => client.socket.pause())
  await client.write(get('/?name=shrinks'))
  await until('the beginning', () => client.socket.isPaused())
  truncateSync(join(folder, 'shrinks'), 0)
  client.socket.resume()
  await expect(client.response()).rejects.toThrow(/ended/)
  await client.leave()
})

test('a worker in a process reads them, and the client sees no difference', async () => {
  const source = `
    import { createReadStream } from 'node:fs'
    export default (environ, start) => {
      start('200 OK', [])
      const name = new URL('./300000', import.meta.url)
      const file = environ.PATH_INFO === '/stream' ? createReadStream(name) : name
      return environ['wsgi.file_wrapper'](file)
    }`
  writeFileSync(join(folder, '300000'), pattern(300_000))
  writeFileSync(join(folder, 'app.mjs'), source)
  const flags = ['--worker-class', 'process', '--interface', 'wsgi']
  const spawned = await SpawnedServer.start('app.mjs', flags, {}, folder)
  for (const path of ['/path', '/stream'])
    expect((await fetchOnce(spawned, path)).body.equals(pattern(300_000))).toBe(true)
  expect(await spawned.stop()).toBe(0)
})
