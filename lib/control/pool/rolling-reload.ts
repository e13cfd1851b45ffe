import { log } from '../../log.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerSet } from './worker-set.ts'

/** Replaces all workers, one by one, each by one that has loaded the app anew. */
export class RollingReload {
  private readonly workers: WorkerSet
  private readonly supervisor: Supervisor
  private running: Promise<string | undefined> | undefined
  /** Why to reload once more after the reload that is under way. */
  private again: string | undefined

  constructor(workers: WorkerSet, supervisor: Supervisor) {
    this.workers = workers
    this.supervisor = supervisor
  }

  /**
   * Replaces them; once more if it is called meanwhile. If the app does not load, the old workers go
   * on, unless the new one stays to show why. `why` is for the log.
   *
   * @returns why the app could not be loaded, if it could not
   */
  async run(why: string): Promise<string | undefined> {
    if (this.running !== undefined) {
      // What was changed since is loaded by the next round.
      this.again = why
      return this.running
    }
    this.running = this.rounds(why)
    const failure = await this.running
    this.running = undefined
    return failure
  }

  private async rounds(why: string): Promise<string | undefined> {
    let failure: string | undefined
    for (let next: string | undefined = why; next !== undefined && !this.workers.isStopping; ) {
      this.again = undefined
      log('info', `Reloading: ${next}`)
      failure = await this.succeedAll()
      if (failure === undefined) log('info', 'Reloaded')
      next = this.again
    }
    return this.workers.isStopping ? 'the server is stopping' : failure
  }

  /** Resolves with why the app could not be loaded anew, if it could not. */
  private async succeedAll(): Promise<string | undefined> {
    for (const worker of this.workers.answering()) {
      const { failure } = await this.supervisor.succeed(worker)
      if (failure !== undefined) return failure
    }
    const isBroken = this.workers.answering().some((worker) => this.workers.isBroken(worker))
    return isBroken ? 'the app cannot be loaded: the workers answer with the error' : undefined
  }
}
