/** What a server tells statsd, added up and compared with what its client has counted. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { frameOf, statsdLines } from '../../lib/observe/statsd.ts'
import { describePython, requirePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'
import { Counting, head } from './counting.ts'

const APP = `
const ways = {
  '/sleep': () => new Promise((wake) => setTimeout(wake, 300)),
  '/hold': () => new Promise(() => {}),
  '/throw': () => { throw new Error('on purpose') },
}
export default async (request) => {
  const { pathname } = new URL(request.url)
  await ways[pathname]?.()
  return new Response('hello', { status: Number(pathname.slice(1)) || 200 })
}
`

/** What has arrived, of all datagrams. */
class Told {
  readonly lines: string[] = []

  hear(datagram: string): void {
    expect(Buffer.byteLength(datagram)).toBeLessThanOrEqual(8192)
    this.lines.push(...datagram.split('\n'))
  }

  /** The sum of a metric by its whole name. */
  sum(name: string): number {
    return this.values(name).reduce((sum, value) => sum + value, 0)
  }

  values(name: string): number[] {
    const own = this.lines.filter((line) => line.startsWith(`${name}:`))
    return own.map((line) => Number(line.slice(name.length + 1).split('|', 1)[0]))
  }

  /** The counters of requests by status. */
  statuses(before = 'gunicorn.'): Record<string, number> {
    const found = new Set(this.lines.map((line) => /request\.status\.(\d+):/.exec(line)?.[1]))
    found.delete(undefined)
    return Object.fromEntries(
      [...found].map((status) => [status, this.sum(`${before}request.status.${status}`)]),
    )
  }
}

async function udp() {
  const told = new Told()
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  socket.on('message', (datagram) => told.hear(datagram.toString()))
  await once(socket, 'listening')
  return { told, host: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-statsd-'))
  writeFileSync(join(folder, 'app.mjs'), APP)
})

afterAll(() => rmSync(folder, { recursive: true }))

test('all that is told agrees with what the client has counted, before a reload and after', async () => {
  const [first, second] = [await udp(), await udp()]
  const config = join(folder, 'monodon.config.json')
  const say = (value: object) => writeFileSync(config, JSON.stringify(value))
  say({ statsdHost: first.host, statsdPrefix: 'shop.' })
  const flags = ['--config', config, '--workers', '2', '--io-threads', '2']
  const server = await SpawnedServer.start('app.mjs', flags, {}, folder)
  const client = new Counting(server.port)
  const paths = [...times(20, '/'), ...times(3, '/404'), ...times(2, '/sleep'), '/throw']
  await ask(client, paths)
  await client.ask('NONSENSE\r\n\r\n')
  const requests = 'shop.gunicorn.requests'
  const isTold = (count: number) => first.told.sum(requests) === count
  await client.leave(head('GET', '/hold'), async () => isTold(27))
  await until('that who has left to be told', () => isTold(28))
  // Its socket has been opened by now.
  const before = server.holdings
  expect(first.told.statuses('shop.gunicorn.')).toEqual({ ...client.codes, 499: 1 })
  expect(client.codes).toEqual({ 200: 22, 400: 1, 404: 3, 500: 1 })
  // What a worker logs, too.
  expect(first.told.sum('shop.gunicorn.log.exception')).toBe(1)
  const durations = first.told.values('shop.gunicorn.request.duration')
  // What was refused before it was understood has taken no time.
  expect(durations.length).toBe(27)
  expect(durations.filter((ms) => ms >= 299).length).toBeGreaterThanOrEqual(3)
  expect(new Set(first.told.values('shop.gunicorn.workers'))).toContain(2)
  expect(
    first.told.lines.every((line) => /^shop\.gunicorn\.[a-z.0-9]+:[\d.]+\|(c|g|ms)$/.test(line)),
  ).toBe(true)

  say({ statsdHost: second.host, dogstatsdTags: ['env:test', 'canary'] })
  server.child.kill('SIGHUP')
  await until('the reload', () => server.output.includes('Reloaded'))
  await server.released(before)
  const told = first.told.lines.length
  await ask(client, [...times(5, '/'), ...times(2, '/418')])
  // What was not told yet is told at the end.
  expect(await server.stop()).toBe(0)
  await until('it to arrive', () => second.told.sum('gunicorn.requests') === 7)
  expect(second.told.statuses()).toEqual({ 200: 5, 418: 2 })
  expect(second.told.lines.every((line) => line.endsWith('|#env:test,canary'))).toBe(true)
  expect(first.told.lines.length).toBe(told)
  first.close()
  second.close()
})

describePython('a socket of this machine', () => {
  test('is told all when it comes later', async () => {
    const path = join(folder, 'statsd.sock')
    const server = await SpawnedServer.start(
      'app.mjs',
      ['--statsd-host', `unix://${path}`],
      {},
      folder,
    )
    const client = new Counting(server.port)
    await until('the failure to be told', () => server.output.includes(`statsd at ${path}`))
    const told = new Told()
    const receiver = spawn(requirePython(), ['-c', RECEIVER, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    receiver.stdout.on('data', (bytes: Buffer) => {
      for (const datagram of bytes.toString().split('\0').filter(Boolean)) told.hear(datagram)
    })
    await until('it to be found', () => told.lines.length > 0)
    await ask(client, [...times(50, '/'), ...times(7, '/503')])
    expect(await server.stop()).toBe(0)
    await until('all to arrive', () => told.sum('gunicorn.requests') === 57)
    expect(told.statuses()).toEqual({ 200: 50, 503: 7 })
    expect(told.values('gunicorn.request.duration').length).toBe(57)
    const failures = server
      .entries('ERROR')
      .filter((entry) => entry.includes('MONODON_LOG_NOT_TAKEN'))
    expect(failures.length).toBe(1)
    receiver.kill()
    await once(receiver, 'exit')
  })
})

/** Node has no datagrams over Unix sockets. */
const RECEIVER = `
import os, socket, sys
taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
taken.bind(sys.argv[1])
while True:
    os.write(1, taken.recv(65536) + b'\\0')
`

test('there is a line for what has happened', () => {
  const nothing = { critical: 0, error: 0, exception: 0, warning: 0 }
  const happened = {
    statuses: [
      { status: 200, count: 2990 },
      { status: 503, count: 10 },
    ],
    logged: { ...nothing, error: 2, exception: 1 },
    workers: 4,
  }
  const frame = frameOf({ statsdPrefix: 'a..', dogstatsdTags: [] })
  expect(statsdLines(happened, frame)).toEqual([
    'a.gunicorn.requests:3000|c',
    'a.gunicorn.request.status.200:2990|c',
    'a.gunicorn.request.status.503:10|c',
    'a.gunicorn.log.error:2|c',
    'a.gunicorn.log.exception:1|c',
    'a.gunicorn.workers:4|g',
  ])
  const idle = { statuses: [], logged: nothing, workers: 1 }
  expect(statsdLines(idle, frameOf({ statsdPrefix: '', dogstatsdTags: ['a:b'] }))).toEqual([
    'gunicorn.workers:1|g|#a:b',
  ])
})

function ask(client: Counting, paths: readonly string[]): Promise<void> {
  return parallel(paths, 8, (path) => client.ask(head('GET', path)))
}

function times(count: number, path: string): string[] {
  return Array.from({ length: count }, () => path)
}
