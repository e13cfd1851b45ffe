import type { Exchange } from '../bridge/exchange.ts'

/**
 * What an interface makes of an app: it takes one exchange, calls the app, and answers through the
 * exchange. It never throws and never returns a promise; whatever the app does wrong ends in
 * `exchange.fail(error)`.
 */
export type Handle = (exchange: Exchange) => void

/** What an interface may tell the app about the server it runs in. */
export interface InterfaceContext {
  /** Host of the first bound address, for requests that name none. */
  readonly serverName: string
  /** Port of the first bound address, in decimal. */
  readonly serverPort: string
  /** True when more than one worker runs the app (`wsgi.multiprocess`). */
  readonly multiprocess: boolean
  /** Bytes that may wait for a WebSocket client (`--limit-websocket-backlog`). */
  readonly websocketBacklog: number
  /** Keeps the worker alive until `promise` settles; a rejection is logged (`waitUntil`). */
  waitUntil(promise: Promise<unknown>): void
}
