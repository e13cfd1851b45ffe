/** Which requests somebody wants to hear of who follows them. */

import type { RequestLife } from './snapshot.ts'

export interface Filter {
  /** What the path begins with; or, with `*` for anything in it, all of it. `''` is every path. */
  readonly path: string
  /** `404`, `5xx`, or `none` for no answer; several are separated by commas. `''` is any. */
  readonly status: string
  /** Seconds; 0 is any. */
  readonly slowerThan: number
}

export const STATUS_FORM = /^(?:[1-5]xx|[1-5]\d\d|none)(?:,(?:[1-5]xx|[1-5]\d\d|none))*$/

/** A filter as the argument of a command. */
export function filterText({ path, status, slowerThan }: Filter): string {
  const parts = new URLSearchParams()
  if (path !== '') parts.set('path', path)
  if (status !== '') parts.set('status', status)
  if (slowerThan > 0) parts.set('slowerThan', String(slowerThan))
  return parts.toString()
}

/** @throws Error that says what is wrong with it */
export function readFilter(text: string): Filter {
  const parts = new URLSearchParams(text)
  for (const name of parts.keys())
    if (!['path', 'status', 'slowerThan'].includes(name)) throw new Error(`${name} is no filter`)
  const status = parts.get('status') ?? ''
  if (status !== '' && !STATUS_FORM.test(status)) throw new Error(`${status} is no status`)
  const slowerThan = Number(parts.get('slowerThan') ?? 0)
  if (!(slowerThan >= 0)) throw new Error(`${parts.get('slowerThan')} is no number of seconds`)
  return { path: parts.get('path') ?? '', status, slowerThan }
}

/** Whether a request is one of those. */
export function isWanted(life: RequestLife, { path, status, slowerThan }: Filter): boolean {
  return (
    life.ended >= slowerThan &&
    (status === '' || status.split(',').some((one) => hasStatus(life, one))) &&
    (path === '' || isPathLike(life.target.split('?', 1)[0]!, path))
  )
}

function hasStatus({ status }: RequestLife, wanted: string): boolean {
  if (wanted === 'none') return status === 0
  return wanted.endsWith('xx')
    ? Math.floor(status / 100) === Number(wanted[0])
    : status === Number(wanted)
}

/** Without going back: paths are what clients send, and each is looked at once. */
function isPathLike(path: string, wanted: string): boolean {
  const parts = wanted.split('*')
  const first = parts.shift()!
  const last = parts.pop()
  if (!path.startsWith(first)) return false
  if (last === undefined) return true
  let at = first.length
  for (const part of parts) {
    const found = path.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return path.length - at >= last.length && path.endsWith(last)
}
