/** The main process: it listens, keeps the workers alive and heeds signals; it never runs the app. */

import { errorText, MonodonError, messageOf } from '../errors.ts'
import { log, reopenLog } from '../log.ts'
import type { Snapshot } from '../observe/snapshot.ts'
import { OPTIONS, type Options } from '../options/table.ts'
import { packageVersion } from '../version.ts'
import { within } from '../within.ts'
import type { Follower } from './following.ts'
import type { Job } from './job.ts'
import { Listener } from './listen/listener.ts'
import { Observation } from './observation.ts'
import { createPool, type WorkerPool } from './pool/pool.ts'
import { noRestarts } from './pool/restarts.ts'
import { refused } from './refused.ts'
import { LiveOptions } from './reload/live-options.ts'
import type { ReadOptions } from './reload/reconfigure.ts'
import type { Reloader } from './reload/reloader.ts'
import type { Runtime } from './runtime.ts'
import type { Change, PoolStatus, ServerState, ServerStatus } from './status.ts'
import { Turns } from './turns.ts'
import { type Standing, Upgrade } from './upgrade/upgrade.ts'
import type { OnLoaded, Ready } from './workers/app-worker.ts'

/** What can be done with a server from its terminal. */
export interface Controls {
  readonly urls: readonly string[]
  /** Replaces the workers now; `why` is for the log. */
  reload(why: string): void
}

/** Is called when the server has started; what it returns when the server ends. */
export type OnStarted = (controls: Controls) => () => void

const STAY_ALIVE_MS = 60_000
/** A server that has retired, is alone, and could not come back tries again after this long. */
const COME_BACK_AGAIN_MS = 2000

/** A terminal sends it whenever its window changes. */
const RESIZED = 'SIGWINCH'

/** Before there are workers. */
const NO_POOL: PoolStatus = { stability: 'stable', restarts: noRestarts(), workers: [] }

/** A server with its workers, and what it can be told to do. */
export class Arbiter {
  state: ServerState = 'booting'
  /** The change of the workers that is under way. */
  private change: Change | null = null
  private readonly job: Job
  private readonly live: LiveOptions
  private readonly runtime: Runtime
  private readonly standing: Standing
  private readonly upgrades: Upgrade
  private listener: Listener
  private readonly observation: Observation
  /** Is told which files the workers load (`--reload`). */
  private watch: OnLoaded | undefined
  private pool: WorkerPool | undefined
  /** Reloads and changes of the number of workers. */
  private readonly turns = new Turns()
  /** The reload that waits for its turn: it is what who asks meanwhile would ask for too. */
  private nextReload: Promise<void> | undefined
  /** How many workers there are to be, once all that was asked for is done. */
  private wanted: number
  /** Resolves when the workers have booted, or when the server ends before that. */
  private readonly started: Promise<void>
  private tellStarted!: () => void
  /** Resolves when the server has been told to end. */
  private readonly ending: Promise<undefined>
  private tellEnding!: () => void
  /** Resolves when it has ended. */
  private readonly ended: Promise<void>
  private tellEnded!: () => void
  private tellFailed!: (error: Error) => void
  private wasToldToStop = false
  /** Ends the drain-delay, while there is one. */
  private skipDelay: (() => void) | undefined
  /** The end at once, when it has begun. */
  private quitting: Promise<void> | undefined

  constructor(
    job: Job,
    runtime: Runtime,
    listener: Listener,
    standing: Standing,
    readOptions: ReadOptions,
  ) {
    this.job = job
    this.live = new LiveOptions(job, runtime, readOptions)
    this.runtime = runtime
    this.listener = listener
    this.standing = standing
    this.upgrades = new Upgrade(standing, job.options, listener.binds, {
      isAlone: () => this.yield(),
      isLost: () => void this.comeBack('the new server has ended'),
    })
    this.observation = new Observation(job.options, () => ({
      listener: this.listener,
      pool: this.pool,
    }))
    this.wanted = job.options.workers
    this.started = new Promise((resolve) => {
      this.tellStarted = resolve
    })
    this.ending = new Promise((resolve) => {
      this.tellEnding = () => resolve(undefined)
    })
    this.ended = new Promise((resolve, reject) => {
      this.tellEnded = resolve
      this.tellFailed = reject
    })
    // Whoever waits for it hears of it.
    this.ended.catch(() => {})
  }

  /** Boots the workers and serves. Resolves when the server has ended. */
  async run(onStarted: OnStarted): Promise<void> {
    // A signal may have been there before.
    if (this.state !== 'booting') return this.ended
    const { job, options, listener } = this
    const renew = (why: string): void => void this.pool?.renew(why)
    const reloader = options.reload ? await startReloader(job, this.runtime, renew) : undefined
    let onEnd = (): void => {}
    // Of a server that has retired nothing else keeps the event loop alive.
    const alive = setInterval(() => {}, STAY_ALIVE_MS)
    for (const url of listener.urls) log('info', `Listening at: ${url} (${process.pid})`)
    try {
      this.watch = reloader?.watch
      this.pool = createPool(job, this.runtime, listener, this.watch)
      this.observation.renew()
      const ready = await this.boot(this.pool)
      if (ready !== undefined) {
        this.sayStarted(ready, this.pool)
        this.standing.predecessor?.tellReady()
        this.standing.manager.ready(`Serving ${job.app}`)
        onEnd = onStarted({ urls: listener.urls, reload: renew })
      }
      await this.ended
      log('info', 'Stopped')
    } finally {
      this.state = 'stopped'
      this.observation.stop()
      this.tellStarted()
      clearInterval(alive)
      onEnd()
      reloader?.stop()
    }
  }

  /** Whether a new server has the sockets and the files of this one. */
  get hasHandedOver(): boolean {
    return this.upgrades.hasHandedOver
  }

  /** Those that hold now. */
  private get options(): Options {
    return this.live.now
  }

  /** How the server and its workers are. */
  status(): ServerStatus {
    const { connections, accepted, requests, queued, claimed, lent } = this.listener.stats()
    const { app, options } = this.job
    return {
      version: packageVersion(),
      pid: process.pid,
      uptime: process.uptime(),
      state: this.state,
      change: this.change,
      app,
      urls: this.listener.urls,
      workerClass: this.pool?.kind ?? options.workerClass,
      wanted: this.wanted,
      connections,
      accepted,
      requests,
      queued,
      claimed,
      lent,
      ...(this.pool?.status() ?? NO_POOL),
    }
  }

  /** All that can be known of it now. From then on its requests are timed for a while. */
  snapshot(): Snapshot {
    return this.observation.snapshot(this.status())
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
    if (this.skipDelay !== undefined) {
      this.skipDelay()
      return this.ended
    }
    if (this.wasToldToStop) return this.quit(by)
    this.wasToldToStop = true
    // A new server has taken over: this one is at it.
    if (this.state === 'draining') return this.ended
    return this.upgrades.isBooting ? this.stopAfterUpgrade(by) : this.end(this.drain(by))
  }

  /** Ends at once. Resolves at the end. */
  quit(by: string): Promise<void> {
    log('info', `Stopping (${by})`)
    if (!this.upgrades.handOver()) this.standing.manager.stopping()
    this.quitting ??= this.cutOff()
    this.skipDelay?.()
    return this.end(this.quitting)
  }

  /**
   * Starts a new server, in the way in which this one was started, on the same sockets. Resolves with
   * its process id when it serves.
   *
   * @throws MonodonError `MONODON_COMMAND_REFUSED` while there are two, and `MONODON_UPGRADE_FAILED`
   *   when the new one does not come to serve: this one goes on
   */
  async upgrade(by: string): Promise<number> {
    await this.started
    if (this.state !== 'ready' && this.state !== 'retired')
      throw refused('the server is stopping', by)
    return this.upgrades.begin(by)
  }

  /**
   * Leaves the requests to the new server: nothing more is accepted, and the workers finish what is
   * under way. The process stays, and `reload` has it serve again.
   *
   * @throws MonodonError `MONODON_COMMAND_REFUSED` when there is no new server
   */
  async retire(by: string): Promise<void> {
    if (!this.upgrades.hasSuccessor) {
      const why = 'there is no new server that serves'
      if (by !== RESIZED) throw refused(why, by)
      log('debug', `Not done (${by}): ${why}`)
      return
    }
    await this.inTurn('retire', by, async (pool) => {
      if (this.state === 'retired') return
      log('info', `Retiring: requests under way are finished; HUP brings the workers back (${by})`)
      this.state = 'retired'
      await this.listener.retire()
      await pool.stop(this.options.gracefulTimeout)
      log('info', 'Retired')
    })
  }

  /**
   * Reads the options again, and replaces the workers one by one, each by one that has loaded the app
   * anew. Resolves when all are.
   *
   * @throws MonodonError `MONODON_COMMAND_FAILED` when the app does not load: the old workers go on;
   *   when the options cannot be read or used, what is wrong with them: nothing has changed then
   */
  reload(by: string): Promise<void> {
    this.nextReload ??= this.inTurn('reload', by, async (pool) => {
      this.nextReload = undefined
      if (this.state === 'retired') return this.resume(by)
      const { manager } = this.standing
      manager.reloading()
      const failure = await this.renew(pool, by).finally(() => manager.reloaded())
      if (failure !== undefined)
        throw new MonodonError('MONODON_COMMAND_FAILED', { detail: failure })
    })
    return this.nextReload
  }

  /**
   * Changes how many workers there are. Resolves with their number when that is reached.
   *
   * @param change `+N`, `-N` or `N`
   * @throws MonodonError `MONODON_COMMAND_REFUSED` for a number that cannot be, and
   *   `MONODON_COMMAND_FAILED` when a new worker cannot boot: those that there were go on
   */
  async scale(by: string, change: string): Promise<number> {
    const wanted = scaled(this.wanted, change)
    if (wanted < OPTIONS.workers.min || wanted > OPTIONS.workers.max)
      throw refused(`there can be ${OPTIONS.workers.min} to ${OPTIONS.workers.max} workers`, by)
    log('info', `Scaling from ${this.wanted} to ${wanted} workers (${by})`)
    this.wanted = wanted
    return this.inTurn('scale', by, async (pool) => {
      if (this.state === 'retired') throw refused('the server has retired', by)
      // What was asked for since is done at once.
      const failure = await pool.scale(this.wanted)
      if (failure !== undefined) {
        this.wanted = pool.size
        throw new MonodonError('MONODON_COMMAND_FAILED', { detail: failure })
      }
      return pool.size
    })
  }

  /** Opens the files of all logs anew. */
  async reopenLogs(by: string): Promise<void> {
    reopenLog()
    this.listener.reopenLogs()
    this.pool?.reopenLogs()
    log('info', `The log files were opened anew (${by})`)
  }

  /** Frees what is held for it, when it has ended. */
  async release(): Promise<void> {
    await this.listener.stop()
    this.listener.release()
  }

  private async drain(by: string): Promise<void> {
    const { drainDelay, gracefulTimeout } = this.options
    if (!this.upgrades.handOver()) {
      this.standing.manager.stopping()
      if (drainDelay > 0) await this.leave(by, drainDelay / 1000)
    }
    if (this.quitting !== undefined) return this.quitting
    log('info', `Draining: requests under way are finished (${by})`)
    await this.listener.drain()
    await this.pool?.stop(gracefulTimeout)
  }

  /** Says to who asks that the server is not ready, and serves on until load balancers have noticed. */
  private async leave(by: string, seconds: number): Promise<void> {
    log('info', `Draining in ${seconds} s; until then it serves, but is not ready (${by})`)
    const skipped = new Promise<void>((resolve) => {
      this.skipDelay = resolve
    })
    await this.listener.leave(skipped)
    this.skipDelay = undefined
  }

  /** New options and new workers. Resolves with why the app could not be loaded, if it could not. */
  private async renew(pool: WorkerPool, by: string): Promise<string | undefined> {
    const before = this.options.workers
    try {
      await this.live.renew(this.listener, pool)
    } catch (error) {
      log('error', `Nothing is reloaded: ${errorText(error)}`)
      throw error
    }
    this.observation.reconfigure(this.options)
    const { workers } = this.options
    if (workers !== before) this.wanted = workers
    // What goes need not be replaced before, and what comes need not be replaced after.
    if (this.wanted < pool.size) await pool.scale(this.wanted)
    const failure =
      (await pool.reload(`workers are replaced one by one (${by})`)) ??
      (this.wanted > pool.size ? await pool.scale(this.wanted) : undefined)
    if (failure === undefined) return undefined
    this.wanted = pool.size
    this.live.keepWorkers(before)
    return failure
  }

  private async cutOff(): Promise<void> {
    const isCanceled = this.upgrades.cancel()
    await this.listener.stop()
    await this.pool?.stop(0)
    await isCanceled
  }

  private async stopAfterUpgrade(by: string): Promise<void> {
    log('info', `It stops when the new server serves, or has failed to (${by})`)
    await this.upgrades.settled
    if (this.state !== 'draining') void this.end(this.drain(by))
    return this.ended
  }

  /** The new server serves, and is to serve alone. */
  private yield(): void {
    if (this.state !== 'draining') void this.end(this.drain('upgrade'))
  }

  /** Nobody else serves: until the app loads again, connections wait in the kernel. */
  private async comeBack(why: string): Promise<void> {
    while (this.state === 'retired' && !this.upgrades.hasSuccessor) {
      const isBack = await this.reload(why).then(
        () => true,
        () => false,
      )
      if (!isBack) await within(COME_BACK_AGAIN_MS, this.ending)
    }
  }

  /**
   * Serves again after it has retired.
   *
   * @throws MonodonError `MONODON_COMMAND_FAILED` when the app does not load: it stays retired
   */
  private async resume(by: string): Promise<void> {
    log('info', `Coming back: the workers are started again (${by})`)
    try {
      await this.renewOrKeepOptions()
      this.observation.leave()
      this.listener.release()
      this.listener = new Listener(this.options, this.runtime, this.listener.binds)
      const job = { ...this.job, options: this.options }
      this.pool = createPool(job, this.runtime, this.listener, this.watch)
      this.observation.reconfigure(this.options)
      this.observation.renew()
      await this.pool.start(this.wanted)
    } catch (error) {
      const detail = messageOf(error)
      log('error', `It stays retired: ${detail}`)
      await this.listener.retire()
      throw new MonodonError('MONODON_COMMAND_FAILED', { detail })
    }
    // It may have been told to end meanwhile.
    if (this.state !== 'retired') return
    this.state = 'ready'
    this.listener.open()
    log('info', 'Serving again')
  }

  /** New options for workers that are to come; the old ones may be why the server is to come back. */
  private async renewOrKeepOptions(): Promise<void> {
    const before = this.options.workers
    try {
      await this.live.renew()
    } catch (error) {
      log('error', `The options stay as they were: ${errorText(error)}`)
    }
    if (this.options.workers !== before) this.wanted = this.options.workers
  }

  /** Undefined if the server was told to end meanwhile. */
  private async boot(pool: WorkerPool): Promise<Ready | undefined> {
    const starting = pool.start(this.options.workers)
    // Where the end is first, it fails because of that.
    starting.catch(() => {})
    const ready = await Promise.race([starting, this.ending])
    if (ready !== undefined && this.state === 'booting') {
      this.state = 'ready'
      this.listener.open()
    }
    this.tellStarted()
    return ready
  }

  private sayStarted(ready: Ready, pool: WorkerPool): void {
    const { app, options } = this.job
    if (ready.type === 'ready')
      log(
        'info',
        `Serving ${app} by the ${ready.kind} interface: ${ready.reason} (--interface overrides)`,
      )
    log('info', `Workers: ${options.workers} (${pool.kind}), I/O threads: ${options.ioThreads}`)
  }

  /** It has ended when `work` is done; a quick end overtakes a slow one. */
  private end(work: Promise<void>): Promise<void> {
    this.state = 'draining'
    this.tellEnding()
    // Who waits for the start is told that there is none.
    this.tellStarted()
    work.then(this.tellEnded, this.tellFailed)
    return this.ended
  }

  /** Changes the pool when it has booted and no other change is under way. */
  private inTurn<T>(
    change: Change,
    by: string,
    work: (pool: WorkerPool) => Promise<T>,
  ): Promise<T> {
    return this.turns.take(async () => {
      await this.started
      if (this.pool === undefined || (this.state !== 'ready' && this.state !== 'retired'))
        throw refused('the server is stopping', by)
      this.change = change
      try {
        return await work(this.pool)
      } finally {
        this.change = null
      }
    })
  }
}

/** The number that a change (`+N`, `-N` or `N`) makes of another one. */
function scaled(count: number, change: string): number {
  return /^[+-]/.test(change) ? count + Number(change) : Number(change)
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
