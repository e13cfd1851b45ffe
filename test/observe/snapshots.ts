/** Snapshots of servers that nobody runs. */
import { noRestarts } from '../../lib/control/pool/restarts.ts'
import type {
  Histogram,
  RequestLife,
  RequestNow,
  Snapshot,
  WorkerSnapshot,
} from '../../lib/observe/snapshot.ts'

const BOUNDS = [0.001, 0.01, 0.1, 1]
const NONE: Histogram = { bounds: BOUNDS, counts: [0, 0, 0, 0, 0], sum: 0 }

/** What drives terminals, reorders text and is markup. */
export const HOSTILE = '/\x1b[31m<img src=x onerror=alert(1)>\u202etxt.exe\x07\u200b\r\n"&\x9b'

export function worker(changes: Partial<WorkerSnapshot> = {}): WorkerSnapshot {
  return {
    ...{ number: 1, state: 'ready', pid: null, age: 125, requests: 0, held: 0 },
    ...{ lag: 0.0012, memory: 12 * 1024 * 1024, utilization: 0.42 },
    ...changes,
  }
}

export function inFlight(changes: Partial<RequestNow> = {}): RequestNow {
  return {
    ...{ id: 'a1', state: 'processing', method: 'GET', target: '/slow', age: 0.25, worker: 1 },
    ...changes,
  }
}

export function life(changes: Partial<RequestLife> = {}): RequestLife {
  return {
    ...{ id: '1f', method: 'GET', target: '/report?month=5', protocol: 'HTTP/1.1' },
    ...{ client: '192.0.2.7', received: 1_800_000_000, called: 0.002, ready: 1.402 },
    ...{ ended: 1.41, worker: 1, status: 200, bytes: 5120, outcome: 'slow' },
    ...changes,
  }
}

export function snapshot(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    ...{ version: '0.1.0', pid: 4711, uptime: 7384, state: 'ready', change: null },
    ...{ app: 'app.ts', urls: ['http://127.0.0.1:8000'], workerClass: 'thread', wanted: 2 },
    ...{ connections: 25, accepted: 812, requests: 1000, queued: 0, claimed: 0, lent: 0 },
    ...{ stability: 'stable', restarts: noRestarts() },
    ...{ at: 1_800_000_000, workers: [worker()] },
    connectionStates: { idle: 10, receiving: 1, processing: 12, sending: 2 },
    requestCounts: [],
    ...{ queueTime: NONE, appTime: NONE, sendTime: NONE, batchSize: NONE },
    ...{ queueAge: 0, bytesReceived: 0, bytesSent: 0, limited: {}, logDropped: 0 },
    spans: { exported: 0, dropped: { overflow: 0, rejected: 0, undelivered: 0 } },
    handshakes: { completed: 0, failed: 0 },
    ...{ responsesSending: 0, inFlight: [], lives: [], errors: [] },
    ...changes,
  }
}

/** Counts in the buckets of `BOUNDS`, and above them. */
export function histogram(...counts: readonly number[]): Histogram {
  return { bounds: BOUNDS, counts, sum: counts.reduce((sum, count) => sum + count, 0) }
}
