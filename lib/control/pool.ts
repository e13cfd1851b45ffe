import { MonodonError } from '../errors.ts'
import { log, logFault } from '../log.ts'
import type { Options } from '../options/table.ts'
import type { WorkerData } from '../worker/protocol.ts'
import type { OnLoaded, Ready, SupervisedWorker } from './app-worker.ts'
import { factsOf } from './facts.ts'
import type { Job } from './job.ts'
import type { Listener } from './listener.ts'
import { programOf } from './program.ts'
import type { Runtime } from './runtime.ts'
import type { WorkerStatus } from './status.ts'
import { Watchdog } from './watchdog.ts'
import { WorkerProcess } from './worker-process.ts'
import { WorkerThread } from './worker-thread.ts'

/** Pauses before a worker that died is replaced: the first at once, then growing. */
const BACKOFF_MS = [0, 100, 500, 1000, 2000, 5000]
/** A worker that lived this long was healthy: the next one that dies is replaced at once again. */
const HEALTHY_MS = 10_000

/** What workers are made for. */
export interface PoolSetup {
  readonly listener: Listener
  readonly runtime: Runtime
  /** The folder of the app. */
  readonly cwd: string
  readonly data: Omit<WorkerData, 'name' | 'number' | 'staysBroken'>
  /** Is told which files the workers have loaded, if they are asked to tell (`--reload`). */
  readonly onLoaded?: OnLoaded | undefined
}

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
  if (runtime === 'javascript' && options.threads > 1)
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: `threads is ${options.threads}, but ${app} is JavaScript, which needs no threads to wait; use workers for more cores`,
    })
  if (process.platform === 'win32' && (runtime === 'python' || options.workerClass === 'process'))
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail:
        'workers in processes need sockets that Windows does not have; use worker-class thread',
    })
  const facts = factsOf(listener, options.workers > 1)
  return new WorkerPool({ listener, runtime, cwd, data: { app, args, facts, options }, onLoaded })
}

/** Keeps a number of workers alive. */
export class WorkerPool {
  /** What its workers are, for people. */
  readonly kind: 'thread' | 'process'
  private readonly create: (number: number, staysBroken: boolean) => SupervisedWorker
  private readonly options: Options
  private readonly listener: Listener
  private readonly workers = new Set<SupervisedWorker>()
  private readonly watchdog: Watchdog
  /** Workers that have a successor, booting or ready. */
  private readonly leaving = new WeakSet<SupervisedWorker>()
  /** Workers that were told to stop, since their successors are ready. */
  private readonly retired = new WeakSet<SupervisedWorker>()
  private readonly hung = new WeakSet<SupervisedWorker>()
  /** Workers that answer though they could not load the app. */
  private readonly broken = new WeakSet<SupervisedWorker>()
  /** Workers that boot for the first time, or in place of another. */
  private readonly booting = new Set<SupervisedWorker>()
  /** Workers whose files have changed while they were booting. */
  private readonly outdated = new WeakSet<SupervisedWorker>()
  /** What is to be done after a pause. */
  private readonly pauses = new Map<NodeJS.Timeout, () => void>()
  private stopping = false
  private reloading: Promise<string | undefined> | undefined
  /** Why to reload once more after the reload that is under way. */
  private reloadAgain: string | undefined
  /** Successions that are under way. */
  private readonly successions = new Set<Promise<unknown>>()
  /** Workers that have a place: each is replaced when it ends. */
  private readonly seated = new Set<SupervisedWorker>()
  private places = 0
  /** When each was started. */
  private readonly starts = new WeakMap<SupervisedWorker, number>()
  private restarts = 0
  private number = 0
  private deaths = 0

  /** @throws MonodonError `MONODON_PYTHON_MISSING` */
  constructor({ listener, runtime, cwd, data, onLoaded = () => {} }: PoolSetup) {
    this.options = data.options
    this.listener = listener
    this.kind = runtime === 'python' ? 'process' : data.options.workerClass
    if (this.kind === 'process') {
      const program = programOf(runtime, data.options, cwd)
      this.create = (number, staysBroken) =>
        new WorkerProcess(number, program, { ...data, staysBroken }, listener, onLoaded)
    } else {
      const threadData = { ...data, cwd, server: listener.id }
      this.create = (number, staysBroken) =>
        new WorkerThread(number, { ...threadData, staysBroken }, onLoaded)
    }
    this.watchdog = new Watchdog(listener, data.options.timeout, (number, still) =>
      this.endHung(number, still),
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
      const booted = await Promise.all(Array.from({ length: count }, () => this.bootFirst()))
      this.places = count
      for (const { worker } of booted) this.supervise(worker)
      this.watchdog.start()
      return booted[0]!.ready
    } catch (error) {
      await this.stop(0)
      throw error
    }
  }

  /** Stops all workers; each may finish what it holds, up to `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true
    this.watchdog.stop()
    for (const timer of this.pauses.keys()) clearTimeout(timer)
    await Promise.all([...this.workers].map((worker) => worker.stop(timeoutMs)))
  }

  /**
   * Replaces the workers one by one, each by one that has loaded the app anew. If that does not load,
   * the old ones go on, unless it stays to show why. `why` is for the log.
   *
   * @returns why the app could not be loaded, if it could not
   */
  async reload(why: string): Promise<string | undefined> {
    if (this.reloading !== undefined) {
      // What was changed since is loaded by the next round.
      this.reloadAgain = why
      return this.reloading
    }
    this.reloading = this.reloadAll(why)
    const failure = await this.reloading
    this.reloading = undefined
    return failure
  }

  /** Workers that there are to be. */
  get size(): number {
    return this.places
  }

  /** How the workers are, and how many were replaced because they died or hung. */
  status(): { readonly workers: WorkerStatus[]; readonly restarts: number } {
    const pulses = new Map(this.listener.pulses().map((pulse) => [pulse.index, pulse]))
    const workers = [...this.workers].map((worker) => {
      const { number, state, pid = null } = worker
      const age = (performance.now() - this.starts.get(worker)!) / 1000
      const { taken = 0, held = 0 } = pulses.get(number) ?? {}
      return { number, state, pid, age, requests: taken, held }
    })
    return { workers, restarts: this.restarts }
  }

  /**
   * Changes how many workers there are: a new one counts once it is ready, one that goes finishes what
   * it holds. Resolves when the new ones are ready and the others have been told to go.
   *
   * @returns why a new worker could not boot, if one could not: it does not count then
   */
  async scale(size: number): Promise<string | undefined> {
    const growth = Math.max(0, size - this.places)
    const failures = await Promise.all(Array.from({ length: growth }, () => this.add()))
    while (this.places > size && !this.stopping) {
      const hasEmptyPlace = this.seated.size < this.places
      const worker = hasEmptyPlace ? undefined : this.dispensable()
      if (hasEmptyPlace || worker !== undefined) this.places -= 1
      // One that is being followed cannot go before that is over.
      else await Promise.all(this.successions)
      if (worker !== undefined) {
        log('info', `worker ${worker.number} goes`)
        this.retire(worker)
      }
    }
    log('info', `Workers: ${this.places}`)
    return failures.find((failure) => failure !== undefined)
  }

  /** Reloads at once, since files have changed: nobody waits for a worker that boots with the old ones. */
  async renew(why: string): Promise<void> {
    for (const worker of this.booting) {
      this.outdated.add(worker)
      void worker.kill()
    }
    for (const [timer, work] of this.pauses) {
      clearTimeout(timer)
      this.pauses.delete(timer)
      work()
    }
    if (this.answering().length > 0) await this.reload(why)
    else log('info', `Booting anew: ${why}`)
  }

  private async reloadAll(why: string): Promise<string | undefined> {
    let failure: string | undefined
    for (let next: string | undefined = why; next !== undefined && !this.stopping; ) {
      this.reloadAgain = undefined
      log('info', `Reloading: ${next}`)
      failure = await this.succeedAll()
      if (failure === undefined) log('info', 'Reloaded')
      next = this.reloadAgain
    }
    return this.stopping ? 'the server is stopping' : failure
  }

  /** Resolves with why the app could not be loaded anew, if it could not. */
  private async succeedAll(): Promise<string | undefined> {
    for (const worker of this.answering()) {
      const failure = await this.succeed(worker)
      if (failure !== undefined) return failure
    }
    const isBroken = this.answering().some((worker) => this.broken.has(worker))
    return isBroken ? 'the app cannot be loaded: the workers answer with the error' : undefined
  }

  private answering(): SupervisedWorker[] {
    return [...this.workers].filter(({ state }) => state === 'ready')
  }

  /** The file of the error log was moved away. */
  reopenLogs(): void {
    for (const worker of this.workers) worker.reopenLogs()
  }

  private spawn(): SupervisedWorker {
    const worker = this.create(++this.number, this.staysBroken())
    this.workers.add(worker)
    this.starts.set(worker, performance.now())
    void worker.ended.then(() => this.workers.delete(worker))
    return worker
  }

  /**
   * Whether a new worker stays although it cannot load the app. A developer is to see the error;
   * without `--dev` the old code goes on where there is some.
   */
  private staysBroken(): boolean {
    const { reload, dev } = this.options
    return reload && (dev || this.answering().every((worker) => this.broken.has(worker)))
  }

  /** Waits until a worker answers. */
  private async boot(worker: SupervisedWorker): Promise<Ready> {
    this.booting.add(worker)
    try {
      const ready = await worker.ready
      if (this.outdated.has(worker)) throw new Error('its files have changed')
      if (ready.type === 'broken') {
        this.broken.add(worker)
        log('error', ready.text)
        log('info', `Until that is corrected, worker ${worker.number} answers with the error`)
      }
      return ready
    } finally {
      this.booting.delete(worker)
    }
  }

  /** Boots one more worker, which then has a place. Resolves with why it could not boot, if so. */
  private async add(): Promise<string | undefined> {
    try {
      const { worker } = await this.bootFirst()
      if (this.stopping) return 'the server is stopping'
      log('info', `worker ${worker.number} is ready`)
      this.places += 1
      this.supervise(worker)
      return undefined
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (!this.stopping) log('error', `a new worker could not boot: ${why}`)
      return why
    }
  }

  /** Boots a worker, and another one when files change meanwhile. */
  private async bootFirst(): Promise<{ worker: SupervisedWorker; ready: Ready }> {
    for (;;) {
      const worker = this.spawn()
      try {
        return { worker, ready: await this.boot(worker) }
      } catch (error) {
        // It has said why; one that could not load its app ends here.
        void worker.kill()
        if (!this.outdated.has(worker) || this.stopping) throw error
      }
    }
  }

  /** Replaces the worker when it ends by itself, and when it has served enough. */
  private supervise(worker: SupervisedWorker): void {
    const since = performance.now()
    this.seated.add(worker)
    void worker.ended.then((how) => {
      this.seated.delete(worker)
      if (this.retired.has(worker) || this.isStopping(worker)) return
      const isOutdated = this.outdated.has(worker)
      if (!this.hung.has(worker) && !isOutdated)
        logFault('MONODON_WORKER_DIED', { worker: worker.number }, how)
      if (this.leaving.has(worker)) return
      this.restarts += 1
      const wasHealthy = isOutdated || performance.now() - since > HEALTHY_MS
      this.deaths = wasHealthy ? 0 : this.deaths + 1
      this.later(this.pause(), () => this.replace())
    })
    void worker.spent.then(() => this.relieve(worker))
  }

  private pause(): number {
    return BACKOFF_MS[Math.min(this.deaths, BACKOFF_MS.length) - 1] ?? 0
  }

  private later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.pauses.delete(timer)
      work()
    }, ms)
    this.pauses.set(timer, work)
  }

  private replace(): void {
    // Its place may be gone by now.
    if (this.seated.size >= this.places) return
    const worker = this.spawn()
    this.supervise(worker)
    this.boot(worker).then(
      () => log('info', `worker ${worker.number} has taken its place`),
      (error: Error) => {
        if (!this.outdated.has(worker) && !this.retired.has(worker)) log('error', error.message)
        // It has said why; one that could not load its app ends here.
        void worker.kill()
      },
    )
  }

  /** Replaces a worker that has served enough; tries again when its successor cannot boot. */
  private async relieve(worker: SupervisedWorker): Promise<void> {
    if (worker.state !== 'ready') return
    log('info', `worker ${worker.number} has served max-requests`)
    const failure = await this.succeed(worker)
    if (failure !== undefined) this.later(BACKOFF_MS.at(-1)!, () => void this.relieve(worker))
  }

  /**
   * New before old: the worker goes on until the one that follows it is ready. Resolves with why none
   * does, if so.
   */
  private async succeed(worker: SupervisedWorker): Promise<string | undefined> {
    if (this.stopping || this.leaving.has(worker)) return undefined
    this.leaving.add(worker)
    const succession = this.bootSuccessor(worker)
    this.successions.add(succession)
    const failure = await succession
    this.successions.delete(succession)
    return failure
  }

  private async bootSuccessor(worker: SupervisedWorker): Promise<string | undefined> {
    const successor = this.spawn()
    try {
      await this.boot(successor)
    } catch (error) {
      void successor.kill()
      if (this.stopping) return undefined
      const why = error instanceof Error ? error.message : String(error)
      if (!this.outdated.has(successor))
        log('error', `worker ${worker.number} goes on, as its successor failed: ${why}`)
      this.leaving.delete(worker)
      if (worker.state === 'stopped') this.later(this.pause(), () => this.replace())
      return why
    }
    if (this.hasStopped()) return undefined
    log('info', `worker ${successor.number} follows worker ${worker.number}`)
    this.seated.delete(worker)
    this.supervise(successor)
    this.retire(worker)
    // If it died meanwhile, its place may have been given up.
    if (this.seated.size > this.places) this.retire(successor)
    return undefined
  }

  /** The worker that goes first if there are to be fewer: one that boots, then the oldest. */
  private dispensable(): SupervisedWorker | undefined {
    const free = [...this.seated].filter((worker) => !this.leaving.has(worker))
    return free.find(({ state }) => state === 'booting') ?? free[0]
  }

  /** Has a worker finish what it holds and end. */
  private retire(worker: SupervisedWorker): void {
    this.retired.add(worker)
    this.seated.delete(worker)
    void worker.stop(this.options.gracefulTimeout)
  }

  /** Whether a worker's end is part of the server's. */
  private isStopping(worker: SupervisedWorker): boolean {
    return this.stopping || worker.serverEnded || this.listener.phase === 'stopped'
  }

  private hasStopped(): boolean {
    return this.stopping
  }

  /** A worker holds requests and does not respond. */
  private endHung(number: number, still: number): void {
    const worker = [...this.workers].find((candidate) => candidate.number === number)
    if (worker === undefined || worker.state === 'hung') return
    const seconds = (still / 1000).toFixed(1)
    logFault('MONODON_WORKER_HUNG', { worker: worker.number }, `no sign of life for ${seconds} s`)
    worker.state = 'hung'
    this.hung.add(worker)
    void worker.kill()
  }
}
