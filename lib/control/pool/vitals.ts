import type { WorkerSnapshot } from '../../observe/snapshot.ts'
import type { Listener } from '../listen/listener.ts'
import type { WorkerStatus } from '../status.ts'
import type { WorkerSet } from './worker-set.ts'

/** Workers are measured this often, in milliseconds. */
const EVERY_MS = 1000
/** Lags that are remembered of each: the longest of them counts. */
const LAGS = 5

type Vital = Omit<WorkerSnapshot, keyof WorkerStatus>

/**
 * What workers need: memory, time, and how late they answer. The lag is how long a worker needs for a
 * sign of life, so that one whose event loop is blocked cannot but show it.
 */
export class Vitals {
  private readonly workers: Pick<WorkerSet, 'answering'>
  private readonly listener: Pick<Listener, 'pulses' | 'probe'>
  private readonly lags = new Map<number, number[]>()
  private readonly known = new Map<number, Vital>()
  private timer: NodeJS.Timeout | undefined

  constructor(workers: Pick<WorkerSet, 'answering'>, listener: Pick<Listener, 'pulses' | 'probe'>) {
    this.workers = workers
    this.listener = listener
  }

  /** Measures from now on. */
  start(): void {
    if (this.timer !== undefined) return
    this.timer = setInterval(() => this.look(), EVERY_MS).unref()
    this.look()
  }

  /** Forgets what it knows, and measures no more. */
  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
    this.known.clear()
    this.lags.clear()
  }

  /** The workers with what is known of each. */
  addTo(workers: readonly WorkerStatus[]): WorkerSnapshot[] {
    const unknown: Vital = { lag: null, memory: null, utilization: null }
    // One that answers nothing shows now how late it is, not a second ago.
    const lags = new Map(this.listener.pulses().map(({ index, lag }) => [index, lag / 1000]))
    return workers.map((worker) => {
      const vital = this.known.get(worker.number)
      if (vital === undefined) return { ...worker, ...unknown }
      const lag = Math.max(vital.lag ?? 0, lags.get(worker.number) ?? 0)
      return { ...worker, ...vital, lag }
    })
  }

  private look(): void {
    const pulses = new Map(this.listener.pulses().map((pulse) => [pulse.index, pulse]))
    const answering = this.workers.answering()
    for (const number of this.known.keys()) if (!pulses.has(number)) this.forget(number)
    for (const worker of answering) {
      const { number } = worker
      const pulse = pulses.get(number)
      if (pulse === undefined) continue
      const lags = [...(this.lags.get(number) ?? []), pulse.lag / 1000].slice(-LAGS)
      this.lags.set(number, lags)
      const memory = this.known.get(number)?.memory ?? null
      const utilization = worker.utilization() ?? null
      this.known.set(number, { lag: Math.max(...lags), memory, utilization })
      this.listener.probe(number)
      // A thread that is busy tells it later, or never.
      void worker.memory().then((bytes) => {
        const vital = this.known.get(number)
        if (bytes !== undefined && vital !== undefined)
          this.known.set(number, { ...vital, memory: bytes })
      })
    }
  }

  private forget(number: number): void {
    this.known.delete(number)
    this.lags.delete(number)
  }
}
