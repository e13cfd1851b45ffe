/** Makes a snapshot of what native code and the arbiter know. */

import type { NativeLife, NativeObservation } from '../bridge/native.ts'
import { masked } from '../log-entry.ts'
import type {
  ConnectionStates,
  Interface,
  RequestCount,
  RequestLife,
  RequestNow,
  Snapshot,
} from './snapshot.ts'

/** What the arbiter adds to what native code knows. */
export type FromArbiter = Omit<Snapshot, keyof ReturnType<typeof fromNative>>

/** The snapshot of a server. */
export function assemble(
  observation: NativeObservation,
  connections: number,
  entriesLost: number,
  rest: FromArbiter,
): Snapshot {
  return { ...rest, ...fromNative(observation, connections, entriesLost) }
}

function fromNative(observation: NativeObservation, connections: number, entriesLost: number) {
  const { queueTime, appTime, sendTime, batchSize, queueAge } = observation
  const { bytesReceived, bytesSent, handshakes, failedHandshakes } = observation
  return {
    connectionStates: connectionStates(observation, connections),
    requestCounts: observation.requestCounts.map((count) => ({
      ...count,
      statusClass: count.statusClass as RequestCount['statusClass'],
      interface: count.interface as Interface,
    })),
    ...{ queueTime, appTime, sendTime, batchSize, queueAge, bytesReceived, bytesSent },
    handshakes: { completed: handshakes, failed: failedHandshakes },
    limited: Object.fromEntries(observation.limited.map(({ option, count }) => [option, count])),
    logDropped: observation.logLinesLost + entriesLost,
    spans: spansOf(observation.spans),
    responsesSending: observation.responsesSending,
    inFlight: observation.inFlight.map(requestNow),
    lives: observation.lives.map(lifeOf),
  }
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
