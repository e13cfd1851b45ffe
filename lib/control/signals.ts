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
  const heeded = new Map<string, () => void>()
  for (const name of ACTION_NAMES) {
    const { signals, run } = actionOf(name)
    for (const [signal, argument] of Object.entries(signals)) {
      if (inTerminal && OF_TERMINALS.includes(signal)) continue
      // Whoever sends a signal hears nothing; the log has it.
      heeded.set(signal, () => void run(arbiter, signal, argument).catch(() => {}))
    }
  }
  for (const [signal, act] of heeded) process.on(signal, act)
  return () => {
    for (const [signal, act] of heeded) {
      process.on(signal, () => {})
      process.off(signal, act)
    }
  }
}
