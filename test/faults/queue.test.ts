/** The queue in front of the workers: bounded in length and in time. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

let server: SpawnedServer
let watcher: FileWatcher
beforeEach(() => {
  watcher = new FileWatcher()
})
afterEach(async () => {
  watcher.open()
  expect(await server.stop()).toBe(0)
  watcher.remove()
})

async function start(...flags: string[]): Promise<void> {
  server = await SpawnedServer.conformance('fetch', flags, watcher.env)
}

/** Blocks the event loop of a worker until the watcher opens the gate; resolves once it does. */
async function block(): Promise<Client> {
  const client = await Client.connect(server, ['GET'])
  await client.write(get('/route/block'))
  await until('the loop to block', () => watcher.count('at the gate') === 1)
  return client
}

test('a request that finds the queue full gets 503 with Retry-After', async () => {
  await start('--queue-size', '4')
  const blocking = await block()
  const clients = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/early'))
      return client
    }),
  )
  await until('8 refusals', () => clients.filter((client) => client.waiting > 0).length === 8)
  watcher.open()
  expect((await blocking.response()).body.toString()).toBe('blocked')
  const answers = await Promise.all(clients.map((client) => client.response()))
  const refused = answers.filter((answer) => answer.status === 503)
  expect(refused).toHaveLength(8)
  for (const answer of refused) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(4)
  for (const client of [blocking, ...clients]) await client.leave()
})

test('a request that has waited for queue-timeout gets 503 with Retry-After', async () => {
  await start('--queue-timeout', '300ms')
  const blocking = await block()
  const begin = performance.now()
  const answer = await fetchOnce(server, '/route/early')
  expect(answer.status).toBe(503)
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(performance.now() - begin).toBeGreaterThan(270)
  watcher.open()
  expect((await blocking.response()).status).toBe(200)
  await blocking.leave()
})

test('a client that leaves the queue is never answered for', async () => {
  await start('--queue-size', '4')
  const blocking = await block()
  const sockets = () => server.holdings.descriptors.filter((name) => /^socket/.test(name)).length
  const before = sockets()
  for (let round = 0; round < 10; round += 1) {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/early'))
    await until('it to be accepted', () => sockets() > before)
    await client.reset()
    await until('it to be gone', () => sockets() === before)
  }
  const last = await Client.connect(server, ['GET'])
  await last.write(get('/route/early'))
  await until('it to be accepted', () => sockets() > before)
  watcher.open()
  expect((await blocking.response()).status).toBe(200)
  expect((await last.response()).status).toBe(200)
  expect(watcher.calls.filter((call) => call.includes('/route/early'))).toHaveLength(1)
  await last.leave()
  await blocking.leave()
})

test('a free worker takes what a busy one has not begun', async () => {
  await start('--workers', '2')
  const blocking = await block()
  for (let index = 0; index < 100; index += 1)
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  watcher.open()
  expect((await blocking.response()).body.toString()).toBe('blocked')
  await blocking.leave()
})
