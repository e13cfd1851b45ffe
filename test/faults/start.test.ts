/** A server that cannot start says why, and leaves nothing behind. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from 'monodon'
import { expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { UNWATCHED, Watcher } from '../support/apps/probe.ts'
import { fetchOnce } from '../support/client.ts'
import { holdings, leaked } from '../support/leaks.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const app = createFetchApp(UNWATCHED)

test('a busy port is named', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const bind = `127.0.0.1:${(other.address() as AddressInfo).port}`
  const before = holdings()
  await expect(serve(app, { bind, interface: 'fetch' })).rejects.toThrow(bind)
  await until('nothing to be left', () => leaked(before, holdings()).length === 0)
  other.close()
})

test.each(['256.0.0.1:80', 'nowhere', '127.0.0.1:99999', ''])(
  'the address "%s" is refused',
  async (bind) => {
    await expect(serve(app, { bind, interface: 'fetch' })).rejects.toThrow(/MONODON_|address|bind/i)
  },
)

test('two servers run beside each other', async () => {
  const watchers = [new Watcher(), new Watcher()]
  const servers = []
  for (const watcher of watchers)
    servers.push(await startServer(createFetchApp(watcher), { interface: 'fetch' }))
  for (const server of servers) expect((await fetchOnce(server, '/a')).status).toBe(200)
  expect(watchers.map((watcher) => watcher.calls)).toEqual([['GET /a'], ['GET /a']])
  for (const server of servers.reverse()) await server.close()
})

test('a server may be started and closed 20 times', async () => {
  for (let round = 0; round < 20; round += 1) {
    const server = await startServer(app, { interface: 'fetch' })
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
    await server.close()
  }
})

test('an app that waits for a promise while it is loaded is said to run no JavaScript', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-start-'))
  const name = join(folder, 'app.mjs')
  writeFileSync(name, 'await new Promise(() => setInterval(() => {}, 1_000_000))')
  const started = SpawnedServer.start(name, ['--boot-timeout', '1s'])
  await expect(started).rejects.toThrow('worker 1 hangs, and runs no JavaScript: it waits')
  rmSync(folder, { recursive: true })
})
