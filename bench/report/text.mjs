// The report on a terminal.

const MB = 1024 * 1024
const none = '-'

const show = (value, format) => (value === undefined ? none : format(value))
const whole = (value) => Math.round(value).toLocaleString('en-US')
const oneDigit = (value) => value.toFixed(1)
const twoDigits = (value) => value.toFixed(2)

/** Latency in microseconds, in the unit that reads best. */
const latency = (value) =>
  value < 1000 ? `${value.toFixed(0)} us` : `${(value / 1000).toFixed(1)} ms`

/** Lays rows out in columns; the first is aligned left, the others right, `leftmost` names more. */
function layOut(head, rows, leftAligned = [0]) {
  const table = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column].length)))
  const line = (row) =>
    row
      .map((cell, column) =>
        leftAligned.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width))
  return [line(head), line(rule), ...rows.map(line)].map((text) => `  ${text}`).join('\n')
}

/** A server that uses less than this share of its core was held back by its load generator. */
const BUSY = 0.9
/** A server that others take more than this share of its core from was not measured in peace. */
const DISTURBED = 0.1

const percent = (share) => `${Math.round(share * 100)} %`

/** What to know beside a figure. */
function note({ serverBusy, loadBusy, disturbance, lostSpans }) {
  if (disturbance > DISTURBED) return `disturbed: others took ${percent(disturbance)} of the core`
  if (serverBusy < BUSY && loadBusy >= BUSY) {
    return `load generator saturated, server ${percent(serverBusy)} busy`
  }
  if (lostSpans > 0) return `${percent(lostSpans)} of its spans were dropped`
  return ''
}

const PEERS = {
  h1: { peer: 'node-http', limit: 'limit' },
  h2: { peer: 'node-http2', limit: 'limit-h2' },
  ws: { peer: 'ws', limit: undefined },
  h1s: { peer: 'node-https', limit: undefined },
  h2s: { peer: 'node-http2-tls', limit: undefined },
}

/** One scenario's table, fastest first. */
export function scenarioTable(figures, scenario, servers) {
  const { limit } = PEERS[scenario.protocol]
  const peer = scenario.peer ?? PEERS[scenario.protocol].peer
  const rows = servers
    .map((server) => ({ server, rate: figures.value(scenario.name, server.name, 'rate') }))
    .filter(({ rate }) => rate !== undefined)
    .sort((a, b) => b.rate - a.rate)
    .map(({ server, rate }) => {
      const value = (figure) => figures.value(scenario.name, server.name, figure)
      const ratio = (other) => figures.ratio(scenario.name, 'rate', server.name, other)
      return [
        server.label,
        whole(rate),
        show(ratio(peer), twoDigits),
        show(limit && ratio(limit), twoDigits),
        show(value('cpu'), oneDigit),
        show(value('jsCpu'), twoDigits),
        show(value('p50'), latency),
        show(value('p99'), latency),
        show(value('memory'), (bytes) => oneDigit(bytes / MB)),
        note({
          serverBusy: value('serverBusy'),
          loadBusy: value('loadBusy'),
          disturbance: value('disturbance'),
          lostSpans: value('lostSpans'),
        }),
      ]
    })
  const head = [
    ...['server', 'requests/s', `x ${peer.replace(/^node-/, 'node:')}`, 'x limit', 'CPU us/req'],
    ...['app us/req', 'p50', 'p99', 'peak MB', ''],
  ]
  return layOut(head, rows, [0, 9])
}

export function slowPeerTable(slowPeer) {
  const rows = Object.entries(slowPeer).map(([server, { download, upload }]) => [
    server,
    `${oneDigit(download / MB)} MB`,
    `${oneDigit(upload / MB)} MB`,
  ])
  return layOut(['server', 'download', 'upload'], rows)
}

export function costsTable(costs) {
  const rows = Object.entries(costs).map(([server, { ratio, error }]) => [
    ...[server, ratio.toFixed(3), show(error, (value) => value.toFixed(3))],
  ])
  return layOut(['server', 'ratio', 'standard error'], rows)
}

/** Times of the open-loop loads are in milliseconds. */
const milliseconds = (value) => `${oneDigit(value)} ms`
const precise = (value) => `${twoDigits(value)} ms`

export function balanceTable(balance) {
  const rows = Object.entries(balance).map(([server, { good, p50, p99, max }]) => [
    ...[server, String(good)],
    ...[p50, p99, max].map((value) => show(value, milliseconds)),
  ])
  return layOut(['server', 'answers', 'p50', 'p99', 'longest'], rows)
}

export function overloadTable(overload) {
  const rows = Object.entries(overload).flatMap(([server, loads]) =>
    Object.entries(loads).map(([load, { rate, refused, failed, p50, p99 }]) => [
      ...[`${server}, ${load} x`, oneDigit(rate), String(refused), String(failed)],
      ...[p50, p99].map((value) => show(value, milliseconds)),
    ]),
  )
  return layOut(['server, load', 'good/s', 'refused', 'failed', 'p50', 'p99'], rows)
}

export function reloadTable(reload) {
  const rows = Object.entries(reload).map(([server, { median, longest }]) => [
    server,
    ...[median, longest].map((value) => `${Math.round(value)} ms`),
  ])
  return layOut(['server', 'median', 'longest'], rows)
}

export function memoryTable(memory) {
  const rows = Object.entries(memory).map(([server, { idle, loaded }]) => [
    server,
    ...[idle.once, loaded.once, idle.rss, loaded.rss].map((bytes) => `${oneDigit(bytes / MB)} MB`),
  ])
  return layOut(['server', 'idle', 'after load', 'RSS, idle', 'RSS, after load'], rows)
}

export function slowClientsTable(found) {
  const rows = Object.entries(found).flatMap(([server, { quiet, beset, ratio }]) => [
    [`${server}, by itself`, ...[quiet.p50, quiet.p99].map(precise), none],
    [`${server}, beside them`, ...[beset.p50, beset.p99].map(precise), twoDigits(ratio)],
  ])
  return layOut(['server', 'p50', 'p99', 'x p99 by itself'], rows)
}

export function downloadTable(found) {
  const rows = Object.entries(found).map(([server, { grown, rate }]) => [
    ...[server, `${whole(rate / MB)} MB/s`, `${oneDigit(grown / MB)} MB`],
  ])
  return layOut(['server', 'rate', 'growth'], rows)
}

export function startTable({ cold = {}, install, answer, addon }) {
  const rows = Object.entries(cold).map(([server, { wall, cpu, main, worker }]) => [
    server,
    ...[wall, cpu, main, worker].map((ms) => `${whole(ms)} ms`),
  ])
  const rest = [
    answer && `npm install ${whole(install)} ms, to the first answer ${whole(answer)} ms`,
    addon && `the addon (${addon.build}): ${whole(addon.bytes)} bytes`,
  ]
  const head = ['a cold start', 'to an answer', 'processor', 'main thread', 'worker']
  return [layOut(head, rows), ...rest.filter(Boolean)].join('\n')
}

export function answersTable(found) {
  const rows = Object.entries(found).flatMap(([trouble, byWho]) =>
    Object.entries(byWho).map(([who, { p50, p99, max }]) => [
      ...[`${trouble}: ${who}`, ...[p50, p99, max].map(precise)],
    ]),
  )
  return layOut(['trouble, who asks', 'p50', 'p99', 'longest'], rows)
}

export function verdictTable(list) {
  const rows = list.map(({ claim, asked, measured, verdict }) => [claim, asked, measured, verdict])
  return layOut(['what must be reached', 'asked', 'measured', 'verdict'], rows, [0, 1, 2, 3])
}
