import { errorText, MonodonError } from '../../errors.ts'
import { log } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import type { Listener } from '../listen/listener.ts'
import type { WorkerStatus } from '../status.ts'
import { BootFailure, type Ready, type SupervisedWorker } from '../workers/app-worker.ts'
import type { WorkerFactory } from '../workers/worker-factory.ts'

/** The workers that a server has, from their start to their end. */
export class WorkerSet {
  private readonly factory: WorkerFactory
  private options: Pick<Options, 'bootTimeout' | 'reload' | 'dev'>
  private readonly listener: Pick<Listener, 'phase' | 'pulses' | 'setInterface'>
  private readonly workers = new Set<SupervisedWorker>()
  /** Workers that boot for the first time, or in place of another. */
  private readonly booting = new Set<SupervisedWorker>()
  /** Workers whose files have changed while they were booting. */
  private readonly outdated = new WeakSet<SupervisedWorker>()
  /** Workers that answer though they could not load the app. */
  private readonly broken = new WeakSet<SupervisedWorker>()
  /** When each was started. */
  private readonly starts = new WeakMap<SupervisedWorker, number>()
  private number = 0
  private stopping = false

  constructor(
    factory: WorkerFactory,
    options: Pick<Options, 'bootTimeout' | 'reload' | 'dev'>,
    listener: Pick<Listener, 'phase' | 'pulses' | 'setInterface'>,
  ) {
    this.factory = factory
    this.options = options
    this.listener = listener
  }

  /** Goes by other options from now on. */
  reconfigure(options: Pick<Options, 'bootTimeout' | 'reload' | 'dev'>): void {
    this.options = options
  }

  /** Whether all of them were told to stop. */
  get isStopping(): boolean {
    return this.stopping
  }

  /** Whether a worker's end is part of the server's. */
  endsWithServer(worker: SupervisedWorker): boolean {
    return this.stopping || worker.serverEnded || this.listener.phase === 'stopped'
  }

  /** Those that take requests. */
  answering(): SupervisedWorker[] {
    return [...this.workers].filter(({ state }) => state === 'ready')
  }

  /** All that there are. */
  all(): readonly SupervisedWorker[] {
    return [...this.workers]
  }

  /** How each is. */
  status(): WorkerStatus[] {
    const pulses = new Map(this.listener.pulses().map((pulse) => [pulse.index, pulse]))
    return [...this.workers].map((worker) => {
      const { number, state, pid = null } = worker
      const age = (performance.now() - this.starts.get(worker)!) / 1000
      const { taken = 0, held = 0 } = pulses.get(number) ?? {}
      return { number, state, pid, age, requests: taken, held }
    })
  }

  find(number: number): SupervisedWorker | undefined {
    return [...this.workers].find((worker) => worker.number === number)
  }

  isOutdated(worker: SupervisedWorker): boolean {
    return this.outdated.has(worker)
  }

  isBroken(worker: SupervisedWorker): boolean {
    return this.broken.has(worker)
  }

  /** Starts one more, which boots from now on. */
  spawn(): SupervisedWorker {
    const worker = this.factory.create(++this.number, this.staysBroken())
    this.workers.add(worker)
    this.starts.set(worker, performance.now())
    void worker.ended.then(() => this.workers.delete(worker))
    return worker
  }

  /**
   * Waits until a worker answers. One that does not within `bootTimeout` is killed.
   *
   * @throws BootFailure when it could not boot; another error when its files have changed meanwhile
   */
  async boot(worker: SupervisedWorker): Promise<Ready> {
    this.booting.add(worker)
    try {
      const ready = await this.readyInTime(worker)
      if (this.outdated.has(worker)) throw new Error('its files have changed')
      if (ready.type === 'ready') this.listener.setInterface(ready.kind)
      else {
        this.broken.add(worker)
        log('error', ready.text)
        log('info', `Until that is corrected, worker ${worker.number} answers with the error`)
      }
      return ready
    } finally {
      this.booting.delete(worker)
    }
  }

  private async readyInTime(worker: SupervisedWorker): Promise<Ready> {
    const { bootTimeout } = this.options
    if (bootTimeout === 0) return worker.ready
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      // So that it says where it hangs.
      worker.state = 'hung'
      void worker.kill()
    }, bootTimeout)
    try {
      const ready = await worker.ready
      // One that says so while it is being killed is not.
      if (!isLate) return ready
    } catch (error) {
      if (!isLate) throw error
    } finally {
      clearTimeout(timer)
    }
    const detail = `worker ${worker.number} after ${bootTimeout / 1000} s`
    throw new BootFailure(errorText(new MonodonError('MONODON_BOOT_TIMEOUT', { detail })))
  }

  /**
   * Starts a worker and waits until it answers; another one when files change meanwhile.
   *
   * @throws BootFailure when it could not boot
   */
  async bootCurrent(): Promise<{ worker: SupervisedWorker; ready: Ready }> {
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

  /** Files have changed: nobody waits for a worker that boots with the old ones. */
  killBooting(): void {
    for (const worker of this.booting) {
      this.outdated.add(worker)
      void worker.kill()
    }
  }

  /** Stops all; each may finish what it holds, up to `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true
    await Promise.all([...this.workers].map((worker) => worker.stop(timeoutMs)))
  }

  /** The file of the error log was moved away. */
  reopenLogs(): void {
    for (const worker of this.workers) worker.reopenLogs()
  }

  /**
   * Whether a new worker stays although it cannot load the app. A developer is to see the error;
   * without `--dev` the old code goes on where there is some.
   */
  private staysBroken(): boolean {
    const { reload, dev } = this.options
    return reload && (dev || this.answering().every((worker) => this.broken.has(worker)))
  }
}
