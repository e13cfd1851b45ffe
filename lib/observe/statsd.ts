/**
 * Metrics for statsd, by the names that Gunicorn has given them. Where that sends a datagram for each
 * request, this is what was counted since the last time, in as many lines as there are names.
 */

import { NOTABLE_KINDS, type NotableCounts } from '../notable.ts'
import type { Options } from '../options/table.ts'

/** What has happened since the last time, and what is so now. */
export interface Happened {
  readonly statuses: readonly { readonly status: number; readonly count: number }[]
  /** Milliseconds, of all requests that were timed or of a sample. */
  readonly times: readonly number[]
  readonly timed: number
  readonly logged: NotableCounts
  /** Workers that there are. */
  readonly workers: number
}

/** How the lines are marked. */
export type Marks = Pick<Options, 'statsdPrefix' | 'dogstatsdTags'>

/** The lines, each a metric. What has not happened has none. */
export function statsdLines(happened: Happened, marks: Marks): string[] {
  const { statuses, logged, workers } = happened
  const requests = statuses.reduce((sum, { count }) => sum + count, 0)
  const counted: readonly (readonly [name: string, count: number])[] = [
    ['requests', requests],
    ...statuses.map(({ status, count }) => [`request.status.${status}`, count] as const),
    ...NOTABLE_KINDS.map((kind) => [`log.${kind}`, logged[kind]] as const),
  ]
  const lines = [
    ...counted.filter(([, count]) => count > 0).map(([name, count]) => `${name}:${count}|c`),
    ...timers(happened),
    `workers:${workers}|g`,
  ]
  const { statsdPrefix: prefix, dogstatsdTags: tags } = marks
  const before = `${prefix.replace(/\.*$/, prefix === '' ? '' : '.')}gunicorn.`
  const behind = tags.length > 0 ? `|#${tags.join()}` : ''
  return lines.map((line) => `${before}${line}${behind}`)
}

/** One for each time; where they are a sample, each says what share that is. */
function timers({ times, timed }: Happened): string[] {
  // Not as 1e-7, which many do not read.
  const rate = times.length < timed ? `|@${(times.length / timed).toFixed(9)}` : ''
  return times.map((time) => `request.duration:${time}|ms${rate}`)
}
