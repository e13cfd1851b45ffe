/** The life of a request: the table by which one learns what a server of applications does. */

import type { RequestLife } from '../../snapshot.ts'
import { partsOf, type Step, stepsOf, USUAL_STEPS } from '../../view/life.ts'
import { bytes, span, visible } from '../../view/text.ts'
import { byId, keepChildren, make, setText } from './dom.ts'

const LEAD_USUAL =
  'The server takes connections and speaks HTTP. It calls your app once for each request, and sends the response that the app gives. ' +
  'The last slow, failed or aborted requests will be here, with their times.'
const LEAD = 'The last slow, failed or aborted requests, newest first, step by step.'

/** So many are shown until somebody wants all. */
const FIRST = 6
let showsAll = false
let shownLives: readonly RequestLife[] = []

const OUTCOME_MARKS: Readonly<Record<RequestLife['outcome'], string>> = {
  slow: 'warn',
  failed: 'bad',
  aborted: 'warn',
  ok: 'good',
}

const PARTS = ['queue', 'app', 'send'] as const

/** Shows them; without any, the way of every request. */
export function showLives(lives: readonly RequestLife[]): void {
  shownLives = lives
  const usual = byId('usual')
  if (usual.childElementCount === 0) usual.append(stepTable(USUAL_STEPS, false))
  usual.toggleAttribute('hidden', lives.length > 0)
  setText(byId('lives-lead'), lives.length > 0 ? LEAD : LEAD_USUAL)
  const list = byId('lives')
  const isFirst = list.childElementCount === 0
  const shown = showsAll ? lives : lives.slice(0, FIRST)
  const more = byId('more')
  more.toggleAttribute('hidden', shown.length === lives.length)
  setText(more, `Show ${lives.length - shown.length} more`)
  keepChildren(
    list,
    shown,
    ({ id, received }) => `${id} ${received}`,
    lifeItem,
    () => {},
  )
  // One is open, so that people see what there is to see.
  if (isFirst) list.querySelector('details')?.toggleAttribute('open', true)
}

/** Heeds the button that shows the rest. */
export function heedMore(): void {
  byId('more').addEventListener('click', () => {
    showsAll = true
    const list = byId('lives')
    const before = list.childElementCount
    showLives(shownLives)
    // The button is gone, which had the focus.
    list.children[before]?.querySelector('summary')?.focus()
  })
}

/** What has ended does not change. */
function lifeItem(life: RequestLife): HTMLLIElement {
  const { method, target, ended, outcome } = life
  const about = make('span', 'about')
  about.append(make('span', `state ${OUTCOME_MARKS[outcome]}`, outcome), aboutLife(life))
  const summary = make('summary')
  const request = make('span', 'request', `${visible(method)} ${visible(target)}`)
  summary.append(request, make('span', 'took', span(ended)), about)
  summary.append(partsBar(life))
  const details = make('details')
  details.append(summary, partsKey(life), stepTable(stepsOf(life), true))
  const item = make('li')
  item.append(details)
  return item
}

function aboutLife(life: RequestLife): string {
  const { received, status, worker, bytes: size, protocol, client, id } = life
  return [
    clockTime(received),
    status === 0 ? 'no answer' : `status ${status}`,
    worker === null ? 'no worker' : `worker ${worker}`,
    bytes(size),
    visible(protocol),
    client === '' ? 'Unix socket' : visible(client),
    `id ${visible(id)}`,
  ].join(' · ')
}

/** The time of day, in the reader's time zone. */
export function clockTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toLocaleTimeString(undefined, { hour12: false })
}

function partsBar(life: RequestLife): HTMLElement {
  const parts = partsOf(life)
  const bar = make('span', 'bar')
  bar.setAttribute('role', 'img')
  bar.setAttribute('aria-label', PARTS.map((part) => `${part} ${span(parts[part])}`).join(', '))
  const whole = life.ended || 1
  for (const part of PARTS) {
    const piece = make('span', part)
    piece.style.flexBasis = `${((parts[part] / whole) * 100).toFixed(2)}%`
    bar.append(piece)
  }
  return bar
}

function partsKey(life: RequestLife): HTMLUListElement {
  const parts = partsOf(life)
  const list = make('ul', 'key')
  for (const part of PARTS) {
    const item = make('li')
    item.append(make('i', part), `${part} ${span(parts[part])}`)
    list.append(item)
  }
  return list
}

/**
 * Columns of states, a row for each step; the state that a step has changed is marked. What each element
 * is stands with it: on a phone, where it is not laid out as a table, it would be none.
 */
function stepTable(steps: readonly Step[], hasTimes: boolean): HTMLTableElement {
  const table = withRole(make('table', hasTimes ? 'steps timed' : 'steps'), 'table')
  const head = withRole(withRole(table.createTHead(), 'rowgroup').insertRow(), 'row')
  for (const title of ['Step', ...(hasTimes ? ['At'] : []), 'Server', 'App', 'Response']) {
    const cell = withRole(make('th', title === 'At' ? 'figure at' : '', title), 'columnheader')
    cell.scope = 'col'
    head.append(cell)
  }
  const body = withRole(table.createTBody(), 'rowgroup')
  for (const [index, step] of steps.entries())
    body.append(stepRow(step, steps[index - 1], hasTimes))
  return table
}

function stepRow(step: Step, before: Step | undefined, hasTimes: boolean): HTMLTableRowElement {
  const row = withRole(make('tr'), 'row')
  const title = withRole(make('th', '', step.title), 'rowheader')
  title.scope = 'row'
  row.append(title)
  if (hasTimes) {
    const at = step.at === null ? '' : span(step.at)
    row.append(withRole(make('td', 'figure at', at), 'cell'))
  }
  for (const who of ['server', 'app', 'response'] as const) {
    const hasChanged = before !== undefined && before[who] !== step[who]
    const cell = withRole(make('td'), 'cell')
    cell.append(make('span', hasChanged ? 'state changed' : 'state', step[who]))
    row.append(cell)
  }
  return row
}

function withRole<Made extends Element>(element: Made, role: string): Made {
  element.setAttribute('role', role)
  return element
}
