/**
 * Whether somebody looks at the server. Its clock is read for requests, and its workers are measured,
 * while pages about it are served or statsd is told of it, or it was asked a short while ago.
 */

import type { Options } from '../options/table.ts'

/** It is measured for so many milliseconds after it was asked. */
const STAYS_MS = 60_000

export class Demand {
  private isPermanent: boolean
  private readonly tell: (isMeasured: boolean) => void
  private timer: NodeJS.Timeout | undefined

  /** `isPermanent`: somebody always does. `tell` hears when it is to be measured, and when no longer. */
  constructor(isPermanent: boolean, tell: (isMeasured: boolean) => void) {
    this.isPermanent = isPermanent
    this.tell = tell
  }

  /** There is something new to be measured, from now on if it is to be. */
  renew(): void {
    if (this.isPermanent || this.timer !== undefined) this.tell(true)
  }

  /** Somebody looks at it all the time from now on, or no longer does. */
  setPermanent(isPermanent: boolean): void {
    if (this.isPermanent === isPermanent) return
    this.isPermanent = isPermanent
    this.tell(isPermanent || this.timer !== undefined)
  }

  /** Somebody looks. */
  look(): void {
    if (this.isPermanent) return
    if (this.timer === undefined) this.tell(true)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.tell(this.isPermanent)
    }, STAYS_MS).unref()
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}

/** Whether somebody looks at a server all the time: pages about it are served, or statsd is told. */
export function isWatched(options: Options): boolean {
  return hasPages(options) || options.statsdHost !== ''
}

/** Whether pages about the server are served. */
export function hasPages({ metricsBind, statusBind }: Options): boolean {
  return metricsBind !== '' || statusBind !== ''
}
