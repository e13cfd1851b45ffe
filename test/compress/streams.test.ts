/** Compressed streams that are long, slow, or many. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNodeApp } from '../support/apps/node.ts'
import { Watcher } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { memory } from '../support/leaks.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'
import { CODINGS, decode, LiveDecoder } from './support.ts'

const BODY = 100_000_000
const GROWTH_KIB = 64 * 1024
const TRANSFER_MS = 120_000

describe.each(CODINGS)('100 MB by %s', (coding) => {
  let server: SpawnedServer
  beforeAll(async () => {
    server = await SpawnedServer.conformance('node', ['--compress', coding])
    // What a first stream allocates stays.
    await download(10_000_000)
  })
  afterAll(async () => expect(await server.stop()).toBe(0))

  /** Reads a stream of so many bytes to its end; gives the most memory that the server had. */
  async function download(bytes: number): Promise<number> {
    const client = await Client.connect(server, ['GET'])
    const target = `/route/stream?chunks=${bytes / 100_000}&size=100000`
    let peak = 0
    const timer = setInterval(() => {
      peak = Math.max(peak, memory(server.pid, 'VmRSS'))
    }, 10)
    await client.write(get(target, `Accept-Encoding: ${coding}`, 'Connection: close'))
    const answer = await client.response(TRANSFER_MS)
    clearInterval(timer)
    await client.leave()
    expect(answer.headers['content-encoding']).toBe(coding)
    const decoder = new LiveDecoder(coding, false)
    decoder.push(answer.body)
    await until('the whole body', () => decoder.bytes === bytes, TRANSFER_MS)
    return peak
  }

  test('take no more memory than 10', async () => {
    const before = memory(server.pid, 'VmRSS')
    expect((await download(BODY)) - before).toBeLessThan(GROWTH_KIB)
  })
})

test('a client that does not read stops the app', async () => {
  let produced = 0
  let isOver = false
  const app = (request: Request) => {
    request.signal.addEventListener('abort', () => {
      isOver = true
    })
    const body = new ReadableStream({
      pull(controller) {
        // Text that gets only a quarter smaller.
        const text = Buffer.from(crypto.getRandomValues(new Uint8Array(48_000))).toString('base64')
        produced += text.length
        controller.enqueue(Buffer.from(text))
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/plain' } })
  }
  const server = await startServer(app, { interface: 'fetch', compress: ['zstd'] })
  const client = await Client.connect(server, ['GET'])
  client.socket.pause()
  await client.write(get('/', 'Accept-Encoding: zstd'))
  let before = -1
  await until('the app to be held back', async () => {
    const now = produced
    const isStill = now > 0 && now === before
    before = now
    await new Promise((resolve) => setTimeout(resolve, 300))
    return isStill
  })
  // The kernel's buffers on both sides, and what is on its way through the encoder.
  expect(produced).toBeLessThan(24_000_000)
  await client.reset()
  await until('the app to notice', () => isOver)
  await server.close()
})

test('hundreds of open streams: some are compressed, all are live', async () => {
  const watcher = new Watcher()
  const server = await startServer(createNodeApp(watcher), {
    interface: 'node',
    compress: ['gzip'],
    ioThreads: 1,
  })
  const clients: Client[] = []
  await parallel(Array.from({ length: 300 }).keys(), 30, async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/events?idle', 'Accept-Encoding: gzip'))
    await until('the first event', () => client.bodyBytes > 0)
    clients.push(client)
  })
  const codings = clients.map((client) => client.partial?.headers['content-encoding'])
  expect(codings.filter((coding) => coding === 'gzip').length).toBe(256)
  for (const client of clients) expect(client.partial?.headers['vary']).toBe('Accept-Encoding')
  await Promise.all(clients.map((client) => client.leave()))
  await until('all to be noticed', () => watcher.count('gone') === 300)
  // Their places are free again.
  const client = await Client.connect(server)
  const next = await client.request('GET', get('/route/text?size=5000', 'Accept-Encoding: gzip'))
  expect(next.headers['content-encoding']).toBe('gzip')
  await client.leave()
  await server.close()
})

test('clients that leave amid large bodies leave nothing behind', async () => {
  const server = await startServer(createNodeApp(new Watcher()), {
    interface: 'node',
    compress: ['br'],
    compressLevel: ['br=9'],
  })
  await parallel(Array.from({ length: 60 }).keys(), 12, async (index) => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/text?size=400000', 'Accept-Encoding: br'))
    if (index % 2 === 0) await until('the beginning', () => client.socket.bytesRead > 0)
    await (index % 3 === 0 ? client.leave() : client.reset())
  })
  const client = await Client.connect(server)
  const last = await client.request('GET', get('/route/text?size=9000', 'Accept-Encoding: br'))
  expect(decode('br', last.body).length).toBeGreaterThan(9000)
  await client.leave()
  expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  await server.close()
})
