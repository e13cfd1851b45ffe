import type { Exchange } from '../../bridge/exchange.ts'
import { MonodonError } from '../../errors.ts'
import { platform } from './platform.ts'
import { originOf } from './request.ts'
import { blockOf, type FastResponse, switchingResponse } from './response.ts'
import { ServerWebSocket } from './websocket.ts'

/** What the server adds to its answer. */
export interface UpgradeOptions {
  /** The subprotocol to speak: one that the client has offered (`sec-websocket-protocol`). Default: none. */
  readonly protocol?: string | undefined
  /** Further fields of the answer, for example cookies. */
  readonly headers?: HeadersInit | undefined
}

/** What an upgrade gives. */
export interface WebSocketUpgrade {
  readonly socket: ServerWebSocket
  /** To be returned by the handler: the socket opens when it is sent. */
  readonly response: Response
}

/** The WebSockets of responses that were not sent. */
const sockets = new WeakMap<FastResponse, ServerWebSocket>()

/**
 * Accepts the WebSocket that a request offers, in the manner of `Deno.upgradeWebSocket`: set the
 * handlers of `socket` and return `response`, which opens it. With any other answer it never opens.
 *
 * @param request as the handler was called with it
 * @throws MonodonError `MONODON_WEBSOCKET_EXPECTED` (426) when the request offers none or another
 * version of it, `MONODON_WEBSOCKET_KEY` (400) when its key is not valid: let them through
 * @throws TypeError for a request that the server has not made, or a protocol that was not offered
 */
export function upgradeWebSocket(
  request: Request,
  { protocol = '', headers }: UpgradeOptions = {},
): WebSocketUpgrade {
  const origin = originOf(request)
  if (origin === undefined)
    throw new TypeError('upgradeWebSocket takes the Request that the handler was called with')
  // So that the socket's events pass for the platform's.
  platform()
  const { exchange, context } = origin
  if (!exchange.websocket) throw refusal(exchange)
  if (protocol !== '' && !listOf(exchange, 'sec-websocket-protocol').includes(protocol))
    throw new TypeError(`the client has not offered the protocol ${JSON.stringify(protocol)}`)
  const socket = new ServerWebSocket({
    url: request.url.replace(/^http/, 'ws'),
    protocol,
    backlog: context.websocketBacklog,
    waitUntil: (promise) => context.waitUntil(promise),
  })
  const response = switchingResponse(headers)
  sockets.set(response, socket)
  return { socket, response }
}

/** Sends a response of `upgradeWebSocket`: opens its socket. */
export function sendSwitching(exchange: Exchange, response: FastResponse): void {
  const socket = sockets.get(response)
  if (socket === undefined) throw new MonodonError('MONODON_RESPONSE_USED')
  sockets.delete(response)
  ServerWebSocket.open(socket, exchange, blockOf(response))
}

/** RFC 6455 sections 4.2.2 and 4.4. */
function refusal(exchange: Exchange): MonodonError {
  const isOffer =
    exchange.upgradable &&
    exchange.method === 'GET' &&
    listOf(exchange, 'upgrade').some((name) => name.toLowerCase() === 'websocket') &&
    exchange.header('sec-websocket-version') === '13'
  return new MonodonError(isOffer ? 'MONODON_WEBSOCKET_KEY' : 'MONODON_WEBSOCKET_EXPECTED')
}

function listOf(exchange: Exchange, field: string): string[] {
  return (exchange.header(field) ?? '').split(',').map((item) => item.trim())
}
