/** A request that has ended, on a line. */

import type { RequestLife } from '../../observe/snapshot.ts'
import { partsOf } from '../../observe/view/life.ts'
import { span, visibleAscii } from '../../observe/view/text.ts'
import { type Line, piece, type Style } from '../top/line.ts'

const TIME_COLUMNS = 12
const STATUS_COLUMNS = 6
const SPAN_COLUMNS = 9
const WORKER_COLUMNS = 6

/** What stands above the columns. */
export const TRACE_HEAD: Line = [
  piece(
    [
      'TIME'.padEnd(TIME_COLUMNS),
      'STATUS'.padStart(STATUS_COLUMNS),
      ...['TOTAL', 'QUEUE', 'APP', 'SEND'].map((head) => head.padStart(SPAN_COLUMNS)),
      'WORKER'.padStart(WORKER_COLUMNS),
      'REQUEST',
    ].join(' '),
    'faint',
  ),
]

const OUTCOME_STYLES: Readonly<Record<RequestLife['outcome'], Style | undefined>> = {
  slow: 'warn',
  failed: 'bad',
  aborted: 'warn',
  ok: undefined,
}

/** When it came, how it was answered, how long that took and which part of it, and what it was. */
export function traceLine(life: RequestLife): Line {
  const { received, status, outcome, worker, ended, called, method, target } = life
  const { queue, app, send } = partsOf(life)
  const style = OUTCOME_STYLES[outcome]
  const spans = [ended, queue, called === null ? null : app, send]
  return [
    piece(clock(received), 'faint'),
    piece(` ${(status === 0 ? '-' : `${status}`).padStart(STATUS_COLUMNS)}`, statusStyle(status)),
    piece(spans.map((seconds) => ` ${span(seconds).padStart(SPAN_COLUMNS)}`).join('')),
    piece(` ${(worker === null ? '-' : `${worker}`).padStart(WORKER_COLUMNS)}`),
    piece(` ${visibleAscii(method)} ${visibleAscii(target)}`),
    piece(outcome === 'ok' ? '' : ` (${outcome})`, style),
  ]
}

function statusStyle(status: number): Style | undefined {
  if (status >= 500) return 'bad'
  return status >= 400 || status === 0 ? 'warn' : undefined
}

/** `14:03:12.123`, in local time. */
function clock(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}
