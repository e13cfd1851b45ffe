/** Replaces workers that have served enough, are old enough, or hold too much memory. */

import { log } from '../../log.ts'
import { MAX_DURATION_MS } from '../../options/rows/row.ts'
import type { Options } from '../../options/table.ts'
import { formatSize } from '../../options/values.ts'
import type { SupervisedWorker } from '../workers/app-worker.ts'
import { LONGEST_PAUSE_MS } from './backoff.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerSet } from './worker-set.ts'

/** Memory is looked at this often, in milliseconds. */
const LOOK_MS = 3000
/** A worker that is above the limit sooner than this, in milliseconds, has not leaked its way there. */
const YOUNG_MS = 60_000
/**
 * How old a worker must be to be replaced for its memory, in milliseconds, by how many before it were above
 * the limit when they were young: a limit below what the app needs would otherwise replace without an end.
 */
const PATIENCE_MS = [0, 60_000, 300_000, 1_800_000, 3_600_000]

/** Why a worker is replaced though it works. */
export type RecycleCause = 'spent' | 'lifetime' | 'memory'

interface Due {
  readonly worker: SupervisedWorker
  readonly cause: RecycleCause
  /** For people: `has served max-requests`. */
  readonly why: string
}

type RecyclingOptions = Pick<
  Options,
  'maxWorkerLifetime' | 'maxWorkerLifetimeJitter' | 'maxWorkerMemory'
>

/** One worker at a time, new before old. */
export class Recycling {
  private readonly workers: WorkerSet
  private readonly supervisor: Supervisor
  private options: RecyclingOptions
  private readonly due: Due[] = []
  private running = false
  private looks: NodeJS.Timeout | undefined
  private retry: NodeJS.Timeout | undefined
  private readonly readySince = new WeakMap<SupervisedWorker, number>()
  /** Workers that were above the limit of memory when they were young. */
  private readonly young = new WeakSet<SupervisedWorker>()
  /** How many such workers went before one, in a row. */
  private readonly youngBefore = new WeakMap<SupervisedWorker, number>()
  /** Workers of which the log has said that they are above it. */
  private readonly told = new WeakSet<SupervisedWorker>()

  constructor(workers: WorkerSet, supervisor: Supervisor, options: RecyclingOptions) {
    this.workers = workers
    this.supervisor = supervisor
    this.options = options
  }

  start(): void {
    if (this.options.maxWorkerMemory > 0)
      this.looks = setInterval(() => void this.lookAtMemory(), LOOK_MS).unref()
  }

  /** Goes by other options from now on; workers that there are keep the age that they may reach. */
  reconfigure(options: RecyclingOptions): void {
    this.options = options
    clearInterval(this.looks)
    this.start()
  }

  stop(): void {
    clearInterval(this.looks)
    clearTimeout(this.retry)
    this.due.length = 0
  }

  /** Replaces the worker, which is ready, when it is time. */
  watch(worker: SupervisedWorker): void {
    this.readySince.set(worker, performance.now())
    void worker.spent.then(() =>
      this.add({ worker, cause: 'spent', why: 'has served max-requests' }),
    )
    const { maxWorkerLifetime, maxWorkerLifetimeJitter } = this.options
    if (maxWorkerLifetime === 0) return
    const why = 'has reached max-worker-lifetime'
    const age = Math.min(
      maxWorkerLifetime + Math.random() * maxWorkerLifetimeJitter,
      MAX_DURATION_MS,
    )
    const timer = setTimeout(() => this.add({ worker, cause: 'lifetime', why }), age).unref()
    void worker.ended.then(() => clearTimeout(timer))
  }

  private add(due: Due): void {
    if (this.workers.isStopping || this.due.some(({ worker }) => worker === due.worker)) return
    this.due.push(due)
    if (!this.running) void this.run()
  }

  /** A successor that cannot boot is tried again, while the old ones go on. */
  private async run(): Promise<void> {
    this.running = true
    for (let next = this.due[0]; next !== undefined; next = this.due[0]) {
      const followed = await this.recycle(next)
      if (this.workers.isStopping) break
      if (followed) this.due.shift()
      else await this.pause(LONGEST_PAUSE_MS)
    }
    this.running = false
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.retry = setTimeout(resolve, ms).unref()
    })
  }

  /** False if it is to be tried again. */
  private async recycle({ worker, cause, why }: Due): Promise<boolean> {
    if (worker.state !== 'ready') return true
    log('info', `worker ${worker.number} ${why}`)
    const { successor, failure } = await this.supervisor.succeed(worker)
    if (failure !== undefined) return false
    // It is followed already, or not after all: the next look tells.
    if (successor === undefined) return worker.state !== 'ready'
    this.supervisor.count(cause)
    if (this.young.has(worker))
      this.youngBefore.set(successor, (this.youngBefore.get(worker) ?? 0) + 1)
    return true
  }

  private async lookAtMemory(): Promise<void> {
    await Promise.all(
      this.workers.answering().map(async (worker) => {
        const bytes = await worker.memory()
        if (bytes !== undefined && bytes > this.options.maxWorkerMemory) this.judge(worker, bytes)
      }),
    )
  }

  /** A worker is above the limit of memory. */
  private judge(worker: SupervisedWorker, bytes: number): void {
    const age = performance.now() - (this.readySince.get(worker) ?? 0)
    const youngBefore = this.youngBefore.get(worker) ?? 0
    const least = PATIENCE_MS[Math.min(youngBefore, PATIENCE_MS.length - 1)]!
    const limit = formatSize(this.options.maxWorkerMemory)
    const holds = `holds ${Math.ceil(bytes / 1_048_576)}mb, more than max-worker-memory (${limit})`
    if (age < YOUNG_MS) this.young.add(worker)
    if (age >= least) this.add({ worker, cause: 'memory', why: holds })
    else this.warn(worker, holds, least)
  }

  private warn(worker: SupervisedWorker, holds: string, least: number): void {
    if (this.told.has(worker)) return
    this.told.add(worker)
    const what = `worker ${worker.number} ${holds}, soon after its start, as the one before it did`
    const hint = 'the limit seems to be below what the app needs: raise it'
    log('warning', `${what}; ${hint}. It is replaced when it is ${least / 60_000} min old`)
  }
}
