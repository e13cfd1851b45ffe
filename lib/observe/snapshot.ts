/**
 * What a server does at one moment and has done so far: the one shape that the status page, `monodon
 * top`, `/status.json` and the metrics are made of. Times are seconds; whatever is not said to be of
 * now is counted from the server's start. Times and lives are of requests that came while the server was
 * timed: with `--metrics-bind` or `--status-bind` always, else for a minute after each look.
 *
 * Text that clients sent (methods, targets) stands here as it came, cut to a bounded length and without the
 * values of query parameters that hold secrets. Who shows it escapes it.
 */

import type { ServerStatus, WorkerStatus } from '../control/status.ts'
import type { Notable } from '../notable.ts'

/** Where a request is that has not ended (`life.ts` has all steps); `upgraded` ones go on as another protocol. */
export type RequestState = 'request-received' | 'processing' | 'waiting-to-send' | 'upgraded'

export type Interface = 'fetch' | 'wsgi' | 'node' | 'python' | 'native' | 'probe'

/** Requests that have ended, by what bounds their number: known methods, `1xx` to `5xx`. */
export interface RequestCount {
  /** `OTHER` for methods that RFC 9110 and RFC 5789 do not know. */
  readonly method: string
  /** The status' first digit; 0 if the client left before there was an answer. */
  readonly statusClass: 0 | 1 | 2 | 3 | 4 | 5
  /** How the app of the worker that took it is called; if none took it the server answered: `probe` to one
   *  that asked for its health, else `native`. */
  readonly interface: Interface
  readonly count: number
}

/** Observations by size: `counts[i]` of those above `bounds[i - 1]` and up to `bounds[i]`. */
export interface Histogram {
  readonly bounds: readonly number[]
  /** One more than bounds: the last is of those above all of them. */
  readonly counts: readonly number[]
  readonly sum: number
}

/** A request that has not ended. */
export interface RequestNow {
  /** The server's own number of it, in hexadecimal. */
  readonly id: string
  readonly state: RequestState
  readonly method: string
  /** Path and query, as they were sent. */
  readonly target: string
  /** Seconds since its head had come; where requests were not timed then, since it waits or is held. */
  readonly age: number
  /** The worker that holds it or has held it; `null` in the queue, and for what the server answers by itself. */
  readonly worker: number | null
}

/** A request that has ended, step by step. Steps are seconds after its head had come. */
export interface RequestLife {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly protocol: string
  /** The client's address; empty for a Unix socket. */
  readonly client: string
  /** When its head had come, in Unix seconds. */
  readonly received: number
  /** When a worker took it; `null` if none did. */
  readonly called: number | null
  /** When the head of the response was there; `null` if the client left before. */
  readonly ready: number | null
  /** When the last byte of the response was handed to the kernel, or the client had gone. */
  readonly ended: number
  readonly worker: number | null
  /** 0 if there was no answer. */
  readonly status: number
  /** Bytes of the response's body. */
  readonly bytes: number
  /** Why it is remembered, or how it ended badly. */
  readonly outcome: 'slow' | 'failed' | 'aborted' | 'ok'
}

/** Connections of now, by what they wait for. */
export interface ConnectionStates {
  readonly idle: number
  /** Part of a head has come. */
  readonly receiving: number
  /** A request is with the server or the app. */
  readonly processing: number
  /** The client has to take what was sent. */
  readonly sending: number
}

export interface WorkerSnapshot extends WorkerStatus {
  /** Longest lag of its event loop in the last seconds; `null` where it is not known. */
  readonly lag: number | null
  /** Bytes: the heap of a thread, the resident size of a process; `null` where it is not known. */
  readonly memory: number | null
  /** Share of the last seconds in which it was busy, 0 to 1; `null` where it is not known. */
  readonly utilization: number | null
}

/** All but single requests and entries of logs. */
export interface Figures extends Omit<ServerStatus, 'workers'> {
  /** When this was, in Unix seconds. */
  readonly at: number
  readonly workers: readonly WorkerSnapshot[]
  readonly connectionStates: ConnectionStates
  readonly requestCounts: readonly RequestCount[]
  /** From the head until a worker took it, of requests that one took. */
  readonly queueTime: Histogram
  /** From there until the head of the response. */
  readonly appTime: Histogram
  /** From there until the end of the response. */
  readonly sendTime: Histogram
  /** Requests in each call from a worker to the native core that brought any. */
  readonly batchSize: Histogram
  /** Age of the oldest request that nobody has taken, now; 0 without one. */
  readonly queueAge: number
  /** Bytes of bodies and heads, as they were on the wire inside TLS. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** TLS handshakes. */
  readonly handshakes: { readonly completed: number; readonly failed: number }
  /**
   * Requests and connections that a limit refused or ended, by the limit's option; `http2-flood`, which no
   * option sets, stands there, too.
   */
  readonly limited: Readonly<Record<string, number>>
  /** Lines of the access log and entries of syslog that were dropped. */
  readonly logDropped: number
  /** Spans of requests that were traced. */
  readonly spans: {
    /** The collector has taken them. */
    readonly exported: number
    /** It has not, by the reason: no room, refused by it, not reached in time. */
    readonly dropped: {
      readonly overflow: number
      readonly rejected: number
      readonly undelivered: number
    }
  }
  /**
   * Responses that clients have to take and no worker holds any more: those of requests that were timed, and
   * of bodies that are too large to be with the kernel at once.
   */
  readonly responsesSending: number
}

export interface Snapshot extends Figures {
  /** Oldest first, and behind them those that are upgraded; 100 at most. `queued`, `claimed` and `responsesSending` count all. */
  readonly inFlight: readonly RequestNow[]
  /** The last slow, failed or aborted requests, newest first, 50 at most. */
  readonly lives: readonly RequestLife[]
  /** Warnings and errors of the server's log and of those of its workers. Newest first, 50 at most. */
  readonly errors: readonly Notable[]
}
