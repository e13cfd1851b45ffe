/** A new server process beside this one, on the same sockets, that is to take its place. */

import { MonodonError, messageOf } from '../../errors.ts'
import { log, logFault } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import { within } from '../../within.ts'
import type { Binds } from '../listen/binds.ts'
import { refused } from '../refused.ts'
import type { ServiceManager } from '../service-manager.ts'
import type { Launch } from './launch.ts'
import type { Predecessor } from './predecessor.ts'
import { Successor } from './successor.ts'

/** What a server is started from, and by whom. */
export interface Standing {
  readonly launch: Launch
  readonly predecessor: Predecessor | undefined
  readonly manager: ServiceManager
}

/** What the server does about its successor. */
export interface OnSuccessor {
  /** It serves, and is to be left alone with the sockets (`--upgrade-mode auto`). */
  readonly isAlone: () => void
  /** It has ended, and this server is the only one again. */
  readonly isLost: () => void
}

export class Upgrade {
  /** Resolves when the attempt that is under way is over, however that was. */
  settled: Promise<void> = Promise.resolve()
  private readonly standing: Standing
  private readonly options: Pick<Options, 'upgradeMode' | 'upgradeTimeout'>
  private readonly binds: Binds
  private readonly on: OnSuccessor
  private successor: Successor | undefined
  private hasLeft = false

  constructor(
    standing: Standing,
    options: Pick<Options, 'upgradeMode' | 'upgradeTimeout'>,
    binds: Binds,
    on: OnSuccessor,
  ) {
    this.standing = standing
    this.options = options
    this.binds = binds
    this.on = on
  }

  get isBooting(): boolean {
    return this.successor?.state === 'booting'
  }

  /** Whether a new server serves beside this one. */
  get hasSuccessor(): boolean {
    return this.successor?.state === 'ready'
  }

  /** Whether everything was left to a new server that is there. */
  get hasHandedOver(): boolean {
    return this.hasLeft && this.hasSuccessor
  }

  /**
   * Starts a new server. Resolves with its process id when it serves.
   *
   * @throws MonodonError `MONODON_COMMAND_REFUSED` when there are two already, and
   *   `MONODON_UPGRADE_FAILED` when the new one does not come to serve: it is ended, this one goes on
   */
  begin(by: string): Promise<number> {
    const why = this.obstacle()
    if (why !== undefined) return Promise.reject(refused(why, by))
    const attempt = this.attempt(by)
    this.settled = attempt.then(
      () => {},
      () => {},
    )
    return attempt
  }

  /** Leaves everything to the new server; false if none serves. */
  handOver(): boolean {
    const { successor } = this
    if (successor?.state !== 'ready' || successor.pid === undefined) return false
    this.hasLeft = true
    this.standing.manager.handOver(successor.pid)
    successor.promote()
    return true
  }

  /** Ends a new server that does not serve yet. */
  async cancel(): Promise<void> {
    if (this.isBooting) await this.successor?.end()
  }

  private obstacle(): string | undefined {
    const { predecessor } = this.standing
    const { successor, options } = this
    if (successor !== undefined)
      return `the new server ${successor.pid} ${this.isBooting ? 'is starting' : 'runs'} already`
    if (predecessor?.isThere === true)
      return `the server ${predecessor.pid}, which has started this one, is still there`
    return process.pid === 1 && options.upgradeMode === 'auto'
      ? 'with process 1 the whole container would end: replace the container'
      : undefined
  }

  private async attempt(by: string): Promise<number> {
    log('info', `Upgrading: a new server is started on the same sockets (${by})`)
    const failure = await this.boot()
    const { successor } = this
    if (failure !== undefined || successor?.pid === undefined) {
      this.successor = undefined
      const detail = failure ?? 'it has no process'
      logFault('MONODON_UPGRADE_FAILED', {}, detail)
      throw new MonodonError('MONODON_UPGRADE_FAILED', { detail })
    }
    const { pid } = successor
    this.binds.areOthersToo = true
    void successor.ended.then((how) => this.lose(pid, how))
    const isAuto = this.options.upgradeMode === 'auto'
    log(
      'info',
      `The new server ${pid} serves${isAuto ? '' : '; WINCH retires this one, TERM ends it'}`,
    )
    if (isAuto) this.on.isAlone()
    return pid
  }

  /** Undefined if it serves; else why it does not. */
  private async boot(): Promise<string | undefined> {
    const { upgradeTimeout } = this.options
    try {
      const successor = new Successor(this.standing.launch, this.binds)
      this.successor = successor
      const isReady = successor.ready
      const outcome = isReady.then(
        () => undefined,
        (error: Error) => error.message,
      )
      if (upgradeTimeout > 0) await within(upgradeTimeout, outcome)
      else await outcome
      if (successor.state === 'booting') {
        await successor.end()
        return 'it did not serve within upgrade-timeout'
      }
      return await outcome
    } catch (error) {
      return messageOf(error)
    }
  }

  private lose(pid: number, how: string): void {
    if (this.hasLeft) {
      log('error', `The new server ${pid} has ended (${how}), while this one is ending`)
      return
    }
    this.successor = undefined
    this.binds.areOthersToo = false
    log('warning', `The new server ${pid} has ended (${how}): this one is the only one again`)
    this.on.isLost()
  }
}
