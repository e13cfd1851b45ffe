/** The health endpoints: answered by native code, whatever the workers do. */
import { connect as connectH2 } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { describePython } from '../support/python.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const FLAGS = ['--health-path', '/health']

let watcher: FileWatcher | undefined
afterEach(() => {
  watcher?.open()
  watcher?.remove()
  watcher = undefined
})

interface Health {
  readonly status: number
  readonly body: { readonly status: string; readonly reason?: string }
}

/** What a probe hears at one of the endpoints. */
async function health(server: SpawnedServer, target: string): Promise<Health> {
  const { status, headers, body } = await fetchOnce(server, target)
  expect(headers['content-type']).toBe('application/json')
  expect(headers['cache-control']).toBe('no-store')
  return { status, body: JSON.parse(body.toString()) as Health['body'] }
}

const LIVE = { status: 200, body: { status: 'live' } }
const READY = { status: 200, body: { status: 'ready' } }
const unready = (reason: string): Health => ({ status: 503, body: { status: 'unready', reason } })

async function isLiveAndReady(starting: Promise<SpawnedServer>): Promise<void> {
  const server = await starting
  expect(await health(server, '/health/live')).toEqual(LIVE)
  // A worker in a process is ready for others a moment after it has said so to the arbiter.
  await until('it to be ready', async () => {
    return (await health(server, '/health/ready')).status === 200
  })
  expect(await health(server, '/health/ready')).toEqual(READY)
  expect(await health(server, '/health')).toEqual(READY)
  expect(await server.stop()).toBe(0)
}

test.each(['thread', 'process'])('a server with a worker of class %s is live and ready', (kind) =>
  isLiveAndReady(SpawnedServer.conformance('fetch', [...FLAGS, '--worker-class', kind])),
)

describePython('a server of a Python app', () => {
  test('is live and ready', () => isLiveAndReady(SpawnedServer.conformance('python', FLAGS)))
})

test('they answer over HTTP/2, to HEAD, and to nothing but GET and HEAD', async () => {
  const server = await SpawnedServer.conformance('fetch', FLAGS)
  const client = await Client.connect(server)
  const head = await client.request('HEAD', 'HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(head).toMatchObject({ status: 200, headers: { 'content-length': '17' } })
  const posted = await client.request(
    'POST',
    'POST /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
  )
  expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  await client.leave()

  const session = connectH2(`http://${server.host}:${server.port}`)
  const stream = session.request({ ':path': '/health/ready' })
  let body = ''
  stream.on('data', (bytes: Buffer) => {
    body += bytes
  })
  await until('the end', () => stream.closed)
  expect(JSON.parse(body)).toEqual(READY.body)
  session.destroy()
  expect(await server.stop()).toBe(0)
})

test("other paths, and all of them without the option, are the app's", async () => {
  const app = (request: Request) => new Response(new URL(request.url).pathname)
  const probed = await startServer(app, { interface: 'fetch', healthPath: '/health' })
  for (const target of ['/health/', '/healthy', '/health/live/', '/live', '/'])
    expect((await fetchOnce(probed, target)).body.toString()).toBe(target)
  expect((await fetchOnce(probed, '/health/live')).body.toString()).toBe('{"status":"live"}')
  await probed.close()
  const unprobed = await startServer(app, { interface: 'fetch' })
  for (const target of ['/health', '/health/live', '/live'])
    expect((await fetchOnce(unprobed, target)).body.toString()).toBe(target)
  await unprobed.close()
})

test('a server whose only worker is blocked is live, and not ready once requests wait', async () => {
  watcher = new FileWatcher()
  const flags = [...FLAGS, '--queue-timeout', '10s', '--queue-size', '1']
  const server = await SpawnedServer.conformance('fetch', flags, watcher.env)
  const blocking = await Client.connect(server, ['GET'])
  await blocking.write(get('/route/block'))
  await until('the loop to block', () => watcher!.count('at the gate') === 1)
  expect(await health(server, '/health/ready')).toEqual(READY)
  const waiting = await Client.connect(server, ['GET'])
  await waiting.write(get('/route/early'))
  await until('it to be unready', async () => (await health(server, '/health')).status === 503)
  expect(await health(server, '/health/ready')).toEqual(
    unready('requests wait too long for a worker'),
  )
  expect(await health(server, '/health/live')).toEqual(LIVE)
  watcher.open()
  expect((await waiting.response()).status).toBe(200)
  expect(await health(server, '/health/ready')).toEqual(READY)
  await waiting.leave()
  await blocking.leave()
  expect(await server.stop()).toBe(0)
})

test.each(['thread', 'process'])(
  'without a %s that works it is live and not ready',
  async (kind) => {
    const flags = [...FLAGS, '--worker-class', kind]
    const server = await SpawnedServer.conformance('fetch', flags)
    let seen: Health | undefined
    await until('a moment without a worker', async () => {
      await fetchOnce(server, '/route/ruin?how=exit')
      const now = await health(server, '/health/ready')
      if (now.status === 503) seen = now
      return seen !== undefined
    })
    expect(seen).toEqual(unready('no worker is ready'))
    expect(await health(server, '/health/live')).toEqual(LIVE)
    await until('its successor', async () => (await health(server, '/health')).status === 200)
    expect(await server.stop()).toBe(0)
  },
)
