/** The last warnings and errors of the log, and how many there were, for who looks at the server. */

import { hearEntries } from '../log.ts'
import { type Entry, formatForSyslog } from '../log-entry.ts'
import type { LoggedError } from './snapshot.ts'
import type { Logged } from './statsd.ts'

/** Entries that are remembered. */
const REMEMBERED = 50
/** Characters of each. */
const TEXT_LENGTH = 2000

/** Remembers the last entries of the main thread's log, from now on. */
export class LastErrors {
  private readonly entries: LoggedError[] = []
  private readonly counts = { critical: 0, error: 0, exception: 0, warning: 0 }

  constructor() {
    hearEntries((entry, now) => this.hear(entry, now))
  }

  /** Newest first. */
  newestFirst(): LoggedError[] {
    return this.entries.toReversed()
  }

  /** How many there were so far. */
  get logged(): Logged {
    return { ...this.counts }
  }

  private hear(entry: Entry, now: Date): void {
    const { level, fault } = entry
    if (level === 'debug' || level === 'info') return
    this.counts[fault?.stack ? 'exception' : level] += 1
    if (this.entries.length === REMEMBERED) this.entries.shift()
    this.entries.push({
      at: now.getTime() / 1000,
      level: level === 'warning' ? 'warning' : 'error',
      text: formatForSyslog(entry, 'text', now).slice(0, TEXT_LENGTH),
    })
  }
}
