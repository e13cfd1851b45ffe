import type { Exchange } from '../bridge/exchange.ts'
import { MonodonError } from '../errors.ts'
import { describe, isClass } from './describe.ts'
import { FetchInfo } from './fetch/info.ts'
import { preparePlatform } from './fetch/platform.ts'
import { requestOf } from './fetch/request.ts'
import { send, sendFailure } from './fetch/send.ts'
import type { Handle, InterfaceContext } from './interface.ts'

export type { FetchInfo } from './fetch/info.ts'
export { installFastResponse, installRequestUnwrapping } from './fetch/install.ts'
export { loadPlatform, preparePlatform } from './fetch/platform.ts'
export { FastResponse } from './fetch/response.ts'
export type { SocketCloseEvent } from './fetch/socket-events.ts'
export {
  type UpgradeOptions,
  upgradeWebSocket,
  type WebSocketUpgrade,
} from './fetch/upgrade.ts'
export type { ServerWebSocket } from './fetch/websocket.ts'

/**
 * Answers a request. `info` comes a third time as an execution context, for apps that expect their
 * environment second and `waitUntil` third.
 */
export type FetchHandler = (request: Request, info: FetchInfo) => Response | Promise<Response>

/** An object with `fetch`, as Hono, H3, Elysia and itty-router make them, or the function itself. */
export type FetchApp = FetchHandler | { fetch: FetchHandler }

type Call = (request: Request, info: FetchInfo, context: FetchInfo) => unknown

/**
 * Serves an app of the fetch standard.
 *
 * @throws MonodonError `MONODON_APP_UNKNOWN` for what is no such app
 */
export function fetchInterface(app: FetchApp, context: InterfaceContext): Handle {
  const call = callOf(app)
  preparePlatform()
  return (exchange) => {
    let result: unknown
    try {
      const info = new FetchInfo(exchange, context)
      result = call(requestOf(exchange, context), info, info)
    } catch (error) {
      sendFailure(exchange, error)
      return
    }
    if (isThenable(result)) sendLater(exchange, result)
    else send(exchange, result)
  }
}

function callOf(app: FetchApp): Call {
  const target = app as Partial<{ fetch: Call }> | null | undefined
  if (typeof target?.fetch === 'function')
    return (request, info, context) => (target as { fetch: Call }).fetch(request, info, context)
  if (typeof app === 'function' && !isClass(app)) return app
  throw new MonodonError('MONODON_APP_UNKNOWN', {
    detail: `fetch takes a function or an object with fetch, and it is ${describe(app)}`,
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

function sendLater(exchange: Exchange, result: PromiseLike<unknown>): void {
  const promise = result instanceof Promise ? result : Promise.resolve(result)
  promise.then(
    (value) => send(exchange, value),
    (error: unknown) => sendFailure(exchange, error),
  )
}
