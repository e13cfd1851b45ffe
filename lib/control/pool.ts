import { log, logFault } from '../log.ts'
import type { WorkerData } from '../worker/protocol.ts'
import { WorkerThread } from './worker-thread.ts'

/** Pauses before a worker that died is replaced: the first at once, then growing. */
const BACKOFF_MS = [0, 100, 500, 1000, 2000, 5000]
/** A worker that lived this long was healthy: the next one that dies is replaced at once again. */
const HEALTHY_MS = 10_000

/** Keeps a number of worker threads alive. */
export class WorkerPool {
  private readonly data: Omit<WorkerData, 'name'>
  private readonly workers = new Map<number, WorkerThread>()
  private readonly timers = new Set<NodeJS.Timeout>()
  private stopping = false
  private number = 0
  private deaths = 0

  constructor(data: Omit<WorkerData, 'name'>) {
    this.data = data
  }

  /**
   * Boots `count` workers.
   *
   * @returns what the first one said of the app
   * @throws BootFailure when one of them could not boot; the others are stopped
   */
  async start(count: number): Promise<Awaited<WorkerThread['ready']>> {
    const workers = Array.from({ length: count }, () => this.spawn())
    try {
      const [first] = await Promise.all(workers.map((worker) => worker.ready))
      for (const worker of workers) this.supervise(worker)
      return first!
    } catch (error) {
      await this.stop(0)
      throw error
    }
  }

  /** Stops all workers; each may finish what it holds, up to `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true
    for (const timer of this.timers) clearTimeout(timer)
    await Promise.all([...this.workers.values()].map((worker) => worker.stop(timeoutMs)))
  }

  private spawn(): WorkerThread {
    const number = ++this.number
    const worker = new WorkerThread(number, this.data)
    this.workers.set(number, worker)
    void worker.ended.then(() => this.workers.delete(number))
    return worker
  }

  /** Replaces the worker when it ends by itself. */
  private supervise(worker: WorkerThread): void {
    const since = performance.now()
    void worker.ended.then((code) => {
      if (this.stopping) return
      logFault('MONODON_WORKER_DIED', {}, `exit code ${code}`)
      this.deaths = performance.now() - since > HEALTHY_MS ? 0 : this.deaths + 1
      const pause = BACKOFF_MS[Math.min(this.deaths, BACKOFF_MS.length) - 1] ?? 0
      const timer = setTimeout(() => {
        this.timers.delete(timer)
        this.replace()
      }, pause)
      this.timers.add(timer)
    })
  }

  private replace(): void {
    const worker = this.spawn()
    this.supervise(worker)
    worker.ready.then(
      () => log('info', 'a new worker has taken its place'),
      (error: Error) => {
        log('error', error.message)
        // It has said why; a thread that could not load its app ends here.
        void worker.stop(0)
      },
    )
  }
}
