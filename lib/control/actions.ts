/** What a running server can be told: by signals, and by `monodon ctl`. */

import { MonodonError, messageOf } from '../errors.ts'
import { type Filter, isWanted, readFilter } from '../observe/filter.ts'
import { kebab } from '../options/names.ts'
import type { Arbiter } from './arbiter.ts'
import type { Told } from './socket/told.ts'

export interface Action {
  /** The signals that ask for it, each with the argument that it stands for. */
  readonly signals: Readonly<Partial<Record<NodeJS.Signals, string>>>
  /** What it takes, and how people are told so; without it, nothing. */
  readonly argument?: { readonly form: RegExp; readonly shown: string }
  /** What it does, for people: a sentence without its stop. */
  readonly doc: string
  /**
   * Does it, and resolves when it is done, with what there is to tell: JSON. What happens is logged, a
   * failure too; what is thrown is for who asked.
   *
   * @param by who asks, for the log: `SIGHUP`
   */
  run(arbiter: Arbiter, by: string, argument: string): Promise<unknown>
  /**
   * When it is done, goes on to tell who has asked over a socket, until what is returned is called or the
   * server ends. `monodon ctl` does not have it: it waits for one answer.
   */
  follow?(arbiter: Arbiter, argument: string, told: Told): () => void
}

export const ACTIONS = {
  status: {
    signals: {},
    doc: 'Tells how the server and its workers are',
    run: async (arbiter) => arbiter.status(),
  },
  snapshot: {
    signals: {},
    doc: 'Tells all that can be known of the server now: counters, times, requests under way; see --json',
    run: async (arbiter) => arbiter.snapshot(),
  },
  trace: {
    signals: {},
    argument: { form: /^[\x21-\x7e]{0,4000}$/, shown: 'FILTER' },
    doc: 'Tells of each request when it has ended, step by step, until who asks leaves',
    run: async (_arbiter, _by, filter) => void filterOf(filter),
    follow: (arbiter, argument, told) => {
      const filter = filterOf(argument)
      return arbiter.follow((lives, dropped) => {
        for (const life of lives) if (isWanted(life, filter)) told.tell({ life })
        if (dropped > 0) told.drop(dropped)
      })
    },
  },
  workers: {
    signals: {},
    doc: 'Tells how the workers are',
    run: async (arbiter) => arbiter.status().workers,
  },
  reload: {
    signals: { SIGHUP: '' },
    doc: 'Reads the config file again, and replaces the workers one by one, each by one that has loaded the app anew; if that does not load, the old ones go on',
    run: (arbiter, by) => arbiter.reload(by),
  },
  scale: {
    signals: { SIGTTIN: '+1', SIGTTOU: '-1' },
    argument: { form: /^[+-]?\d{1,6}$/, shown: '+N|-N|N' },
    doc: 'Changes how many workers there are, never below one: a new one counts once it is ready, one that goes finishes what it holds',
    run: (arbiter, by, change) => arbiter.scale(by, change),
  },
  reopenLogs: {
    signals: { SIGUSR1: '' },
    doc: 'Opens the log files anew, after they were moved away',
    run: (arbiter, by) => arbiter.reopenLogs(by),
  },
  upgrade: {
    signals: { SIGUSR2: '' },
    doc: 'Starts a new server on the same sockets, as this one was started; if that does not come to serve, this one goes on; with upgrade-mode auto this one stops gracefully when it does',
    run: (arbiter, by) => arbiter.upgrade(by),
  },
  retire: {
    signals: { SIGWINCH: '' },
    doc: 'With a new server beside it, leaves the requests to that: nothing more is accepted, and the workers finish what is under way and end; reload brings them back',
    run: (arbiter, by) => arbiter.retire(by),
  },
  stop: {
    signals: { SIGTERM: '' },
    doc: 'Stops gracefully: nothing more is accepted, and what is under way is finished, up to graceful-timeout; asked again, it stops at once',
    run: (arbiter, by) => arbiter.stop(by),
  },
  quit: {
    signals: { SIGINT: '', SIGQUIT: '' },
    doc: 'Stops at once: connections are cut',
    run: (arbiter, by) => arbiter.quit(by),
  },
} as const satisfies Record<string, Action>

/** @throws MonodonError `MONODON_BAD_COMMAND` */
function filterOf(argument: string): Filter {
  try {
    return readFilter(argument)
  } catch (error) {
    throw new MonodonError('MONODON_BAD_COMMAND', { detail: messageOf(error) })
  }
}

export type ActionName = keyof typeof ACTIONS

/** Every action, in the table's order. */
export const ACTION_NAMES = Object.keys(ACTIONS) as ActionName[]

/** The row of an action, without the literal types. */
export function actionOf(name: ActionName): Action {
  return ACTIONS[name]
}

/** As a command: `reopen-logs`. */
export function commandOf(name: ActionName): string {
  return kebab(name)
}

/** The action of a command; `undefined` for what is none. */
export function actionNamed(command: string): ActionName | undefined {
  return ACTION_NAMES.find((name) => commandOf(name) === command)
}
