/** Workers that are replaced though they work: by age and memory. No request is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { Load } from '../support/load.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { describeWorkers } from '../support/worker-kinds.ts'

let folder: string
let server: SpawnedServer

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-recycling-'))
})
afterEach(async () => {
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

/** Leaks of 8 MiB: more than the limit of the test. */
const LEAKS = 30

/** How often the log says something. */
const told = (what: string | RegExp): number => server.output.split(what).length - 1

describeWorkers('workers are replaced', (kind) => {
  test('at --max-worker-lifetime, one after another', async () => {
    const flags = ['--max-worker-lifetime', '2s', '--max-worker-lifetime-jitter', '100ms']
    server = await kind.start(folder, ['--workers', '2', ...flags])
    const before = server.holdings
    const load = new Load(server)
    await until('four to be followed', () => told(/worker \d+ follows worker/) >= 4)
    await load.stop()
    expect(load.failures).toEqual([])
    expect(load.seen.size).toBeGreaterThanOrEqual(4)
    expect(server.entries('ERROR')).toEqual([])
    await server.released(before)
  })

  test('at --max-worker-memory, before they are out of it', async () => {
    server = await kind.start(folder, ['--max-worker-memory', '200mb'])
    const before = server.holdings
    const first = (await fetchOnce(server, '/')).body.toString()
    const load = new Load(server)
    for (let i = 0; i < LEAKS; i++) await fetchOnce(server, '/leak')
    await until('the successor', () => told('worker 2 follows worker 1') === 1)
    expect(told('more than max-worker-memory (200mb)')).toBe(1)
    await until('the successor alone', async () => {
      return (await fetchOnce(server, '/')).body.toString() !== first
    })
    await load.stop()
    expect(load.failures).toEqual([])
    await server.released(before)
    expect(server.entries('ERROR')).toEqual([])
  })

  test('once, if the limit is below what a new one needs', async () => {
    server = await kind.start(folder, ['--max-worker-memory', '1mb'])
    const warnings = () => server.entries('WARNING').filter((entry) => entry.includes('max-worker'))
    await until('the warning', () => warnings().length > 0)
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]).toMatch(/worker 2 holds \d+mb, .*It is replaced when it is 1 min old/)
    expect(told(/follows worker/)).toBe(1)
    expect((await fetchOnce(server, '/')).status).toBe(200)
  })
})
