/** What can be seen of a server while it runs. */

import type { OptionRow } from './row.ts'

/** Where a page about the server is listened for. */
const BIND = {
  type: 'string',
  unit: 'ADDRESS',
  default: '',
  pattern: /^(?:unix:[^\0]+|(?:\[[0-9a-f:.]+\]|[\w.-]*):\d{1,5})$/i,
  allowed: 'HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH',
  group: 'Observability',
  readBy: ['main'],
} as const

export const OBSERVABILITY = {
  metricsBind: {
    ...BIND,
    doc: 'Address at which Prometheus finds the metrics; none without it',
    note: 'Beyond loopback addresses it needs `observe-token`. See [observability.md](observability.md).',
  },
  metricsPath: {
    type: 'string',
    unit: 'PATH',
    default: '/metrics',
    pattern: /^\/[!-~]*$/,
    allowed: 'a path that begins with /',
    group: 'Observability',
    readBy: ['main'],
    doc: 'Path of the metrics',
  },
  statusBind: {
    ...BIND,
    doc: 'Address of a page that shows what the server does, and of its JSON; none without it',
    note: 'Beyond loopback addresses it needs `observe-token`. May be the one of `metrics-bind`. See [watching.md](watching.md).',
  },
  statsdHost: {
    type: 'string',
    unit: 'ADDRESS',
    default: '',
    pattern: /^(?:unix:(?:\/\/)?[^\0]+|(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?)$/i,
    allowed: 'HOST:PORT, [IPV6]:PORT or unix://PATH',
    group: 'Observability',
    readBy: ['native', 'main'],
    reloadable: true,
    doc: "Where statsd takes metrics by Gunicorn's names: HOST:PORT or unix://PATH; none without it",
    note: 'The port is 8125 unless given. See [observability.md](observability.md#statsd).',
  },
  statsdPrefix: {
    type: 'string',
    unit: 'PREFIX',
    default: '',
    pattern: /^[^\s:|@\p{C}]{1,200}$/u,
    allowed: 'at most 200 characters without a space, :, | and @',
    group: 'Observability',
    readBy: ['main'],
    reloadable: true,
    doc: 'What the names of metrics for statsd begin with; a dot is added behind it',
  },
  dogstatsdTags: {
    type: 'list',
    unit: 'TAG',
    default: [],
    item: /^[^\s,|\p{C}]{1,200}$/u,
    allowed: 'NAME:VALUE, separated by commas',
    group: 'Observability',
    readBy: ['main'],
    reloadable: true,
    doc: 'Tags for each metric for statsd, which it must know as DogStatsD does; may be repeated',
  },
  slowRequest: {
    type: 'duration',
    default: '500ms',
    off: 'no request is',
    group: 'Observability',
    readBy: ['native'],
    reloadable: true,
    doc: 'Requests that take longer are slow: status and monodon ctl snapshot remember the last ones',
    note: 'Tunnels and WebSockets never are.',
  },
  observeToken: {
    type: 'string',
    unit: 'TOKEN',
    default: '',
    pattern: /^[!-~]{16,256}$/,
    allowed: '16 to 256 printable characters without a space',
    group: 'Observability',
    readBy: ['main'],
    secret: true,
    doc: 'What callers by TCP have to know who ask for metrics or status, as Authorization: Bearer TOKEN',
    note: 'Others see the command line of a process: give it as `MONODON_OBSERVE_TOKEN` or in the config file.',
  },
} as const satisfies Record<string, OptionRow>
