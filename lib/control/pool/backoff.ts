/** Pauses before a worker that died is replaced: the first at once, then growing. */
const PAUSES_MS = [0, 100, 500, 1000, 2000, 5000]

/** The longest pause, in milliseconds. */
export const LONGEST_PAUSE_MS = PAUSES_MS.at(-1)!
/** A worker that lives this long, in milliseconds, is healthy: the next one that dies is replaced at once. */
export const HEALTHY_MS = 10_000

/** From this many deaths in a row on, it is a crash loop. */
const LOOP_DEATHS = 3

/** Whether workers stay; `crash-loop` while they end so often that the next one has to wait. */
export type Stability = 'stable' | 'crash-loop'

/** How long to wait before a worker is replaced: the longer, the more of them died young. */
export class Backoff {
  private deaths = 0

  /** Workers that died young, one after another. */
  get inARow(): number {
    return this.deaths
  }

  /** Whether so many died that it is no accident. */
  get isLooping(): boolean {
    return this.deaths >= LOOP_DEATHS
  }

  get stability(): Stability {
    return this.isLooping ? 'crash-loop' : 'stable'
  }

  /** The pause that is due, in milliseconds. */
  get pause(): number {
    return PAUSES_MS[Math.min(this.deaths, PAUSES_MS.length) - 1] ?? 0
  }

  /** A worker has ended that had been ready for `lifetime` milliseconds; 0 if it never was. */
  died(lifetime: number): void {
    if (lifetime > HEALTHY_MS) this.reset()
    else this.deaths++
  }

  /** The next one is replaced at once. */
  reset(): void {
    this.deaths = 0
  }
}
