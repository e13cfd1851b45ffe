import { log } from '../../log.ts'
import type { Place, ServerInternals } from './listen.ts'

/** How often a port that is taken is tried again, in milliseconds. */
const RETRY_MS = 500

/**
 * Opens a server's own socket, beside the one that monodon serves. Each worker has such a server, but
 * only one of them can have the port: the others wait for it, also the successor of a worker. A server
 * that has listeners for `error` hears of it instead, as in Node.
 */
export function openOwnSocket(server: ServerInternals, place: Place, open: () => void): void {
  log('info', `The program's server on ${place.text} opens its own socket`)
  // Both `listen` and `close` change it.
  const call = server._listeningId
  let isWaiting = false
  const attempt = (): void => {
    if (server._listeningId !== call) return
    server.prependOnceListener('error', failed)
    open()
    // With a handle the socket is open; without one `error` comes on the next tick.
    if (server._handle !== null) server.off('error', failed)
  }
  const failed = (error: NodeJS.ErrnoException): void => {
    // Only now: programs add their listener after the call of `listen`.
    if (server.listenerCount('error') > 0) return
    if (error.code !== 'EADDRINUSE') throw error
    if (!isWaiting) log('info', `The program's server on ${place.text} waits: it is in use`)
    isWaiting = true
    setTimeout(attempt, RETRY_MS).unref()
  }
  attempt()
}
