/** How a server is, as `monodon ctl status` tells it. */

import type { NativeStats } from '../bridge/native.ts'
import type { Stability } from './pool/backoff.ts'
import type { Restarts } from './pool/restarts.ts'
import type { WorkerState } from './workers/app-worker.ts'

/**
 * Where a server is in its life: booting until all its workers are ready, retired when it leaves the
 * requests to the one that is to take its place, draining from the moment that it was told to end.
 */
export type ServerState = 'booting' | 'ready' | 'retired' | 'draining' | 'stopped'

/** A change of the workers that is under way. */
export type Change = 'reload' | 'scale' | 'retire'

export interface WorkerStatus {
  /** Counts from 1 over the server's life. */
  readonly number: number
  readonly state: WorkerState
  /** `null` for a thread of the server, which is called `monodon-worker-NUMBER`. */
  readonly pid: number | null
  /** Seconds since it was started. */
  readonly age: number
  /** Requests that it has taken so far. */
  readonly requests: number
  /** Requests that it holds. */
  readonly held: number
}

/** The native counters, of which those of the workers stand with each worker. */
export type Counters = Pick<
  NativeStats,
  'connections' | 'accepted' | 'requests' | 'queued' | 'claimed' | 'lent'
>

/** How the workers are. */
export interface PoolStatus {
  /** `crash-loop` while workers end so often that the next one has to wait. */
  readonly stability: Stability
  /** Workers that were replaced so far, by cause. */
  readonly restarts: Restarts
  readonly workers: readonly WorkerStatus[]
}

export interface ServerStatus extends Counters, PoolStatus {
  /** Of monodon. */
  readonly version: string
  readonly pid: number
  /** Seconds since the server was started. */
  readonly uptime: number
  readonly state: ServerState
  readonly change: Change | null
  readonly app: string
  readonly urls: readonly string[]
  readonly workerClass: 'thread' | 'process'
  /** Workers that there are to be, once all that was asked for is done. */
  readonly wanted: number
}
