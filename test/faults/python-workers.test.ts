/** A worker process that is ruined costs what it had begun, and nothing else. Python, and JavaScript in processes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { type Holdings, isRunning } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import type { AppKind } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS, parallel, until, within } from '../support/wait.ts'

let server: SpawnedServer
let watcher: FileWatcher
let before: Holdings

async function start(kind: AppKind, ...flags: string[]): Promise<void> {
  watcher = new FileWatcher()
  const inProcess = kind === 'python' ? [] : ['--worker-class', 'process']
  server = await SpawnedServer.conformance(kind, [...inProcess, ...flags], watcher.env)
  expect(await early()).toBe(200)
  before = server.holdings
}

/** The status of a request that every server can answer. */
const early = async (): Promise<number> => (await fetchOnce(server, '/route/early')).status

/** Ends the server; it must hold no more than at first, and its workers must end with it. */
async function finish(): Promise<void> {
  const { workers } = server
  try {
    if (server.running) await server.released(before)
  } finally {
    expect(await server.stop()).toBe(0)
  }
  expect(workers.filter(isRunning)).toEqual([])
  watcher.remove()
  expect(watcher.breaches).toEqual([])
}

/** A client that stands at the gate of the app. */
async function holdAtGate(): Promise<Client> {
  const client = await Client.connect(server, ['GET'])
  const count = watcher.count('at the gate')
  await client.write(get('/route/gate'))
  await until('the gate', () => watcher.count('at the gate') > count)
  return client
}

const kindSuite = (kind: AppKind, ways: readonly string[]) => () => {
  afterEach(finish)

  test.each(ways)('that ends by "%s" answers 502 and is replaced', async (how) => {
    await start(kind)
    for (let round = 0; round < 3; round += 1) {
      const [worker] = server.workers
      const answer = await fetchOnce(server, `/route/ruin?how=${how}`)
      expect(answer).toMatchObject({ status: 502, framing: 'length' })
      expect(await early()).toBe(200)
      expect(server.workers).not.toContain(worker)
    }
    expect(server.entries('ERROR').join('')).toContain('MONODON_WORKER_DIED')
  })

  test('that hangs is killed after --timeout, which answers 504', async () => {
    await start(kind, '--timeout', '1s')
    const [worker] = server.workers
    const begin = performance.now()
    const answer = await fetchOnce(server, '/route/ruin?how=loop')
    expect(answer).toMatchObject({ status: 504, framing: 'length' })
    expect(performance.now() - begin).toBeGreaterThan(900)
    expect(await early()).toBe(200)
    expect(server.workers).not.toContain(worker)
    const hung = () => server.entries('ERROR').filter((entry) => entry.includes('WORKER_HUNG'))
    await until('an entry for the worker and one for the request', () => hung().length === 2)
    expect(hung().filter((entry) => entry.includes('GET /route/ruin?how=loop'))).toHaveLength(1)
    // A Python worker writes where it hangs.
    if (kind === 'python') expect(server.output).toMatch(/File ".*faults\.py", line \d+ in ruin/)
  })

  test('costs a connection nothing but its answer', async () => {
    await start(kind)
    const client = await Client.connect(server)
    expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    expect((await client.request('GET', get('/route/ruin?how=kill'))).status).toBe(502)
    expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    await client.leave()
  })

  test('costs the other worker nothing', async () => {
    await start(kind, '--workers', '2')
    const ruin = fetchOnce(server, '/route/ruin?how=kill')
    await parallel(Array(200).keys(), 8, async () => {
      expect([200, 502]).toContain(await early())
    })
    expect((await ruin).status).toBe(502)
    await parallel(Array(100).keys(), 8, async () => {
      expect(await early()).toBe(200)
    })
    await until('both workers', () => server.workers.length === 2)
  })

  test('is cut off in the middle of a response, so that the client sees it', async () => {
    await start(kind)
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/endless'))
    await until('the stream', () => client.bodyBytes > 0)
    process.kill(server.workers[0]!, 'SIGKILL')
    await expect(client.response()).rejects.toThrow(/ended/)
    expect(await early()).toBe(200)
  })

  test('is not outlived by its requests, nor by its server', async () => {
    await start(kind, '--workers', '2')
    const { workers } = server
    expect(workers).toHaveLength(2)
    await server.stop('SIGKILL')
    await until('the workers to go', () => !workers.some(isRunning))
    // Another one for `finish`.
    watcher.remove()
    await start(kind)
  })
}

describePython('a Python worker', kindSuite('python', ['exit', 'kill', 'abort']))
describe('a JavaScript worker in a process', kindSuite('fetch', ['exit', 'kill', 'abort', 'throw']))

describePython('a Python worker, and what waits for it', () => {
  afterEach(finish)

  test('is killed: what it ran gets 502, what waits is answered by its successor', async () => {
    await start('python')
    const held = await holdAtGate()
    const waiting = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await Client.connect(server, ['GET'])
        await client.write(get('/route/early'))
        return client
      }),
    )
    process.kill(server.workers[0]!, 'SIGKILL')
    expect((await held.response()).status).toBe(502)
    for (const client of waiting) {
      expect((await client.response()).body.toString()).toBe('early')
      await client.leave()
    }
    await held.leave()
  })

  test('is killed by itself in a response: the client sees the cut', async () => {
    await start('python')
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/ruin-begun?after=100'))
    await until('the beginning', () => client.bodyBytes === 100)
    watcher.open()
    await expect(client.response()).rejects.toThrow(/ended/)
    expect(await early()).toBe(200)
  })

  test('is killed with eight requests in its threads: each gets 502', async () => {
    await start('python', '--threads', '8')
    const held = []
    for (let index = 0; index < 8; index += 1) held.push(await holdAtGate())
    process.kill(server.workers[0]!, 'SIGKILL')
    for (const client of held) {
      expect((await client.response()).status).toBe(502)
      await client.leave()
    }
    expect(await early()).toBe(200)
  })

  test('is not killed for waiting in its threads', async () => {
    await start('python', '--threads', '2', '--timeout', '2s')
    const { workers } = server
    expect((await fetchOnce(server, '/route/sleep?ms=5000')).body.toString()).toBe('slept')
    expect(server.workers).toEqual(workers)
  })

  test('is not killed for waiting for its client', async () => {
    await start('python', '--timeout', '2s')
    const { workers } = server
    const slow = await Client.connect(server, ['POST'])
    await slow.write('POST /route/sink HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
    await sleep(5000)
    await slow.write('world')
    expect((await slow.response()).body.toString()).toBe('10')
    await slow.leave()
    const lazy = await Client.connect(server, ['GET'])
    lazy.socket.pause()
    await lazy.write(get('/route/stream?chunks=200&size=100000'))
    await sleep(5000)
    lazy.socket.resume()
    expect((await lazy.response()).body.length).toBe(20_000_000)
    await lazy.leave()
    expect(server.workers).toEqual(workers)
  })

  test('is replaced after --max-requests, and no request is lost', async () => {
    await start('python', '--max-requests', '10')
    const pids = new Set<string>()
    const lanes = Array.from({ length: 8 }, async () => {
      while (pids.size < 4) {
        const answer = await fetchOnce(server, '/route/pid')
        expect(answer.status).toBe(200)
        pids.add(answer.body.toString())
      }
    })
    await within(PATIENCE_MS, 'four workers one after another', () => Promise.all(lanes))
    await until('the others to leave', () => server.workers.length === 1)
    expect(server.entries('ERROR')).toEqual([])
  })

  test('finishes what it runs when the server is told to stop', async () => {
    await start('python', '--threads', '2')
    const held = [await holdAtGate(), await holdAtGate()]
    const stopped = server.stop()
    await until('the notice', () => server.output.includes('Draining'))
    watcher.open()
    for (const client of held) {
      const answer = await client.response()
      expect(answer.body.toString()).toBe('open')
      expect(answer.headers['connection']).toBe('close')
      expect(await client.closed()).toBe('closed')
    }
    expect(await stopped).toBe(0)
    watcher.remove()
    await start('python')
  })

  test.each(['gate', 'never', 'ruin?how=loop'])(
    'does not outlive a server that was killed while it is busy with "%s"',
    async (route) => {
      await start('python')
      const { workers } = server
      const client = await Client.connect(server, ['GET'])
      const calls = watcher.calls.length
      await client.write(get(`/route/${route}`))
      await until('the app', () => watcher.calls.length > calls)
      await server.stop('SIGKILL')
      watcher.open()
      try {
        await until('the worker to go', () => !workers.some(isRunning))
      } finally {
        for (const pid of workers.filter(isRunning)) process.kill(pid, 'SIGKILL')
      }
      await client.leave()
      watcher.remove()
      await start('python')
    },
  )

  test('survives signals that are meant for the whole group', async () => {
    await start('python')
    const [worker] = server.workers
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.kill(worker!, signal)
      expect(await early()).toBe(200)
    }
    expect(server.workers).toEqual([worker])
  })
})
