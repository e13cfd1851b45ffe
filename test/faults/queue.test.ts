/** The queue in front of the workers: bounded in length and in time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

let server: SpawnedServer
afterEach(async () => {
  expect(await server.stop()).toBe(0)
})

/** Keeps the one worker's event loop busy; resolves once it is. */
async function block(ms: number): Promise<Client> {
  const before = server.output.length
  const client = await Client.connect(server, ['GET'])
  await client.write(get(`/route/block?ms=${ms}`))
  await until('the loop to block', () => server.output.slice(before).includes('blocked'))
  return client
}

test('a request that finds the queue full gets 503 with Retry-After', async () => {
  server = await SpawnedServer.conformance('fetch', ['--queue-size', '4'])
  const blocking = await block(1500)
  const clients = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/early'))
      return client
    }),
  )
  await until('8 refusals', () => clients.filter((client) => client.waiting > 0).length === 8, 1400)
  expect((await blocking.response()).body.toString()).toBe('blocked')
  const answers = await Promise.all(clients.map((client) => client.response()))
  const refused = answers.filter((answer) => answer.status === 503)
  expect(refused).toHaveLength(8)
  for (const answer of refused) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(4)
  for (const client of [blocking, ...clients]) await client.leave()
})

test('a request that has waited for queue-timeout gets 503 with Retry-After', async () => {
  server = await SpawnedServer.conformance('fetch', ['--queue-timeout', '300ms'])
  const blocking = await block(2500)
  const start = performance.now()
  const answer = await fetchOnce(server, '/route/early')
  expect(answer.status).toBe(503)
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  expect(performance.now() - start).toBeGreaterThan(270)
  expect(performance.now() - start).toBeLessThan(2000)
  expect((await blocking.response()).status).toBe(200)
  expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  await blocking.leave()
})

test('a client that leaves the queue is never answered for', async () => {
  server = await SpawnedServer.conformance('fetch', ['--queue-size', '4'])
  const blocking = await block(1500)
  const inQueue = async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/early'))
    await sleep(20)
    return client
  }
  for (let round = 0; round < 10; round += 1) await (await inQueue()).reset()
  const last = await inQueue()
  expect((await blocking.response()).status).toBe(200)
  expect((await last.response()).status).toBe(200)
  await last.leave()
  await blocking.leave()
})

test('a free worker takes what a busy one has not begun', async () => {
  server = await SpawnedServer.conformance('fetch', ['--workers', '2'])
  const blocking = await block(1500)
  const start = performance.now()
  for (let index = 0; index < 100; index += 1)
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  expect(performance.now() - start).toBeLessThan(1200)
  await blocking.leave()
})
