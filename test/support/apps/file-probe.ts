import { openSync, statSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Probe, UNWATCHED } from './probe.ts'

/** Tells a `FileWatcher` in another process what happens here, as `python/probe.py` does. */
class FileProbe implements Probe {
  readonly #events: number
  readonly #gate: string

  constructor(events: string, gate: string) {
    this.#events = openSync(events, 'a')
    this.#gate = gate
  }

  called(method: string, target: string): void {
    this.#tell(`call ${method} ${target}`)
  }

  completed(method: string, target: string): void {
    this.#tell(`complete ${method} ${target}`)
  }

  note(event: string): void {
    this.#tell(`note ${event}`)
  }

  async gate(): Promise<void> {
    const before = this.#gateSize()
    this.note('at the gate')
    while (this.#gateSize() === before) await sleep(5)
  }

  /** Stands at the gate without giving the event loop its turn. */
  block(): void {
    const clock = new Int32Array(new SharedArrayBuffer(4))
    const before = this.#gateSize()
    this.note('at the gate')
    while (this.#gateSize() === before) Atomics.wait(clock, 0, 0, 5)
  }

  #tell(line: string): void {
    writeSync(this.#events, `${line}\n`, null, 'latin1')
  }

  #gateSize(): number {
    return statSync(this.#gate, { throwIfNoEntry: false })?.size ?? 0
  }
}

const { TEST_EVENTS_FILE: events, TEST_GATE_FILE: gate } = process.env

const watched = events === undefined || gate === undefined ? undefined : new FileProbe(events, gate)

/** The probe of an app in a process of its own. */
export const PROBE: Probe = watched ?? UNWATCHED

/** Blocks the event loop until a `FileWatcher` opens the gate. */
export function blockLoop(): void {
  if (watched === undefined) throw new Error('nobody watches this app')
  watched.block()
}
