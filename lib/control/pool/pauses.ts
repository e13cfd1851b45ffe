/** What is to be done after a pause. */
export class Pauses {
  private readonly timers = new Map<NodeJS.Timeout, () => void>()

  /** Does `work` in `ms` milliseconds. */
  later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      work()
    }, ms)
    this.timers.set(timer, work)
  }

  /** Does now what waits. */
  cutShort(): void {
    for (const [timer, work] of [...this.timers]) {
      clearTimeout(timer)
      this.timers.delete(timer)
      work()
    }
  }

  /** Forgets what waits. */
  cancel(): void {
    for (const timer of this.timers.keys()) clearTimeout(timer)
    this.timers.clear()
  }
}
