import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process holds of the kernel's things. */
export interface Holdings {
  /** Open descriptors of sockets, by what they are. */
  readonly descriptors: readonly string[]
  /** Names of threads. */
  readonly threads: readonly string[]
  /** Names of the processes that it has started and that are not over. */
  readonly children: readonly string[]
}

/** What this process (or another, by its id) holds right now. Linux only: it reads `/proc`. */
export function holdings(pid: number | 'self' = 'self'): Holdings {
  return {
    descriptors: descriptors(pid),
    threads: threads(pid),
    children: childrenOf(pid).map(({ name }) => name),
  }
}

interface Child {
  readonly id: number
  readonly name: string
}

/** The processes that a process has started and that are not over; a dead one counts until it was waited for. */
export function childrenOf(pid: number | 'self'): Child[] {
  const parent = pid === 'self' ? process.pid : pid
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      // proc(5): the name stands in parentheses and may hold some; then state and parent follow.
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      const end = stat.lastIndexOf(')')
      if (Number(stat.slice(end + 2).split(' ')[1]) !== parent) return []
      return [{ id: Number(entry), name: stat.slice(stat.indexOf('(') + 1, end) }]
    } catch {
      return [] // it ended between the two looks
    }
  })
}

/** True while a process runs. One that has ended and that nobody has waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

function descriptors(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return [] // the descriptor that listed the directory is gone by now
    }
  })
}

function threads(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      return [readFileSync(`/proc/${pid}/task/${task}/comm`, 'latin1').trim()]
    } catch {
      return [] // it ended between the two looks
    }
  })
}

/** A figure of `/proc/PID/status` in kilobytes, for example `VmRSS` or `VmHWM`. */
export function memory(pid: number | 'self', figure: 'VmRSS' | 'VmHWM' | 'RssAnon'): number {
  const match = new RegExp(`^${figure}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  )
  if (match === null) throw new Error(`${figure} is not in /proc/${pid}/status`)
  return Number(match[1])
}

/** What is held now and was not before: sockets and event descriptors, the server's threads, processes. */
export function leaked(before: Holdings, now: Holdings): string[] {
  return [
    ...surplus(kinds(before.descriptors), kinds(now.descriptors)),
    ...surplus(serverThreads(before), serverThreads(now)),
    ...surplus(before.children, now.children),
  ]
}

/** Of libuv's loops: each keeps one in reserve, of `/` where it could not open `/dev/null`. */
const RESERVED = new Set(['/dev/null', '/'])

function kinds(descriptors: readonly string[]): string[] {
  return descriptors
    .filter((target) => !RESERVED.has(target))
    .map((target) => target.replace(/:\[\d+\]$/, ''))
}

function serverThreads(holdings: Holdings): string[] {
  return holdings.threads.filter((name) => name.startsWith('monodon'))
}

function surplus(before: readonly string[], now: readonly string[]): string[] {
  const left = [...now]
  for (const item of before) {
    const index = left.indexOf(item)
    if (index >= 0) left.splice(index, 1)
  }
  return left
}
