import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process holds of the kernel's things. */
export interface Holdings {
  /** Open descriptors of sockets, by what they are. */
  readonly descriptors: readonly string[]
  /** Names of threads. */
  readonly threads: readonly string[]
}

/** What this process (or another, by its id) holds right now. Linux only: it reads `/proc`. */
export function holdings(pid: number | 'self' = 'self'): Holdings {
  return { descriptors: descriptors(pid), threads: threads(pid) }
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

/** What is held now and was not before: sockets and event descriptors, and the server's threads. */
export function leaked(before: Holdings, now: Holdings): string[] {
  return [
    ...surplus(kinds(before.descriptors), kinds(now.descriptors)),
    ...surplus(serverThreads(before), serverThreads(now)),
  ]
}

function kinds(descriptors: readonly string[]): string[] {
  return descriptors.map((target) => target.replace(/:\[\d+\]$/, ''))
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
