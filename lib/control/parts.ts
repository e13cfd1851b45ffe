import type { Job } from './job.ts'
import type { Listener } from './listen/listener.ts'
import type { WorkerPool } from './pool/pool.ts'
import type { LiveOptions } from './reload/live-options.ts'
import type { Runtime } from './runtime.ts'
import type { OnLoaded } from './workers/app-worker.ts'

/** What a server serves with. One that comes back after it has retired has another listener and pool. */
export interface Parts {
  readonly job: Job
  readonly runtime: Runtime
  /** The options that hold now. */
  readonly live: LiveOptions
  listener: Listener
  /** There is none before the workers boot. */
  pool: WorkerPool | undefined
  /** Is told which files the workers load (`--reload`). */
  watch: OnLoaded | undefined
}
