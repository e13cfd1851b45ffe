/** Tells the arbiter what a worker logs that somebody is to see, and is not held up by it. */

import { hearEntries } from '../log.ts'
import { NotableEntries } from '../notable.ts'
import type { FromWorker } from './protocol.ts'

/** The least time between two messages, in milliseconds. */
const EVERY_MS = 200
/** Entries in a message; of others only their number is told. */
const MOST = 10

/** From now on, until the worker ends: what it logs last is told at once if nothing was told before. */
export function tellNotables(say: (message: FromWorker) => void): void {
  const notables = new NotableEntries(MOST)
  let timer: NodeJS.Timeout | undefined
  const tell = (): void => {
    const { counts, entries } = notables.take()
    timer = undefined
    if (entries.length === 0) return
    say({ type: 'logged', counts, entries })
    timer = setTimeout(tell, EVERY_MS).unref()
  }
  hearEntries((entry, now) => {
    notables.hear(entry, now)
    if (timer === undefined) tell()
  })
}
