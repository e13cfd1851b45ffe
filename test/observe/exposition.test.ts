import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { CONTENT_TYPES, exposition, formatFor } from '../../lib/observe/exposition.ts'
import { METRICS, queriedName } from '../../lib/observe/metrics.ts'
import type { Histogram, Snapshot } from '../../lib/observe/snapshot.ts'
import { describeWith } from '../support/required.ts'
import { figuresIn } from './figures.ts'
import { missing, PROMTOOL } from './programs.ts'

const TIMES: Histogram = { bounds: [0.1, 1], counts: [3, 2, 1], sum: 4.5 }

const SNAPSHOT: Snapshot = {
  version: '1.2"\\\n3',
  pid: 1,
  uptime: 10,
  at: 1000,
  state: 'ready',
  change: null,
  app: 'app',
  urls: [],
  workerClass: 'thread',
  wanted: 1,
  connections: 10,
  accepted: 12,
  requests: 6,
  queued: 1,
  claimed: 2,
  lent: 3,
  stability: 'crash-loop',
  restarts: { died: 1, hung: 2, boot: 0, spent: 0, lifetime: 0, memory: 0 },
  workers: [
    {
      ...{ number: 7, state: 'ready', pid: null, age: 5, requests: 6, held: 2 },
      ...{ lag: 0.25, memory: 1024, utilization: null },
    },
  ],
  connectionStates: { idle: 1, receiving: 2, processing: 3, sending: 4 },
  requestCounts: [
    { method: 'GET', statusClass: 2, interface: 'fetch', count: 5 },
    { method: 'OTHER', statusClass: 0, interface: 'native', count: 1 },
  ],
  ...{ queueTime: TIMES, appTime: TIMES, sendTime: TIMES, batchSize: TIMES },
  queueAge: 0.5,
  bytesReceived: 100,
  bytesSent: 200,
  handshakes: { completed: 8, failed: 9 },
  limited: { 'queue-size': 4 },
  logDropped: 11,
  spans: { exported: 40, dropped: { overflow: 1, rejected: 2, undelivered: 3 } },
  responsesSending: 5,
  inFlight: [],
  lives: [],
  errors: [],
}

test('every figure stands in the text, with its labels', () => {
  const all = figuresIn(exposition(SNAPSHOT, 'prometheus'))
  const expected = {
    'monodon_build_info{version="1.2\\"\\\\\\n3"}': 1,
    monodon_start_time_seconds: 990,
    monodon_ready: 1,
    'monodon_http_requests_total{method="GET",status="2xx",interface="fetch"}': 5,
    'monodon_http_requests_total{method="OTHER",status="none",interface="native"}': 1,
    monodon_http_requests_in_progress: 2,
    monodon_http_responses_sending: 5,
    monodon_queue_length: 1,
    monodon_queue_oldest_seconds: 0.5,
    monodon_received_bytes_total: 100,
    monodon_sent_bytes_total: 200,
    'monodon_connections{state="sending"}': 4,
    monodon_connections_accepted_total: 12,
    'monodon_tls_handshakes_total{result="failed"}': 9,
    'monodon_limits_hit_total{limit="queue-size"}': 4,
    'monodon_workers{state="ready"}': 1,
    'monodon_workers{state="hung"}': 0,
    'monodon_worker_restarts_total{cause="hung"}': 2,
    monodon_crash_loop: 1,
    'monodon_worker_requests_held{worker="7"}': 2,
    'monodon_worker_lag_seconds{worker="7"}': 0.25,
    'monodon_worker_memory_bytes{worker="7"}': 1024,
    monodon_lent_buffers: 3,
    monodon_log_dropped_total: 11,
  }
  expect(Object.fromEntries(all)).toMatchObject(expected)
  expect([...all.keys()].filter((name) => name.includes('utilization'))).toEqual([])
})

test('buckets hold all that is not larger than their bound', () => {
  const all = figuresIn(exposition(SNAPSHOT, 'prometheus'))
  const name = 'monodon_http_request_app_seconds'
  expect(['0.1', '1', '+Inf'].map((le) => all.get(`${name}_bucket{le="${le}"}`))).toEqual([3, 5, 6])
  expect([all.get(`${name}_sum`), all.get(`${name}_count`)]).toEqual([4.5, 6])
})

test('buckets go by the bounds that they have', () => {
  exposition(SNAPSHOT, 'prometheus')
  const appTime: Histogram = { bounds: [0.5], counts: [1, 2], sum: 3 }
  const all = figuresIn(exposition({ ...SNAPSHOT, appTime }, 'prometheus'))
  const name = 'monodon_http_request_app_seconds_bucket'
  const buckets = [...all].filter(([sample]) => sample.startsWith(name))
  expect(buckets).toEqual([
    [`${name}{le="0.5"}`, 1],
    [`${name}{le="+Inf"}`, 3],
  ])
})

test('OpenMetrics names families without _total, has units, and ends', () => {
  const text = exposition(SNAPSHOT, 'openmetrics')
  expect(text).toContain('# TYPE monodon_sent_bytes counter\n# UNIT monodon_sent_bytes bytes\n')
  expect(text).toContain('\nmonodon_sent_bytes_total 200\n')
  expect(text).toContain('monodon_http_request_app_seconds_bucket{le="1.0"} 5\n')
  expect(text.endsWith('\n# EOF\n')).toBe(true)
  expect(exposition(SNAPSHOT, 'prometheus')).not.toMatch(/# (?:UNIT|EOF)/)
})

test.each([
  ['', 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/plain;version=0.0.4', 'prometheus'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.9', 'prometheus'],
  ['application/openmetrics-text;version=0.0.1', 'prometheus'],
  // Prometheus 2.42.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
] as const)('for Accept %j it writes %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format)
})

test('names and units follow the conventions, and units end names', () => {
  for (const metric of METRICS) {
    expect(metric.name).toMatch(/^monodon_[a-z_]+$/)
    expect(metric.name).not.toMatch(/_(?:total|count|sum|bucket)$/)
    if (metric.unit !== undefined) expect(metric.name.endsWith(`_${metric.unit}`)).toBe(true)
  }
  expect(new Set(METRICS.map(queriedName)).size).toBe(METRICS.length)
  expect(CONTENT_TYPES.openmetrics).toContain('version=1.0.0')
})

const DEPLOY = fileURLToPath(new URL('../../docs/deploy/', import.meta.url))

describeWith(missing(PROMTOOL), 'promtool', () => {
  test('finds nothing wrong with the metrics', () => {
    const input = exposition(SNAPSHOT, 'prometheus')
    const run = spawnSync(PROMTOOL, ['check', 'metrics'], { input, encoding: 'utf8' })
    expect([run.status, run.stdout + run.stderr]).toEqual([0, ''])
  })

  test('finds nothing wrong with the alert rules', () => {
    const run = spawnSync(PROMTOOL, ['check', 'rules', '--lint-fatal', 'prometheus-rules.yml'], {
      cwd: DEPLOY,
      encoding: 'utf8',
    })
    expect([run.status, run.stdout]).toEqual([0, expect.stringContaining('rules found')])
  })

  test('the alert rules fire for what they are made for', () => {
    const run = spawnSync(PROMTOOL, ['test', 'rules', 'prometheus-rules.test.yml'], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    })
    expect([run.status, run.stdout + run.stderr]).toEqual([0, expect.stringContaining('SUCCESS')])
  })
})

test('dashboard and rules ask for metrics that there are', () => {
  const known = new Set(
    METRICS.flatMap((metric) => {
      const name = queriedName(metric)
      const parts = metric.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      return parts.map((part) => `${name}${part}`)
    }),
  )
  for (const file of ['grafana-dashboard.json', 'prometheus-rules.yml']) {
    const asked = readFileSync(`${DEPLOY}${file}`, 'utf8').match(/\bmonodon_[a-z_]+/g) ?? []
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.filter((name) => !known.has(name))).toEqual([])
  }
  JSON.parse(readFileSync(`${DEPLOY}grafana-dashboard.json`, 'utf8'))
})
