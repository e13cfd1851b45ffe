/** Responses of fetch apps over a file: native code sends what `fs.createReadStream` would read. */
import fs, { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Response as FastResponse } from 'monodon'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { type Holdings, holdings, leaked } from '../support/leaks.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const SIZE = 300_000

let folder: string
let server: TestServer
let before: Holdings

/** Files of streams that came to their end. */
const ends: string[] = []
/** Functions that streams were given for `fs.read`. */
const owns: ReturnType<typeof vi.fn>[] = []

const RESPONSES: Readonly<Record<string, (path: string) => Response>> = {
  '/whole': (path) => new FastResponse(createReadStream(path)),
  '/part': (path) =>
    new FastResponse(createReadStream(path, { start: 10, end: 99_999 }), {
      status: 206,
      headers: { 'content-range': `bytes 10-99999/${SIZE}`, 'content-type': 'video/mp4' },
    }),
  '/declared': (path) =>
    new FastResponse(createReadStream(path), { headers: { 'content-length': '70000' } }),
  '/missing': (path) => new FastResponse(createReadStream(`${path}-not`)),
  '/encoded': (path) => new FastResponse(createReadStream(path, 'latin1')),
  '/heard': (path) => {
    const stream = createReadStream(path)
    stream.once('end', () => ends.push(path))
    return new FastResponse(stream)
  },
  '/own-read': (path) => {
    const read: typeof fs.read = fs.read
    const own = { open: fs.open, close: fs.close, read: vi.fn(read) }
    owns.push(own.read)
    return new FastResponse(createReadStream(path, { fs: own as never }))
  },
  '/cloned': (path) => new FastResponse(createReadStream(path)).clone(),
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-fetch-files-'))
  const path = join(folder, 'file')
  writeFileSync(path, pattern(SIZE))
  const app = (request: Request) => RESPONSES[new URL(request.url).pathname]!(path)
  server = await startServer(app, { interface: 'fetch' })
  await fetchOnce(server, '/whole')
  before = holdings()
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})
afterEach(() => until('the files to be closed', () => leaked(before, holdings()).length === 0))

test.each([
  ['/whole', 200, 0, SIZE],
  ['/part', 206, 10, 100_000],
  ['/declared', 200, 0, 70_000],
])('%s is sent, and not read', async (path, status, from, to) => {
  const read = vi.spyOn(fs, 'read')
  const answer = await fetchOnce(server, path)
  expect(read).not.toHaveBeenCalled()
  read.mockRestore()
  expect(answer.status).toBe(status)
  expect(answer.headers['content-length']).toBe(String(to - from))
  expect(answer.body.equals(pattern(SIZE).subarray(from, to))).toBe(true)
})

test('HEAD tells the length, and the connection goes on', async () => {
  const client = await Client.connect(server)
  const head = await client.request('HEAD', get('/whole').replace('GET', 'HEAD'))
  expect(head).toMatchObject({ status: 200, framing: 'none' })
  expect(head.headers['content-length']).toBe(String(SIZE))
  const part = await client.request('GET', get('/part'))
  expect(part.headers).toMatchObject({ 'content-type': 'video/mp4' })
  await client.leave()
})

test('a stream that gives something else, or was looked at, is read', async () => {
  expect((await fetchOnce(server, '/cloned')).body.equals(pattern(SIZE))).toBe(true)
  expect((await fetchOnce(server, '/heard')).body.equals(pattern(SIZE))).toBe(true)
  expect(ends).toHaveLength(1)
  expect((await fetchOnce(server, '/own-read')).body.equals(pattern(SIZE))).toBe(true)
  expect(owns[0]).toHaveBeenCalled()
  const encoded = await fetchOnce(server, '/encoded')
  const text = Buffer.from(pattern(SIZE)).toString('latin1')
  expect(encoded.body.toString() === text).toBe(true)
})

test('a file that is not there is a 500', async () => {
  expect((await fetchOnce(server, '/missing')).status).toBe(500)
})
