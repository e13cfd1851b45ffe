import type { Server } from 'node:http'
import type { Exchange } from '../../bridge/exchange.ts'
import type { InterfaceContext } from '../interface.ts'

/** What the requests of a server know of it. */
export interface ServerContext extends InterfaceContext {
  readonly server: Server
}

/**
 * Keys of the fields that request, response and socket share. They are own fields of the objects:
 * frameworks put other prototypes under a request, and what lives on a prototype is lost then.
 */
export const kExchange: unique symbol = Symbol('monodon.exchange')
export const kContext: unique symbol = Symbol('monodon.context')
export const kResponse: unique symbol = Symbol('monodon.response')
export const kSocket: unique symbol = Symbol('monodon.socket')

/** Methods that `lifecycle.ts` calls. */
export const kDisconnected: unique symbol = Symbol('monodon.disconnected')
export const kResponseOver: unique symbol = Symbol('monodon.responseOver')

/**
 * A request as its life cycle and its socket know it: they lie beneath its class, which makes the one
 * and calls the other.
 */
export interface RequestState extends NodeJS.EventEmitter {
  readonly [kContext]: InterfaceContext
  /** Node's table of listeners; undefined until there was one. */
  readonly _events: object | undefined
  /** True once the whole body has come. */
  readonly complete: boolean
  [kDisconnected](error: Error | undefined): void
}

/** A response as its life cycle, its request and their socket know it. */
export interface ResponseState extends NodeJS.EventEmitter {
  readonly [kExchange]: Exchange
  readonly req: RequestState
  /** As a request has it. */
  readonly _events: object | undefined
  [kDisconnected](): void
  [kResponseOver](): void
}
