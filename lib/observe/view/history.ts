/** The last snapshots of a server, as far as they are needed to tell how it goes. */

import type { Snapshot } from '../snapshot.ts'
import { between, type Counted, type Interval } from './interval.ts'

/** Snapshots that are kept: of two minutes, one each second. */
const KEPT = 120
/** What latencies are told of, in seconds: fewer requests say too little. */
const WINDOW_S = 10

export class History {
  /** Requests a second between each two snapshots, oldest first. */
  readonly rates: number[] = []
  private readonly moments: Counted[] = []

  /** Of the last two snapshots; `undefined` before there are two. */
  get last(): Interval | undefined {
    const [earlier, later] = this.moments.slice(-2)
    return earlier === undefined || later === undefined ? undefined : between(earlier, later)
  }

  /** Of the last ten seconds, or of as many as there are. */
  get recent(): Interval | undefined {
    const later = this.moments.at(-1)
    if (later === undefined) return undefined
    const earlier = this.moments.find(({ at }) => at >= later.at - WINDOW_S - 0.5)
    return earlier === undefined ? undefined : between(earlier, later)
  }

  /** Another server's snapshot begins a new history. */
  add(snapshot: Snapshot): void {
    const before = this.moments.at(-1)
    if (before !== undefined && (before.pid !== snapshot.pid || before.at > snapshot.at))
      this.forget()
    this.moments.push(countedOf(snapshot))
    if (this.moments.length > KEPT + 1) this.moments.shift()
    const { last } = this
    if (last !== undefined) this.rates.push(last.requests)
    if (this.rates.length > KEPT) this.rates.shift()
  }

  private forget(): void {
    this.moments.length = 0
    this.rates.length = 0
  }
}

/** Without the requests and errors, which are most of it. */
function countedOf(snapshot: Snapshot): Counted {
  const { at, pid, requestCounts, queueTime, appTime, sendTime, bytesReceived, bytesSent } =
    snapshot
  const workers = snapshot.workers.map(({ number, requests }) => ({ number, requests }))
  return {
    ...{ at, pid, requestCounts, queueTime, appTime, sendTime, bytesReceived, bytesSent },
    workers,
  }
}
