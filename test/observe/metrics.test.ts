/** Whole servers, whose figures are compared with what clients have counted themselves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { request as control } from '../control/ctl.ts'
import { describePython } from '../support/python.ts'
import { describeWith } from '../support/required.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'
import { Counting, head } from './counting.ts'
import { figures, scrape, sumOf } from './figures.ts'
import { missing, PROMETHEUS } from './programs.ts'

const JAVASCRIPT = `
const ways = {
  '/sleep': () => new Promise((wake) => setTimeout(wake, 300)),
  '/hold': () => new Promise(() => {}),
  '/throw': () => { throw new Error('on purpose') },
  '/exit': () => process.exit(7),
  '/spin': () => { for (;;) {} },
}
export default async (request) => {
  const { pathname } = new URL(request.url)
  await ways[pathname]?.()
  const status = pathname === '/missing' ? 404 : 200
  return new Response(request.method === 'POST' ? await request.text() : 'x'.repeat(1000), { status })
}
`
const PYTHON = `
import os, time
def throw():
    raise RuntimeError('on purpose')
WAYS = {
    '/sleep': lambda: time.sleep(0.3),
    '/hold': lambda: time.sleep(8),
    '/throw': throw,
    '/exit': lambda: os._exit(7),
}
def app(environ, start_response):
    path = environ['PATH_INFO']
    WAYS.get(path, lambda: None)()
    posts = environ['REQUEST_METHOD'] == 'POST'
    body = environ['wsgi.input'].read() if posts else b'x' * 1000
    start_response('404 Not Found' if path == '/missing' else '200 OK', [('Content-Length', str(len(body)))])
    return [body]
`
/** Flags that the exact figures need. */
const FLAGS = ['--request-timeout', '2s', '--limit-request-body', '1kb', '--slow-request', '200ms']

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-metrics-'))
  writeFileSync(join(folder, 'app.mjs'), JAVASCRIPT)
  writeFileSync(join(folder, 'pyapp.py'), PYTHON)
})

afterAll(() => rmSync(folder, { recursive: true }))

/** A server, and where it shows what is known of it. */
interface Watched {
  readonly server: SpawnedServer
  readonly metrics: string
  snapshot(): Promise<Snapshot>
}

let started = 0

async function start(kind: 'thread' | 'process' | 'python', ...flags: string[]): Promise<Watched> {
  const [metrics, socket] = [`m${++started}.sock`, `c${started}.sock`]
  const all = [
    ...['--metrics-bind', `unix:${metrics}`, '--control-socket', socket, '--io-threads', '2'],
    ...flags,
  ]
  const server =
    kind === 'python'
      ? await SpawnedServer.python('pyapp:app', ['--threads', '4', ...all], {}, folder)
      : await SpawnedServer.start('app.mjs', ['--worker-class', kind, ...all], {}, folder)
  return {
    server,
    metrics: join(folder, metrics),
    snapshot: async () =>
      (await control(join(folder, socket), { command: 'snapshot' })).result as Snapshot,
  }
}

async function countsExactly(kind: 'thread' | 'process' | 'python', name: string): Promise<void> {
  const { server, metrics, snapshot } = await start(kind, '--workers', '2', ...FLAGS)
  const client = new Counting(server.port)
  const times = (count: number, bytes: string) => Array.from({ length: count }, () => bytes)
  await parallel(
    [
      ...times(20, head('GET', '/')),
      ...times(4, head('HEAD', '/')),
      ...times(5, `${head('POST', '/', 'Content-Length: 5\r\n')}hello`),
      ...times(2, head('PURGE', '/')),
      ...times(3, head('GET', '/missing')),
      ...times(2, head('GET', '/throw')),
      ...times(4, head('GET', '/sleep')),
    ],
    8,
    (bytes) => client.ask(bytes),
  )
  // What never comes to a worker.
  await client.ask('NONSENSE\r\n\r\n')
  await client.ask(head('GET', `/${'a'.repeat(9000)}`))
  await client.ask(head('POST', '/', 'Content-Length: 5000\r\n'))
  // Who leaves, who waits for too long, and who meets the end of a worker.
  const gone = `monodon_http_requests_total{method="GET",status="none",interface="${name}"}`
  for (const target of ['/hold?1', '/hold?2', '/hold?3']) {
    const isHeld = async () =>
      (await snapshot()).inFlight.some((now) => now.target === target && now.worker !== null)
    await client.leave(head('GET', target), isHeld)
  }
  await until('the server to notice', async () => (await figures(metrics)).get(gone) === 3)
  await client.ask(head('GET', '/hold'))
  await client.ask(head('GET', '/exit'))
  const all = await figures(metrics)
  const total = (...labels: string[]) => sumOf(all, 'monodon_http_requests_total', ...labels)
  for (const [status, count] of Object.entries(client.statuses))
    expect([status, total(`status="${status}"`)]).toEqual([status, count])
  expect(client.statuses).toEqual({ '2xx': 35, '4xx': 6, '5xx': 4, none: 3 })
  const counted = Object.fromEntries(
    ['GET', 'HEAD', 'POST', 'OTHER'].map((method) => [method, total(`method="${method}"`)]),
  )
  // What is refused before it is parsed has no method.
  expect(counted).toEqual({ GET: 34, HEAD: 4, POST: 5, OTHER: 5 })
  expect([total(`interface="${name}"`), total('interface="native"')]).toEqual([45, 3])
  const times_ = ['queue', 'app', 'send'].map((step) =>
    all.get(`monodon_http_request_${step}_seconds_count`),
  )
  // Those that left had no answer; the three that were refused before had no head for the handler.
  expect(times_).toEqual([45, 42, 42])
  const bucket = (le: string) => all.get(`monodon_http_request_app_seconds_bucket{le="${le}"}`)!
  expect(bucket('+Inf') - bucket('0.25')).toBeGreaterThanOrEqual(5)
  expect(all.get('monodon_http_request_app_seconds_sum')).toBeGreaterThan(4 * 0.3 + 1.9)
  expect([all.get('monodon_received_bytes_total'), all.get('monodon_sent_bytes_total')]).toEqual([
    client.written,
    client.read,
  ])
  expect(all.get('monodon_connections_accepted_total')).toBe(48)
  const limits = ['limit-request-line', 'limit-request-body', 'request-timeout', 'queue-size']
  expect(limits.map((limit) => all.get(`monodon_limits_hit_total{limit="${limit}"}`))).toEqual([
    1, 1, 1, 0,
  ])
  const died = 'monodon_worker_restarts_total{cause="died"}'
  await until('the worker to be missed', async () => (await figures(metrics)).get(died) === 1)
  const { lives, errors } = await snapshot()
  const thrown = errors.filter(({ text }) => text.includes('on purpose'))
  expect(thrown.length).toBe(2)
  const outcomes = (outcome: string) => lives.filter((life) => life.outcome === outcome).length
  expect(['failed', 'aborted', 'slow'].map(outcomes)).toEqual([4, 3, 4])
  const slow = lives.find(({ target, status }) => target === '/sleep' && status === 200)!
  expect(slow).toMatchObject({
    method: 'GET',
    protocol: 'HTTP/1.1',
    client: '127.0.0.1',
    bytes: 1000,
  })
  expect(slow.ready! - slow.called!).toBeGreaterThan(0.29)
  expect(slow.ended).toBeGreaterThanOrEqual(slow.ready!)
  await server.stop('SIGINT')
}

describe('figures agree with what the client has counted', () => {
  test('with workers in threads', () => countsExactly('thread', 'fetch'))
  test('with workers in processes', () => countsExactly('process', 'fetch'))
})

describePython('figures agree with what the client has counted', () => {
  test('with workers in Python', () => countsExactly('python', 'python'))
})

describe('a server in need', () => {
  test('answers for its metrics while every worker hangs and the queue is full', async () => {
    const flags = [
      '--workers',
      '2',
      '--timeout',
      'off',
      '--queue-size',
      '3',
      '--health-path',
      '/up',
    ]
    const { server, metrics, snapshot } = await start('thread', ...flags)
    const client = new Counting(server.port)
    const spins = [1, 2].map(() => client.ask(head('GET', '/spin')))
    await until('both to hang', async () => (await snapshot()).claimed === 2)
    const waits = [1, 2, 3].map(() => client.ask(head('GET', '/waits?a=%3Cb')))
    await until('the queue to be full', async () => (await snapshot()).queued === 3)
    await client.ask(head('GET', '/'))
    expect(client.statuses).toEqual({ '5xx': 1 })
    const lag = (all: ReadonlyMap<string, number>) => sumOf(all, 'monodon_worker_lag_seconds')
    await until('the lag to show', async () => lag(await figures(metrics)) > 2)
    // Far more than they take (`npm run bench -- --only answers` measures that), and far less than it
    // would take anything that waited for a worker.
    const looks = [
      () => figures(metrics),
      () => snapshot(),
      async () => {
        const { status } = await fetch(`http://127.0.0.1:${server.port}/up/live`)
        expect(status).toBe(200)
      },
    ]
    for (const look of looks) expect(await medianOf(look)).toBeLessThan(1000)
    const all = await figures(metrics)
    expect(all.get('monodon_http_requests_in_progress')).toBe(2)
    expect(all.get('monodon_queue_length')).toBe(3)
    expect(all.get('monodon_queue_oldest_seconds')).toBeGreaterThan(0)
    expect(all.get('monodon_limits_hit_total{limit="queue-size"}')).toBe(1)
    const ended = (status: string, kind: string) =>
      all.get(`monodon_http_requests_total{method="GET",status="${status}",interface="${kind}"}`)
    expect([ended('2xx', 'probe'), ended('5xx', 'native')]).toEqual([5, 1])
    const { inFlight } = await snapshot()
    const states = inFlight.map(({ state, target, worker }) => [state, target, worker !== null])
    expect(states).toEqual([
      ...[1, 2].map(() => ['processing', '/spin', true]),
      ...[1, 2, 3].map(() => ['request-received', '/waits?a=%3Cb', false]),
    ])
    await server.stop('SIGKILL')
    await Promise.all([...spins, ...waits])
  })
})

/** Milliseconds that it takes, of five times the middle one: a busy machine may hold up one of them. */
async function medianOf(look: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < 5; count++) {
    const begun = performance.now()
    await look()
    times.push(performance.now() - begun)
  }
  return times.sort((a, b) => a - b)[2]!
}

test('what a client sends is no label, whatever it is', async () => {
  const { server, metrics } = await start('thread')
  const client = new Counting(server.port)
  for (const target of ['/%0a#EOF', '/"}1', '/<script>', '/\u00e9\u001b[2J'])
    await client.ask(head('GET', target))
  await client.ask(head('A"{}', '/'))
  const text = await scrape(metrics)
  for (const given of ['script', '%0a', '\u001b', 'A"']) expect(text).not.toContain(given)
  expect(sumOf(await figures(metrics), 'monodon_http_requests_total')).toBe(5)
  expect(await server.stop()).toBe(0)
})

describeWith(missing(PROMETHEUS), 'a real Prometheus', () => {
  test('scrapes the metrics', async () => {
    const port = await freePort()
    const { server } = await start('thread', `--metrics-bind=127.0.0.1:${port}`)
    const client = new Counting(server.port)
    for (let sent = 0; sent < 7; sent++) await client.ask(head('GET', '/'))
    const own = await freePort()
    writeFileSync(
      join(folder, 'prometheus.yml'),
      `global: { scrape_interval: 200ms }
scrape_configs:
  - job_name: monodon
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`,
    )
    const prometheus = spawn(
      PROMETHEUS,
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${own}`,
      ],
      { stdio: 'ignore' },
    )
    try {
      const query = async (text: string): Promise<number | undefined> => {
        const url = `http://127.0.0.1:${own}/api/v1/query?query=${encodeURIComponent(text)}`
        // It does not listen at once, and says in words that it is not ready.
        const answer = await fetch(url)
          .then((response) => response.json())
          .catch(() => undefined)
        const value = answer?.data?.result?.[0]?.value?.[1]
        return value === undefined ? undefined : Number(value)
      }
      const requests = 'sum(monodon_http_requests_total{status="2xx"})'
      await until('Prometheus to scrape', async () => (await query(requests)) === 7)
      expect(await query('up')).toBe(1)
      expect(await query('monodon_http_request_app_seconds_count')).toBe(7)
      expect(
        await query('histogram_quantile(0.99, monodon_http_request_app_seconds_bucket)'),
      ).toBeGreaterThan(0)
    } finally {
      prometheus.kill('SIGKILL')
      await once(prometheus, 'exit')
    }
    expect(await server.stop()).toBe(0)
  })
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
