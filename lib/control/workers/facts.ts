import type { ServerFacts } from '../../worker/protocol.ts'
import type { Listener } from '../listen/listener.ts'

/** What the workers of a server have to know of it. */
export function factsOf(listener: Listener, multiprocess: boolean): ServerFacts {
  // A Unix socket has neither host nor port, and PEP 3333 wants both.
  const first = listener.addresses.find(({ path }) => path === undefined)
  return {
    serverName: first?.host ?? 'localhost',
    serverPort: String(first?.port ?? 80),
    multiprocess,
  }
}
