/** A snapshot on the page. */

import type { Notable } from '../../../notable.ts'
import type { RequestNow, Snapshot, WorkerSnapshot } from '../../snapshot.ts'
import type { History } from '../../view/history.ts'
import type { Quantiles } from '../../view/interval.ts'
import { age, bytes, rate, share, span, visible } from '../../view/text.ts'
import { showChart } from './chart.ts'
import { byId, keepChildren, make, setText } from './dom.ts'
import { clockTime, showLives } from './lives.ts'
import { type Column, showTable } from './table.ts'

/** What takes longer, in seconds, is marked. */
const LONG_LAG = 0.1
const LONG_REQUEST = 1

export function show(snapshot: Snapshot, history: History): void {
  const { app, urls, version, pid, uptime, state, change, stability } = snapshot
  document.title = `${visible(app)} · monodon`
  setText(byId('app'), `${visible(app)} at ${urls.map(visible).join(', ')}`)
  const doing = [state, change, stability === 'stable' ? null : 'crash loop']
  const said = doing.filter((text) => text !== null).join(', ')
  setText(byId('server'), `${said} · version ${version} · pid ${pid} · up for ${age(uptime)}`)
  showFigures(snapshot, history)
  showChart(history.rates)
  showLives(snapshot.lives)
  showWorkers(snapshot, history)
  showLatency(history)
  showConnections(snapshot)
  showTable(byId('flight'), FLIGHT, snapshot.inFlight, ({ id }) => id, 'No request is in flight.')
  showErrors(snapshot.errors)
}

type Figure = readonly [name: string, value: string, more?: string]

function showFigures(snapshot: Snapshot, { last }: History): void {
  const { queued, queueAge, claimed } = snapshot
  const aSecond = (value: number | undefined) => rate(value ?? null)
  showFigureList('figures', [
    ['Requests', aSecond(last?.requests), '/s'],
    ['Answered 5xx', aSecond(last?.serverErrors), '/s'],
    ['Answered 4xx', aSecond(last?.clientErrors), '/s'],
    ['Unanswered', aSecond(last?.unanswered), '/s'],
    ['In the queue', `${queued}`, queued === 0 ? '' : ` oldest ${span(queueAge)}`],
    ['With workers', `${claimed}`],
    ['Received', `${bytes(last?.received ?? null)}`, '/s'],
    ['Sent', `${bytes(last?.sent ?? null)}`, '/s'],
  ])
}

function showConnections({ connections, connectionStates, accepted, limited }: Snapshot): void {
  const refused = Object.values(limited).reduce((sum, count) => sum + count, 0)
  showFigureList('connections', [
    ['Open', `${connections}`],
    ['Idle', `${connectionStates.idle}`],
    ['Receiving', `${connectionStates.receiving}`],
    ['Processing', `${connectionStates.processing}`],
    ['Sending', `${connectionStates.sending}`],
    ['Accepted', `${accepted}`],
    ['Limits hit', `${refused}`],
  ])
}

function showFigureList(id: string, figures: readonly Figure[]): void {
  keepChildren(
    byId(id),
    figures,
    ([name]) => name,
    ([name]) => {
      const pair = make('div')
      const value = make('dd')
      value.append(make('span'), make('small'))
      pair.append(make('dt', '', name), value)
      return pair
    },
    (pair, [, value, more = '']) => {
      const isKnown = value !== '-'
      const [figure, unit] = pair.lastElementChild!.children
      setText(figure!, value)
      setText(unit!, isKnown ? more : '')
    },
  )
}

interface WorkerRow extends WorkerSnapshot {
  readonly rate: number | null
}

const STATE_MARKS: Readonly<Record<string, string>> = {
  ready: 'good',
  booting: 'warn',
  draining: 'warn',
  hung: 'bad',
}

const WORKERS: readonly Column<WorkerRow>[] = [
  { head: 'Worker', kind: 'text', isHead: true, cell: ({ number }) => ({ text: `${number}` }) },
  {
    head: 'State',
    kind: 'state',
    cell: ({ state }) => ({ text: state, mark: STATE_MARKS[state] ?? '' }),
  },
  {
    head: 'Kind',
    kind: 'text',
    cell: ({ pid }) => ({ text: pid === null ? 'thread' : `process ${pid}` }),
  },
  { head: 'Held', kind: 'figure', cell: ({ held }) => ({ text: `${held}` }) },
  { head: 'Requests/s', kind: 'figure', cell: (row) => ({ text: rate(row.rate) }) },
  {
    head: 'Lag',
    kind: 'figure',
    cell: ({ lag }) => ({ text: span(lag), mark: lag !== null && lag >= LONG_LAG ? 'warn' : '' }),
  },
  { head: 'Busy', kind: 'figure', cell: ({ utilization }) => ({ text: share(utilization) }) },
  { head: 'Memory', kind: 'figure', cell: ({ memory }) => ({ text: bytes(memory) }) },
  { head: 'Age', kind: 'figure', cell: (row) => ({ text: age(row.age) }) },
]

function showWorkers({ workers }: Snapshot, { last }: History): void {
  const rows = workers.map((worker) => ({
    ...worker,
    rate: last?.workers.get(worker.number) ?? null,
  }))
  showTable(byId('workers'), WORKERS, rows, ({ number }) => `${number}`, 'There is no worker.')
}

interface LatencyRow {
  readonly name: string
  readonly quantiles: Quantiles | undefined
}

const LATENCY: readonly Column<LatencyRow>[] = [
  { head: 'Part', kind: 'text', isHead: true, cell: ({ name }) => ({ text: name }) },
  ...(['p50', 'p90', 'p99'] as const).map((key) => ({
    head: key,
    kind: 'figure' as const,
    cell: ({ quantiles }: LatencyRow) => ({ text: span(quantiles?.[key] ?? null) }),
  })),
]

function showLatency({ recent }: History): void {
  const rows = (['queue', 'app', 'send'] as const).map((name) => ({
    name,
    quantiles: recent?.[name],
  }))
  showTable(byId('latency'), LATENCY, rows, ({ name }) => name, '')
}

const FLIGHT: readonly Column<RequestNow>[] = [
  {
    head: 'Age',
    kind: 'figure',
    cell: ({ age, state }) => ({
      text: span(age),
      mark: age >= LONG_REQUEST && state !== 'upgraded' ? 'warn' : '',
    }),
  },
  {
    head: 'Request',
    kind: 'request',
    isHead: true,
    cell: ({ method, target }) => ({ text: `${visible(method)} ${visible(target)}` }),
  },
  { head: 'State', kind: 'state', cell: ({ state }) => ({ text: state }) },
  {
    head: 'Worker',
    kind: 'figure',
    cell: ({ worker }) => ({ text: worker === null ? '-' : `${worker}` }),
  },
]

function showErrors(errors: readonly Notable[]): void {
  const list = byId('errors')
  keepChildren(
    list,
    errors.length === 0 ? [undefined] : errors,
    (error) => (error === undefined ? '' : `${error.at} ${error.level} ${error.text}`),
    (error) => {
      if (error === undefined)
        return make('li', 'empty', 'Nothing has been logged as a warning or an error.')
      const item = make('li')
      const lines = error.text.split('\n').map(visible).join('\n')
      item.append(make('time', '', clockTime(error.at)))
      item.append(make('span', error.level === 'error' ? 'bad' : 'warn', error.level))
      item.append(make('span', 'text request', lines))
      return item
    },
    () => {},
  )
}
