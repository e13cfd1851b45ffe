/** Files and folders that change while the server runs, or while they are sent; options that do. */

import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { memory } from '../support/leaks.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { ask, isApps, newSite, type Site, serveSite } from './site.ts'

const MEGABYTE = 1024 * 1024
/** More than the kernel takes of a response for a client that reads nothing. */
const LARGE = 24 * MEGABYTE

/** A server of its own, whose memory can be looked at. */
function spawned(site: Site, flags: readonly string[] = []): Promise<SpawnedServer> {
  return SpawnedServer.conformance('fetch', ['--static', `/s=${site.root}`, ...flags])
}

/** A client that has asked for a large file and reads nothing after its head. */
async function stalled(server: SpawnedServer, target: string): Promise<Client> {
  const client = await Client.connect(server, ['GET'])
  await client.write(get(target))
  await until('the first bytes', () => client.bodyBytes > 0)
  client.socket.pause()
  return client
}

test('a file that was changed is seen within its second', async () => {
  const site = newSite()
  const server = await serveSite(site)
  const body = async (name: string) => (await ask(server, `/s/${name}`)).body.toString()
  expect(await body('a.txt')).toBe('a text\n')
  site.write('a.txt', 'another text\n')
  await until('the new content', async () => (await body('a.txt')) === 'another text\n')
  site.write('new', 'replaced')
  renameSync(site.path('new'), site.path('a.txt'))
  await until('the file in its place', async () => (await body('a.txt')) === 'replaced')
  rmSync(site.path('a.txt'))
  await until('its end', async () => isApps(await ask(server, '/s/a.txt')))
  expect(await body('b.txt')).toContain('app: ')
  site.write('b.txt', 'new')
  // What was not there is looked for each time.
  expect(await body('b.txt')).toBe('new')
  await server.close()
})

test('a folder that was built anew is found', async () => {
  const site = newSite()
  const server = await serveSite(site)
  expect((await ask(server, '/s/a.txt')).status).toBe(200)
  renameSync(site.root, site.path('../old'))
  site.write('a.txt', 'built anew')
  const body = async () => (await ask(server, '/s/a.txt')).body.toString()
  await until('the new folder', async () => (await body()) === 'built anew')
  await server.close()
})

test.each([
  ['truncated', (file: string) => truncateSync(file, MEGABYTE)],
  ['written over', (file: string) => writeFileSync(file, Buffer.alloc(LARGE, 'b'))],
])('a file that is %s while it is sent is cut off, never ended', async (_, change) => {
  const site = newSite()
  const file = site.write('f.bin', Buffer.alloc(LARGE, 'a'))
  const server = await spawned(site)
  const client = await stalled(server, '/s/f.bin')
  change(file)
  client.socket.resume()
  await expect(client.response()).rejects.toThrow(/the connection ended in state length/)
  await client.leave()
  await until('a report that names it', () =>
    /MONODON_FILE_FAILED.*\/f\.bin: it /.test(server.output),
  )
  expect((await fetchOnce(server, '/s/a.txt')).status).toBe(200)
  expect(await server.stop()).toBe(0)
})

test('a file that grows or is replaced while it is sent is sent as it was', async () => {
  const site = newSite()
  const file = site.write('f.bin', Buffer.alloc(LARGE, 'a'))
  const server = await spawned(site)
  const [grows, replaced] = [
    await stalled(server, '/s/f.bin'),
    await stalled(server, '/s/f.bin'),
  ] as const
  appendFileSync(file, 'more')
  site.write('g.bin', 'short')
  renameSync(site.path('g.bin'), file)
  for (const client of [grows, replaced]) {
    client.socket.resume()
    const { headers, body } = await client.response()
    expect(headers['content-length']).toBe(String(LARGE))
    expect(body.equals(Buffer.alloc(LARGE, 'a'))).toBe(true)
    await client.leave()
  }
  expect(await server.stop()).toBe(0)
})

test('slow readers of a large file cost no memory', async () => {
  const site = newSite()
  site.write('f.bin', Buffer.alloc(LARGE))
  const server = await spawned(site)
  expect((await fetchOnce(server, '/s/f.bin')).body.length).toBe(LARGE)
  const before = server.holdings
  const used = memory(server.pid, 'VmRSS') * 1024
  const clients: Client[] = []
  for (let count = 0; count < 8; count++) clients.push(await stalled(server, '/s/f.bin'))
  // Eight responses of 24 MiB wait; two blocks of each would be 2 MiB.
  expect(memory(server.pid, 'VmRSS') * 1024 - used).toBeLessThan(24 * MEGABYTE)
  await Promise.all(clients.map((client) => client.reset()))
  await server.released(before)
  expect(await server.stop()).toBe(0)
})

test('a file that may not be read is refused, and the log says why', async () => {
  if (process.getuid?.() === 0) return
  const site = newSite()
  chmodSync(site.path('a.txt'), 0)
  const server = await spawned(site)
  expect((await fetchOnce(server, '/s/a.txt')).status).toBe(403)
  await until('a report', () => server.output.includes('MONODON_FILE_UNREADABLE'))
  expect(await server.stop()).toBe(0)
})

test('a reload brings other folders, and one that is missing changes nothing', async () => {
  const site = newSite()
  const other = newSite()
  other.write('a.txt', 'other')
  const config = site.path('../config.json')
  const configure = (mounts: readonly string[]) =>
    writeFileSync(config, JSON.stringify({ static: mounts }))
  configure([`/s=${site.root}`])
  const flags = ['--config', config]
  const server = await SpawnedServer.conformance('fetch', flags)
  const client = await Client.connect(server)
  const body = async () => (await client.request('GET', get('/s/a.txt'))).body.toString()
  expect(await body()).toBe('a text\n')
  configure([`/s=${other.root}`])
  server.child.kill('SIGHUP')
  // An open connection goes by the new option from its next request on.
  await until('the other folder', async () => (await body()) === 'other')
  configure([`/s=${site.path('missing')}`])
  server.child.kill('SIGHUP')
  await until('a word about it', () => server.output.includes('missing: there is no such folder'))
  expect(await body()).toBe('other')
  await client.leave()
  expect(await server.stop()).toBe(0)
})

test('a folder that is missing is told at the start and by --check-config, in a line', () => {
  const app = 'examples/hello.ts'
  for (const [flag, value] of [
    ['--static', '/s=/nowhere/at/all'],
    ['--static-fallback', '/nowhere/at/all.html'],
    ['--sendfile-root', '/nowhere/at/all'],
  ] as const) {
    for (const also of [['--check-config'], ['--bind', '127.0.0.1:0']]) {
      const run = spawnSync(process.execPath, [COMMAND, app, flag, value, ...also], {
        encoding: 'utf8',
      })
      expect(run.status, `${flag} ${also}`).toBe(2)
      expect(run.stderr).toContain(`${flag} is "${value}": `)
    }
  }
})

test('a file under way is sent whole when the server stops gracefully', async () => {
  const site = newSite()
  site.write('f.bin', Buffer.alloc(LARGE))
  const server = await spawned(site)
  const client = await stalled(server, '/s/f.bin')
  server.child.kill('SIGTERM')
  await until('the stop', () => server.output.includes('TERM'))
  client.socket.resume()
  expect((await client.response()).body.length).toBe(LARGE)
  await client.leave()
  expect(await server.stop()).toBe(0)
})

test('the access log counts them, whoever sends the bytes', async () => {
  const site = newSite()
  site.write('f.bin', Buffer.alloc(3 * MEGABYTE))
  const log = site.path('../access.log')
  const server = await spawned(site, ['--access-logfile', log])
  await fetchOnce(server, '/s/a.txt')
  await fetchOnce(server, '/s/f.bin')
  expect(await server.stop()).toBe(0)
  const text = readFileSync(log, 'utf8')
  expect(text).toMatch(/"GET \/s\/a\.txt HTTP\/1\.1" 200 7 /)
  expect(text).toMatch(/"GET \/s\/f\.bin HTTP\/1\.1" 200 3145728 /)
})
