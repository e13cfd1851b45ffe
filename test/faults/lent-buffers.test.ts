/** Large responses are lent to native code, which must give them back whatever the client does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { pattern, Watcher } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

/** More than the kernel's buffers take, so that something stays lent. */
const SIZE = 16 * 1_048_576

describe('a lent buffer', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer(createFetchApp(new Watcher()), { interface: 'fetch' })
  })
  afterAll(() => server.close())

  /** A client that has asked for a large body and reads no further than its beginning. */
  async function stalled(): Promise<Client> {
    const client = await Client.connect(server, ['GET'])
    client.socket.once('data', () => client.socket.pause())
    await client.write(get(`/route/bytes?size=${SIZE}`))
    await until('the beginning of the body', () => client.socket.bytesRead > 0)
    return client
  }

  test('stays lent while the client stalls and arrives whole', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, stalled))
    await until('8 lent buffers', () => server.count('lent') === 8)
    expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
    for (const client of clients) {
      client.socket.resume()
      expect((await client.response()).body.equals(pattern(SIZE))).toBe(true)
      await client.leave()
    }
    await until('no lent buffer', () => server.count('lent') === 0)
  })

  test.each(['leave', 'reset'] as const)('comes back when the client does "%s"', async (how) => {
    const clients = await Promise.all(Array.from({ length: 16 }, stalled))
    await until('16 lent buffers', () => server.count('lent') === 16)
    await Promise.all(clients.map((client) => client[how]()))
    await until('no lent buffer', () => server.count('lent') === 0)
  })

  test('comes back 200 times over', async () => {
    for (let round = 0; round < 20; round += 1) {
      const clients = await Promise.all(Array.from({ length: 10 }, stalled))
      await Promise.all(clients.map((client) => client.leave()))
    }
    await until('no lent buffer', () => server.count('lent') === 0)
  })
})

test('a worker that ends while its buffers are lent takes nobody with it', async () => {
  const server = await SpawnedServer.conformance('fetch', ['--workers', '2'])
  const clients = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = await Client.connect(server, ['GET'])
      client.socket.once('data', () => client.socket.pause())
      await client.write(get(`/route/bytes?size=${SIZE}`))
      await until('the beginning of the body', () => client.socket.bytesRead > 0)
      return client
    }),
  )
  for (let round = 0; round < 2; round += 1)
    expect((await fetchOnce(server, '/route/ruin?how=exit')).status).toBe(502)
  for (const client of clients) {
    client.socket.resume()
    // Whole or cut, but never other bytes.
    const answer = await client.response().catch(() => undefined)
    if (answer !== undefined) expect(answer.body.equals(pattern(SIZE))).toBe(true)
    await client.leave()
  }
  expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  expect(await server.stop()).toBe(0)
})
