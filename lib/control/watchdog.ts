import type { Listener } from './listener.ts'

/** Looks at the workers this often within the time that they have. */
const LOOKS = 10
const SHORTEST_MS = 20
const LONGEST_MS = 1000

/**
 * Finds workers that hold requests and give no sign of life. A worker that only waits for something
 * answers when it is asked; one whose thread is blocked cannot.
 */
export class Watchdog {
  private readonly listener: Listener
  private readonly timeoutMs: number
  private readonly onHung: (number: number, stillMs: number) => void
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

  private look(): void {
    for (const { index, held, still } of this.listener.pulses()) {
      if (held === 0) continue
      if (still >= this.timeoutMs) {
        this.listener.abandon(index)
        this.onHung(index, still)
      } else if (still >= this.timeoutMs / 2) this.listener.probe(index)
    }
  }
}
