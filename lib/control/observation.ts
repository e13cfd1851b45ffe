/** What can be seen of a server while it runs, and whether anybody looks. */

import { entriesLost, type NativeObservation } from '../bridge/native.ts'
import { figuresOf, requestsOf } from '../observe/assemble.ts'
import { Demand, isWatched } from '../observe/demand.ts'
import { LastErrors } from '../observe/errors.ts'
import type { Figures, Snapshot } from '../observe/snapshot.ts'
import type { Options } from '../options/table.ts'
import { type Follower, Following } from './following.ts'
import type { Listener } from './listen/listener.ts'
import type { WorkerPool } from './pool/pool.ts'
import { StatsdClient } from './statsd.ts'
import type { ServerStatus } from './status.ts'

/** The parts that are looked at: those of now, since a server that came back has others. */
export interface Subject {
  readonly listener: Listener
  /** There is none before the workers boot. */
  readonly pool: WorkerPool | undefined
}

export class Observation {
  private readonly subject: () => Subject
  private readonly demand: Demand
  private readonly errors = new LastErrors()
  private readonly following: Following
  private readonly statsd: StatsdClient

  constructor(options: Options, subject: () => Subject) {
    this.subject = subject
    this.demand = new Demand(isWatched(options), (isMeasured) => {
      const { listener, pool } = subject()
      listener.setTimed(isMeasured)
      pool?.setMeasured(isMeasured)
    })
    this.following = new Following(
      () => subject().listener,
      () => this.demand.look(),
    )
    this.statsd = new StatsdClient(options, {
      tally: (...told) => subject().listener.tally(...told),
      logged: () => this.errors.counts,
      workers: () => subject().pool?.status().workers.length ?? 0,
    })
  }

  /**
   * There are other parts to be looked at.
   *
   * @throws MonodonError when the way to statsd cannot be opened
   */
  renew(): void {
    this.demand.renew()
    this.statsd.start()
  }

  /** The parts go: what is to be had of them is taken. */
  leave(): void {
    this.statsd.send()
  }

  /** Goes by other options from now on. */
  reconfigure(options: Options): void {
    this.demand.setPermanent(isWatched(options))
    this.statsd.reconfigure(options)
  }

  /** All that can be known of a server that is so now. From then on its requests are timed for a while. */
  snapshot(status: ServerStatus): Snapshot {
    this.demand.look()
    const seen = this.subject().listener.observe(true)
    return {
      ...this.figuresOf(status, seen),
      ...requestsOf(seen),
      errors: this.errors.newestFirst(),
    }
  }

  /** What of it can be counted and measured. From then on its requests are timed for a while. */
  figures(status: ServerStatus): Figures {
    this.demand.look()
    return this.figuresOf(status, this.subject().listener.observe(false))
  }

  private figuresOf(status: ServerStatus, seen: NativeObservation): Figures {
    const { pool } = this.subject()
    const workers = pool?.measured(status.workers) ?? []
    return figuresOf(seen, entriesLost(), status, workers, Date.now() / 1000)
  }

  /** Tells of the requests that end from now on, until what is returned is called, or the server ends. */
  follow(follower: Follower): () => void {
    return this.following.add(follower)
  }

  stop(): void {
    this.statsd.stop()
    this.following.stop()
    this.demand.stop()
  }
}
