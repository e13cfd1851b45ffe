import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../../support/client.ts'
import type { Leniency } from '../../support/responses.ts'
import { startServer } from '../../support/server.ts'

/** Keeps something that the app has seen, for comparison. */
export type Note = (entry: unknown) => void

/** An app, made anew for each server. */
export interface MadeApp {
  /** What `monodon` would be given. */
  readonly app: unknown
  /** Releases what the app holds. */
  close?(): Promise<unknown>
}

export type CreateApp = (note: Note) => MadeApp | Promise<MadeApp>

/** A server that an app runs on, with what the app has noted. */
export interface Side {
  readonly address: Address
  readonly notes: unknown[]
  readonly leniency: Leniency
  close(): Promise<void>
}

export async function onNodeHttp(createApp: CreateApp): Promise<Side> {
  const notes: unknown[] = []
  const made = await createApp((entry) => notes.push(entry))
  const server = createServer(await listenerOf(made.app))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: { host: '127.0.0.1', port },
    notes,
    leniency: { lengthIn204: true },
    close: async () => {
      await closeServer(server)
      await made.close?.()
    },
  }
}

export async function onMonodon(createApp: CreateApp): Promise<Side> {
  const notes: unknown[] = []
  const made = await createApp((entry) => notes.push(entry))
  const server = await startServer(made.app, {
    interface: 'node',
    logLevel: 'critical',
    // As node:http, which believes nobody about its clients.
    forwardedAllowIps: ['192.0.2.1'],
  })
  return {
    address: server,
    notes,
    leniency: {},
    close: async () => {
      await server.close()
      await made.close?.()
    },
  }
}

interface FastifyLike {
  readonly routing: RequestListener
  ready(): PromiseLike<unknown>
}

/** How the frameworks say that an app is put on `http.createServer`. */
async function listenerOf(app: unknown): Promise<RequestListener> {
  if (typeof app === 'function') return app as RequestListener
  if ('callback' in (app as object)) return (app as { callback(): RequestListener }).callback()
  const fastify = app as FastifyLike
  await fastify.ready()
  return (req, res) => fastify.routing(req, res)
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
