/** Which worker gets a request, and how many. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { Watcher } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { describePython } from '../support/python.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const REQUESTS = 9
const CAP = 2

async function atTheGate(server: { host: string; port: number }): Promise<Client[]> {
  const clients = await Promise.all(
    Array.from({ length: REQUESTS }, () => Client.connect(server, ['GET'])),
  )
  for (const client of clients) await client.write(get('/route/gate'))
  return clients
}

/** Lets all of them pass the gate, as they come to it. */
async function allAnswered(clients: readonly Client[], watcher: { open(): void }): Promise<void> {
  const opening = setInterval(() => watcher.open(), 10)
  for (const client of clients) {
    expect((await client.response()).body.toString()).toBe('open')
    await client.leave()
  }
  clearInterval(opening)
}

/** No worker begins more than it may; each goes on when it has answered. */
async function keepsToItsCap(kind: 'fetch' | 'python', workers: number, ...flags: string[]) {
  const watcher = new FileWatcher()
  const more = ['--worker-connections', String(CAP), '--workers', String(workers), ...flags]
  const server = await SpawnedServer.conformance(
    kind,
    [...more, '--health-path', '/h'],
    watcher.env,
  )
  try {
    const clients = await atTheGate(server)
    await until('workers to be full', () => watcher.count('at the gate') === workers * CAP)
    // Every worker has had its turn since, and the server has its requests.
    for (let round = 0; round < 20; round += 1)
      expect((await fetchOnce(server, '/h/live')).status).toBe(200)
    expect(watcher.count('at the gate')).toBe(workers * CAP)
    await allAnswered(clients, watcher)
    expect(watcher.count('at the gate')).toBe(REQUESTS)
    expect(await server.stop()).toBe(0)
  } finally {
    watcher.remove()
  }
}

describe('with --worker-connections', () => {
  test('the calling thread holds no more', async () => {
    const watcher = new Watcher()
    const server = await startServer(createFetchApp(watcher), {
      interface: 'fetch',
      workerConnections: CAP,
    })
    const clients = await atTheGate(server)
    await until('all of them', () => server.count('queued') === REQUESTS - CAP)
    expect(server.count('claimed')).toBe(CAP)
    expect(watcher.count('at the gate')).toBe(CAP)
    await allAnswered(clients, watcher)
    await server.close()
  })

  test('streams do not count once they have begun', async () => {
    const server = await startServer(createFetchApp(new Watcher()), {
      interface: 'fetch',
      workerConnections: 1,
    })
    const streams = await Promise.all(
      [1, 2, 3].map(async () => {
        const client = await Client.connect(server, ['GET'])
        await client.write(get('/route/endless'))
        await until('its beginning', () => client.bodyBytes > 0)
        return client
      }),
    )
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
    expect(server.count('claimed')).toBe(3)
    for (const client of streams) await client.leave()
    await server.close()
  })

  test.each([1, 3])('%i threads hold no more', (workers) => keepsToItsCap('fetch', workers))
  test('processes hold no more', () => keepsToItsCap('fetch', 2, '--worker-class', 'process'))
})

describePython('a Python app with --worker-connections', () => {
  test('holds no more', () => keepsToItsCap('python', 2, '--threads', '8'))
})

/** Answers with the number of its thread. After `/later` it is blocked, until there is a file. */
const BLOCKED_LATER = `
import { existsSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
export default (request) => {
  if (request.url.endsWith('/later'))
    setTimeout(() => {
      writeFileSync('blocked', '')
      while (!existsSync('open'));
    }, 1)
  return new Response(String(threadId))
}`

test('a worker that is rung and does not come is not waited for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-balance-'))
  writeFileSync(join(folder, 'app.mjs'), BLOCKED_LATER)
  const flags = ['--workers', '2', '--interface', 'fetch', '--io-threads', '1']
  const server = await SpawnedServer.start('app.mjs', flags, {}, folder)
  try {
    const first = (await fetchOnce(server, '/later')).body.toString()
    await until('its event loop to be blocked', () => existsSync(join(folder, 'blocked')))
    // The only thing that happens: nothing else makes the server look again.
    const second = await fetchOnce(server, '/')
    expect(second.body.toString()).not.toBe(first)
  } finally {
    writeFileSync(join(folder, 'open'), '')
    expect(await server.stop()).toBe(0)
    rmSync(folder, { recursive: true })
  }
})
