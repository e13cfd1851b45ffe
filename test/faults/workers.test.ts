/** An app that ruins its worker costs the requests that the worker had begun, and nothing else. */
import { afterEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import type { Interface } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'

let server: SpawnedServer
afterEach(async () => {
  expect(await server.stop()).toBe(0)
})

/** With a small heap, so that it is soon full. */
const start = async (kind: Interface, ...flags: string[]): Promise<void> => {
  const env = { NODE_OPTIONS: '--max-old-space-size=64' }
  server = await SpawnedServer.conformance(kind, flags, env)
}

describe.each(['exit', 'throw', 'reject', 'memory'])('a worker that ends by "%s"', (how) => {
  test('answers 502 for what it had begun and is replaced', async () => {
    await start('fetch', '--workers', '1')
    for (let round = 0; round < 3; round += 1) {
      const answer = await fetchOnce(server, `/route/ruin?how=${how}`)
      expect(answer).toMatchObject({ status: 502, framing: 'length' })
      expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
    }
    expect(server.running).toBe(true)
  })

  test('costs the other worker nothing', async () => {
    await start('wsgi', '--workers', '2')
    const ruin = fetchOnce(server, `/route/ruin?how=${how}`)
    await parallel(Array(400).keys(), 8, async () => {
      expect([200, 502]).toContain((await fetchOnce(server, '/route/early')).status)
    })
    expect((await ruin).status).toBe(502)
    await parallel(Array(100).keys(), 8, async () => {
      expect((await fetchOnce(server, '/route/early')).status).toBe(200)
    })
  })
})

test('a connection outlives the worker that served it', async () => {
  await start('node', '--workers', '1')
  const client = await Client.connect(server)
  expect((await client.request('GET', get('/route/early'))).status).toBe(200)
  expect((await client.request('GET', get('/route/ruin?how=exit'))).status).toBe(502)
  expect((await client.request('GET', get('/route/early'))).status).toBe(200)
  await client.leave()
})

test('every request that a worker had begun gets 502, and no other', async () => {
  await start('fetch', '--workers', '1')
  const held = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/never'))
      return client
    }),
  )
  const streaming = await Client.connect(server, ['GET'])
  await streaming.write(get('/route/endless'))
  await until('the stream', () => streaming.bodyBytes > 0)
  expect((await fetchOnce(server, '/route/ruin?how=exit')).status).toBe(502)
  for (const client of held) {
    expect((await client.response()).status).toBe(502)
    await client.leave()
  }
  await expect(streaming.response()).rejects.toThrow(/ended/)
  await until(
    'the replacement',
    async () => (await fetchOnce(server, '/route/early')).status === 200,
  )
})

test('requests wait for the replacement instead of failing', async () => {
  await start('fetch', '--workers', '1')
  expect((await fetchOnce(server, '/route/ruin?how=exit')).status).toBe(502)
  await parallel(Array(200).keys(), 20, async () => {
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  })
})

test('the log says which worker ended and why', async () => {
  await start('fetch', '--workers', '1')
  await fetchOnce(server, '/route/ruin?how=throw')
  await until('the log', () => server.output.includes('thrown out of the app'))
  await until('the code', () => /MONODON_WORKER_\w+/.test(server.output))
})

test('a worker in an endless loop holds up only what it had begun', async () => {
  const watcher = new FileWatcher()
  const flags = ['--workers', '2', '--graceful-timeout', '1s']
  server = await SpawnedServer.conformance('fetch', flags, watcher.env)
  const stuck = await Client.connect(server, ['GET'])
  await stuck.write(get('/route/ruin?how=loop'))
  // What came with it could be in its batch.
  await until('the loop', () => watcher.calls.some((call) => call.includes('/route/ruin')))
  await parallel(Array(200).keys(), 4, async () => {
    const client = await Client.connect(server)
    const answer = await client.request('GET', get('/route/early')).catch(() => undefined)
    expect(answer?.status).toBe(200)
    await client.leave()
  })
  await stuck.leave()
  watcher.remove()
})
