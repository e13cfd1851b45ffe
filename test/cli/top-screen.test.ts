/** The screen of `monodon top`, from snapshots. */
import { describe, expect, test } from 'vitest'
import { painted } from '../../lib/cli/top/line.ts'
import { type Scene, type Size, screen } from '../../lib/cli/top/screen.ts'
import { sparkline } from '../../lib/cli/top/sparkline.ts'
import { SORT_NAMES, type Sort } from '../../lib/cli/top/workers.ts'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { History } from '../../lib/observe/view/history.ts'
import { HOSTILE, histogram, inFlight, snapshot, worker } from '../observe/snapshots.ts'

const WIDE: Size = { columns: 120, rows: 30 }

function scene(later: Partial<Snapshot> = {}, changes: Partial<Scene> = {}): Scene {
  const history = new History()
  history.add(snapshot({ at: 99, workers: [] }))
  const last = snapshot({ at: 100, ...later })
  history.add(last)
  const rest = { sort: 'number', notice: '', hasUnicode: true } as const
  return { snapshot: last, history, ...rest, ...changes }
}

function shown(of: Scene, size: Size = WIDE): string[] {
  return screen(of, size).map((line) => painted(line, false))
}

const busy: Partial<Snapshot> = {
  requestCounts: [
    { method: 'GET', statusClass: 2, interface: 'fetch', count: 120 },
    { method: 'GET', statusClass: 5, interface: 'fetch', count: 2 },
  ],
  ...{ queued: 3, queueAge: 0.12, claimed: 8, bytesReceived: 2048, bytesSent: 3_565_158 },
  ...{ queueTime: histogram(122, 0, 0, 0, 0), appTime: histogram(0, 100, 22, 0, 0) },
  workers: [
    worker({ number: 1, requests: 100, held: 5 }),
    worker({ number: 2, requests: 22, held: 3, pid: 4712, state: 'hung', lag: 3.2, memory: null }),
  ],
  inFlight: [
    inFlight({ age: 3.2, worker: 2, target: '/report' }),
    inFlight({ id: 'a2', age: 0.12, worker: null, state: 'request-received', method: 'POST' }),
  ],
}

describe('the screen', () => {
  test('shows what a server does', () => {
    const text = shown(scene(busy)).join('\n')
    expect(text).toMatchInlineSnapshot(`
      "monodon 0.1.0  ready  up 2 h 3 min  app.ts at http://127.0.0.1:8000  pid 4711
         122 requests/s  2.0 5xx/s  in 2.0 KiB/s  out 3.4 MiB/s
      █
      queue 3, the oldest 120 ms  with workers 8  connections 25: 10 idle, 1 receiving, 12 processing, 2 sending
      LATENCY       p50       p90       p99
      queue      0.5 ms    0.9 ms   0.99 ms
      app       6.49 ms   50.1 ms     95 ms
      send            -         -         -

      WORKER  KIND      PID  STATE  HELD  REQ/S     LAG  BUSY    MEMORY  AGE
           1  thread      -  ready     5    100  1.2 ms  42 %  12.0 MiB  2 min 5 s
           2  process  4712  hung      3     22   3.2 s  42 %         -  2 min 5 s

      IN FLIGHT  STATE             WORKER  REQUEST
          3.2 s  processing             2  GET /report
         120 ms  request-received       -  POST /slow













      q quit  p pause  sort: n number h held r rate l lag b busy m memory a age"
    `)
  })

  test('has a line for each row of the terminal, and none that is too long', () => {
    const many = {
      ...busy,
      workers: Array.from({ length: 40 }, (_, index) => worker({ number: index + 1 })),
      inFlight: Array.from({ length: 40 }, () => inFlight({ target: `/${'x'.repeat(500)}` })),
    }
    for (const columns of [1, 20, 40, 80, 200])
      for (const rows of [1, 2, 5, 12, 24, 60]) {
        const lines = shown(scene(many), { columns, rows })
        expect(lines).toHaveLength(rows)
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
      }
  })

  test('shows what counts most in a small terminal: how it is, its workers, then its requests', () => {
    const sized = (of: Partial<Snapshot>, rows: number) =>
      shown(scene(of), { columns: 40, rows }).join('\n')
    expect(sized(busy, 10)).toMatchInlineSnapshot(`
      "monodon 0.1.0  ready  up 2 h 3 min  app.
         122 requests/s  2.0 5xx/s  in 2.0 KiB
      queue 3, the oldest 120 ms  with workers
      WORKER  STATE  HELD  REQ/S     LAG  BUSY
           1  ready     5    100  1.2 ms  42 %
           2  hung      3     22   3.2 s  42 %
      IN FLIGHT  WORKER  REQUEST
          3.2 s       2  GET /report
         120 ms       -  POST /slow
      q quit  p pause  sort: n number h held r"
    `)
    const many = {
      workers: Array.from({ length: 40 }, (_, index) => worker({ number: index + 1 })),
      inFlight: Array.from({ length: 90 }, () => inFlight()),
    }
    expect(sized(many, 10)).toMatchInlineSnapshot(`
      "monodon 0.1.0  ready  up 2 h 3 min  app.
           0 requests/s  in 0 B/s  out 0 B/s
      queue 0  with workers 0  connections 25:
      WORKER  STATE  HELD  REQ/S     LAG  BUSY
           1  ready     0      0  1.2 ms  42 %
      39 more
      IN FLIGHT  STATE       WORKER  REQUEST
         250 ms  processing       1  GET /slow
      89 more
      q quit  p pause  sort: n number h held r"
    `)
    expect(sized(many, 6)).toMatchInlineSnapshot(`
      "monodon 0.1.0  ready  up 2 h 3 min  app.
           0 requests/s  in 0 B/s  out 0 B/s
      queue 0  with workers 0  connections 25:
      WORKER  STATE  HELD  REQ/S     LAG  BUSY
           1  ready     0      0  1.2 ms  42 %
      q quit  p pause  sort: n number h held r"
    `)
    expect(sized(many, 5)).toMatchInlineSnapshot(`
      "monodon 0.1.0  ready  up 2 h 3 min  app.
           0 requests/s  in 0 B/s  out 0 B/s
      queue 0  with workers 0  connections 25:
      WORKER  STATE  HELD  REQ/S     LAG  BUSY
           1  ready     0      0  1.2 ms  42 %"
    `)
  })

  test('does not move with the number of requests what is above them', () => {
    const tops = (rows: number) =>
      [0, 1, 2, 40].map((length) => {
        const requests = Array.from({ length }, () => inFlight())
        const lines = shown(scene({ inFlight: requests }), { columns: 80, rows })
        return lines.findIndex((line) => line.includes('WORKER'))
      })
    for (let rows = 5; rows < 30; rows++) expect(new Set(tops(rows)).size, `${rows} rows`).toBe(1)
  })

  test('leaves out the columns that count least where it is narrow', () => {
    const heads = (columns: number) =>
      shown(scene(busy), { columns, rows: 24 }).find((line) => line.includes('STATE  ')) ?? ''
    expect(heads(100).trim().split(/ {2,}/)).toContain('KIND')
    expect(heads(60)).not.toContain('KIND')
    expect(heads(60)).toContain('REQ/S')
  })

  test('says how many workers and requests it has no room for', () => {
    const workers = Array.from({ length: 40 }, (_, index) => worker({ number: index + 1 }))
    const requests = Array.from({ length: 90 }, () => inFlight())
    const lines = shown(scene({ workers, inFlight: requests }), { columns: 80, rows: 24 })
    expect(lines.filter((line) => /^\d+ more$/.test(line))).toHaveLength(2)
  })

  test('without an end of rows has everything, and no keys', () => {
    const requests = Array.from({ length: 90 }, () => inFlight())
    const lines = shown(scene({ inFlight: requests }), { columns: Infinity, rows: Infinity })
    expect(lines.filter((line) => line.includes('GET /slow'))).toHaveLength(90)
    expect(lines.join('\n')).not.toContain('quit')
  })

  test.each<[Sort, number[]]>([
    ['number', [1, 2, 3]],
    ['held', [2, 3, 1]],
    ['rate', [3, 1, 2]],
    ['lag', [1, 3, 2]],
    ['busy', [2, 1, 3]],
    ['memory', [3, 2, 1]],
    ['age', [2, 1, 3]],
  ])('sorts workers by %s', (sort, order) => {
    const workers = [
      worker({ number: 1, held: 1, requests: 5, lag: 2, utilization: 0.5, memory: null, age: 5 }),
      worker({ number: 2, held: 9, requests: 1, lag: null, utilization: 0.9, memory: 2, age: 9 }),
      worker({ number: 3, held: 4, requests: 9, lag: 0.1, utilization: 0.1, memory: 3, age: 1 }),
    ]
    const lines = shown(scene({ workers }, { sort }))
    const numbers = lines.flatMap((line) => /^ +(\d) {2}thread/.exec(line)?.[1] ?? [])
    expect(numbers.map(Number)).toEqual(order)
    expect(SORT_NAMES).toContain(sort)
  })

  test('shows what clients wrote escaped, in colors and without', () => {
    const hostile = { app: HOSTILE, inFlight: [inFlight({ target: HOSTILE, method: '\x1b]0;x' })] }
    for (const hasColors of [true, false]) {
      const text = screen(scene(hostile), WIDE)
        .map((line) => painted(line, hasColors))
        .join('\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
      expect(text.replaceAll(/\x1b\[\d*m/g, '')).toMatch(/^[\n -~▁-█]*$/)
      expect(text).toContain('\\u001b]0;x /\\u001b[31m<img src=x onerror=alert(1)>\\u202etxt.exe')
    }
  })

  test('has colors only when they are wanted', () => {
    const line = screen(scene(busy), WIDE)[0]!
    expect(painted(line, false)).not.toContain('\x1b')
    expect(painted(line, true)).toContain('\x1b[32mready\x1b[0m')
  })

  test('says what holds it up', () => {
    for (const columns of [120, 60]) {
      const [first = ''] = shown(scene({}, { notice: 'server gone, trying again' }), {
        columns,
        rows: 9,
      })
      expect(first).toMatch(/^monodon 0\.1\.0 .* {2}server gone, trying again$/)
    }
  })
})

test('a sparkline fills its line with the highest figure', () => {
  expect(sparkline([0, 1, 4, 8], 10, true)).toBe(' ▁▄█')
  expect(sparkline([0, 1, 4, 8], 2, false)).toBe('=@')
  expect(sparkline([0, 0], 5, true)).toBe('  ')
  expect(sparkline([], 5, true)).toBe('')
})
