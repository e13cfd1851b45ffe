/** What has happened between two snapshots of one server. */

import type { Histogram, RequestCount, Snapshot } from '../snapshot.ts'
import { observedSince, quantile } from './histogram.ts'

/** What the server has counted, of which two moments make an interval. */
export type Counted = Pick<
  Snapshot,
  | 'at'
  | 'pid'
  | 'requestCounts'
  | 'queueTime'
  | 'appTime'
  | 'sendTime'
  | 'bytesReceived'
  | 'bytesSent'
> & { readonly workers: readonly { readonly number: number; readonly requests: number }[] }

/** Seconds; `null` when there was no request. */
export interface Quantiles {
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
}

export interface Interval {
  readonly seconds: number
  /** Requests that ended, a second, whoever has answered them. */
  readonly requests: number
  /** Of those: answered 5xx, 4xx, and left by their clients before there was an answer. */
  readonly serverErrors: number
  readonly clientErrors: number
  readonly unanswered: number
  /** Bytes a second. */
  readonly received: number
  readonly sent: number
  /** The parts of a request's time. */
  readonly queue: Quantiles
  readonly app: Quantiles
  readonly send: Quantiles
  /** Requests that each worker has taken, a second, by its number. */
  readonly workers: ReadonlyMap<number, number>
}

/** `undefined` when the two are not of one server, or of one moment. */
export function between(earlier: Counted, later: Counted): Interval | undefined {
  const seconds = later.at - earlier.at
  if (earlier.pid !== later.pid || seconds <= 0) return undefined
  const aSecond = (count: (of: Counted) => number): number =>
    Math.max(0, count(later) - count(earlier)) / seconds
  const ended = (statusClass?: number) => aSecond((of) => requestsEnded(of, statusClass))
  const quantiles = (part: 'queueTime' | 'appTime' | 'sendTime') =>
    quantilesOf(observedSince(later[part], earlier[part]))
  const before = new Map(earlier.workers.map(({ number, requests }) => [number, requests]))
  return {
    seconds,
    requests: ended(),
    serverErrors: ended(5),
    clientErrors: ended(4),
    unanswered: ended(0),
    received: aSecond(({ bytesReceived }) => bytesReceived),
    sent: aSecond(({ bytesSent }) => bytesSent),
    queue: quantiles('queueTime'),
    app: quantiles('appTime'),
    send: quantiles('sendTime'),
    workers: new Map(
      later.workers.map(({ number, requests }) => [
        number,
        Math.max(0, requests - (before.get(number) ?? 0)) / seconds,
      ]),
    ),
  }
}

/** All, or those with one class of status: but probes, of which 503 is an answer like another. */
function requestsEnded({ requestCounts }: Counted, statusClass?: number): number {
  const isAsked = (row: RequestCount): boolean =>
    statusClass === undefined || (row.statusClass === statusClass && row.interface !== 'probe')
  return requestCounts.filter(isAsked).reduce((sum, { count }) => sum + count, 0)
}

function quantilesOf(histogram: Histogram): Quantiles {
  return {
    p50: quantile(histogram, 0.5),
    p90: quantile(histogram, 0.9),
    p99: quantile(histogram, 0.99),
  }
}
