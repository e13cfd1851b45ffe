/**
 * `import { upgradeWebSocket } from 'monodon/hono'`: the helper that Hono has for each runtime
 * (https://hono.dev/docs/helpers/websocket), for this one.
 */

import { defineWebSocketHelper, type UpgradeWebSocket, WSContext } from 'hono/ws'
import {
  type ServerWebSocket,
  type UpgradeOptions,
  upgradeWebSocket as upgrade,
} from './interface/fetch.ts'

/**
 * Answers a request that offers a WebSocket by opening it; passes any other on.
 *
 * @example app.get('/ws', upgradeWebSocket((c) => ({ onMessage: (event, ws) => ws.send(event.data) })))
 */
export const upgradeWebSocket: UpgradeWebSocket<ServerWebSocket, UpgradeOptions> =
  defineWebSocketHelper<ServerWebSocket, UpgradeOptions>((c, events, options) => {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return undefined
    const { socket, response } = upgrade(c.req.raw, options)
    const ws = new WSContext<ServerWebSocket>({
      raw: socket,
      url: socket.url,
      protocol: socket.protocol,
      get readyState() {
        return socket.readyState
      },
      send: (data) => socket.send(data),
      close: (code, reason) => socket.close(code, reason),
    })
    const { onOpen, onMessage, onClose, onError } = events
    if (onOpen !== undefined) socket.onopen = (event) => onOpen(event, ws)
    if (onMessage !== undefined)
      socket.onmessage = (event) => {
        // Hono's context has one of its own, which counts from the next message on.
        socket.binaryType = ws.binaryType
        return onMessage(event, ws)
      }
    if (onClose !== undefined) socket.onclose = (event) => onClose(event as CloseEvent, ws)
    if (onError !== undefined) socket.onerror = (event) => onError(event, ws)
    return response
  })
