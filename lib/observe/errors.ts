/** The last warnings and errors of the logs, and how many there were, for who looks at the server. */

import { hearEntries, hearWorkers } from '../log.ts'
import { type Notable, type NotableCounts, NotableEntries } from '../notable.ts'

/** Entries that are remembered. */
const REMEMBERED = 50

/** Remembers the last ones of the main thread's log, and of those of the workers, from now on. */
export class LastErrors {
  private readonly notables = new NotableEntries(REMEMBERED)

  constructor() {
    hearEntries((entry, now) => this.notables.hear(entry, now))
    hearWorkers((notables) => this.notables.add(notables))
  }

  /** Newest first. */
  newestFirst(): Notable[] {
    return this.notables.all.entries.toReversed()
  }

  /** How many there were so far. */
  get counts(): NotableCounts {
    return this.notables.all.counts
  }
}
