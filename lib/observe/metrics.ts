/**
 * The table of metrics: the only place where one is written down. What is scraped and the reference
 * page docs/metrics.md are made of it. Names and units follow Prometheus' conventions; labels have few
 * values, none of which a client can choose.
 */

import type { Figures, Histogram, WorkerSnapshot } from './snapshot.ts'

type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

interface CommonRow {
  /** Its family's name: with its unit, and without `_total`. */
  readonly name: string
  /** What its name ends in, if that is a unit. */
  readonly unit?: 'seconds' | 'bytes' | 'ratio'
  /** A sentence without its stop. */
  readonly help: string
  /** Each with what it may be. */
  readonly labels?: Readonly<Record<string, string>>
}

interface NumberRow extends CommonRow {
  readonly type: 'counter' | 'gauge'
  read(figures: Figures): readonly Sample[]
}

interface HistogramRow extends CommonRow {
  readonly type: 'histogram'
  read(figures: Figures): Histogram
}

export type Metric = NumberRow | HistogramRow

const WORKER_STATES = ['booting', 'ready', 'draining', 'hung'] as const
const WORKER = { worker: 'its number; a worker that is replaced takes its own with it' }

const NO_LABELS: Labels = {}

/** One sample without labels. */
function single(value: number): Sample[] {
  return [{ labels: NO_LABELS, value }]
}

/** A sample for each value of a label. */
function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

/** A sample for each worker of which the value is known. */
function byWorker(figures: Figures, figureOf: (worker: WorkerSnapshot) => number | null): Sample[] {
  return figures.workers.flatMap((worker) => {
    const value = figureOf(worker)
    return value === null ? [] : [{ labels: { worker: String(worker.number) }, value }]
  })
}

export const METRICS: readonly Metric[] = [
  {
    name: 'monodon_build_info',
    type: 'gauge',
    help: 'Always 1; its label has the version of monodon',
    labels: { version: 'of monodon' },
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: 'monodon_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the server was started, in Unix time',
    read: ({ at, uptime }) => single(Math.round((at - uptime) * 10) / 10),
  },
  {
    name: 'monodon_ready',
    type: 'gauge',
    help: 'Whether the server serves: 1, or 0 while it boots, stops, or has retired',
    read: ({ state }) => single(state === 'ready' ? 1 : 0),
  },
  {
    name: 'monodon_http_requests',
    type: 'counter',
    help: 'Requests that have ended, also those that were refused',
    labels: {
      method:
        'a method of RFC 9110 or RFC 5789; `OTHER` for all others, and where none was understood',
      status: '`1xx` to `5xx`; `none` where the client left before there was an answer',
      interface:
        'how the worker calls the app: `fetch`, `wsgi`, `node` or `python`; `native` where no worker took the request, and of these `probe` at `--health-path`',
    },
    read: ({ requestCounts }) =>
      requestCounts.map(({ method, statusClass, interface: kind, count }) => ({
        labels: {
          method,
          status: statusClass === 0 ? 'none' : `${statusClass}xx`,
          interface: kind,
        },
        value: count,
      })),
  },
  {
    name: 'monodon_http_request_queue_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time of requests in the queue: from their head until a worker took them',
    read: ({ queueTime }) => queueTime,
  },
  {
    name: 'monodon_http_request_app_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time of requests in the app: from the moment that a worker took them until the head of their response was there',
    read: ({ appTime }) => appTime,
  },
  {
    name: 'monodon_http_request_send_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time that responses were sent: from their head until all of them was handed to the kernel; not of WebSockets and tunnels',
    read: ({ sendTime }) => sendTime,
  },
  {
    name: 'monodon_http_requests_in_progress',
    type: 'gauge',
    help: 'Requests that workers hold',
    read: ({ claimed }) => single(claimed),
  },
  {
    name: 'monodon_http_responses_sending',
    type: 'gauge',
    help: 'Responses that clients have yet to take, of requests that no worker holds any more',
    read: ({ responsesSending }) => single(responsesSending),
  },
  {
    name: 'monodon_queue_length',
    type: 'gauge',
    help: 'Requests in the queue: no worker has taken them',
    read: ({ queued }) => single(queued),
  },
  {
    name: 'monodon_queue_oldest_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Age of the oldest request in the queue; 0 without one',
    read: ({ queueAge }) => single(queueAge),
  },
  {
    name: 'monodon_received_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes from clients, heads and bodies; inside of TLS where that is spoken',
    read: ({ bytesReceived }) => single(bytesReceived),
  },
  {
    name: 'monodon_sent_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes to clients, heads and bodies; inside of TLS where that is spoken',
    read: ({ bytesSent }) => single(bytesSent),
  },
  {
    name: 'monodon_connections',
    type: 'gauge',
    help: 'Open connections, as the timers have seen them up to a second ago',
    labels: {
      state:
        '`idle`, `receiving` (part of a head has come), `processing` (a request is with the server or the app), `sending` (the client has to take what was sent)',
    },
    read: ({ connectionStates }) => byLabel('state', { ...connectionStates }),
  },
  {
    name: 'monodon_connections_accepted',
    type: 'counter',
    help: 'Connections that were accepted',
    read: ({ accepted }) => single(accepted),
  },
  {
    name: 'monodon_tls_handshakes',
    type: 'counter',
    help: 'TLS handshakes',
    labels: { result: '`completed` or `failed`' },
    read: ({ handshakes }) => byLabel('result', { ...handshakes }),
  },
  {
    name: 'monodon_limits_hit',
    type: 'counter',
    help: 'Requests and connections that a limit has refused or ended',
    labels: {
      limit: 'the option that sets it; `http2-flood`, which none does',
    },
    read: ({ limited }) => byLabel('limit', limited),
  },
  {
    name: 'monodon_workers',
    type: 'gauge',
    help: 'Workers at present',
    labels: { state: WORKER_STATES.map((state) => `\`${state}\``).join(', ') },
    read: ({ workers }) =>
      WORKER_STATES.map((state) => ({
        labels: { state },
        value: workers.filter((worker) => worker.state === state).length,
      })),
  },
  {
    name: 'monodon_workers_wanted',
    type: 'gauge',
    help: 'Workers that there are to be, once all that was asked for is done',
    read: ({ wanted }) => single(wanted),
  },
  {
    name: 'monodon_worker_restarts',
    type: 'counter',
    help: 'Workers that were replaced; reloads are not counted',
    labels: {
      cause:
        '`died`, `hung`, `boot` (it could not load the app), `spent` (max-requests), `lifetime`, `memory`',
    },
    read: ({ restarts }) => byLabel('cause', { ...restarts }),
  },
  {
    name: 'monodon_crash_loop',
    type: 'gauge',
    help: 'Whether workers end so often that the next one has to wait: 1 or 0',
    read: ({ stability }) => single(stability === 'crash-loop' ? 1 : 0),
  },
  {
    name: 'monodon_worker_requests_held',
    type: 'gauge',
    help: 'Requests that a worker holds',
    labels: WORKER,
    read: (figures) => byWorker(figures, ({ held }) => held),
  },
  {
    name: 'monodon_worker_lag_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long a worker needed for a sign of life, the longest of the last 5 s: the lag of its event loop',
    labels: WORKER,
    read: (figures) => byWorker(figures, ({ lag }) => lag),
  },
  {
    name: 'monodon_worker_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory of a worker: the heap of a thread and its buffers, the resident size of a process',
    labels: WORKER,
    read: (figures) => byWorker(figures, ({ memory }) => memory),
  },
  {
    name: 'monodon_worker_utilization_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: "Share of the last second in which a thread's event loop was busy; not of processes",
    labels: WORKER,
    read: (figures) => byWorker(figures, ({ utilization }) => utilization),
  },
  {
    name: 'monodon_batch_requests',
    type: 'histogram',
    help: 'Requests that a worker took at once',
    read: ({ batchSize }) => batchSize,
  },
  {
    name: 'monodon_lent_buffers',
    type: 'gauge',
    help: 'Buffers of workers that native threads read at present',
    read: ({ lent }) => single(lent),
  },
  {
    name: 'monodon_log_dropped',
    type: 'counter',
    help: 'Lines of the access log and entries of syslog that were dropped',
    read: ({ logDropped }) => single(logDropped),
  },
  {
    name: 'monodon_spans_exported',
    type: 'counter',
    help: 'Spans that the collector of traces has taken',
    read: ({ spans }) => single(spans.exported),
  },
  {
    name: 'monodon_spans_dropped',
    type: 'counter',
    help: 'Spans that the collector of traces has not got',
    labels: {
      reason:
        '`overflow` (more came than it takes), `rejected` (it refused them), `undelivered` (it could not be reached for a minute)',
    },
    read: ({ spans }) => byLabel('reason', spans.dropped),
  },
]

/** A metric's name as one asks for it: a counter's ends in `_total`. */
export function queriedName({ name, type }: Metric): string {
  return type === 'counter' ? `${name}_total` : name
}
