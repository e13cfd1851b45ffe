import { log, logFault } from '../log.ts'
import type { Options } from '../options/table.ts'
import type { SupervisedWorker } from './app-worker.ts'
import { Backoff, LONGEST_PAUSE_MS } from './backoff.ts'
import type { Pauses } from './pauses.ts'
import type { WorkerSet } from './worker-set.ts'

/**
 * Keeps as many workers as there are to be: replaces those that end by themselves and, new before old,
 * those that are to go, and changes their number.
 */
export class Supervisor {
  /** Workers that were replaced because they had ended by themselves or hung. */
  restarts = 0
  private readonly workers: WorkerSet
  private readonly pauses: Pauses
  private readonly options: Pick<Options, 'gracefulTimeout'>
  private readonly backoff = new Backoff()
  /** Workers that have a successor, booting or ready. */
  private readonly leaving = new WeakSet<SupervisedWorker>()
  /** Workers that were told to stop, since their successors are ready. */
  private readonly retired = new WeakSet<SupervisedWorker>()
  private readonly hung = new WeakSet<SupervisedWorker>()
  /** Successions that are under way. */
  private readonly successions = new Set<Promise<unknown>>()
  /** Workers that have a place: each is replaced when it ends. */
  private readonly seated = new Set<SupervisedWorker>()
  private places = 0

  constructor(workers: WorkerSet, pauses: Pauses, options: Pick<Options, 'gracefulTimeout'>) {
    this.workers = workers
    this.pauses = pauses
    this.options = options
  }

  /** Workers that there are to be. */
  get size(): number {
    return this.places
  }

  /** From now on there is to be one worker more, at first this one. */
  add(worker: SupervisedWorker): void {
    this.places += 1
    this.supervise(worker)
  }

  /**
   * Changes how many workers there are: a new one counts once it is ready, one that goes finishes what
   * it holds. Resolves when the new ones are ready and the others have been told to go.
   *
   * @returns why a new worker could not boot, if one could not: it does not count then
   */
  async scale(size: number): Promise<string | undefined> {
    const growth = Math.max(0, size - this.places)
    const failures = await Promise.all(Array.from({ length: growth }, () => this.grow()))
    while (this.places > size && !this.workers.isStopping) await this.shrink()
    log('info', `Workers: ${this.places}`)
    return failures.find((failure) => failure !== undefined)
  }

  /**
   * New before old: the worker goes on until the one that follows it is ready.
   *
   * @returns why none does, if so
   */
  async succeed(worker: SupervisedWorker): Promise<string | undefined> {
    if (this.workers.isStopping || this.leaving.has(worker)) return undefined
    this.leaving.add(worker)
    const succession = this.bootSuccessor(worker)
    this.successions.add(succession)
    const failure = await succession
    this.successions.delete(succession)
    return failure
  }

  /** A worker holds requests and gives no sign of life, for `still` milliseconds: it is killed. */
  endHung(number: number, still: number): void {
    const worker = this.workers.find(number)
    if (worker === undefined || worker.state === 'hung') return
    const seconds = (still / 1000).toFixed(1)
    logFault('MONODON_WORKER_HUNG', { worker: worker.number }, `no sign of life for ${seconds} s`)
    worker.state = 'hung'
    this.hung.add(worker)
    void worker.kill()
  }

  /** The worker is replaced when it ends by itself, and when it has served enough. */
  private supervise(worker: SupervisedWorker): void {
    const since = performance.now()
    this.seated.add(worker)
    void worker.ended.then((how) => this.afterEnd(worker, how, performance.now() - since))
    void worker.spent.then(() => this.relieve(worker))
  }

  /** Boots one more worker. Resolves with why it could not boot, if so. */
  private async grow(): Promise<string | undefined> {
    try {
      const { worker } = await this.workers.bootCurrent()
      if (this.workers.isStopping) return 'the server is stopping'
      log('info', `worker ${worker.number} is ready`)
      this.add(worker)
      return undefined
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (!this.workers.isStopping) log('error', `a new worker could not boot: ${why}`)
      return why
    }
  }

  /** Gives a place up: an empty one, or with it the worker that goes first. */
  private async shrink(): Promise<void> {
    if (this.seated.size < this.places) {
      this.places -= 1
      return
    }
    const worker = this.dispensable()
    if (worker === undefined) {
      // One that is being followed cannot go before that is over.
      await Promise.all(this.successions)
      return
    }
    this.places -= 1
    log('info', `worker ${worker.number} goes`)
    this.retire(worker)
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

  private async bootSuccessor(worker: SupervisedWorker): Promise<string | undefined> {
    const successor = this.workers.spawn()
    try {
      await this.workers.boot(successor)
    } catch (error) {
      void successor.kill()
      if (this.workers.isStopping) return undefined
      const why = error instanceof Error ? error.message : String(error)
      if (!this.workers.isOutdated(successor))
        log('error', `worker ${worker.number} goes on, as its successor failed: ${why}`)
      this.leaving.delete(worker)
      if (worker.state === 'stopped') this.replaceLater()
      return why
    }
    if (this.workers.isStopping) return undefined
    log('info', `worker ${successor.number} follows worker ${worker.number}`)
    this.seated.delete(worker)
    this.supervise(successor)
    this.retire(worker)
    // If it died meanwhile, its place may have been given up.
    if (this.seated.size > this.places) this.retire(successor)
    return undefined
  }

  private afterEnd(worker: SupervisedWorker, how: string, lifetime: number): void {
    this.seated.delete(worker)
    if (this.retired.has(worker) || this.workers.endsWithServer(worker)) return
    const isOutdated = this.workers.isOutdated(worker)
    if (!this.hung.has(worker) && !isOutdated)
      logFault('MONODON_WORKER_DIED', { worker: worker.number }, how)
    if (this.leaving.has(worker)) return
    this.restarts += 1
    if (isOutdated) this.backoff.reset()
    else this.backoff.died(lifetime)
    this.replaceLater()
  }

  private replaceLater(): void {
    this.pauses.later(this.backoff.pause, () => this.replace())
  }

  private replace(): void {
    // Its place may be gone by now.
    if (this.seated.size >= this.places) return
    const worker = this.workers.spawn()
    this.supervise(worker)
    this.workers.boot(worker).then(
      () => log('info', `worker ${worker.number} has taken its place`),
      (error: Error) => {
        if (!this.workers.isOutdated(worker) && !this.retired.has(worker))
          log('error', error.message)
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
    if (failure !== undefined) this.pauses.later(LONGEST_PAUSE_MS, () => void this.relieve(worker))
  }
}
