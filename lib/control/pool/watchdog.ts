import type { Listener } from '../listen/listener.ts'

/** Looks at the workers this often within the time that they have. */
const LOOKS = 10
const SHORTEST_MS = 20
const LONGEST_MS = 1000

/**
 * Finds workers that hold requests and give no sign of life. A worker that only waits for something
 * answers when it is asked; one whose thread is blocked cannot. None is ended that has not had half of
 * its time to answer: this process may have been stopped itself, or got no core.
 */
export class Watchdog {
  private readonly listener: Listener
  private timeoutMs: number
  private readonly onHung: (number: number, stillMs: number) => void
  /** When workers that are still were first asked, by number. */
  private asked = new Map<number, number>()
  private timer: NodeJS.Timeout | undefined

  /** `timeoutMs` 0 never finds any. What a hung worker held is answered 504 before `onHung` hears. */
  constructor(
    listener: Listener,
    timeoutMs: number,
    onHung: (number: number, stillMs: number) => void,
  ) {
    this.listener = listener
    this.timeoutMs = timeoutMs
    this.onHung = onHung
  }

  start(): void {
    if (this.timeoutMs === 0) return
    const every = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, this.timeoutMs / LOOKS))
    this.timer = setInterval(() => this.look(), every).unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Gives workers another time from now on. */
  setTimeout(timeoutMs: number): void {
    this.stop()
    this.timeoutMs = timeoutMs
    this.start()
  }

  private look(): void {
    const now = performance.now()
    const asked = new Map<number, number>()
    for (const { index, held, still } of this.listener.pulses()) {
      if (held === 0 || still < this.timeoutMs / 2) continue
      const since = this.asked.get(index) ?? now
      if (still >= this.timeoutMs && now - since >= this.timeoutMs / 2) {
        this.listener.abandon(index)
        this.onHung(index, still)
      } else {
        asked.set(index, since)
        this.listener.probe(index)
      }
    }
    this.asked = asked
  }
}
