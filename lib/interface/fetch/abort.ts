import type { Exchange } from '../../bridge/exchange.ts'

/** Calls `listener` once when the client leaves before the response is complete. */
export function watchAbort(exchange: Exchange, listener: () => void): void {
  const earlier = exchange.onAbort
  exchange.onAbort =
    earlier === undefined
      ? listener
      : () => {
          earlier()
          listener()
        }
}

/** A signal that aborts when the client leaves before the response is complete. */
export function clientSignal(exchange: Exchange): AbortSignal {
  if (exchange.aborted) return AbortSignal.abort(clientGone())
  const controller = new AbortController()
  watchAbort(exchange, () => controller.abort(clientGone()))
  return controller.signal
}

/** Why a signal aborts or a stream is cancelled when the client has left. */
export function clientGone(): DOMException {
  return new DOMException('the client has gone', 'AbortError')
}
