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

/** Requests that wait longer, in seconds, are marked. */
const OLD_S = 1

/** The lines, as many as there are rows at most. */
export function screen(scene: Scene, size: Size): Line[] {
  const { snapshot, history } = scene
  const { columns, rows } = size
  const top = [
    titleLine(scene, columns),
    ...rateLines(scene, columns),
    loadLine(snapshot),
    ...latencyLines(history.recent, columns),
  ]
  const isLive = Number.isFinite(rows)
  const bottom = isLive ? [keysLine(scene.sort)] : []
  const workers = workerLines(workerRows(scene), scene.sort, columns)
  const requests = requestLines(snapshot, columns)
  // Each of the two tables has half of what is left, and what the other does not need.
  const room = Math.max(0, rows - top.length - bottom.length - 2)
  const half = Math.floor(room / 2)
  const forWorkers = Math.max(half, room - requests.length)
  const shownWorkers = firstOf(workers, forWorkers)
  const shownRequests = firstOf(requests, room - shownWorkers.length)
  const lines = [...top, [], ...shownWorkers, [], ...shownRequests]
  // The keys stand at the foot of the screen.
  if (isLive) while (lines.length < rows - bottom.length) lines.push([])
  return [...lines.slice(0, Math.max(0, rows - bottom.length)), ...bottom].map((line) =>
    cut(line, columns),
  )
}

function titleLine({ snapshot, notice }: Scene, columns: number): Line {
  const { version, pid, state, change, uptime, app, urls, stability } = snapshot
  const stateStyle: Style = state === 'ready' ? 'good' : 'warn'
  return apart(
    [
      piece(`monodon ${version}`, 'strong'),
      piece(`  ${visibleAscii(app)} at ${urls.map(visibleAscii).join(', ')}  pid ${pid}  `),
      piece(change === null ? state : `${state}, ${change}`, stateStyle),
      piece(`  up ${age(uptime)}`),
      piece(stability === 'stable' ? '' : '  crash loop', 'bad'),
    ],
    [piece(notice, 'warn')],
    columns,
  )
}

function rateLines({ history, hasUnicode }: Scene, columns: number): Line[] {
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
  if (room < 2) return lines.slice(0, Math.max(0, room))
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
