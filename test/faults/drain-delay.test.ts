/** Before it drains, a server tells load balancers that it is not ready, and goes on accepting. */
import { expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const FLAGS = ['--health-path', '/health', '--drain-delay']

const isReady = async (server: SpawnedServer): Promise<boolean> =>
  (await fetchOnce(server, '/health/ready')).status === 200

/** Sends TERM; resolves once the server is not ready any more. */
async function leave(server: SpawnedServer): Promise<void> {
  expect(await isReady(server)).toBe(true)
  server.child.kill('SIGTERM')
  await until('it to be unready', async () => !(await isReady(server)))
}

test('a server that was told to stop serves until the delay is over', async () => {
  const server = await SpawnedServer.conformance('fetch', [...FLAGS, '2s'])
  const kept = await Client.connect(server)
  await leave(server)
  expect((await fetchOnce(server, '/health/ready')).body.toString()).toContain('stopping')
  expect((await fetchOnce(server, '/health/live')).status).toBe(200)
  // A new connection, and one that is kept, as if nothing were.
  expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  const answer = await kept.request('GET', get('/route/early'))
  expect(answer.status).toBe(200)
  expect(answer.headers['connection']).toBeUndefined()
  expect(await kept.closed()).toBe('closed')
  await until('its end', () => !server.running)
  expect(server.child.exitCode).toBe(0)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s cuts the delay short', async (signal) => {
  const server = await SpawnedServer.conformance('fetch', [...FLAGS, '10m'])
  const working = await Client.connect(server, ['GET'])
  await working.write(get('/route/stream?chunks=20&size=1000&gap=20'))
  await leave(server)
  const exit = server.stop(signal)
  const response = await working.response().catch(() => undefined)
  // SIGTERM lets it be finished, SIGINT does not wait.
  if (signal === 'SIGTERM') expect(response?.body.length).toBe(20_000)
  await working.leave()
  expect(await exit).toBe(0)
})

test('close() waits for it too', async () => {
  const server = await startServer(() => new Response('hi'), {
    interface: 'fetch',
    healthPath: '/health',
    drainDelay: '500ms',
  })
  const begin = performance.now()
  const closed = server.serving.close()
  expect((await fetchOnce(server, '/health')).status).toBe(503)
  expect((await fetchOnce(server, '/')).body.toString()).toBe('hi')
  await closed
  expect(performance.now() - begin).toBeGreaterThan(450)
  await server.released()
})
