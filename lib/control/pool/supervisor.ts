import { messageOf } from '../../errors.ts'
import { log, logFault } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import type { SupervisedWorker } from '../workers/app-worker.ts'
import { Backoff, HEALTHY_MS, type Stability } from './backoff.ts'
import type { Pauses } from './pauses.ts'
import { noRestarts, type RestartCause, type Restarts } from './restarts.ts'
import type { WorkerSet } from './worker-set.ts'

/** What came of replacing a worker; neither where it is leaving anyhow. */
export interface Succession {
  readonly successor?: SupervisedWorker
  /** Why the successor could not boot: the worker goes on. */
  readonly failure?: string
}

/**
 * Keeps as many workers as there are to be: replaces those that end by themselves and, new before old,
 * those that are to go, and changes their number.
 */
export class Supervisor {
  private readonly workers: WorkerSet
  private readonly pauses: Pauses
  private options: Pick<Options, 'gracefulTimeout'>
  private readonly onReady: (worker: SupervisedWorker) => void
  private readonly backoff = new Backoff()
  private readonly counts = noRestarts()
  private places = 0
  /** Workers that have a place, booting or ready: each is replaced when it ends. */
  private readonly seated = new Set<SupervisedWorker>()
  /** Workers that have a successor, booting or ready. */
  private readonly leaving = new WeakSet<SupervisedWorker>()
  /** Workers that were told to stop: their successors are ready, or there are to be fewer. */
  private readonly retired = new WeakSet<SupervisedWorker>()
  private readonly hung = new WeakSet<SupervisedWorker>()
  /** Successions that are under way. */
  private readonly successions = new Set<Promise<unknown>>()

  /** `onReady` hears of each worker that is ready and supervised from then on. */
  constructor(
    workers: WorkerSet,
    pauses: Pauses,
    options: Pick<Options, 'gracefulTimeout'>,
    onReady: (worker: SupervisedWorker) => void,
  ) {
    this.workers = workers
    this.pauses = pauses
    this.options = options
    this.onReady = onReady
  }

  /** Goes by other options from now on. */
  reconfigure(options: Pick<Options, 'gracefulTimeout'>): void {
    this.options = options
  }

  /** Workers that there are to be. */
  get size(): number {
    return this.places
  }

  /** How many workers were replaced so far. */
  get restarts(): Restarts {
    return this.counts
  }

  get stability(): Stability {
    return this.backoff.stability
  }

  count(cause: RestartCause): void {
    this.counts[cause]++
  }

  /** From now on there is to be one worker more, at first this one, which is ready. */
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

  /** New before old: the worker goes on until the one that follows it is ready. */
  async succeed(worker: SupervisedWorker): Promise<Succession> {
    if (this.workers.isStopping || this.leaving.has(worker)) return {}
    this.leaving.add(worker)
    const succession = this.bootSuccessor(worker)
    this.successions.add(succession)
    const outcome = await succession
    this.successions.delete(succession)
    return outcome
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

  /** From now on the worker, which is ready, is replaced when it ends by itself. */
  private supervise(worker: SupervisedWorker): void {
    const since = performance.now()
    this.seated.add(worker)
    void worker.ended.then((how) => this.afterEnd(worker, how, performance.now() - since))
    this.onReady(worker)
  }

  // -- fewer or more

  /** Boots one more worker. Resolves with why it could not boot, if so. */
  private async grow(): Promise<string | undefined> {
    try {
      const { worker } = await this.workers.bootCurrent()
      if (this.workers.isStopping) return 'the server is stopping'
      log('info', `worker ${worker.number} is ready`)
      this.add(worker)
      return undefined
    } catch (error) {
      const why = messageOf(error)
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

  // -- new before old

  private async bootSuccessor(worker: SupervisedWorker): Promise<Succession> {
    const successor = this.workers.spawn()
    try {
      await this.workers.boot(successor)
    } catch (error) {
      void successor.kill()
      if (this.workers.isStopping) return {}
      const failure = messageOf(error)
      if (!this.workers.isOutdated(successor))
        log('error', `worker ${worker.number} goes on, as its successor failed: ${failure}`)
      this.leaving.delete(worker)
      if (worker.state === 'stopped') this.replaceLater()
      return { failure }
    }
    if (this.workers.isStopping) return {}
    log('info', `worker ${successor.number} follows worker ${worker.number}`)
    this.seated.delete(worker)
    this.supervise(successor)
    this.retire(worker)
    // If it died meanwhile, its place may have been given up.
    if (this.seated.size > this.places) this.retire(successor)
    return { successor }
  }

  // -- in place of one that has ended

  private afterEnd(worker: SupervisedWorker, how: string, lifetime: number): void {
    this.seated.delete(worker)
    if (this.retired.has(worker) || this.workers.endsWithServer(worker)) return
    const hung = this.hung.has(worker)
    if (!hung) logFault('MONODON_WORKER_DIED', { worker: worker.number }, how)
    this.count(hung ? 'hung' : 'died')
    if (this.leaving.has(worker)) return
    this.backoff.died(lifetime)
    this.replaceLater()
  }

  private replaceLater(): void {
    const { inARow, isLooping, pause } = this.backoff
    if (isLooping) {
      const left = `workers that go on: ${this.workers.answering().length}`
      const detail = `${inARow} in a row; ${left}; next attempt in ${pause / 1000} s`
      logFault('MONODON_CRASH_LOOP', {}, detail)
    }
    this.pauses.later(pause, () => void this.replace())
  }

  private async replace(): Promise<void> {
    // The place may be gone by now.
    if (this.seated.size >= this.places) return
    const worker = this.workers.spawn()
    this.seated.add(worker)
    try {
      await this.workers.boot(worker)
    } catch (error) {
      this.afterFailure(worker, error)
      return
    }
    if (this.retired.has(worker)) return
    log('info', `worker ${worker.number} has taken its place`)
    this.supervise(worker)
    if (this.backoff.isLooping) this.awaitHealth(worker)
  }

  /** A worker could not boot in place of one that has ended. */
  private afterFailure(worker: SupervisedWorker, error: unknown): void {
    this.seated.delete(worker)
    void worker.kill()
    if (this.retired.has(worker) || this.workers.endsWithServer(worker)) return
    if (this.workers.isOutdated(worker)) {
      this.backoff.reset()
    } else {
      log('error', messageOf(error))
      this.count('boot')
      this.backoff.died(0)
    }
    this.replaceLater()
  }

  /** One worker that stays ends a crash loop, unless another has ended meanwhile. */
  private awaitHealth(worker: SupervisedWorker): void {
    const { inARow } = this.backoff
    const timer = setTimeout(() => {
      if (this.backoff.inARow !== inARow) return
      this.backoff.reset()
      log(
        'info',
        `worker ${worker.number} has stayed for ${HEALTHY_MS / 1000} s: no crash loop any more`,
      )
    }, HEALTHY_MS).unref()
    void worker.ended.then(() => clearTimeout(timer))
  }
}
