/**
 * Catching `listen`. Every signature of it, with its checks and its look-up of the host, ends in
 * `_listen2` of `net.Server`, which takes a handle that is there already: so Node's own cluster gives
 * its workers servers without a socket, and so do we.
 */

import { isIPv6, Server } from 'node:net'
import type { ServerFacts } from '../protocol.ts'

/** What Node's server has beside its types, in all versions that are supported. */
export interface ServerInternals extends Server {
  _handle: Handle | null
  /** What `close` waits for before it emits `close`. */
  _connections: number
  _emitCloseIfDrained(): void
  /** Changes with every call of `listen` and `close`. */
  _listeningId: number
  _listen2(...place: ListenArguments): void
}

/** What stands for a socket under a server: Node's `TCP`, or one of ours. */
export interface Handle {
  listen(backlog: number): number
  close(): void
  ref(): void
  unref(): void
  getsockname(out: object): number
  fchmod(mode: number): number
}

/** Port and address type are -1 for a path, which is the address. */
type ListenArguments = [
  address: string | null,
  port: number | null,
  addressType: number | null,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
]

/** Where a program has asked a server to listen. */
export interface Place {
  /** 0 for any port, `undefined` for a path or a descriptor. */
  readonly port: number | undefined
  /** For people: `port 3000`, `the path /tmp/app.sock`. */
  readonly text: string
}

/** Who decides what `listen` does. */
export interface ListenHooks {
  /** `listen` was called, but the server does not listen yet: Node looks up the host. */
  delayed(server: ServerInternals): void
  /** The server is to listen; `open` opens its own socket, as always. */
  listen(server: ServerInternals, place: Place, open: () => void): void
}

/** Has the hooks called for every server of this thread. */
export function catchListen(hooks: ListenHooks): void {
  const prototype = Server.prototype as ServerInternals
  const { listen, _listen2: open } = prototype
  prototype.listen = function (this: ServerInternals, ...args: unknown[]) {
    listen.apply(this, args as Parameters<typeof listen>)
    if (this._handle === null) hooks.delayed(this)
    return this
  }
  prototype._listen2 = function (this: ServerInternals, ...place: ListenArguments): void {
    hooks.listen(this, placeOf(place), () => open.apply(this, place))
  }
}

/** What a server has in place of a socket: the address of the listener that monodon has. */
export function handleAt(
  { serverName, serverPort }: Pick<ServerFacts, 'serverName' | 'serverPort'>,
  close: () => void = () => {},
): Handle {
  const family = isIPv6(serverName) ? 'IPv6' : 'IPv4'
  return {
    close,
    listen: () => 0,
    // A worker lives as long as monodon wants, whatever its program thinks of its servers.
    ref: () => {},
    unref: () => {},
    fchmod: () => 0,
    getsockname: (out) => {
      Object.assign(out, { address: serverName, family, port: Number(serverPort) })
      return 0
    },
  }
}

/** Puts `handle` under a server, in place of a socket. It emits `listening` on the next tick. */
export function listenBy(server: ServerInternals, handle: Handle, open: () => void): void {
  // Only `listen(handle)` brings one along.
  server._handle?.close()
  server._handle = handle
  open()
}

function placeOf([address, port, , , fd]: ListenArguments): Place {
  if (typeof fd === 'number' && fd >= 0) return { port: undefined, text: `descriptor ${fd}` }
  if (port === null || port < 0)
    return { port: undefined, text: address === null ? 'a handle' : `the path ${address}` }
  return { port, text: port === 0 ? 'any port' : `port ${port}` }
}
