import { MonodonError } from '../errors.ts'
import { detectInterface, type InterfaceKind } from '../interface/detect.ts'
import { fetchInterface } from '../interface/fetch.ts'
import type { Handle, InterfaceContext } from '../interface/interface.ts'
import { isolate } from '../interface/isolate.ts'
import { nodeInterface } from '../interface/node.ts'
import { wsgi } from '../interface/wsgi.ts'
import type { Options } from '../options/table.ts'

/** An app behind its interface. */
export interface Prepared {
  readonly handle: Handle
  readonly kind: InterfaceKind
  /** Why this interface. */
  readonly reason: string
}

/**
 * Puts an app behind the interface that was chosen, or that fits it.
 *
 * @throws MonodonError `MONODON_APP_UNKNOWN` when the choice is `auto` and nothing fits
 */
export function prepare(
  app: unknown,
  choice: Options['interface'],
  context: InterfaceContext,
): Prepared {
  if (choice === 'python')
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: 'interface is python, which is for apps in Python; this one is JavaScript',
    })
  const { kind, reason } =
    choice === 'auto' ? detectInterface(app) : { kind: choice, reason: '--interface says so' }
  return { handle: isolate(adapt(kind, app, context)), kind, reason }
}

function adapt(kind: InterfaceKind, app: unknown, context: InterfaceContext): Handle {
  switch (kind) {
    case 'fetch':
      return fetchInterface(app as Parameters<typeof fetchInterface>[0], context)
    case 'wsgi':
      return wsgi(app as Parameters<typeof wsgi>[0], context)
    case 'node':
      return nodeInterface(app as Parameters<typeof nodeInterface>[0], context)
  }
}
