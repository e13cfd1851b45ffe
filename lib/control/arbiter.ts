/** The main process: it listens, keeps the workers alive and heeds signals; it never runs the app. */

import { log, logTo, reopenLog } from '../log.ts'
import { gunicornLeftovers } from '../options/gunicorn.ts'
import type { Options } from '../options/table.ts'
import { packageVersion } from '../version.ts'
import { setEnvironment } from './environment.ts'
import { type Job, runtimeOfJob } from './job.ts'
import { Listener } from './listener.ts'
import { PidFile } from './pid-file.ts'
import { createPool, type WorkerPool } from './pool.ts'
import type { Reloader } from './reload/reloader.ts'
import type { Runtime } from './runtime.ts'

/** What can be done with a server from its terminal. */
export interface Controls {
  readonly urls: readonly string[]
  /** Replaces the workers now; `why` is for the log. */
  reload(why: string): void
}

/** Is called when the server has started; what it returns when the server ends. */
export type OnStarted = (controls: Controls) => () => void

/**
 * Serves until a signal ends it: TERM drains, INT and QUIT stop quickly (a second signal of any
 * kind does too). HUP replaces the workers one by one, each by one that has loaded the app anew; USR1
 * opens the log files anew.
 *
 * @throws BootFailure when the app could not be loaded
 * @throws MonodonError `MONODON_BIND_FAILED`, `MONODON_FILE_NOT_WRITABLE`, `MONODON_PYTHON_MISSING`
 */
export async function runArbiter(job: Job, onStarted: OnStarted = () => () => {}): Promise<void> {
  const { options, cwd } = job
  logTo(options.errorLogfile)
  setEnvironment(options.env)
  const runtime = runtimeOfJob(job)
  if (runtime === 'python')
    for (const line of gunicornLeftovers(process.env, cwd)) log('warning', line)
  const listener = new Listener(options, runtime)
  const pidFile = new PidFile(options.pid)
  try {
    await serveUntilStopped(job, runtime, listener, onStarted)
  } finally {
    listener.release()
    pidFile.remove()
  }
}

async function serveUntilStopped(
  job: Job,
  runtime: Runtime,
  listener: Listener,
  onStarted: OnStarted,
): Promise<void> {
  const { app, options } = job
  const signals = new Signals()
  // Before anybody can know of the server: by default these signals end a process.
  const reload = (): void => void pool?.reload()
  const reopen = (): void => reopenLogs(listener, pool)
  process.on('SIGHUP', reload)
  process.on('SIGUSR1', reopen)
  let pool: WorkerPool | undefined
  const renew = (why: string): void => void pool?.renew(why)
  const reloader = options.reload ? await startReloader(job, runtime, renew) : undefined
  let onEnd = (): void => {}
  log('info', `Starting monodon ${packageVersion()}`)
  for (const url of listener.urls) log('info', `Listening at: ${url} (${process.pid})`)
  try {
    pool = createPool(job, runtime, listener, reloader?.watch)
    const starting = pool.start(options.workers)
    // Where a signal is first, it fails because of that.
    starting.catch(() => {})
    const ready = await Promise.race([starting, signals.arrived])
    if (ready !== undefined) {
      if (ready.type === 'ready')
        log(
          'info',
          `Serving ${app} by the ${ready.kind} interface: ${ready.reason} (--interface overrides)`,
        )
      log('info', `Workers: ${options.workers} (${pool.kind}), I/O threads: ${options.ioThreads}`)
      onEnd = onStarted({ urls: listener.urls, reload: renew })
    }
    await stopOn(signals, listener, pool, options)
    log('info', 'Stopped')
  } catch (error) {
    await listener.stop()
    throw error
  } finally {
    onEnd()
    reloader?.stop()
    process.off('SIGHUP', reload)
    process.off('SIGUSR1', reopen)
    signals.forget()
  }
}

/** What only `--reload` needs is loaded only for it. */
async function startReloader(
  job: Job,
  runtime: Runtime,
  renew: (why: string) => void,
): Promise<Reloader> {
  const { Reloader } = await import('./reload/reloader.ts')
  return new Reloader(job, runtime, renew)
}

function reopenLogs(listener: Listener, pool: WorkerPool | undefined): void {
  reopenLog()
  listener.reopenLogs()
  pool?.reopenLogs()
  log('info', 'The log files were opened anew (SIGUSR1)')
}

async function stopOn(
  signals: Signals,
  listener: Listener,
  pool: WorkerPool,
  options: Options,
): Promise<void> {
  const signal = await lastSignal(signals, listener, options)
  if (signal === 'SIGTERM') {
    log('info', 'Draining: requests under way are finished (SIGTERM)')
    const drained = listener.drain().then(() => pool.stop(options.gracefulTimeout))
    const again = signals.next().then((next) => stopAtOnce(next, listener, pool))
    await Promise.race([drained, again])
  } else {
    await stopAtOnce(signal, listener, pool)
  }
}

/** The signal that ends the server: after the drain-delay that SIGTERM begins, unless another cuts it short. */
async function lastSignal(
  signals: Signals,
  listener: Listener,
  options: Options,
): Promise<Signal> {
  const signal = await signals.next()
  if (signal !== 'SIGTERM' || options.drainDelay === 0) return signal
  const seconds = options.drainDelay / 1000
  log('info', `Draining in ${seconds} s; until then it serves, but is not ready (SIGTERM)`)
  const second = signals.next()
  return Promise.race([second, listener.leave(second).then(() => signal)])
}

async function stopAtOnce(signal: Signal, listener: Listener, pool: WorkerPool): Promise<void> {
  log('info', `Stopping (${signal})`)
  await listener.stop()
  await pool.stop(0)
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const
type Signal = (typeof SIGNALS)[number]

/** Signals in the order they came, also those that came while nobody was waiting. */
class Signals {
  /** Resolves with the first one. */
  readonly arrived: Promise<undefined>
  private tellArrived!: () => void
  private readonly pending: Signal[] = []
  private waiter: ((signal: Signal) => void) | undefined
  private readonly hear = (signal: NodeJS.Signals): void => {
    this.tellArrived()
    if (this.waiter === undefined) {
      this.pending.push(signal as Signal)
      return
    }
    const { waiter } = this
    this.waiter = undefined
    waiter(signal as Signal)
  }

  constructor() {
    this.arrived = new Promise((resolve) => {
      this.tellArrived = () => resolve(undefined)
    })
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
