/** What a server has answered, for people. */

import type { ActionName } from '../../control/actions.ts'
import type { Restarts } from '../../control/pool/restarts.ts'
import type { Change, ServerStatus, WorkerStatus } from '../../control/status.ts'
import { age as shownAge } from '../../observe/view/text.ts'

const DONE: Readonly<Partial<Record<ActionName, string>>> = {
  reload: 'Reloaded',
  reopenLogs: 'The log files were opened anew',
  stop: 'Stopped',
  quit: 'Stopped',
  retire: 'Retired',
}

const DOING: Readonly<Record<Change, string>> = {
  reload: 'reloading',
  scale: 'scaling',
  retire: 'finishing what is under way',
}

/** The text about what an action has resulted in. */
export function shown(action: ActionName, result: unknown): string {
  switch (action) {
    case 'snapshot':
      return `${JSON.stringify(result, null, 2)}\n`
    case 'status':
      return statusText(result as ServerStatus)
    case 'workers':
      return workersText(result as readonly WorkerStatus[])
    case 'upgrade':
      return `The new server: ${result}\n`
    case 'scale':
      return `Workers: ${result}\n`
    default:
      return `${DONE[action] ?? 'Done'}\n`
  }
}

function statusText(status: ServerStatus): string {
  const { version, pid, state, change, uptime, app, urls, workerClass, wanted } = status
  const workers = `${wanted} (${workerClass})`
  const doing = change === null ? '' : `, ${DOING[change]}`
  return `monodon ${version}, pid ${pid}: ${state}${doing}, up for ${shownAge(uptime)}
Serving ${app} at ${urls.join(', ')}
Workers: ${state === 'retired' ? `none; ${workers} if a reload brings them back` : workers}${status.stability === 'stable' ? '' : ', in a crash loop'}
Replaced: ${restartsText(status.restarts)}
Requests: ${status.requests}, of which ${status.claimed} are with workers and ${status.queued} wait
Connections: ${status.connections} open, ${status.accepted} so far

${workersText(status.workers)}`
}

/** `2 died, 1 memory`. */
function restartsText(restarts: Restarts): string {
  const causes = Object.entries(restarts).filter(([, count]) => count > 0)
  return causes.map(([cause, count]) => `${count} ${cause}`).join(', ') || 'none'
}

const HEADS = ['WORKER', 'STATE', 'PID', 'AGE', 'REQUESTS', 'HELD']

function workersText(workers: readonly WorkerStatus[]): string {
  const rows = workers.map(({ number, state, pid, age, requests, held }) =>
    [number, state, pid ?? 'thread', shownAge(age), requests, held].map(String),
  )
  const widths = HEADS.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length)),
  )
  return [HEADS, ...rows]
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
