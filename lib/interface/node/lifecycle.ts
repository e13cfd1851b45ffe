import { MonodonError } from '../../errors.ts'
import type { InterfaceContext } from '../interface.ts'
import { kContext, kDisconnected, kExchange, kResponseOver, type ResponseState } from './state.ts'

/** Responses without listeners that have ended in this turn of the event loop. */
let ended: ResponseState[] = []

/**
 * The app has ended `res`. Listeners hear of it on the next tick, as in Node, and in the async
 * context in which the response was ended. Where there are none, one tick does for all responses of
 * a batch.
 */
export function responseEnded(res: ResponseState): void {
  if (res._events !== undefined || res.req._events !== undefined) {
    process.nextTick(finish, res)
    return
  }
  if (ended.length === 0) process.nextTick(finishEnded)
  ended.push(res)
}

function finishEnded(): void {
  const batch = ended
  ended = []
  for (const res of batch) finish(res)
}

function finish(res: ResponseState): void {
  try {
    res[kResponseOver]()
  } catch (error) {
    // A listener threw. In Node that ends the process; here it must not cost the other responses.
    report(res.req[kContext], error)
  }
}

/**
 * The client has gone, or the app has cut the connection: nobody will read or write any more.
 *
 * @param error what the app has cut it with: as in Node, the socket's `error`
 */
export function disconnected(res: ResponseState, error?: Error): void {
  try {
    res.req[kDisconnected](error)
    res[kDisconnected]()
  } catch (thrown) {
    // A listener threw, as above.
    report(res.req[kContext], thrown)
  }
}

/**
 * The app gives the request up. Before the head the client gets a 500, after it the connection is
 * cut.
 */
export function cut(res: ResponseState, error: unknown): void {
  const exchange = res[kExchange]
  if (!exchange.finished) exchange.fail(error ?? new MonodonError('MONODON_APP_CLOSED'))
  process.nextTick(disconnected, res, error)
}

/** The app has failed: an error thrown by the listener, or one that nobody listens for. */
export function appFailed(res: ResponseState, error: unknown): void {
  if (res[kExchange].finished) report(res.req[kContext], error)
  else cut(res, error)
}

/** Logs an error that can no longer be told to the client. */
function report(context: InterfaceContext, error: unknown): void {
  context.waitUntil(Promise.reject(error))
}
