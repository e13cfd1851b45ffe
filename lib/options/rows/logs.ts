/** What is written of requests and of the server. */

import type { OptionRow } from './row.ts'

export const LOGS = {
  accessLogfile: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'Logs',
    readBy: ['native'],
    reloadable: true,
    doc: 'File for the access log, in the combined format; - is standard output; none without it',
    note: 'See [logs.md](logs.md).',
  },
  errorLogfile: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'Logs',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'File for the error log; without it, and with -, it is standard error',
  },
  logLevel: {
    type: 'enum',
    values: ['debug', 'info', 'warning', 'error', 'critical'],
    default: 'info',
    group: 'Logs',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'The least important messages that are logged',
  },
} as const satisfies Record<string, OptionRow>
