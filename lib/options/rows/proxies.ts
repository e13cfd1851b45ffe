/** Who is believed about the client. */

import type { OptionRow } from './row.ts'

export const PROXIES = {
  forwardedAllowIps: {
    type: 'list',
    unit: 'ADDRESS',
    item: /^(?:\*|[0-9a-f:.]+(?:\/\d{1,3})?)$/i,
    allowed: 'IP addresses or networks such as 10.0.0.0/8, or *',
    default: ['127.0.0.1', '::1'],
    otherEnv: 'FORWARDED_ALLOW_IPS',
    group: 'Proxies',
    readBy: ['native'],
    reloadable: true,
    doc: 'Proxies that are believed when X-Forwarded-Proto says that the client used https',
    note: '`X-Forwarded-Protocol: ssl` and `X-Forwarded-Ssl: on` count too; `*` believes everyone. Only the scheme is taken from a proxy, as in Gunicorn: the other `X-Forwarded-*` fields are passed to the app as they came.',
  },
} as const satisfies Record<string, OptionRow>
