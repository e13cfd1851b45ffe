/** Workers that die, hang or do not boot, under load: only what they held may fail. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import type { Holdings } from '../support/leaks.ts'
import { Load } from '../support/load.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { describeWorkers, type WorkerKind } from '../support/worker-kinds.ts'

let folder: string
let server: SpawnedServer
let before: Holdings

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-sick-'))
})
afterEach(async () => {
  await server.released(before)
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

const file = (name: string): string => join(folder, name)
const faults = (code: string): string[] =>
  server.entries('ERROR').filter((entry) => entry.includes(code))
const status = async (path: string): Promise<number> => (await fetchOnce(server, path)).status

async function start(kind: WorkerKind, flags: readonly string[], env = {}): Promise<void> {
  server = await kind.start(folder, flags, env)
  expect(await status('/')).toBe(200)
  before = server.holdings
}

/** Ruins workers under load; what fails is exactly what the log says that they held. */
async function ruin(path: string, expected: number, code: string, rounds: number): Promise<void> {
  const load = new Load(server)
  await until('the load', () => load.answers > 50)
  for (let round = 0; round < rounds; round++) {
    expect(await status(path)).toBe(expected)
    const { answers } = load
    await until('more answers', () => load.answers > answers + 50)
  }
  await load.stop()
  const failed = load.failures.length + rounds
  expect(load.failures.filter((failure) => failure !== String(expected))).toEqual([])
  const held = () => faults(code).filter((entry) => / GET |: GET /.test(entry)).length
  await until('an entry for each request that failed', () => held() >= failed)
  expect(held()).toBe(failed)
}

const DEEDS = {
  thread: ['/exit', '/memory'],
  process: ['/exit', '/kill', '/segfault', '/memory'],
  python: ['/exit', '/kill', '/segfault'],
} as const

describeWorkers('workers under load', (kind) => {
  test.each(DEEDS[kind.name])('that end by %s cost what they held', async (path) => {
    const env = { NODE_OPTIONS: '--max-old-space-size=64' }
    await start(kind, ['--workers', '2'], env)
    await ruin(path, 502, 'MONODON_WORKER_DIED', 2)
    await until('both workers', () => server.output.split('has taken its place').length === 3)
  })

  test('that hang cost what they held, and the log has their stacks', async () => {
    await start(kind, ['--workers', '2', '--timeout', '1s'])
    await ruin('/spin', 504, 'MONODON_WORKER_HUNG', 2)
    await until('both workers', () => server.output.split('has taken its place').length === 3)
    const stack = {
      thread: /worker \d hangs:\n\s+at spin \(file:\S*app\.mjs:6:\d+\)/g,
      process: /worker \d hangs, and a process of Node cannot say where/g,
      python: /File "\S*app\.py", line \d+ in spin/g,
    }[kind.name]
    expect(server.output.match(stack)).toHaveLength(2)
    expect(faults('MONODON_WORKER_DIED')).toEqual([])
  })
})

describeWorkers('a worker that hangs in a response', (kind) => {
  test('cuts it, and the log has the request', async () => {
    await start(kind, ['--timeout', '1s'])
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/begin'))
    await until('the beginning', () => client.bodyBytes === 'begun'.length)
    await expect(client.response()).rejects.toThrow(/ended/)
    const held = () => faults('MONODON_WORKER_HUNG').filter((entry) => entry.includes('/begin'))
    await until('its entry', () => held().length > 0)
    expect(held()[0]).toMatch(/GET \S*\/begin, held for \d+\.\d s by worker 1/)
    expect(await status('/')).toBe(200)
  })
})

describeWorkers('a worker that cannot boot', (kind) => {
  // For `afterEach`, where a server does not start.
  beforeEach(() => start(kind, ['--workers', '2', '--boot-timeout', '3s']))

  test.each([
    ['hangs', 'hang', 'MONODON_BOOT_TIMEOUT', '1s'],
    ['ends', 'fail', 'exit code 7', '1m'],
  ])('as it %s ends the start', async (_, name, why, timeout) => {
    writeFileSync(file(name), '')
    const failed = kind.start(folder, ['--boot-timeout', timeout])
    await expect(failed).rejects.toThrow(/^it ended with code 3:/)
    await expect(failed).rejects.toThrow(why)
  })

  test('as it hangs leaves the old ones after HUP', async () => {
    writeFileSync(file('hang'), '')
    server.child.kill('SIGHUP')
    await until('the failure', () => server.output.includes('goes on, as its successor failed'))
    expect(faults('goes on')[0]).toContain('MONODON_BOOT_TIMEOUT')
    expect(await status('/')).toBe(200)
  })

  test('in place of one that died is tried again, while the other goes on', async () => {
    writeFileSync(file('hang'), '')
    expect(await status('/exit')).toBe(502)
    const load = new Load(server)
    await until('a second attempt', () => faults('MONODON_BOOT_TIMEOUT').length === 2)
    rmSync(file('hang'))
    await until('the replacement', () => server.output.includes('has taken its place'))
    await load.stop()
    expect(load.failures).toEqual([])
  })
})

describeWorkers('a crash loop', (kind) => {
  test('is told, costs the other worker nothing, and ends by itself', async () => {
    await start(kind, ['--workers', '2'])
    writeFileSync(file('fail'), '')
    const load = new Load(server)
    expect(await status('/exit')).toBe(502)
    await until('the crash loop', () => faults('MONODON_CRASH_LOOP').length >= 2)
    expect(faults('MONODON_CRASH_LOOP')[1]).toContain(
      '4 in a row; workers that go on: 1; next attempt in 1 s',
    )
    rmSync(file('fail'))
    await until('the replacement', () => server.output.includes('has taken its place'))
    await until('its end', () => server.output.includes('no crash loop any more'))
    await load.stop()
    const held = faults('MONODON_WORKER_DIED').filter((entry) => entry.includes('GET')).length
    expect(load.failures).toHaveLength(held - 1)
    expect(load.seen.size).toBeGreaterThan(2)
  })

  test('of all workers has requests wait as long as they may', async () => {
    await start(kind, ['--queue-timeout', '500ms'])
    writeFileSync(file('fail'), '')
    expect(await status('/exit')).toBe(502)
    await until('the crash loop', () => faults('workers that go on: 0').length > 0)
    const answer = await fetchOnce(server, '/')
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    rmSync(file('fail'))
    await until('an answer', async () => (await status('/')) === 200)
  })
})
