/** Changes of the workers of a server that has booted, one after the other. */

import { errorText, MonodonError, messageOf } from '../errors.ts'
import { log } from '../log.ts'
import { OPTIONS, type Options } from '../options/table.ts'
import { within } from '../within.ts'
import type { Lifetime } from './lifetime.ts'
import { Listener } from './listen/listener.ts'
import type { Observation } from './observation.ts'
import type { Parts } from './parts.ts'
import { createPool, type WorkerPool } from './pool/pool.ts'
import { refused } from './refused.ts'
import type { ServiceManager } from './service-manager.ts'
import type { Change } from './status.ts'
import { Turns } from './turns.ts'
import type { Upgrade } from './upgrade/upgrade.ts'

/** A server that has retired, is alone, and could not come back tries again after this long. */
const COME_BACK_AGAIN_MS = 2000

/** A terminal sends it whenever its window changes. */
const RESIZED = 'SIGWINCH'

export class WorkerChanges {
  /** The one that is under way. */
  current: Change | null = null
  /** How many workers there are to be, once all that was asked for is done. */
  wanted: number
  private readonly life: Lifetime
  private readonly parts: Parts
  private readonly upgrades: Upgrade
  private readonly observation: Observation
  private readonly manager: ServiceManager
  private readonly turns = new Turns()
  /** The reload that waits for its turn: it is what who asks meanwhile would ask for too. */
  private nextReload: Promise<void> | undefined

  constructor(
    life: Lifetime,
    parts: Parts,
    upgrades: Upgrade,
    observation: Observation,
    manager: ServiceManager,
  ) {
    this.life = life
    this.parts = parts
    this.upgrades = upgrades
    this.observation = observation
    this.manager = manager
    this.wanted = parts.job.options.workers
  }

  private get options(): Options {
    return this.parts.live.now
  }

  /** As {@link Arbiter.reload}. */
  reload(by: string): Promise<void> {
    this.nextReload ??= this.inTurn('reload', by, async (pool) => {
      this.nextReload = undefined
      if (this.life.state === 'retired') return this.resume(by)
      this.manager.reloading()
      const failure = await this.renew(pool, by).finally(() => this.manager.reloaded())
      if (failure !== undefined)
        throw new MonodonError('MONODON_COMMAND_FAILED', { detail: failure })
    })
    return this.nextReload
  }

  /** As {@link Arbiter.scale}. */
  async scale(by: string, change: string): Promise<number> {
    const wanted = scaled(this.wanted, change)
    if (wanted < OPTIONS.workers.min || wanted > OPTIONS.workers.max)
      throw refused(`there can be ${OPTIONS.workers.min} to ${OPTIONS.workers.max} workers`, by)
    if (wanted === this.wanted)
      log('info', `Already ${counted(wanted)}: none comes or goes (${by})`)
    else log('info', `Scaling from ${this.wanted} to ${counted(wanted)} (${by})`)
    this.wanted = wanted
    return this.inTurn('scale', by, async (pool) => {
      if (this.life.state === 'retired') throw refused('the server has retired', by)
      // What was asked for since is done at once.
      const failure = await pool.scale(this.wanted)
      if (failure !== undefined) {
        this.wanted = pool.size
        throw new MonodonError('MONODON_COMMAND_FAILED', { detail: failure })
      }
      return pool.size
    })
  }

  /** As {@link Arbiter.retire}. */
  async retire(by: string): Promise<void> {
    if (!this.upgrades.hasSuccessor) {
      const why = 'there is no new server that serves'
      if (by !== RESIZED) throw refused(why, by)
      log('debug', `Not done (${by}): ${why}`)
      return
    }
    await this.inTurn('retire', by, async (pool) => {
      if (this.life.state === 'retired') return
      log('info', `Retiring: requests under way are finished; HUP brings the workers back (${by})`)
      this.life.state = 'retired'
      await this.parts.listener.retire()
      await pool.stop(this.options.gracefulTimeout)
      log('info', 'Retired')
    })
  }

  /** Nobody else serves: until the app loads again, connections wait in the kernel. */
  async comeBack(why: string): Promise<void> {
    while (this.life.state === 'retired' && !this.upgrades.hasSuccessor) {
      const isBack = await this.reload(why).then(
        () => true,
        () => false,
      )
      if (!isBack) await within(COME_BACK_AGAIN_MS, this.life.ending)
    }
  }

  /**
   * Serves again after it has retired.
   *
   * @throws MonodonError `MONODON_COMMAND_FAILED` when the app does not load: it stays retired
   */
  private async resume(by: string): Promise<void> {
    const { life, parts } = this
    log('info', `Coming back: the workers are started again (${by})`)
    try {
      await this.renewOrKeepOptions()
      this.observation.leave()
      parts.listener.release()
      parts.listener = new Listener(this.options, parts.runtime, parts.listener.binds)
      const job = { ...parts.job, options: this.options }
      parts.pool = createPool(job, parts.runtime, parts.listener, parts.watch)
      this.observation.reconfigure(this.options)
      this.observation.renew()
      await parts.pool.start(this.wanted)
    } catch (error) {
      const detail = messageOf(error)
      log('error', `It stays retired: ${detail}`)
      await parts.listener.retire()
      throw new MonodonError('MONODON_COMMAND_FAILED', { detail })
    }
    // It may have been told to end meanwhile.
    if (life.state !== 'retired') return
    life.state = 'ready'
    parts.listener.open()
    log('info', 'Serving again')
  }

  /** New options for workers that are to come; the old ones may be why the server is to come back. */
  private async renewOrKeepOptions(): Promise<void> {
    const before = this.options.workers
    try {
      await this.parts.live.renew()
    } catch (error) {
      log('error', `The options stay as they were: ${errorText(error)}`)
    }
    if (this.options.workers !== before) this.wanted = this.options.workers
  }

  /** New options and new workers. Resolves with why the app could not be loaded, if it could not. */
  private async renew(pool: WorkerPool, by: string): Promise<string | undefined> {
    const before = this.options.workers
    try {
      await this.parts.live.renew(this.parts.listener, pool)
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
    this.parts.live.keepWorkers(before)
    return failure
  }

  /** Changes the pool when it has booted and no other change is under way. */
  private inTurn<T>(
    change: Change,
    by: string,
    work: (pool: WorkerPool) => Promise<T>,
  ): Promise<T> {
    return this.turns.take(async () => {
      await this.life.started
      const { pool } = this.parts
      if (pool === undefined || !this.life.isRunning) throw refused('the server is stopping', by)
      this.current = change
      try {
        return await work(pool)
      } finally {
        this.current = null
      }
    })
  }
}

function counted(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`
}

/** The number that a change (`+N`, `-N` or `N`) makes of another one. */
function scaled(count: number, change: string): number {
  return /^[+-]/.test(change) ? count + Number(change) : Number(change)
}
