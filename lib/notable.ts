/** What of a log somebody is to see who looks at the server: its warnings and errors. */

import { type Entry, formatForSyslog } from './log-entry.ts'

/** What they are counted by: an exception is an error with a stack. */
export const NOTABLE_KINDS = ['critical', 'error', 'exception', 'warning'] as const
export type NotableCounts = Readonly<Record<(typeof NOTABLE_KINDS)[number], number>>

/** A warning or an error. */
export interface Notable {
  /** Unix seconds. */
  readonly at: number
  readonly level: 'warning' | 'error'
  readonly text: string
}

/** Warnings and errors of one log since the last time: how many there were, and the last of them. */
export interface Notables {
  readonly counts: NotableCounts
  readonly entries: readonly Notable[]
}

/** Characters of a text that are kept. */
const TEXT_LENGTH = 2000

/** Gathers warnings and errors, of which it keeps the last ones. */
export class NotableEntries {
  private readonly most: number
  private entries: Notable[] = []
  private counts = none()

  /** Keeps so many. */
  constructor(most: number) {
    this.most = most
  }

  /** Adds an entry, if it is a warning or an error. */
  hear(entry: Entry, now: Date): void {
    const { level, fault } = entry
    if (level === 'debug' || level === 'info') return
    this.counts[fault?.stack ? 'exception' : level] += 1
    this.keep({
      at: now.getTime() / 1000,
      level: level === 'warning' ? 'warning' : 'error',
      text: formatForSyslog(entry, 'text', now),
    })
  }

  /** Adds those of another log. */
  add({ counts, entries }: Notables): void {
    for (const kind of NOTABLE_KINDS) this.counts[kind] += counts[kind]
    for (const entry of entries) this.keep(entry)
  }

  /** Oldest first. */
  get all(): Notables {
    return { counts: { ...this.counts }, entries: this.entries }
  }

  /** Gives what there is, and begins anew. */
  take(): Notables {
    const { all } = this
    this.entries = []
    this.counts = none()
    return all
  }

  private keep(entry: Notable): void {
    if (this.entries.length === this.most) this.entries.shift()
    this.entries.push({ ...entry, text: entry.text.slice(0, TEXT_LENGTH) })
  }
}

function none() {
  return { critical: 0, error: 0, exception: 0, warning: 0 }
}
