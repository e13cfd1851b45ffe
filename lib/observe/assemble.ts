/** Makes a snapshot of what native code and the arbiter know. */

import { type NativeLife, type NativeObservation, nativeBounds } from '../bridge/native.ts'
import type { ServerStatus } from '../control/status.ts'
import { masked } from '../log-entry.ts'
import type {
  ConnectionStates,
  Figures,
  RequestCount,
  RequestLife,
  RequestNow,
  Snapshot,
  WorkerSnapshot,
} from './snapshot.ts'

/** The figures of a server whose workers are `workers` at `at`, in Unix seconds. */
export function figuresOf(
  seen: NativeObservation,
  entriesLost: number,
  status: ServerStatus,
  workers: readonly WorkerSnapshot[],
  at: number,
): Figures {
  const { times, batches } = nativeBounds()
  return {
    ...status,
    at,
    workers,
    connectionStates: connectionStates(seen, status.connections),
    requestCounts: seen.requestCounts as readonly RequestCount[],
    queueTime: { bounds: times, ...seen.queueTime },
    appTime: { bounds: times, ...seen.appTime },
    sendTime: { bounds: times, ...seen.sendTime },
    batchSize: { bounds: batches, ...seen.batchSize },
    queueAge: seen.queueAge,
    bytesReceived: seen.bytesReceived,
    bytesSent: seen.bytesSent,
    handshakes: { completed: seen.handshakes, failed: seen.failedHandshakes },
    limited: Object.fromEntries(seen.limited.map(({ option, count }) => [option, count])),
    logDropped: seen.logLinesLost + entriesLost,
    spans: spansOf(seen.spans),
    responsesSending: seen.responsesSending,
  }
}

/** Its single requests. */
export function requestsOf(seen: NativeObservation): Pick<Snapshot, 'inFlight' | 'lives'> {
  return { inFlight: seen.inFlight.map(requestNow), lives: seen.lives.map(lifeOf) }
}

function spansOf({ exported, ...dropped }: NativeObservation['spans']): Snapshot['spans'] {
  return { exported, dropped }
}

/** What the sweep of the timers has seen, up to a second ago, of the connections that are open now. */
function connectionStates(seen: NativeObservation, connections: number): ConnectionStates {
  const idle = Math.min(seen.idle, connections)
  const receiving = Math.min(seen.receiving, connections - idle)
  const sending = Math.min(seen.sending, connections - idle - receiving)
  return { idle, receiving, sending, processing: connections - idle - receiving - sending }
}

function requestNow(request: NativeObservation['inFlight'][number]): RequestNow {
  const { id, state, method, target, age, worker = null } = request
  return { id, state: state as RequestNow['state'], method, target: masked(target), age, worker }
}

/** A request that has ended, as native code tells it. */
export function lifeOf(life: NativeLife): RequestLife {
  const { called = null, ready = null, worker = null } = life
  const outcome = life.outcome as RequestLife['outcome']
  return { ...life, target: masked(life.target), called, ready, worker, outcome }
}
