/** The whole server with JavaScript workers in processes. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

let server: SpawnedServer
afterEach(() => server.stop())

function start(flags: readonly string[] = [], env = {}): Promise<SpawnedServer> {
  return SpawnedServer.conformance('fetch', ['--worker-class', 'process', ...flags], env)
}

/** A client that has stopped reading a body of 100 MB. */
async function stalled(): Promise<Client> {
  const client = await Client.connect(server, ['GET'])
  client.socket.once('data', () => client.socket.pause())
  await client.write(get('/route/bytes?size=100000000'))
  await until('the beginning of the body', () => client.socket.bytesRead > 0)
  return client
}

describe('a server with workers in processes', () => {
  it.each(['exit', 'abort', 'kill', 'throw'])(
    'answers 502 for what a worker held that does "%s", and goes on',
    async (how) => {
      server = await start(['--workers', '1'])
      const before = server.workers
      expect((await fetchOnce(server, `/route/ruin?how=${how}`)).status).toBe(502)
      expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
      expect(server.workers).toHaveLength(1)
      expect(server.workers).not.toEqual(before)
      expect(await server.stop()).toBe(0)
    },
  )

  it('sends large bodies to many clients at once', async () => {
    server = await start()
    const size = 8 * 1_048_576
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => fetchOnce(server, `/route/bytes?size=${size}`)),
    )
    expect(answers.every(({ body }) => body.equals(pattern(size)))).toBe(true)
  })

  it('forgets a large body whose client leaves', async () => {
    server = await start(['--graceful-timeout', '60s'])
    const client = await stalled()
    await client.reset()
    // A worker that still held it would keep the server for a minute.
    expect(await server.stop()).toBe(0)
  })

  it('forgets what it holds for the last client when that leaves a server that stops', async () => {
    server = await start(['--graceful-timeout', '60s'])
    const client = await stalled()
    const exited = server.stop()
    await until('the stop', () => server.output.includes('Draining'))
    await client.reset()
    expect(await exited).toBe(0)
  })

  it('answers before it stops, also from an I/O thread that has no connection', async () => {
    const watcher = new FileWatcher()
    // The first connection is served on the first thread, the first worker by way of the second.
    server = await start(['--workers', '1', '--io-threads', '3'], watcher.env)
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/gate'))
    await until('the gate', () => watcher.count('at the gate') === 1)
    const exited = server.stop()
    const isRefused = () =>
      Client.connect(server).then(
        (late) => late.leave().then(() => false),
        () => true,
      )
    await until('the listener to close', isRefused)
    watcher.open()
    expect((await client.response()).body.toString()).toBe('open')
    expect(await client.closed()).toBe('closed')
    expect(await exited).toBe(0)
    expect(server.entries('ERROR')).toEqual([])
    watcher.remove()
  })

  it('takes no worker for dead that ends with the server, however long that takes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-'))
    const log = join(folder, 'access.log')
    execFileSync('mkfifo', [log])
    // Nobody reads: the last lines of the log are waited for after the workers have left.
    const pipe = openSync(log, constants.O_RDWR)
    server = await start(['--access-logfile', log])
    const client = await Client.connect(server)
    const target = `/route/early?${'x'.repeat(3000)}`
    for (let lines = 0; lines < 60; lines += 1) await client.request('GET', get(target))
    await client.leave()
    expect(await server.stop()).toBe(0)
    expect(server.entries('ERROR')).toEqual([])
    closeSync(pipe)
    rmSync(folder, { recursive: true })
  })

  it('replaces workers that are spent, and no request is lost', async () => {
    server = await start(['--workers', '2', '--max-requests', '20', '--max-requests-jitter', '5'])
    const before = server.workers
    await until('other workers', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => fetchOnce(server, '/route/early')),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
      return !server.workers.some((id) => before.includes(id))
    })
    expect(server.entries('ERROR')).toEqual([])
    expect(await server.stop()).toBe(0)
  })
})
