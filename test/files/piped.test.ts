/** Files that apps of the node interface pipe to a response: native code reads them, and nobody sees a difference. */

import fs, { createReadStream, openSync, type ReadStream, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, pipeline } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { type Address, Client, fetchOnce, get } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { newSite, type Site } from './site.ts'

const SMALL = pattern(50_000)
const LARGE = pattern(5_000_011)

type Route = (path: string, res: ServerResponse) => unknown

/** What native code reads. */
const NATIVE: Readonly<Record<string, Route>> = {
  '/pipe': (path, res) => createReadStream(path).pipe(res),
  '/length': (path, res) => {
    res.setHeader('content-length', fs.statSync(path).size)
    createReadStream(path).pipe(res)
  },
  '/pipeline': (path, res) => pipeline(createReadStream(path), res, () => undefined),
  '/part': (path, res) => createReadStream(path, { start: 10, end: 39_999 }).pipe(res),
  '/from': (path, res) => createReadStream(path, { start: 40_000 }).pipe(res),
  '/handle': async (path, res) => (await open(path)).createReadStream().pipe(res),
  '/position': (path, res) => {
    const fd = openSync(path, 'r')
    fs.readSync(fd, Buffer.alloc(7))
    createReadStream('', { fd }).pipe(res)
  },
  '/after': (path, res) => {
    res.write('before')
    createReadStream(path).pipe(res)
  },
  '/two': (path, res) => {
    const first = createReadStream(path)
    first.pipe(res, { end: false })
    first.on('end', () => {
      res.write('between')
      createReadStream(path).pipe(res)
    })
  },
  '/slow-to-pipe': (path, res) => {
    const stream = createReadStream(path)
    stream.on('ready', () => setImmediate(() => stream.pipe(res)))
  },
}

/** What has to be read here. */
const READ: Readonly<Record<string, Route>> = {
  '/listener': (path, res) => {
    const stream = createReadStream(path)
    stream.pipe(res)
    stream.on('data', () => undefined)
  },
  '/transform': (path, res) => createReadStream(path).pipe(new PassThrough()).pipe(res),
  '/encoded': (path, res) => createReadStream(path, 'latin1').pipe(res),
  '/own-write': (path, res) => {
    const write = res.write.bind(res) as (chunk: Buffer) => boolean
    res.write = ((chunk: Buffer) => write(Buffer.from(chunk.map((byte) => byte ^ 1)))) as never
    createReadStream(path).pipe(res)
  },
  '/no-content': (path, res) => {
    res.statusCode = 204
    createReadStream(path).pipe(res)
  },
  '/own-push': (path, res) => {
    const stream = createReadStream(path)
    const push = stream.push.bind(stream)
    stream.push = (chunk, encoding) => push(chunk, encoding)
    stream.pipe(res)
  },
  '/both': (path, res) => {
    const stream = createReadStream(path)
    stream.pipe(res)
    stream.pipe(new PassThrough().resume())
  },
  '/begun': (path, res) => {
    const stream = createReadStream(path)
    stream.once('readable', () => {
      res.write(stream.read(100))
      stream.pipe(res)
    })
  },
}

/** What each route has told of its stream and its response, in order. */
let told: string[] = []

function listenerOf(site: Site): RequestListener {
  return (req, res) => {
    const { pathname, searchParams } = new URL(req.url!, 'http://host')
    const path = site.path(searchParams.get('name') ?? 'small')
    for (const event of ['pipe', 'finish', 'close']) res.on(event, () => told.push(`res ${event}`))
    res.on('pipe', (readable) => {
      const stream = readable as ReadStream
      for (const event of ['end', 'close', 'error'])
        stream.on(event, () => told.push(`stream ${event} after ${stream.bytesRead}`))
    })
    ;(NATIVE[pathname] ?? READ[pathname] ?? other)(path, res)
  }
}

/** Set by a test. */
let other: Route

let site: Site
let server: TestServer
const node = createServer((req, res) => listenerOf(site)(req, res))
let onNode: Address

beforeAll(async () => {
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', () => resolve()))
  const { port } = node.address() as AddressInfo
  onNode = { host: '127.0.0.1', port }
})
afterAll(() => node.close())

beforeEach(async () => {
  site = newSite()
  site.write('small', SMALL)
  site.write('large', LARGE)
  server = await startServer(listenerOf(site), { interface: 'node' })
})
afterEach(() => server.close())

/** Whether JavaScript reads files while `ask` is answered, and what comes of it. */
async function watched<T>(ask: () => Promise<T>): Promise<[reads: number, outcome: T]> {
  const reads = vi.spyOn(fs, 'read')
  try {
    const outcome = await ask()
    return [reads.mock.calls.length, outcome]
  } finally {
    reads.mockRestore()
  }
}

/** The body, and what was told until the response had closed. */
async function story(address: Address, target: string) {
  told = []
  // Who left at the last byte would be gone, perhaps, before the stream has ended: nothing closes it then.
  const client = await Client.connect(address)
  const { status, body } = await client.request('GET', get(target))
  await until('the end of all streams', () => {
    const count = (pattern: RegExp): number => told.filter((line) => pattern.test(line)).length
    return count(/close/) === count(/res pipe/) + 1
  })
  await client.leave()
  // When a file is closed the system decides: that may come between others.
  const isClosed = (line: string): boolean => line.startsWith('stream close')
  const inOrder = told.filter((line) => !isClosed(line))
  return { status, body: body.toString('latin1'), told: [...inOrder, ...told.filter(isClosed)] }
}

for (const name of ['small', 'large'])
  test.each(Object.keys(NATIVE))(`%s: native code reads a ${name} file`, async (route) => {
    const target = `${route}?name=${name}`
    const expected = await story(onNode, target)
    const [reads, found] = await watched(() => story(server, target))
    expect(found.body === expected.body).toBe(true)
    expect(found).toMatchObject({ status: expected.status, told: expected.told })
    // A stream of a handle reads by that.
    if (route !== '/handle') expect(reads).toBe(0)
  })

test.each(Object.keys(READ))('%s: the stream reads by itself', async (route) => {
  const expected = await story(onNode, route)
  const [reads, found] = await watched(() => story(server, route))
  expect(found.body === expected.body).toBe(true)
  expect(found.told).toEqual(expected.told)
  expect(reads).toBeGreaterThan(0)
})

test('conditions and parts are the app’s to see to', async () => {
  for (const field of ['Range: bytes=0-9', 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT']) {
    const client = await Client.connect(server)
    const response = await client.request('GET', get('/length', field))
    expect(response, field).toMatchObject({ status: 200, headers: { 'content-length': '50000' } })
    expect(response.headers, field).not.toHaveProperty('accept-ranges')
    await client.leave()
  }
})

test('HEAD has no body', async () => {
  const client = await Client.connect(server)
  const response = await client.request('HEAD', get('/length').replace('GET', 'HEAD'))
  expect(response).toMatchObject({ status: 200, headers: { 'content-length': '50000' } })
  await client.leave()
})

test('a file that is not there is an error of the stream', async () => {
  other = (path, res) =>
    createReadStream(`${path}-not`)
      .on('error', () => res.end('no'))
      .pipe(res)
  const { body } = await fetchOnce(server, '/missing')
  expect(body.toString()).toBe('no')
})

test('a file of which the system tells no length is read to its end', async () => {
  other = (_, res) => createReadStream('/proc/self/status').pipe(res)
  const { body } = await fetchOnce(server, '/proc')
  expect(body.toString()).toContain('VmRSS')
})

test('a client that leaves is told as in Node, and the file is closed', async () => {
  site.write('huge', '')
  fs.truncateSync(site.path('huge'), 1024 ** 3)
  const outcomes: (string | undefined)[] = []
  other = (path, res) => {
    res.on('finish', () => outcomes.push('finish'))
    pipeline(createReadStream(path), res, (error) => outcomes.push(error?.code))
  }
  const [reads] = await watched(async () => {
    const client = await Client.connect(server)
    client.socket.pause()
    client.socket.write(get('/?name=huge'))
    await until('a response', () => server.count('requests') === 1 && told.includes('res pipe'))
    client.socket.destroy()
    await until('the outcome', () => outcomes.length > 0)
  })
  expect(outcomes).toEqual(['ERR_STREAM_PREMATURE_CLOSE'])
  // What is not handed over is read by the stream; it comes to the first read at most.
  expect(reads).toBeLessThan(2)
})

test('a stream that is unpiped amid a file goes on by itself from there', async () => {
  other = (path, res) => {
    const stream = createReadStream(path)
    stream.pipe(res)
    // Its first piece was handed over then; the client has not taken it.
    const check = setInterval(() => {
      if (stream.bytesRead === 0) return
      clearInterval(check)
      stream.unpipe(res)
      setImmediate(() => stream.pipe(res))
    }, 1)
  }
  const { body } = await fetchOnce(server, '/?name=large')
  expect(Buffer.compare(body, LARGE)).toBe(0)
})

test('a file that becomes shorter is cut off', async () => {
  await server.close()
  server = await startServer(listenerOf(site), { interface: 'node', logLevel: 'critical' })
  site.write('huge', '')
  fs.truncateSync(site.path('huge'), 256 * 1024 ** 2)
  other = (path, res) => {
    res.setHeader('content-length', 256 * 1024 ** 2)
    createReadStream(path).pipe(res)
  }
  const client = await Client.connect(server)
  client.socket.pause()
  client.expect('GET')
  client.socket.write(get('/?name=huge'))
  await until('a response', () => told.includes('res pipe'))
  writeFileSync(site.path('huge'), '')
  client.socket.resume()
  await expect(client.response()).rejects.toThrow()
  await client.leave()
})
