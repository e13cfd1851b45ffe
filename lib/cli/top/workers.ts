/** The workers of a server, as rows. */

import type { WorkerSnapshot } from '../../observe/snapshot.ts'
import { age, bytes, rate, share, span, visibleAscii } from '../../observe/view/text.ts'
import { type Line, piece, type Style } from './line.ts'
import { type Column, table } from './table.ts'

export interface WorkerRow extends WorkerSnapshot {
  /** Requests that it has taken in the last interval, a second; `null` before there is one. */
  readonly rate: number | null
}

/** Event loops that lag more, in seconds, are worth a look. */
const LAG_S = 0.1

const STATE_STYLES: Readonly<Partial<Record<WorkerSnapshot['state'], Style>>> = {
  booting: 'warn',
  draining: 'warn',
  hung: 'bad',
  stopped: 'faint',
}

/** By what they can be sorted: the key that is pressed, what it says, and which comes first. */
export const SORTS = {
  number: { key: 'n', compare: (a: WorkerRow, b: WorkerRow) => a.number - b.number },
  held: { key: 'h', compare: descending(({ held }) => held) },
  rate: { key: 'r', compare: descending(({ rate }) => rate) },
  lag: { key: 'l', compare: descending(({ lag }) => lag) },
  busy: { key: 'b', compare: descending(({ utilization }) => utilization) },
  memory: { key: 'm', compare: descending(({ memory }) => memory) },
  age: { key: 'a', compare: descending(({ age }) => age) },
} as const

export type Sort = keyof typeof SORTS

export const SORT_NAMES = Object.keys(SORTS) as Sort[]

/** The largest first, and what is not known last. */
function descending(figure: (row: WorkerRow) => number | null) {
  return (a: WorkerRow, b: WorkerRow): number =>
    (figure(b) ?? -1) - (figure(a) ?? -1) || a.number - b.number
}

const COLUMNS: readonly Column<WorkerRow>[] = [
  { head: 'WORKER', isFigure: true, spare: 0, cell: ({ number }) => piece(`${number}`) },
  { head: 'KIND', spare: 5, cell: ({ pid }) => piece(pid === null ? 'thread' : 'process') },
  {
    head: 'PID',
    isFigure: true,
    spare: 4,
    cell: ({ pid }) => piece(pid === null ? '-' : `${pid}`),
  },
  { head: 'STATE', spare: 0, cell: ({ state }) => piece(visibleAscii(state), STATE_STYLES[state]) },
  { head: 'HELD', isFigure: true, spare: 0, cell: ({ held }) => piece(`${held}`) },
  { head: 'REQ/S', isFigure: true, spare: 0, cell: (row) => piece(rate(row.rate)) },
  {
    head: 'LAG',
    isFigure: true,
    spare: 1,
    cell: ({ lag }) => piece(span(lag), lag !== null && lag >= LAG_S ? 'warn' : undefined),
  },
  { head: 'BUSY', isFigure: true, spare: 1, cell: (row) => piece(share(row.utilization)) },
  { head: 'MEMORY', isFigure: true, spare: 2, cell: ({ memory }) => piece(bytes(memory)) },
  { head: 'AGE', spare: 3, cell: (row) => piece(age(row.age)) },
]

/** Their table. */
export function workerLines(rows: readonly WorkerRow[], sort: Sort, width: number): Line[] {
  const sorted = rows.toSorted(SORTS[sort].compare)
  return table(COLUMNS, sorted, width)
}
