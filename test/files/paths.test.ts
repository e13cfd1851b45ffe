/** What a path may name: hostile ones never reach a file, and the app hears of them as of any other. */

import { readFileSync } from 'node:fs'
import { connect as connectH2 } from 'node:http2'
import { expect, test } from 'vitest'
import { describePython } from '../support/python.ts'
import { until } from '../support/wait.ts'
import { ask, isApps, newSite, SECRET, serveSite } from './site.ts'

const HOSTILE = JSON.parse(
  readFileSync(new URL('hostile-paths.json', import.meta.url), 'utf8'),
) as [target: string, why: string][]

test('no hostile path is answered with a file, over HTTP/1.1', async () => {
  const site = newSite()
  site.addTraps()
  const server = await serveSite(site)
  for (const [target, why] of HOSTILE) {
    const response = await ask(server, target)
    const shown = `${target}: ${why}`
    expect(response.body.toString(), shown).not.toContain(SECRET)
    expect(isApps(response) || response.status === 400, `${shown}: ${response.status}`).toBe(true)
    expect(response.headers, shown).not.toHaveProperty('x-injected')
  }
  await server.close()
})

test('no hostile path is answered with a file, over HTTP/2', async () => {
  const site = newSite()
  site.addTraps()
  const server = await serveSite(site)
  const session = connectH2(`http://${server.host}:${server.port}`)
  for (const [target, why] of HOSTILE) {
    const stream = session.request({ ':path': target })
    let body = ''
    let status = 0
    stream.on('response', (fields) => {
      status = Number(fields[':status'])
    })
    stream.on('error', () => {})
    stream.on('data', (bytes: Buffer) => {
      body += bytes
    })
    await until(`an answer to ${target}`, () => stream.closed)
    const shown = `${target}: ${why}`
    expect(body, shown).not.toContain(SECRET)
    // A reset stream has no status: what cannot be parsed is refused so.
    expect(body.startsWith('app: ') || [0, 400].includes(status), `${shown}: ${status}`).toBe(true)
  }
  session.destroy()
  await server.close()
})

test('what may be served is, beside all that', async () => {
  const site = newSite()
  site.addTraps()
  site.write('with space \u20ac.txt', 'encoded')
  site.write('a%20b.txt', 'a percent sign')
  const server = await serveSite(site)
  for (const [target, content] of [
    ['/s/a.txt', 'a text\n'],
    ['/s/%61.txt', 'a text\n'],
    ['/%73/a.txt', 'a text\n'],
    ['/s/a.txt?query=../x', 'a text\n'],
    ['http://localhost/s/a.txt', 'a text\n'],
    ['/s/inside.txt', 'a text\n'],
    ['/s/d/', '<p>index</p>'],
    ['/s/with%20space%20%E2%82%AC.txt', 'encoded'],
    ['/s/a%2520b.txt', 'a percent sign'],
    ['/s/.well-known/security.txt', 'public'],
  ] as const) {
    const response = await ask(server, target)
    expect(response.status, target).toBe(200)
    expect(response.body.toString(), target).toBe(content)
  }
  await server.close()
})

test('a folder is sent on to its slash, on the same host', async () => {
  const site = newSite()
  const server = await serveSite(site, { static: `/=${site.root}` })
  const moved = await ask(server, '/d?a=1')
  expect(moved).toMatchObject({ status: 301, headers: { location: '/d/?a=1' } })
  expect(moved.body).toHaveLength(0)
  // None that a browser would take for another host.
  for (const target of ['//d', '/\\d', '/%5cd', '/%2fd', '///d', '//d/..'])
    expect((await ask(server, target)).headers, target).not.toHaveProperty('location')
  await server.close()
})

test("the longest prefix has the path, and what is not there is the app's", async () => {
  const site = newSite()
  const inner = newSite()
  inner.write('a.txt', 'inner')
  const server = await serveSite(site, { static: [`/s=${site.root}`, `/s/in/=${inner.root}`] })
  expect((await ask(server, '/s/in/a.txt')).body.toString()).toBe('inner')
  expect((await ask(server, '/s/a.txt')).body.toString()).toBe('a text\n')
  for (const target of ['/s/in/b.txt', '/s/missing', '/other', '/s'])
    expect(isApps(await ask(server, target)), target).toBe(true)
  expect((await ask(server, '/s/missing', ['Content-Length: 0'], 'POST')).body.toString()).toBe(
    'app: POST /s/missing',
  )
  await server.close()
})

test('the health endpoints go before files, and files before the app', async () => {
  const site = newSite()
  site.write('health/live', 'a file')
  site.write('health/other', 'a file')
  const server = await serveSite(site, { static: `/=${site.root}`, healthPath: '/health' })
  expect((await ask(server, '/health/live')).body.toString()).toBe('{"status":"live"}')
  expect((await ask(server, '/health/other')).body.toString()).toBe('a file')
  await server.close()
})

describePython('a Python app', () => {
  test('hears of no request that a file answers', async () => {
    const { SpawnedServer } = await import('../support/spawned.ts')
    const { fetchOnce } = await import('../support/client.ts')
    const site = newSite()
    const server = await SpawnedServer.conformance('python', ['--static', `/s=${site.root}`])
    expect((await fetchOnce(server, '/s/a.txt')).body.toString()).toBe('a text\n')
    expect((await fetchOnce(server, '/s/missing')).headers).not.toHaveProperty('etag')
    expect(await server.stop()).toBe(0)
  })
})
