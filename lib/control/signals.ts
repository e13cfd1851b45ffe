import { ACTION_NAMES, actionOf } from './actions.ts'
import type { Arbiter } from './arbiter.ts'

/** In a terminal they are the kernel's: it stops a program in the background that reads or writes. */
const OF_TERMINALS: readonly string[] = ['SIGTTIN', 'SIGTTOU']

/**
 * Has signals tell an arbiter what to do.
 *
 * @param inTerminal leaves to terminals what is theirs (`monodon dev` reads keys)
 * @returns what ends that. The signals mean nothing then: the process is about to exit, and one that
 *   comes in between is not to change its exit code
 */
export function heedSignals(arbiter: Arbiter, inTerminal: boolean): () => void {
  let isOver = false
  for (const name of ACTION_NAMES) {
    const { signals, run } = actionOf(name)
    for (const [signal, argument] of Object.entries(signals)) {
      if (inTerminal && OF_TERMINALS.includes(signal)) continue
      process.on(signal, () => {
        // Whoever sends a signal hears nothing; the log has it.
        if (!isOver) run(arbiter, signal, argument).catch(() => {})
      })
    }
  }
  return () => {
    isOver = true
  }
}
