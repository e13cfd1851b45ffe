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
    doc: 'File for the access log; - is standard output; none without it',
    note: 'See [logs.md](logs.md).',
  },
  accessLogformat: {
    type: 'string',
    unit: 'FORMAT',
    default: 'combined',
    group: 'Logs',
    readBy: ['native'],
    reloadable: true,
    doc: 'Format of the access log: combined, common, json, or a text with atoms such as %(h)s',
    note: 'See [logs.md](logs.md#formats) for the atoms, which are those of Gunicorn and more.',
  },
  accessLogReveal: {
    type: 'list',
    unit: 'NAME',
    item: /^[!#$%&'*+.^_`|~0-9a-z-]+$/i,
    allowed: 'names of header fields or query parameters separated by commas',
    default: [],
    group: 'Logs',
    readBy: ['native'],
    reloadable: true,
    doc: 'Header field or query parameter that the access log shows although it holds a secret; may be repeated',
    note: 'Without it `Authorization`, `Cookie` and their kin, and parameters such as `token` and `password`, are `***`: [logs.md](logs.md#secrets) lists them.',
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
