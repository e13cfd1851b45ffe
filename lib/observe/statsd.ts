/**
 * Metrics for statsd, by the names that Gunicorn has given them. Where that sends a datagram for each
 * request, this is what was counted since the last time, in as many lines as there are names.
 */

import { NOTABLE_KINDS, type NotableCounts } from '../notable.ts'
import type { Options } from '../options/table.ts'

/** What has happened since the last time, and what is so now. */
export interface Happened {
  readonly statuses: readonly { readonly status: number; readonly count: number }[]
  readonly logged: NotableCounts
  /** Workers that there are. */
  readonly workers: number
}

/** The metric of the times of requests. Its lines are written by native code: there may be a thousand. */
export const DURATION = 'request.duration'

/** What stands before and behind each line. */
export interface Frame {
  readonly before: string
  readonly behind: string
}

/** The frame of a server's lines. */
export function frameOf(options: Pick<Options, 'statsdPrefix' | 'dogstatsdTags'>): Frame {
  const { statsdPrefix: prefix, dogstatsdTags: tags } = options
  return {
    before: `${prefix.replace(/\.*$/, prefix === '' ? '' : '.')}gunicorn.`,
    behind: tags.length > 0 ? `|#${tags.join()}` : '',
  }
}

/** The lines, each a metric, but for the times. What has not happened has none. */
export function statsdLines(happened: Happened, { before, behind }: Frame): string[] {
  const { statuses, logged, workers } = happened
  const requests = statuses.reduce((sum, { count }) => sum + count, 0)
  const counted: readonly (readonly [name: string, count: number])[] = [
    ['requests', requests],
    ...statuses.map(({ status, count }) => [`request.status.${status}`, count] as const),
    ...NOTABLE_KINDS.map((kind) => [`log.${kind}`, logged[kind]] as const),
  ]
  const lines = [
    ...counted.filter(([, count]) => count > 0).map(([name, count]) => `${name}:${count}|c`),
    `workers:${workers}|g`,
  ]
  return lines.map((line) => `${before}${line}${behind}`)
}
