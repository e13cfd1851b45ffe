/** More requests than the workers can do, for longer than the queue is patient. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'monodon-overload-'))
/** Each request costs them 20 ms. */
writeFileSync(
  join(folder, 'spin.mjs'),
  `export default () => {
  const end = performance.now() + 20
  while (performance.now() < end);
  return new Response('done')
}`,
)
writeFileSync(
  join(folder, 'spinning.py'),
  `import time

def app(environ, start_response):
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        pass
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']
`,
)

/** In a second the app answers 50 at most, so of so many clients some wait for longer. */
const FLAGS = ['--queue-timeout', '1s', '--health-path', '/health']
const CLIENTS = 100

afterAll(() => rmSync(folder, { recursive: true }))

let server: SpawnedServer | undefined
afterEach(() => {
  server?.child.kill('SIGKILL')
  server = undefined
})

/** Clients that ask again and again, until they are told to stop. */
class Crowd {
  good = 0
  refused = 0
  readonly #lanes: Promise<void>[]
  #isOver = false

  constructor(target: SpawnedServer) {
    this.#lanes = Array.from({ length: CLIENTS }, async () => {
      const client = await Client.connect(target)
      while (!this.#isOver) {
        const { status, headers } = await client.request('GET', get('/'))
        if (status === 200) this.good += 1
        else {
          expect(status).toBe(503)
          expect(headers['retry-after']).toBe('1')
          this.refused += 1
        }
      }
      await client.leave()
    })
  }

  async leave(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#lanes)
  }
}

async function survivesAnOverload(starting: Promise<SpawnedServer>): Promise<void> {
  server = await starting
  const crowd = new Crowd(server)
  await until('the overload', () => server!.output.includes('MONODON_OVERLOADED'))
  const { good } = crowd
  await until('good answers all the same', () => crowd.good > good + 20)
  expect((await fetchOnce(server, '/health/live')).status).toBe(200)
  await crowd.leave()
  expect(crowd.refused).toBeGreaterThan(0)
  // It is over when the worker has had nothing to do for a tenth of queue-timeout.
  expect((await fetchOnce(server, '/')).status).toBe(200)
  const begin = performance.now()
  await until('the overload to be over', () => performance.now() - begin > 300)
  const burst = await Promise.all(Array.from({ length: 10 }, () => fetchOnce(server!, '/')))
  expect(burst.map(({ status }) => status)).toEqual(Array(10).fill(200))
  expect(await server.stop()).toBe(0)
}

test.each(['thread', 'process'])('refuses some and answers others, with a worker %s', (kind) =>
  survivesAnOverload(
    SpawnedServer.start(
      'spin.mjs',
      [...FLAGS, '--interface', 'fetch', '--worker-class', kind],
      {},
      folder,
    ),
  ),
)

describePython('a Python app in an overload', () => {
  test('refuses some and answers others', () =>
    survivesAnOverload(SpawnedServer.python('spinning:app', FLAGS, {}, folder)))
})

test('with --queue-target off none is seen', async () => {
  const flags = [...FLAGS, '--interface', 'fetch', '--queue-target', 'off']
  server = await SpawnedServer.start('spin.mjs', flags, {}, folder)
  const crowd = new Crowd(server)
  await until('refusals again and again', () => crowd.refused > 3 * CLIENTS)
  await crowd.leave()
  expect(server.output).toContain('MONODON_QUEUE_TIMEOUT')
  expect(server.output).not.toContain('MONODON_OVERLOADED')
  expect(await server.stop()).toBe(0)
})

test('a burst is waited for', async () => {
  const flags = ['--interface', 'fetch', '--queue-timeout', '1m']
  server = await SpawnedServer.start('spin.mjs', flags, {}, folder)
  const burst = await Promise.all(Array.from({ length: 300 }, () => fetchOnce(server!, '/')))
  expect(burst.filter(({ status }) => status !== 200)).toEqual([])
  expect(await server.stop()).toBe(0)
})
