/** Figures from snapshots, and the texts in which people read them. */
import { describe, expect, test } from 'vitest'
import { observedSince, quantile } from '../../lib/observe/view/histogram.ts'
import { History } from '../../lib/observe/view/history.ts'
import { between } from '../../lib/observe/view/interval.ts'
import { partsOf, stepsOf } from '../../lib/observe/view/life.ts'
import {
  age,
  bytes,
  rate,
  share,
  span,
  visible,
  visibleAscii,
} from '../../lib/observe/view/text.ts'
import { HOSTILE, histogram, life, snapshot, worker } from './snapshots.ts'

describe('texts', () => {
  test.each([
    [null, '-'],
    [0, '0 ms'],
    [0.000_004, '0 ms'],
    [0.000_12, '0.12 ms'],
    [0.0034, '3.4 ms'],
    [0.1204, '120 ms'],
    [0.9999, '1 s'],
    [1.254, '1.25 s'],
    [59.99, '1 min 0 s'],
    [123, '2 min 3 s'],
  ])('a span of %s seconds is %s', (seconds, text) => expect(span(seconds)).toBe(text))

  test.each([
    [0.4, '0 s'],
    [59, '59 s'],
    [7384, '2 h 3 min'],
    [86_400, '1 d 0 h'],
  ])('an age of %s seconds is %s', (seconds, text) => expect(age(seconds)).toBe(text))

  test.each([
    [null, '-'],
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [3_565_158, '3.4 MiB'],
    [1_073_741_823, '1.0 GiB'],
    [200 * 1024 ** 3, '200 GiB'],
  ])('%s bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

  test.each([
    [null, '-'],
    [0, '0'],
    [0.04, '0.0'],
    [9.949, '9.9'],
    [9.96, '10'],
    [8765.4, '8765'],
    [9999.6, '10.0k'],
    [123_456, '123k'],
  ])('%s times a second are %s', (value, text) => expect(rate(value)).toBe(text))

  test('a share is in percent', () => expect([share(0.426), share(null)]).toEqual(['43 %', '-']))

  test('what clients wrote shows what it is, and does nothing', () => {
    const shown = visible(HOSTILE)
    expect(shown).toBe(
      '/\\u001b[31m<img src=x onerror=alert(1)>\\u202etxt.exe\\u0007\\u200b\\u000d\\u000a"&\\u009b',
    )
    expect(visible('/größe/日本/😀')).toBe('/größe/日本/😀')
    expect(visible('\ud83d \u{e0001}')).toBe('\\ud83d \\u{e0001}')
    expect(visibleAscii('/größe/😀\x7f')).toBe('/gr\\u00f6\\u00dfe/\\u{1f600}\\u007f')
  })
})

describe('histograms', () => {
  test('have quantiles between the bounds of a bucket', () => {
    const hundred = histogram(50, 40, 9, 0, 1)
    expect(quantile(hundred, 0.25)).toBeCloseTo(0.0005)
    expect(quantile(hundred, 0.5)).toBeCloseTo(0.001)
    expect(quantile(hundred, 0.9)).toBeCloseTo(0.01)
    expect(quantile(hundred, 0.99)).toBeCloseTo(0.1)
  })

  test('tell the last bound of what lies above it, and nothing of nothing', () => {
    expect(quantile(histogram(0, 0, 0, 0, 3), 0.5)).toBe(1)
    expect(quantile(histogram(0, 0, 0, 0, 0), 0.5)).toBeNull()
  })

  test('are told apart by time', () => {
    const since = observedSince(histogram(5, 4, 0, 0, 1), histogram(5, 1, 0, 0, 0))
    expect(since.counts).toEqual([0, 3, 0, 0, 1])
    expect(since.sum).toBe(4)
  })
})

describe('an interval', () => {
  const counts = (ok: number, missing: number, failed: number, gone: number) =>
    ([2, 4, 5, 0] as const).map((statusClass, index) => ({
      ...{ method: 'GET', statusClass, interface: 'fetch' as const },
      count: [ok, missing, failed, gone][index]!,
    }))
  const earlier = snapshot({
    ...{ at: 100, requestCounts: counts(10, 1, 0, 0), bytesSent: 1000 },
    workers: [worker({ requests: 11 })],
    appTime: histogram(11, 0, 0, 0, 0),
  })
  const later = snapshot({
    ...{ at: 102, requestCounts: counts(30, 3, 4, 2), bytesSent: 5000 },
    workers: [worker({ requests: 39 }), worker({ number: 2, requests: 4 })],
    appTime: histogram(11, 0, 20, 0, 0),
  })

  test('tells how often each thing has happened', () => {
    expect(between(earlier, later)).toMatchObject({
      ...{ seconds: 2, requests: 14, serverErrors: 2, clientErrors: 1, unanswered: 1 },
      ...{ received: 0, sent: 2000 },
      workers: new Map([
        [1, 14],
        [2, 2],
      ]),
      queue: { p50: null, p90: null, p99: null },
    })
    expect(between(earlier, later)!.app.p50).toBeCloseTo(0.055)
  })

  test('has probes among its requests, and not among its errors', () => {
    const probes = { method: 'GET', statusClass: 5, interface: 'probe', count: 6 } as const
    const probed = { ...later, requestCounts: [...later.requestCounts, probes] }
    expect(between(earlier, probed)).toMatchObject({ requests: 17, serverErrors: 2 })
  })

  test('is none between two servers, and none of no time', () => {
    expect(between(earlier, { ...later, pid: 2 })).toBeUndefined()
    expect(between(earlier, earlier)).toBeUndefined()
  })

  test('follows another by the history, which begins anew with another server', () => {
    const history = new History()
    history.add(earlier)
    expect([history.last, history.rates]).toEqual([undefined, []])
    history.add(later)
    expect(history.rates).toEqual([14])
    history.add({ ...later, pid: 2 })
    expect([history.last, history.rates]).toEqual([undefined, []])
  })

  test('of latencies is ten seconds long', () => {
    const history = new History()
    for (let second = 0; second < 300; second++)
      history.add(snapshot({ at: second, requestCounts: counts(second, 0, 0, 0) }))
    expect(history.recent?.seconds).toBe(10)
    expect(history.last?.seconds).toBe(1)
    expect(history.rates).toEqual(Array.from({ length: 120 }, () => 1))
  })
})

describe('the life of a request', () => {
  const table = (changes: Parameters<typeof life>[0]) =>
    stepsOf(life(changes)).map(({ at, server, app, response }) => [at, server, app, response])

  test('goes through the states of server, app and response', () => {
    expect(table({})).toEqual([
      [null, 'listening', 'not-called', 'not-sent'],
      [0, 'request-received', 'not-called', 'not-sent'],
      [0.002, 'processing', 'running', 'not-sent'],
      [1.402, 'waiting-to-send', 'response-ready', 'not-sent'],
      [1.41, 'idle', 'idle', 'sent'],
    ])
    const { queue, app, send } = partsOf(life())
    expect([queue, app, send].map((seconds) => seconds.toFixed(3))).toEqual([
      ...['0.002', '1.400', '0.008'],
    ])
  })

  test('may be answered by the server itself', () => {
    const refused = {
      called: null,
      ready: 0.5,
      ended: 0.6,
      status: 503,
      outcome: 'failed',
    } as const
    expect(table(refused).slice(2)).toEqual([
      [0.5, 'waiting-to-send', 'not-called', 'not-sent'],
      [0.6, 'idle', 'not-called', 'sent'],
    ])
    expect(partsOf(life(refused))).toEqual({ queue: 0.5, app: 0, send: expect.closeTo(0.1) })
  })

  test('may end before there is an answer', () => {
    const left = { ready: null, ended: 3, status: 0, outcome: 'aborted' } as const
    expect(stepsOf(life(left)).at(-1)).toEqual({
      title: 'The client left before there was an answer',
      ...{ at: 3, server: 'idle', app: 'idle', response: 'not-sent' },
    })
    expect(partsOf(life({ ...left, called: null }))).toEqual({ queue: 3, app: 0, send: 0 })
  })

  test('may break off while its response is sent', () => {
    expect(stepsOf(life({ outcome: 'aborted' })).at(-1)).toMatchObject({
      ...{ title: 'It broke off', response: 'not-sent' },
    })
  })
})
