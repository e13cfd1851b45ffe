/** The main process: it listens, keeps the workers alive and heeds signals; it never runs the app. */

import { errorRow } from '../errors.ts'
import { log } from '../log.ts'
import type { Options } from '../options/table.ts'
import { packageVersion } from '../version.ts'
import { factsOf } from './facts.ts'
import { Listener } from './listener.ts'
import { WorkerPool } from './pool.ts'
import { BootFailure } from './worker-thread.ts'

/** What the command line asks for. */
export interface Job {
  /** `module:name` of the app. */
  readonly app: string
  readonly options: Options
  readonly cwd: string
}

/**
 * Serves until a signal ends it: TERM drains, INT and QUIT stop quickly (a second signal of any
 * kind does too).
 *
 * @returns the exit code: 0, or 3 when the app could not boot
 * @throws MonodonError `MONODON_BIND_FAILED`
 */
export async function runArbiter({ app, options, cwd }: Job): Promise<number> {
  const listener = new Listener(options)
  const signals = new Signals()
  log('info', `Starting monodon ${packageVersion()}`)
  for (const url of listener.urls) log('info', `Listening at: ${url} (${process.pid})`)
  const facts = factsOf(listener, options.workers > 1)
  const pool = new WorkerPool({ app, cwd, facts, options })
  try {
    const { kind, reason } = await pool.start(options.workers)
    log('info', `Serving ${app} by the ${kind} interface: ${reason} (--interface overrides)`)
    log('info', `Workers: ${options.workers} (thread), I/O threads: ${options.ioThreads}`)
  } catch (error) {
    if (!(error instanceof BootFailure)) throw error
    await listener.stop()
    listener.release()
    process.stderr.write(`monodon: ${error.message}\n`)
    return errorRow('MONODON_APP_NOT_LOADED').exit ?? 1
  }
  await stopOn(signals, listener, pool, options)
  return 0
}

async function stopOn(
  signals: Signals,
  listener: Listener,
  pool: WorkerPool,
  options: Options,
): Promise<void> {
  const signal = await signals.next()
  if (signal === 'SIGTERM') {
    log('info', 'Draining: requests under way are finished (SIGTERM)')
    const again = signals.next().then(() => listener.stop())
    await Promise.race([listener.drain(), again])
    await pool.stop(options.gracefulTimeout)
  } else {
    log('info', `Stopping (${signal})`)
    await listener.stop()
    await pool.stop(0)
  }
  listener.release()
  signals.forget()
  log('info', 'Stopped')
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const
type Signal = (typeof SIGNALS)[number]

/** Signals in the order they came, also those that came while nobody was waiting. */
class Signals {
  private readonly pending: Signal[] = []
  private waiter: ((signal: Signal) => void) | undefined
  private readonly hear = (signal: NodeJS.Signals): void => {
    if (this.waiter === undefined) {
      this.pending.push(signal as Signal)
      return
    }
    const { waiter } = this
    this.waiter = undefined
    waiter(signal as Signal)
  }

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.hear)
  }

  next(): Promise<Signal> {
    const signal = this.pending.shift()
    if (signal !== undefined) return Promise.resolve(signal)
    return new Promise((resolve) => {
      this.waiter = resolve
    })
  }

  forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.hear)
  }
}
