/** The end of a server: what is under way is finished, or cut. */

import { log } from '../log.ts'
import type { Lifetime } from './lifetime.ts'
import type { Parts } from './parts.ts'
import type { ServiceManager } from './service-manager.ts'
import type { Upgrade } from './upgrade/upgrade.ts'

export class Shutdown {
  private readonly life: Lifetime
  private readonly parts: Parts
  private readonly upgrades: Upgrade
  private readonly manager: ServiceManager
  private wasToldToStop = false
  /** Ends the drain-delay, while there is one. */
  private skipDelay: (() => void) | undefined
  /** The end at once, when it has begun. */
  private quitting: Promise<void> | undefined

  constructor(life: Lifetime, parts: Parts, upgrades: Upgrade, manager: ServiceManager) {
    this.life = life
    this.parts = parts
    this.upgrades = upgrades
    this.manager = manager
  }

  /** As {@link Arbiter.stop}. */
  stop(by: string): Promise<void> {
    const { life, upgrades } = this
    if (this.skipDelay !== undefined) {
      this.skipDelay()
      return life.ended
    }
    if (this.wasToldToStop) return this.quit(by)
    this.wasToldToStop = true
    // A new server has taken over: this one is at it.
    if (life.state === 'draining') return life.ended
    return upgrades.isBooting ? this.stopAfterUpgrade(by) : life.end(this.drain(by))
  }

  /** As {@link Arbiter.quit}. */
  quit(by: string): Promise<void> {
    log('info', `Stopping (${by})`)
    if (!this.upgrades.handOver()) this.manager.stopping()
    this.quitting ??= this.cutOff()
    this.skipDelay?.()
    return this.life.end(this.quitting)
  }

  /** The new server serves, and is to serve alone. */
  yield(): void {
    if (this.life.state !== 'draining') void this.life.end(this.drain('upgrade'))
  }

  private async drain(by: string): Promise<void> {
    const { drainDelay, gracefulTimeout } = this.parts.live.now
    if (!this.upgrades.handOver()) {
      this.manager.stopping()
      if (drainDelay > 0) await this.leave(by, drainDelay / 1000)
    }
    if (this.quitting !== undefined) return this.quitting
    log('info', `Draining: requests under way are finished (${by})`)
    await this.parts.listener.drain()
    await this.parts.pool?.stop(gracefulTimeout)
  }

  /** Says to who asks that the server is not ready, and serves on until load balancers have noticed. */
  private async leave(by: string, seconds: number): Promise<void> {
    log('info', `Draining in ${seconds} s; until then it serves, but is not ready (${by})`)
    const skipped = new Promise<void>((resolve) => {
      this.skipDelay = resolve
    })
    await this.parts.listener.leave(skipped)
    this.skipDelay = undefined
  }

  private async cutOff(): Promise<void> {
    const isCanceled = this.upgrades.cancel()
    await this.parts.listener.stop()
    await this.parts.pool?.stop(0)
    await isCanceled
  }

  private async stopAfterUpgrade(by: string): Promise<void> {
    const { life } = this
    log('info', `It stops when the new server serves, or has failed to (${by})`)
    await this.upgrades.settled
    if (life.state !== 'draining') void life.end(this.drain(by))
    return life.ended
  }
}
