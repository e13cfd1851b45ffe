/** The last warnings and errors of the log, for who looks at the server. */

import { hearEntries } from '../log.ts'
import { formatForSyslog } from '../log-entry.ts'
import type { LoggedError } from './snapshot.ts'

/** Entries that are remembered. */
const REMEMBERED = 50
/** Characters of each. */
const TEXT_LENGTH = 2000

/** Remembers the last entries of the main thread's log, from now on. */
export class LastErrors {
  private readonly entries: LoggedError[] = []

  constructor() {
    hearEntries((entry, now) => {
      const { level } = entry
      if (level === 'debug' || level === 'info') return
      if (this.entries.length === REMEMBERED) this.entries.shift()
      this.entries.push({
        at: now.getTime() / 1000,
        level: level === 'warning' ? 'warning' : 'error',
        text: formatForSyslog(entry, 'text', now).slice(0, TEXT_LENGTH),
      })
    })
  }

  /** Newest first. */
  newestFirst(): LoggedError[] {
    return this.entries.toReversed()
  }
}
