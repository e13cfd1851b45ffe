/** Files that apps in processes hand over: descriptors go to the server, which sends them and closes them. */
import { execFileSync } from 'node:child_process'
import { readdirSync, truncateSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { type Holdings, holdings, leaked } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Site } from './site.ts'

const SMALL = pattern(50_000)
const LARGE = pattern(5_000_011)
const HUGE_BYTES = 1024 ** 3

const site = new Site()
afterAll(() => site.remove())
beforeAll(() => {
  site.write('small', SMALL)
  site.write('large', LARGE)
  site.write('huge', '')
  truncateSync(site.path('huge'), HUGE_BYTES)
})

/** A server with one worker for the tests of a suite. Each test leaves both as it has found them. */
function serving(kind: 'fetch' | 'node' | 'wsgi'): () => SpawnedServer {
  let server: SpawnedServer
  let before: Holdings
  let ofWorker: Holdings
  beforeAll(async () => {
    const flags = ['--interface', kind, '--worker-class', 'process', '--io-threads', '1']
    server = await SpawnedServer.start(`test/files/apps/files.mjs:${kind}`, flags, {
      FILES: site.root,
    })
    for (const name of ['small', 'large']) await fetchOnce(server, `/pipe?name=${name}`)
    before = server.holdings
    ofWorker = holdings(server.workers[0])
  })
  afterEach(async () => {
    await server.released(before)
    await until('the worker to close its files', () => {
      return (
        server.workers.length === 1 && leaked(ofWorker, holdings(server.workers[0]!)).length === 0
      )
    })
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })
  return () => server
}

async function readsOf(server: SpawnedServer): Promise<number> {
  return Number((await fetchOnce(server, '/reads')).body)
}

/** A client that has asked for a file and reads nothing of it, once there is something of a response. */
async function slowClient(server: SpawnedServer, target: string): Promise<Client> {
  const client = await Client.connect(server)
  client.expect('GET')
  const answered = new Promise((resolve) => client.socket.once('data', resolve))
  client.socket.write(get(target))
  await answered
  client.socket.pause()
  return client
}

/** Leaves the server without a free descriptor until `act` is done. */
async function withoutDescriptors({ pid }: SpawnedServer, act: () => Promise<void>): Promise<void> {
  const prlimit = (...flags: string[]) =>
    `${execFileSync('prlimit', ['--pid', `${pid}`, ...flags])}`
  const before = prlimit('--nofile', '--noheadings', '--raw', '--output', 'SOFT').trim()
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let free = 0
  while (used.has(free)) free++
  prlimit(`--nofile=${free}:`)
  try {
    await act()
  } finally {
    prlimit(`--nofile=${before}:`)
  }
}

/** Kills the worker, and waits for the next. */
async function replaceWorker(server: SpawnedServer): Promise<void> {
  const [worker] = server.workers
  process.kill(worker!, 'SIGKILL')
  await until('another worker', () => {
    const [next] = server.workers
    return next !== undefined && next !== worker
  })
}

describe.each([
  // Node closes no file that is only piped when the client leaves.
  ['node', ['/pipeline', '/pipe', '/express']],
  ['fetch', ['/whole']],
  ['wsgi', ['/wrapped']],
] as const)('of the interface %s', (kind, routes) => {
  const server = serving(kind)

  test.each(routes)('%s is sent, and not read', async (route) => {
    const before = await readsOf(server())
    for (const [name, content] of [
      ['small', SMALL],
      ['large', LARGE],
    ] as const) {
      const { status, body } = await fetchOnce(server(), `${route}?name=${name}`)
      expect(status).toBe(200)
      expect(body.equals(content), name).toBe(true)
    }
    expect(await readsOf(server())).toBe(before)
  })

  test('go to many clients at a time', async () => {
    const names = Array.from({ length: 60 }, (_, index) => (index % 6 === 0 ? 'large' : 'small'))
    const bodies = await Promise.all(
      names.map(async (name) => (await fetchOnce(server(), `${routes[0]}?name=${name}`)).body),
    )
    for (const [index, body] of bodies.entries())
      expect(body.equals(names[index] === 'large' ? LARGE : SMALL)).toBe(true)
  })

  test('cost their requests alone where the server has no descriptor for them', async () => {
    const [worker] = server().workers
    const client = await Client.connect(server())
    const ask = (target: string) => client.request('GET', get(target))
    expect((await ask('/reads')).status).toBe(200)
    await withoutDescriptors(server(), async () => {
      const refused = await ask(`${routes[0]}?name=large`)
      expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
      expect((await ask('/reads')).status).toBe(200)
    })
    expect((await ask(`${routes[0]}?name=large`)).body.equals(LARGE)).toBe(true)
    expect(server().workers).toEqual([worker])
    expect(server().entries('ERROR').join()).toContain('MONODON_FILE_NOT_RECEIVED')
    await client.leave()
  })

  test('are closed when the client leaves', async () => {
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => slowClient(server(), `${routes[0]}?name=huge`)),
    )
    for (const { socket } of clients) socket.destroy()
  })
})

describe('of the node interface', () => {
  const server = serving('node')

  test('are sent in part', async () => {
    const { body } = await fetchOnce(server(), '/part?name=large')
    expect(body.equals(LARGE.subarray(10, 40_000))).toBe(true)
  })

  test('come behind what was written before', async () => {
    const after = (await fetchOnce(server(), '/after?name=large')).body
    expect(after.equals(Buffer.concat([Buffer.from('before'), LARGE]))).toBe(true)
    const behind = (await fetchOnce(server(), '/behind?name=large')).body
    expect(behind.equals(Buffer.concat([Buffer.alloc(1_000_000, 'a'), LARGE]))).toBe(true)
  })

  test('are closed when the worker dies, and what it had not handed over is cut', async () => {
    const client = await slowClient(server(), '/pipe?name=huge')
    await replaceWorker(server())
    client.socket.resume()
    await expect(client.response()).rejects.toThrow()
    await client.leave()
    expect((await fetchOnce(server(), '/pipe?name=small')).body.equals(SMALL)).toBe(true)
  })
})

describe('of the fetch interface', () => {
  const server = serving('fetch')

  test('outlive their worker once they are handed over', async () => {
    const client = await slowClient(server(), '/whole?name=large')
    await replaceWorker(server())
    client.socket.resume()
    expect((await client.response()).body.equals(LARGE)).toBe(true)
    await client.leave()
    expect((await fetchOnce(server(), '/whole?name=small')).body.equals(SMALL)).toBe(true)
  })
})
