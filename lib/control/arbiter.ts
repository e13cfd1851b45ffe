/** The main process: it listens, keeps the workers alive and heeds signals; it never runs the app. */

import { keepCompiled } from '../code-cache/loader.ts'
import { log, reopenLog } from '../log.ts'
import type { Figures, Snapshot } from '../observe/snapshot.ts'
import { packageVersion } from '../version.ts'
import type { Follower } from './following.ts'
import type { Job } from './job.ts'
import { Lifetime } from './lifetime.ts'
import type { Listener } from './listen/listener.ts'
import { Observation } from './observation.ts'
import type { Parts } from './parts.ts'
import { createPool, type WorkerPool } from './pool/pool.ts'
import { noRestarts } from './pool/restarts.ts'
import { refused } from './refused.ts'
import { LiveOptions } from './reload/live-options.ts'
import type { ReadOptions } from './reload/reconfigure.ts'
import type { Reloader } from './reload/reloader.ts'
import type { Runtime } from './runtime.ts'
import { Shutdown } from './shutdown.ts'
import type { PoolStatus, ServerStatus } from './status.ts'
import { type Standing, Upgrade } from './upgrade/upgrade.ts'
import { WorkerChanges } from './worker-changes.ts'
import type { Ready } from './workers/app-worker.ts'

/** What can be done with a server from its terminal. */
export interface Controls {
  readonly urls: readonly string[]
  /** Replaces the workers now; `why` is for the log. */
  reload(why: string): void
}

/** Is called when the server has started; what it returns when the server ends. */
export type OnStarted = (controls: Controls) => () => void

const STAY_ALIVE_MS = 60_000
/** Before there are workers. */
const NO_POOL: PoolStatus = { stability: 'stable', restarts: noRestarts(), workers: [] }

/** A server with its workers, and what it can be told to do. */
export class Arbiter {
  private readonly life = new Lifetime()
  private readonly parts: Parts
  private readonly standing: Standing
  private readonly upgrades: Upgrade
  private readonly observation: Observation
  private readonly changes: WorkerChanges
  private readonly shutdown: Shutdown

  constructor(
    job: Job,
    runtime: Runtime,
    listener: Listener,
    standing: Standing,
    readOptions: ReadOptions,
  ) {
    const live = new LiveOptions(job, runtime, readOptions)
    this.parts = { job, runtime, live, listener, pool: undefined, watch: undefined }
    this.standing = standing
    this.upgrades = new Upgrade(standing, job.options, listener.binds, {
      isAlone: () => this.shutdown.yield(),
      isLost: () => void this.changes.comeBack('the new server has ended'),
    })
    this.observation = new Observation(job.options, () => this.parts)
    const { life, parts, upgrades, observation } = this
    this.changes = new WorkerChanges(life, parts, upgrades, observation, standing.manager)
    this.shutdown = new Shutdown(life, parts, upgrades, standing.manager)
  }

  /** Boots the workers and serves. Resolves when the server has ended. */
  async run(onStarted: OnStarted): Promise<void> {
    const { life, parts, standing } = this
    // A signal may have been there before.
    if (life.state !== 'booting') return life.ended
    const { job, runtime, listener } = parts
    const renew = (why: string): void => void parts.pool?.renew(why)
    const reloader = job.options.reload ? await startReloader(job, runtime, renew) : undefined
    let onEnd = (): void => {}
    // Of a server that has retired nothing else keeps the event loop alive.
    const alive = setInterval(() => {}, STAY_ALIVE_MS)
    for (const url of listener.urls) log('info', `Listening at: ${url} (${process.pid})`)
    try {
      parts.watch = reloader?.watch
      parts.pool = createPool(job, runtime, listener, parts.watch)
      this.observation.renew()
      const ready = await this.boot(parts.pool)
      if (ready !== undefined) {
        sayStarted(ready, job, parts.pool)
        standing.predecessor?.tellReady()
        standing.manager.ready(`Serving ${job.app}`)
        keepCompiled()
        onEnd = onStarted({ urls: listener.urls, reload: renew })
      }
      await life.ended
      log('info', 'Stopped')
    } finally {
      life.state = 'stopped'
      this.observation.stop()
      life.tellStarted()
      clearInterval(alive)
      onEnd()
      reloader?.stop()
    }
  }

  /** Whether a new server has the sockets and the files of this one. */
  get hasHandedOver(): boolean {
    return this.upgrades.hasHandedOver
  }

  /** How the server and its workers are. */
  status(): ServerStatus {
    const { job, listener, pool } = this.parts
    const { connections, accepted, requests, queued, claimed, lent } = listener.stats()
    return {
      version: packageVersion(),
      pid: process.pid,
      uptime: process.uptime(),
      state: this.life.state,
      change: this.changes.current,
      app: job.app,
      urls: listener.urls,
      workerClass: pool?.kind ?? job.options.workerClass,
      wanted: this.changes.wanted,
      connections,
      accepted,
      requests,
      queued,
      claimed,
      lent,
      ...(pool?.status() ?? NO_POOL),
    }
  }

  /** All that can be known of it now. From then on its requests are timed for a while. */
  snapshot(): Snapshot {
    return this.observation.snapshot(this.status())
  }

  /** What can be counted and measured of it now; likewise. */
  figures(): Figures {
    return this.observation.figures(this.status())
  }

  /** Tells of the requests that end from now on, until what is returned is called, or the server ends. */
  follow(follower: Follower): () => void {
    return this.observation.follow(follower)
  }

  /**
   * Finishes what is under way and ends, after the drain-delay; asked again, it does the next of it at
   * once. While a new server boots it waits for that one, so that one of the two serves at any time.
   * Resolves at the end.
   */
  stop(by: string): Promise<void> {
    return this.shutdown.stop(by)
  }

  /** Ends at once. Resolves at the end. */
  quit(by: string): Promise<void> {
    return this.shutdown.quit(by)
  }

  /**
   * Starts a new server, in the way in which this one was started, on the same sockets. Resolves with
   * its process id when it serves.
   *
   * @throws MonodonError `MONODON_COMMAND_REFUSED` while there are two, and `MONODON_UPGRADE_FAILED`
   *   when the new one does not come to serve: this one goes on
   */
  async upgrade(by: string): Promise<number> {
    await this.life.started
    if (!this.life.isRunning) throw refused('the server is stopping', by)
    return this.upgrades.begin(by)
  }

  /**
   * Leaves the requests to the new server: nothing more is accepted, and the workers finish what is
   * under way. The process stays, and `reload` has it serve again.
   *
   * @throws MonodonError `MONODON_COMMAND_REFUSED` when there is no new server
   */
  retire(by: string): Promise<void> {
    return this.changes.retire(by)
  }

  /**
   * Reads the options again, and replaces the workers one by one, each by one that has loaded the app
   * anew. Resolves when all are.
   *
   * @throws MonodonError `MONODON_COMMAND_FAILED` when the app does not load: the old workers go on;
   *   when the options cannot be read or used, what is wrong with them: nothing has changed then
   */
  reload(by: string): Promise<void> {
    return this.changes.reload(by)
  }

  /**
   * Changes how many workers there are. Resolves with their number when that is reached.
   *
   * @param change `+N`, `-N` or `N`
   * @throws MonodonError `MONODON_COMMAND_REFUSED` for a number that cannot be, and
   *   `MONODON_COMMAND_FAILED` when a new worker cannot boot: those that there were go on
   */
  scale(by: string, change: string): Promise<number> {
    return this.changes.scale(by, change)
  }

  /** Opens the files of all logs anew. */
  async reopenLogs(by: string): Promise<void> {
    reopenLog()
    this.parts.listener.reopenLogs()
    this.parts.pool?.reopenLogs()
    log('info', `The log files were opened anew (${by})`)
  }

  /** Frees what is held for it, when it has ended. */
  async release(): Promise<void> {
    const { listener } = this.parts
    await listener.stop()
    listener.release()
  }

  /** Undefined if the server was told to end meanwhile. */
  private async boot(pool: WorkerPool): Promise<Ready | undefined> {
    const { life, parts } = this
    const starting = pool.start(parts.job.options.workers)
    // Where the end is first, it fails because of that.
    starting.catch(() => {})
    const ready = await Promise.race([starting, life.ending])
    if (ready !== undefined && life.state === 'booting') {
      life.state = 'ready'
      parts.listener.open()
    }
    life.tellStarted()
    return ready
  }
}

function sayStarted(ready: Ready, { app, options }: Job, pool: WorkerPool): void {
  if (ready.type === 'ready') {
    const hint = options.interface === 'auto' ? ' (--interface overrides)' : ''
    log('info', `Serving ${app} by the ${ready.kind} interface: ${ready.reason}${hint}`)
  }
  log('info', `Workers: ${options.workers} (${pool.kind}), I/O threads: ${options.ioThreads}`)
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
