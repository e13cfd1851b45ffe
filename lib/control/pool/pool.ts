import { MonodonError } from '../../errors.ts'
import { log } from '../../log.ts'
import type { WorkerSnapshot } from '../../observe/snapshot.ts'
import type { Options } from '../../options/table.ts'
import type { Job } from '../job.ts'
import type { Listener } from '../listen/listener.ts'
import type { Runtime } from '../runtime.ts'
import type { PoolStatus, WorkerStatus } from '../status.ts'
import type { OnLoaded, Ready } from '../workers/app-worker.ts'
import { factsOf } from '../workers/facts.ts'
import { type PoolSetup, type WorkerFactory, workerFactory } from '../workers/worker-factory.ts'
import { Pauses } from './pauses.ts'
import { Recycling } from './recycling.ts'
import { RollingReload } from './rolling-reload.ts'
import { Supervisor } from './supervisor.ts'
import { Vitals } from './vitals.ts'
import { Watchdog } from './watchdog.ts'
import { WorkerSet } from './worker-set.ts'

/**
 * The pool for an app that is named as `module:name`.
 *
 * @throws MonodonError `MONODON_PYTHON_MISSING`; `MONODON_BAD_OPTION` for what its runtime has not
 */
export function createPool(
  { app, args, options, cwd }: Job,
  runtime: Runtime,
  listener: Listener,
  onLoaded?: OnLoaded,
): WorkerPool {
  checkThreads(app, runtime, options)
  if (process.platform === 'win32' && (runtime === 'python' || options.workerClass === 'process'))
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail:
        'workers in processes need sockets that Windows does not have; use worker-class thread',
    })
  const facts = factsOf(listener, options.workers > 1)
  return new WorkerPool({ listener, runtime, cwd, data: { app, args, facts, options }, onLoaded })
}

/** @throws MonodonError `MONODON_BAD_OPTION` for threads that the workers of a runtime have not */
export function checkThreads(app: string, runtime: Runtime, { threads }: Options): void {
  if (runtime === 'javascript' && threads > 1)
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: `threads is ${threads}, but ${app} is JavaScript, which needs no threads to wait; use workers for more cores`,
    })
}

/** Keeps a number of workers alive. */
export class WorkerPool {
  /** What its workers are, for people. */
  readonly kind: 'thread' | 'process'
  private readonly factory: WorkerFactory
  private readonly workers: WorkerSet
  private readonly pauses = new Pauses()
  private readonly supervisor: Supervisor
  private readonly rolling: RollingReload
  private readonly recycling: Recycling
  private readonly watchdog: Watchdog
  private readonly vitals: Vitals

  /** @throws MonodonError `MONODON_PYTHON_MISSING` */
  constructor(setup: PoolSetup) {
    const { listener, data } = setup
    this.factory = workerFactory(setup)
    this.kind = this.factory.kind
    this.workers = new WorkerSet(this.factory, data.options, listener)
    this.supervisor = new Supervisor(this.workers, this.pauses, data.options, (worker) =>
      this.recycling.watch(worker),
    )
    this.recycling = new Recycling(this.workers, this.supervisor, data.options)
    this.rolling = new RollingReload(this.workers, this.supervisor)
    this.vitals = new Vitals(this.workers, listener)
    this.watchdog = new Watchdog(listener, data.options.timeout, (number, still) =>
      this.supervisor.endHung(number, still),
    )
  }

  /**
   * Boots `count` workers.
   *
   * @returns what the first one said of the app
   * @throws BootFailure when one of them could not boot; the others are stopped
   */
  async start(count: number): Promise<Ready> {
    try {
      const boots = Array.from({ length: count }, () => this.workers.bootCurrent())
      const booted = await Promise.all(boots)
      for (const { worker } of booted) this.supervisor.add(worker)
      this.watchdog.start()
      this.recycling.start()
      return booted[0]!.ready
    } catch (error) {
      await this.stop(0)
      throw error
    }
  }

  /** Stops all workers; each may finish what it holds, up to `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.watchdog.stop()
    this.vitals.stop()
    this.recycling.stop()
    this.pauses.cancel()
    await this.workers.stop(timeoutMs)
  }

  /**
   * Replaces the workers one by one, each by one that has loaded the app anew. If that does not load,
   * the old ones go on, unless it stays to show why. `why` is for the log.
   *
   * @returns why the app could not be loaded, if it could not
   */
  reload(why: string): Promise<string | undefined> {
    return this.rolling.run(why)
  }

  /** Goes by other options from now on. Workers that there are keep those that they read. */
  reconfigure(options: Options): void {
    this.factory.reconfigure(options)
    this.workers.reconfigure(options)
    this.supervisor.reconfigure(options)
    this.recycling.reconfigure(options)
    this.watchdog.setTimeout(options.timeout)
  }

  /** Workers that there are to be. */
  get size(): number {
    return this.supervisor.size
  }

  /** How the workers are, whether they stay, and how many were replaced. */
  status(): PoolStatus {
    const { stability, restarts } = this.supervisor
    return { stability, restarts, workers: this.workers.status() }
  }

  /** The workers with what they need, which is measured while `setMeasured` says so. */
  measured(workers: readonly WorkerStatus[]): readonly WorkerSnapshot[] {
    return this.vitals.addTo(workers)
  }

  /** Measures from now on what the workers need, or not. */
  setMeasured(isMeasured: boolean): void {
    if (isMeasured) this.vitals.start()
    else this.vitals.stop()
  }

  /**
   * Changes how many workers there are: a new one counts once it is ready, one that goes finishes what
   * it holds. Resolves when the new ones are ready and the others have been told to go.
   *
   * @returns why a new worker could not boot, if one could not: it does not count then
   */
  scale(size: number): Promise<string | undefined> {
    return this.supervisor.scale(size)
  }

  /** Reloads at once, since files have changed: nobody waits for a worker that boots with the old ones. */
  async renew(why: string): Promise<void> {
    this.workers.killBooting()
    this.pauses.cutShort()
    if (this.workers.answering().length > 0) await this.reload(why)
    else log('info', `Booting anew: ${why}`)
  }

  /** The file of the error log was moved away. */
  reopenLogs(): void {
    this.workers.reopenLogs()
  }
}
