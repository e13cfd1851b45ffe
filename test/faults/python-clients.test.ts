/** Clients of a Python app that leave at the wrong moment: nothing may be left behind, in the server or in the worker. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { holdings, memory } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

/** Clients of a case. */
const CLIENTS = 1000
/** Clients that leave before memory is measured: what grows once has grown by then. */
const WARM_UP = 500
const TOGETHER = 32
/** Growth of the worker's resident memory over all cases, in KiB. */
const WORKER_GROWTH = 8192
/** Growth of the server's. V8 and the native allocator take memory in steps of up to 32 MiB. */
const SERVER_GROWTH = 40_960
/** Growth while 32 files are sent at a time, in KiB: less than 2 MiB a client. */
const FILES_GROWTH = 65_536
/** Threads that may come with it: what reads files may block. */
const FILES_THREADS = 16

const CASES: Readonly<Record<string, { bytes: string; hasBegun: (client: Client) => boolean }>> = {
  'in the middle of its upload': {
    bytes: 'POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nten bytes.',
    hasBegun: () => true,
  },
  'before the answer': { bytes: get('/route/sleep?ms=5'), hasBegun: () => true },
  'in the middle of its download': {
    bytes: get('/route/stream?chunks=1000&size=20000'),
    hasBegun: (client) => client.socket.bytesRead > 0,
  },
  'in the middle of a file': {
    bytes: get('/route/file?kind=sparse&size=50000000'),
    hasBegun: (client) => client.socket.bytesRead > 0,
  },
}

describePython.each([1, 8])('a client of a Python app with %i threads leaves', (threads) => {
  const watcher = new FileWatcher()
  let server: SpawnedServer
  let before: Memory
  beforeAll(async () => {
    server = await SpawnedServer.conformance(
      'python',
      ['--threads', String(threads), '--io-threads', '1'],
      watcher.env,
    )
    for (const name of Object.keys(CASES)) await leaveOften(name, WARM_UP)
    before = memoryInUse()
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
    watcher.remove()
    expect(watcher.breaches).toEqual([])
  })

  test.each(Object.keys(CASES))('%s', async (name) => {
    await leaveOften(name, CLIENTS)
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  })

  test('and no memory is left behind, and no word in the log', () => {
    const now = memoryInUse()
    expect(now.server - before.server).toBeLessThan(SERVER_GROWTH)
    expect(now.worker - before.worker).toBeLessThan(WORKER_GROWTH)
    expect(server.entries('ERROR')).toEqual([])
  })

  /** In KiB, resident. */
  interface Memory {
    readonly server: number
    readonly worker: number
  }

  function memoryInUse(): Memory {
    return { server: memory(server.pid, 'VmRSS'), worker: memory(server.workers[0]!, 'VmRSS') }
  }

  /** `count` clients, some at a time, leave once their case has begun. */
  async function leaveOften(name: string, count: number): Promise<void> {
    const { bytes, hasBegun } = CASES[name]!
    for (let left = count; left > 0; left -= TOGETHER) {
      const clients = await Promise.all(
        Array.from({ length: Math.min(TOGETHER, left) }, async () => {
          const client = await Client.connect(server, ['GET'])
          void client.write(bytes)
          return client
        }),
      )
      await Promise.all(
        clients.map(async (client, index) => {
          await until('it to begin', () => hasBegun(client))
          await (index % 2 === 0 ? client.leave() : client.reset())
        }),
      )
    }
  }
})

describePython('files to many clients at a time', () => {
  let server: SpawnedServer
  beforeEach(async () => {
    server = await SpawnedServer.conformance('python', ['--io-threads', '1'])
  })
  afterEach(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('cost little memory and few threads, read or not', async () => {
    const size = 20_000_000
    const target = `/route/file?kind=sparse&size=${size}`
    await fetchOnce(server, target)
    const before = memory(server.pid, 'VmRSS')
    const threads = holdings(server.pid).threads.length
    const clients = await Promise.all(
      Array.from({ length: TOGETHER }, async () => {
        const client = await Client.connect(server, ['GET'])
        const received = { bytes: 0 }
        client.socket.removeAllListeners('data')
        client.socket.on('data', (bytes: Buffer) => {
          received.bytes += bytes.length
        })
        client.socket.pause()
        await client.write(get(target))
        return { client, received }
      }),
    )
    for (const { client } of clients) client.socket.resume()
    for (const { client, received } of clients) {
      await until('the file', () => received.bytes > size)
      await client.leave()
    }
    expect(holdings(server.pid).threads.length - threads).toBeLessThan(FILES_THREADS)
    expect(memory(server.pid, 'VmRSS') - before).toBeLessThan(FILES_GROWTH)
  })
})
