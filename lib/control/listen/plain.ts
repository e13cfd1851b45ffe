import { log } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import { splitMarks } from '../../options/values.ts'

/**
 * Warns of addresses that let clients in without the certificate that `--cert-reqs required` asks for: no TLS
 * is spoken there. Not of Unix sockets, which the modes of their files guard, nor with `--redirect-http`,
 * which answers nobody there.
 *
 * @param plain addresses without TLS, as `bind` names them
 */
export function warnOfPlain(
  { certReqs, redirectHttp }: Pick<Options, 'certReqs' | 'redirectHttp'>,
  plain: readonly string[],
): void {
  const open = plain.filter((bind) => !splitMarks(bind).place.startsWith('unix:'))
  if (certReqs !== 'required' || redirectHttp || open.length === 0) return
  log(
    'warning',
    `No certificate is asked for at ${open.join(', ')}, which speaks no TLS: whoever reaches it is let in, although cert-reqs is required. Make it https://, or a Unix socket, give --redirect-http, or see that only those reach it who may`,
  )
}
