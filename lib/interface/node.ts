import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { Exchange } from '../bridge/exchange.ts'
import type { Handle, InterfaceContext } from './interface.ts'
import { adoptPrototypes, adoptWhereReparented, classesFor } from './node/adopt.ts'
import { appFailed, disconnected } from './node/lifecycle.ts'
import type { NodeResponse } from './node/response.ts'
import { serverInterface } from './node/server.ts'

export { adoptWhereReparented } from './node/adopt.ts'

/** A listener as `http.createServer` takes it. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown

/**
 * An app that is a listener or has one: Express (`handle`), Koa (`callback`), Fastify (`routing`), or
 * a server of Node's that does not listen.
 */
export type NodeApp =
  | NodeListener
  | Server
  | { readonly handle: NodeListener }
  | { callback(): NodeListener }
  | { readonly routing: NodeListener; ready?(): PromiseLike<unknown> }

/**
 * The node interface: calls `app` with a request and a response that are what `node:http` gives its
 * listeners, over one exchange each.
 */
export function nodeInterface(app: NodeApp, context: InterfaceContext): Handle {
  adoptWhereReparented()
  if (app instanceof Server) return serverInterface(app, context)
  const listener = listenerOf(app)
  const { Request, Response } = classesFor(app)
  return (exchange) => {
    const req = new Request(exchange, context)
    const res = new Response(exchange, req)
    try {
      // They have all that `node:http` documents, apart from the connection itself.
      const result = listener(
        req as unknown as IncomingMessage,
        res as unknown as ServerResponse,
      ) as PromiseLike<unknown> | undefined
      if (typeof result?.then === 'function')
        result.then(undefined, (error) => appFailed(res, error))
    } catch (error) {
      appFailed(res, error)
    }
    if (!exchange.finished) watch(exchange, res)
  }
}

/** The response is still to come: the client may leave before it does. */
function watch(exchange: Exchange, res: NodeResponse): void {
  exchange.onAbort = () => disconnected(res)
}

function listenerOf(app: Exclude<NodeApp, Server>): NodeListener {
  adoptPrototypes(app)
  if (typeof app === 'function') return app
  if ('callback' in app) return app.callback()
  if ('routing' in app) return whenReady(app)
  return (req, res) => app.handle(req, res)
}

/** Fastify has no routes before its plugins have been loaded. */
function whenReady(app: { routing: NodeListener; ready?(): PromiseLike<unknown> }): NodeListener {
  if (typeof app.ready !== 'function') return (req, res) => app.routing(req, res)
  let ready: PromiseLike<unknown> | undefined = app.ready()
  ready.then(
    () => {
      ready = undefined
    },
    // Each request reports it.
    () => undefined,
  )
  return (req, res) =>
    ready === undefined ? app.routing(req, res) : ready.then(() => app.routing(req, res))
}
