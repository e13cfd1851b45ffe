import type { InterfaceContext } from '../../lib/interface/interface.ts'

/** A context of a server on 127.0.0.1:8000; `logged` gets the errors the worker would log. */
export function context(logged: unknown[] = []): InterfaceContext {
  return {
    serverName: '127.0.0.1',
    serverPort: '8000',
    multiprocess: false,
    websocketBacklog: 65_536,
    waitUntil(promise) {
      promise.catch((error: unknown) => logged.push(error))
    },
  }
}
