import { Buffer } from 'node:buffer'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Exchange } from '../../bridge/exchange.ts'
import type { Handle, InterfaceContext } from '../interface.ts'
import { adoptPrototypes, classesFor } from './adopt.ts'
import { appFailed, disconnected } from './lifecycle.ts'
import type { NodeRequest } from './request.ts'
import { NodeResponse } from './response.ts'
import { kContext, kExchange, type ServerContext } from './state.ts'
import { TlsUpgradedSocket } from './tls-socket.ts'
import { UpgradedSocket } from './upgraded-socket.ts'

/** What came behind the head of an upgrade is read from the socket like the rest. */
const NOTHING = Buffer.alloc(0)

/**
 * The node interface for a server of Node's: requests are emitted as Node emits them, so that all
 * listeners hear of them, and whoever has put something of his own in place of `emit`.
 */
export function serverInterface(server: Server, outer: InterfaceContext): Handle {
  const context: ServerContext = { ...outer, server }
  for (const listener of server.listeners('request')) adoptPrototypes(listener)
  captureRejections(server)
  const { Request, Response } = classesFor(server.listeners('request')[0] ?? server)
  return (exchange) => {
    const req = new Request(exchange, context)
    const res = new Response(exchange, req)
    if (exchange.upgradable && wantsUpgrade(server, req)) {
      upgrade(server, exchange, req)
      return
    }
    try {
      const isHeard = server.emit(
        eventOf(server, exchange),
        req as unknown as IncomingMessage,
        res as unknown as ServerResponse,
      )
      if (!isHeard) unheard(res)
    } catch (error) {
      appFailed(res, error)
    }
    if (!exchange.finished) exchange.onAbort = () => disconnected(res)
  }
}

/** Node 24.9 lets the server decide; before, it does what a listener for `upgrade` does by being there. */
function wantsUpgrade(server: Server, req: NodeRequest): boolean {
  const decide: unknown = Reflect.get(server, 'shouldUpgradeCallback')
  if (typeof decide === 'function') return Boolean(Reflect.apply(decide, server, [req]))
  return server.listenerCount('upgrade') > 0
}

function upgrade(server: Server, exchange: Exchange, req: NodeRequest): void {
  const Socket = exchange.tls === undefined ? UpgradedSocket : TlsUpgradedSocket
  const socket = new Socket(exchange, req[kContext])
  // The request's socket is the one that was upgraded.
  Object.assign(req, { upgrade: true, socket })
  try {
    const isHeard = server.emit('upgrade', req as unknown as IncomingMessage, socket, NOTHING)
    if (!isHeard) socket.destroy()
  } catch (error) {
    upgradeFailed(socket, error)
  }
}

/** The listener has failed. In Node that ends the process. */
function upgradeFailed(socket: UpgradedSocket, error: unknown): void {
  const { [kExchange]: exchange, [kContext]: context } = socket
  if (exchange.finished) context.waitUntil(Promise.reject(error))
  else exchange.fail(error)
  socket.destroy()
}

/** As in Node: `checkContinue` takes the place of `request` for a client that waits for the 100. */
function eventOf(server: Server, exchange: Exchange): 'request' | 'checkContinue' {
  if (server.listenerCount('checkContinue') === 0) return 'request'
  // Native code has refused all other expectations.
  return exchange.header('expect') === undefined ? 'request' : 'checkContinue'
}

/** In Node, a request that nobody listens for is never answered. */
function unheard(res: NodeResponse): void {
  res.statusCode = 404
  res.end()
}

/** Node's own symbol for the option `captureRejections`, which is read at every `emit`. */
const CAPTURE = 'kCapture'
const kRejected: unique symbol = Symbol.for('nodejs.rejection') as never

/**
 * A listener whose promise rejects fails its request alone. In Node it ends the process, unless the
 * server was made with `captureRejections`.
 */
function captureRejections(server: Server): void {
  const symbols = Object.getOwnPropertySymbols(server)
  const kCapture = symbols.find((symbol) => symbol.description === CAPTURE)
  if (kCapture === undefined || Reflect.get(server, kCapture) === true) return
  Reflect.set(server, kCapture, true)
  Reflect.set(server, kRejected, (error: Error, _event: string, ...args: unknown[]) => {
    const [, second] = args
    if (second instanceof NodeResponse) appFailed(second, error)
    else if (second instanceof UpgradedSocket) upgradeFailed(second, error)
    else server.emit('error', error)
  })
}
