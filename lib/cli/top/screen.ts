/** What `monodon top` shows: a server's last snapshot, as lines that fit a terminal. */

import type { RequestNow, Snapshot } from '../../observe/snapshot.ts'
import type { History } from '../../observe/view/history.ts'
import type { Interval, Quantiles } from '../../observe/view/interval.ts'
import { age, bytes, rate, span, visibleAscii } from '../../observe/view/text.ts'
import { apart, cut, type Line, piece, type Style } from './line.ts'
import { sparkline } from './sparkline.ts'
import { type Column, table } from './table.ts'
import { SORT_NAMES, SORTS, type Sort, workerLines } from './workers.ts'

export interface Scene {
  readonly snapshot: Snapshot
  readonly history: History
  readonly sort: Sort
  /** What stands at the end of the first line: that it is paused, or that the server is gone. */
  readonly notice: string
  readonly hasUnicode: boolean
}

/** Columns and rows; `Infinity` where there is no end. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/** Bars of the sparkline, at most and at least. */
const SPARKS = 60
const FEWEST_SPARKS = 10

/** Lines that the tables are to have before what counts less gets room. */
const WORKER_LINES = 4
const REQUEST_LINES = 3
/** With fewer a table says nothing: its head and a row. */
const LEAST_TABLE_LINES = 2

/** Requests that wait longer, in seconds, are marked. */
const OLD_S = 1

/**
 * The lines, as many as there are rows at most. Where these are few, there is first what the server does
 * as a whole, then its workers, then its requests.
 */
export function screen(scene: Scene, size: Size): Line[] {
  const { snapshot, history } = scene
  const { columns, rows } = size
  const [figures, bars] = rateLines(scene, columns)
  const isLive = Number.isFinite(rows)
  const workers = workerLines(workerRows(scene), scene.sort, columns)
  const requests = requestLines(snapshot, columns)
  const latencies = latencyLines(history.recent, columns)
  // Not by how many requests there are: what is above them would come and go with each look.
  const needed = Math.min(workers.length, WORKER_LINES) + REQUEST_LINES
  const top = [titleLine(scene, columns), figures, loadLine(snapshot)]
  const bottom = isLive && rows > top.length + LEAST_TABLE_LINES ? [keysLine(scene.sort)] : []
  let spare = rows - top.length - bottom.length - needed
  const fits = (lines: number): boolean => {
    if (lines > spare) return false
    spare -= lines
    return true
  }
  if (fits(latencies.length)) top.push(...latencies)
  if (bars !== undefined && fits(1)) top.splice(2, 0, bars)
  const gap: Line[] = fits(2) ? [[]] : []
  const room = Math.max(0, rows - top.length - bottom.length - 2 * gap.length)
  const forWorkers = roomForWorkers(room, requests.length)
  const shownWorkers = firstOf(workers, forWorkers)
  const shownRequests = firstOf(requests, room - shownWorkers.length)
  const lines = [...top, ...gap, ...shownWorkers, ...gap, ...shownRequests]
  // The keys stand at the foot of the screen.
  if (isLive) while (lines.length < rows - bottom.length) lines.push([])
  return [...lines.slice(0, Math.max(0, rows - bottom.length)), ...bottom].map((line) =>
    cut(line, columns),
  )
}

/**
 * Of the lines that there are for both tables: half and what the requests do not need; all of them where
 * half is too little for either.
 */
function roomForWorkers(room: number, requests: number): number {
  const most = Math.max(Math.ceil(room / 2), room - requests)
  const isTooLittle =
    most < LEAST_TABLE_LINES || room - most < Math.min(requests, LEAST_TABLE_LINES)
  return isTooLittle ? room : most
}

function titleLine({ snapshot, notice }: Scene, columns: number): Line {
  const { version, pid, state, change, uptime, app, urls, stability } = snapshot
  const stateStyle: Style = state === 'ready' ? 'good' : 'warn'
  return apart(
    [
      piece(`monodon ${version}`, 'strong'),
      piece('  '),
      piece(change === null ? state : `${state}, ${change}`, stateStyle),
      piece(stability === 'stable' ? '' : '  crash loop', 'bad'),
      piece(`  up ${age(uptime)}`),
      piece(`  ${visibleAscii(app)} at ${urls.map(visibleAscii).join(', ')}  pid ${pid}`),
    ],
    [piece(notice, 'warn')],
    columns,
  )
}

/** The figures, and their sparkline where there is room for one. */
function rateLines({ history, hasUnicode }: Scene, columns: number): [Line, Line?] {
  const { last } = history
  const figures: Line = [
    piece(rate(last?.requests ?? null).padStart(6), 'strong'),
    piece(' requests/s'),
    ...counted(last?.serverErrors, '5xx/s', 'bad'),
    ...counted(last?.unanswered, 'unanswered/s', 'warn'),
    ...counted(last?.clientErrors, '4xx/s'),
    piece(`  in ${bytes(last?.received ?? null)}/s  out ${bytes(last?.sent ?? null)}/s`),
  ]
  const room = Math.min(SPARKS, columns)
  const bars = sparkline(history.rates, room, hasUnicode)
  return bars.length < FEWEST_SPARKS && !Number.isFinite(columns)
    ? [figures]
    : [figures, [piece(bars, 'good')]]
}

/** Of what there is. */
function counted(value: number | undefined, what: string, style?: Style): Line {
  return value === undefined || value === 0 ? [] : [piece(`  ${rate(value)} ${what}`, style)]
}

function loadLine(snapshot: Snapshot): Line {
  const { queued, queueAge, claimed, connections, connectionStates } = snapshot
  const { idle, receiving, processing, sending } = connectionStates
  const wait = queued === 0 ? '' : `, the oldest ${span(queueAge)}`
  return [
    piece(`queue ${queued}${wait}`, queueAge >= OLD_S ? 'warn' : undefined),
    piece(`  with workers ${claimed}  connections ${connections}: `),
    piece(
      `${idle} idle, ${receiving} receiving, ${processing} processing, ${sending} sending`,
      'faint',
    ),
  ]
}

interface Part {
  readonly name: string
  readonly quantiles: Quantiles | undefined
}

const QUANTILE_COLUMNS: readonly Column<Part>[] = [
  { head: 'LATENCY', spare: 0, cell: ({ name }) => piece(name) },
  ...(['p50', 'p90', 'p99'] as const).map((key) => ({
    head: key,
    isFigure: true as const,
    spare: 0,
    cell: ({ quantiles }: Part) => piece(span(quantiles?.[key] ?? null).padStart(8)),
  })),
]

function latencyLines(recent: Interval | undefined, columns: number): Line[] {
  const parts = (['queue', 'app', 'send'] as const).map((name) => ({
    name,
    quantiles: recent?.[name],
  }))
  return table(QUANTILE_COLUMNS, parts, columns)
}

function workerRows({ snapshot, history }: Scene) {
  const { last } = history
  return snapshot.workers.map((worker) => ({
    ...worker,
    rate: last?.workers.get(worker.number) ?? null,
  }))
}

const REQUEST_COLUMNS: readonly Column<RequestNow>[] = [
  {
    head: 'IN FLIGHT',
    isFigure: true,
    spare: 0,
    cell: ({ age, state }) =>
      piece(span(age), age >= OLD_S && state !== 'upgraded' ? 'warn' : undefined),
  },
  { head: 'STATE', spare: 2, cell: ({ state }) => piece(state) },
  {
    head: 'WORKER',
    isFigure: true,
    spare: 1,
    cell: ({ worker }) => piece(worker === null ? '-' : `${worker}`),
  },
  {
    head: 'REQUEST',
    spare: 0,
    cell: ({ method, target }) => piece(`${visibleAscii(method)} ${visibleAscii(target)}`),
  },
]

function requestLines({ inFlight }: Snapshot, columns: number): Line[] {
  return inFlight.length === 0
    ? [[piece('No request is in flight', 'faint')]]
    : table(REQUEST_COLUMNS, inFlight, columns)
}

/** The first lines; the last of them says how many are left out. */
function firstOf(lines: readonly Line[], room: number): Line[] {
  if (lines.length <= room) return [...lines]
  // A head with a row says more than a head with what is left out.
  if (room <= LEAST_TABLE_LINES) return room < LEAST_TABLE_LINES ? [] : lines.slice(0, room)
  const shown = lines.slice(0, room - 1)
  return [...shown, [piece(`${lines.length - shown.length} more`, 'faint')]]
}

function keysLine(sort: Sort): Line {
  const sorts = SORT_NAMES.flatMap((name) => [
    piece(` ${SORTS[name].key} `, 'strong'),
    piece(name, name === sort ? 'head' : 'faint'),
  ])
  return [
    piece('q', 'strong'),
    piece(' quit  ', 'faint'),
    piece('p', 'strong'),
    piece(' pause  ', 'faint'),
    piece('sort:', 'faint'),
    ...sorts,
  ]
}
