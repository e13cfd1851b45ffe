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
  start('200 OK', declared === null ? [] : [['Content-Length', declared]])
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
