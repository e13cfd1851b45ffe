/** wsgi.file_wrapper: what is a file is sent by native code, everything else in blocks; the client sees no difference. */
import { connect as connectH2 } from 'node:http2'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { childrenOf, type Holdings, holdings, leaked } from '../support/leaks.ts'
import { CONFORMANCE_APP, describePython } from '../support/python.ts'
import type { TestServer } from '../support/server.ts'
import { startPython } from '../support/subject.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'

const SIZES = [0, 1, 8192, 100_000, 5_000_011]

describePython.each([1, 4])('files of a Python app with %i threads', (threads) => {
  const watcher = new FileWatcher()
  let server: TestServer
  let worker: number
  let before: Holdings
  beforeAll(async () => {
    server = await startPython(CONFORMANCE_APP, watcher, { threads })
    await Promise.all(Array.from({ length: 32 }, () => fetchOnce(server, '/route/file')))
    worker = childrenOf('self')[0]!.id
    before = holdings(worker)
  })
  afterAll(() => server.close())
  afterEach(async () => {
    await until('the worker to close its files', () => {
      return leaked(before, holdings(worker)).length === 0
    })
  })

  const bodyOf = async (target: string): Promise<Buffer> => (await fetchOnce(server, target)).body

  test.each(
    ['file', 'raw', 'memory', 'gzip'].flatMap((kind) => SIZES.map((size) => [kind, size] as const)),
  )('%s of %i bytes', async (kind, size) => {
    const answer = await fetchOnce(server, `/route/file?kind=${kind}&size=${size}`)
    expect(answer.status).toBe(200)
    expect(answer.body.equals(pattern(size))).toBe(true)
    // The server knows how long a file is.
    if (kind === 'file' || kind === 'raw')
      expect(answer.headers['content-length']).toBe(String(size))
  })

  test('from where the file stands', async () => {
    const whole = pattern(100_000)
    expect((await bodyOf('/route/file?at=99990')).equals(whole.subarray(99_990))).toBe(true)
    expect((await bodyOf('/route/file?at=100000')).length).toBe(0)
    expect((await bodyOf('/route/file?at=200000')).length).toBe(0)
    expect((await bodyOf('/route/file-leftover')).equals(whole.subarray(10))).toBe(true)
  })

  test('up to the declared length', async () => {
    for (const declared of [0, 1, 50_000, 99_999]) {
      const body = await bodyOf(`/route/file?declared=${declared}&at=1`)
      expect(body.equals(pattern(100_000).subarray(1, declared + 1))).toBe(true)
    }
  })

  test('in part, to who asks for that', async () => {
    const client = await Client.connect(server)
    const range = get('/route/file?size=5000011', 'Range: bytes=4000000-4999999')
    const answer = await client.request('GET', range)
    expect(answer.status).toBe(206)
    expect(answer.headers['content-range']).toBe('bytes 4000000-4999999/5000011')
    expect(answer.body.equals(pattern(5_000_011).subarray(4_000_000, 5_000_000))).toBe(true)
    await client.leave()
  })

  test('behind middleware, in blocks', async () => {
    for (const blocks of [1000, 8192, 1_000_000]) {
      const body = await bodyOf(`/route/file-in-blocks?size=300000&blocks=${blocks}`)
      expect(body.equals(pattern(300_000))).toBe(true)
    }
  })

  test('are not sent for HEAD, but their length is', async () => {
    const client = await Client.connect(server)
    for (const size of [100, 5_000_011]) {
      const head = get(`/route/file?size=${size}`).replace('GET', 'HEAD')
      const answer = await client.request('HEAD', head)
      expect(answer).toMatchObject({ status: 200, framing: 'none' })
      expect(answer.headers['content-length']).toBe(String(size))
      expect((await client.request('GET', get('/route/early'))).body.toString()).toBe('early')
    }
    await client.leave()
  })

  test('keep the connection, one after another', async () => {
    const client = await Client.connect(server)
    for (const size of [100, 5_000_011, 70_000, 0, 200_000]) {
      const answer = await client.request('GET', get(`/route/file?size=${size}`))
      expect(answer.body.equals(pattern(size))).toBe(true)
    }
    await client.leave()
  })

  test('go to many clients at a time', async () => {
    const bodies = await Promise.all(
      Array.from({ length: 40 }, (_, index) => bodyOf(`/route/file?size=${index * 40_000}`)),
    )
    for (const [index, body] of bodies.entries())
      expect(body.equals(pattern(index * 40_000))).toBe(true)
  })

  test('go over HTTP/2', async () => {
    const session = connectH2(`http://${server.host}:${server.port}`)
    const pieces: Buffer[] = []
    const stream = session.request({ ':path': '/route/file?size=5000011' })
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    await within(PATIENCE_MS, 'the file', () => new Promise((resolve) => stream.on('end', resolve)))
    session.destroy()
    expect(Buffer.concat(pieces).equals(pattern(5_000_011))).toBe(true)
  })

  test('are closed, also when the client leaves', async () => {
    watcher.reset()
    await bodyOf('/route/file?kind=memory')
    await until('the end', () => watcher.count('closed') === 1)
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/file?kind=memory&size=50000000&blocks=65536'))
    await until('the beginning', () => client.bodyBytes > 0)
    await client.reset()
    await until('the end', () => watcher.count('closed') === 2)
  })

  test('that shrink while they are sent break off, so that the client sees it', async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/file-truncated'))
    await expect(client.response()).rejects.toThrow(/ended/)
    await client.leave()
    expect((await bodyOf('/route/early')).toString()).toBe('early')
  })

  test('that are shorter than declared are no whole answer', async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/file?size=100000&declared=200000'))
    const answer = await client.response().catch(() => undefined)
    expect(answer?.status ?? 500).toBe(500)
    await client.leave()
    expect((await bodyOf('/route/early')).toString()).toBe('early')
  })
})
