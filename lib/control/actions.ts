/** What a running server can be told to do. Signals ask for it; so do commands. */

import type { Arbiter } from './arbiter.ts'

export interface Action {
  /** The signals that ask for it, each with the argument that it stands for. */
  readonly signals: Readonly<Partial<Record<NodeJS.Signals, string>>>
  /** What it does, for people: a sentence without its stop. */
  readonly doc: string
  /**
   * Does it. What happens is logged, a failure too; what is thrown is for who asked.
   *
   * @param by who asks, for the log: `SIGHUP`
   */
  run(arbiter: Arbiter, by: string, argument: string): Promise<unknown>
}

export const ACTIONS = {
  stop: {
    signals: { SIGTERM: '' },
    doc: 'Stops gracefully: nothing more is accepted, and what is under way is finished, up to graceful-timeout; a second signal stops at once',
    run: (arbiter, by) => arbiter.stop(by),
  },
  quit: {
    signals: { SIGINT: '', SIGQUIT: '' },
    doc: 'Stops at once: connections are cut',
    run: (arbiter, by) => arbiter.quit(by),
  },
  reload: {
    signals: { SIGHUP: '' },
    doc: 'Replaces the workers one by one, each by one that has loaded the app anew; if that does not load, the old ones go on',
    run: (arbiter, by) => arbiter.reload(by),
  },
  reopenLogs: {
    signals: { SIGUSR1: '' },
    doc: 'Opens the log files anew, after they were moved away',
    run: (arbiter, by) => arbiter.reopenLogs(by),
  },
  scale: {
    signals: { SIGTTIN: '+1', SIGTTOU: '-1' },
    doc: 'Changes how many workers there are, never below one: a new one counts once it is ready, one that goes finishes what it holds',
    run: (arbiter, by, change) => arbiter.scale(by, change),
  },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof ACTIONS

/** Every action, in the table's order. */
export const ACTION_NAMES = Object.keys(ACTIONS) as ActionName[]

/** The row of an action, without the literal types. */
export function actionOf(name: ActionName): Action {
  return ACTIONS[name]
}
