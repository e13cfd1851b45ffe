/** Pauses before a worker that died is replaced: the first at once, then growing. */
const PAUSES_MS = [0, 100, 500, 1000, 2000, 5000]
/** A worker that lived this long was healthy: the next one that dies is replaced at once again. */
const HEALTHY_MS = 10_000

/** The longest pause, in milliseconds. */
export const LONGEST_PAUSE_MS = PAUSES_MS.at(-1)!

/** How long to wait before a worker is replaced: the longer, the more of them died young. */
export class Backoff {
  private deaths = 0

  /** A worker has ended that lived for `lifetime` milliseconds. */
  died(lifetime: number): void {
    if (lifetime > HEALTHY_MS) this.reset()
    else this.deaths++
  }

  /** The next one is replaced at once. */
  reset(): void {
    this.deaths = 0
  }

  /** The pause that is due, in milliseconds. */
  get pause(): number {
    return PAUSES_MS[Math.min(this.deaths, PAUSES_MS.length) - 1] ?? 0
  }
}
