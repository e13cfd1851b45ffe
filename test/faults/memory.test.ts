/** Bodies of 200 MB to and from slow peers: neither side's memory grows with them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { memory } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import type { AppKind } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const BODY = 200_000_000
const GROWTH_KIB = 32 * 1024
/** 200 MB in small portions take long on a busy machine. */
const TRANSFER_MS = 170_000
const CHUNK = Buffer.alloc(65_536, 'x')

const memorySuite =
  (kind: AppKind, flags: readonly string[] = []) =>
  () => {
    const watcher = new FileWatcher()
    let server: SpawnedServer
    beforeAll(async () => {
      const all = ['--limit-request-body', '1gb', ...flags]
      server = await SpawnedServer.conformance(kind, all, watcher.env)
      await warmUp(server)
    })
    afterAll(async () => {
      expect(await server.stop()).toBe(0)
      watcher.remove()
    })

    test('200 MB to a client that reads slowly', async () => {
      const growth = watchGrowth(server)
      const client = await Client.connect(server, ['GET'])
      let received = 0
      client.socket.removeAllListeners('data')
      client.socket.on('data', (bytes: Buffer) => {
        received += bytes.length
        client.socket.pause()
        setTimeout(() => client.socket.resume(), 1)
      })
      await client.write(get('/route/stream?chunks=2000&size=100000', 'Connection: close'))
      await until('the body', () => received > BODY, TRANSFER_MS)
      await client.leave()
      expect(growth.stop()).toBeLessThan(GROWTH_KIB)
    })

    test('200 MB from a client, to an app that reads slowly', async () => {
      const growth = watchGrowth(server)
      const client = await upload(server, '/route/sink?delay=1')
      expect((await client.response(TRANSFER_MS)).body.toString()).toBe(String(BODY))
      await client.leave()
      expect(growth.stop()).toBeLessThan(GROWTH_KIB)
    })

    test('200 MB through an app that sends back what it reads, to a client that reads slowly', async () => {
      const growth = watchGrowth(server)
      const client = await Client.connect(server, ['POST'])
      let received = 0
      client.socket.removeAllListeners('data')
      client.socket.on('data', (bytes: Buffer) => {
        received += bytes.length
        client.socket.pause()
        setTimeout(() => client.socket.resume(), 1)
      })
      void sendBody(client, '/route/echo?piece=65536')
      await until('the echo', () => received > BODY, TRANSFER_MS)
      await client.leave()
      expect(growth.stop()).toBeLessThan(GROWTH_KIB)
    })

    test('an upload that nobody reads stops at the client', async () => {
      const growth = watchGrowth(server)
      const client = await Client.connect(server, ['POST'])
      void sendBody(client, '/route/gate')
      let sent = -1
      await until('the upload to stall', async () => {
        const before = sent
        sent = client.socket.bytesWritten - client.socket.writableLength
        await sleep(300)
        return sent === before
      })
      expect(sent).toBeLessThan(24_000_000)
      // A FIN would stand behind bytes that nobody reads.
      await client.reset()
      // An app that blocks would hold up the stop.
      watcher.open()
      expect(growth.stop()).toBeLessThan(GROWTH_KIB)
    })
  }

describe.each(['wsgi', 'fetch', 'node'] as const)('a %s app', (kind) => memorySuite(kind)())
describe('a fetch app in a process', memorySuite('fetch', ['--worker-class', 'process']))
describePython('a Python app', memorySuite('python'))

/** What the server opens and allocates once is there before anything is measured. */
async function warmUp(server: SpawnedServer): Promise<void> {
  await fetchOnce(server, '/route/stream?chunks=200&size=100000')
  const client = await Client.connect(server, ['POST'])
  await client.write(
    `POST /route/sink HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 * CHUNK.length}\r\n\r\n`,
  )
  for (let sent = 0; sent < 64; sent += 1) await client.write(CHUNK)
  await client.response()
  await client.leave()
}

async function upload(server: SpawnedServer, target: string): Promise<Client> {
  const client = await Client.connect(server, ['POST'])
  await sendBody(client, target)
  return client
}

/** Sends 200 MB as fast as the server takes them. */
async function sendBody(client: Client, target: string): Promise<void> {
  await client.write(
    `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY}\r\n\r\n`,
  )
  for (let left = BODY; left > 0 && !client.socket.destroyed; left -= CHUNK.length)
    await client.write(CHUNK.subarray(0, Math.min(left, CHUNK.length)))
}

/** Samples resident memory; `stop` gives the largest growth in KiB, of the server or of a worker process. */
function watchGrowth(server: SpawnedServer): { stop(): number } {
  const watched = [server.pid, ...server.workers].map((pid) => {
    const before = memory(pid, 'VmRSS')
    return { pid, before, largest: before }
  })
  const sample = () => {
    for (const one of watched) one.largest = Math.max(one.largest, memory(one.pid, 'VmRSS'))
  }
  const timer = setInterval(sample, 10)
  return {
    stop: () => {
      clearInterval(timer)
      sample()
      return Math.max(...watched.map(({ before, largest }) => largest - before))
    },
  }
}
