import { type EventEmitter, errorMonitor } from 'node:events'
import { Server as HttpServer } from 'node:http'
import { createRequire } from 'node:module'
import { MonodonError } from '../../errors.ts'
import { log } from '../../log.ts'
import type { ServerFacts } from '../protocol.ts'
import { catchListen, handleAt, listenBy, type Place, type ServerInternals } from './listen.ts'
import { openOwnSocket } from './own-socket.ts'

/** What takes requests for a program's server: the worker. */
export interface Intake {
  /** Requests that it holds. */
  readonly pending: number
  /** Takes requests for this server from now on. */
  open(server: HttpServer): void
  /** Takes no more; resolves when it holds none, or was opened again. */
  close(): Promise<void>
  /** Gives up all requests that it holds. */
  failAll(): void
}

/** A server that gets its requests from native code. */
export interface Attached {
  readonly server: HttpServer
  readonly place: Place
}

/** Lets a server listen that is not the one to be served; `open` opens its socket, as always. */
export type OpenOther = (server: ServerInternals, place: Place, open: () => void) => void

export interface ProgramSetup {
  readonly facts: ServerFacts
  /** The port of the server to be served; 0 for the first that listens. */
  readonly port: number
  /** By default, servers open their own sockets. */
  readonly openOther?: OpenOther
}

/**
 * The servers of the program that runs on this thread. The first HTTP server that listens gets its
 * requests from native code, which has a socket already: the one that `--bind` names.
 */
export class Program {
  /**
   * Resolves when there is a server to be served; rejects with `MONODON_LISTEN_*` when the one that
   * listens cannot be.
   */
  readonly listened: Promise<Attached>
  private readonly facts: ServerFacts
  private readonly port: number
  private readonly openOther: OpenOther
  private current: Attached | undefined
  private intake: Intake | undefined
  /** Whose turn it is, while Node looks up its host. */
  private reserved: Reservation | undefined
  /** Whether its server may be the app. */
  private isOffered = false
  /** The server that was attached has closed, and no other has followed. */
  private hasClosed = false
  private tellListened!: (attached: Attached) => void
  private tellFailed!: (error: Error) => void

  /** Catches every `listen` of this thread from now on. */
  constructor({ facts, port, openOther = openByProtocol }: ProgramSetup) {
    this.facts = facts
    this.port = port
    this.openOther = openOther
    this.listened = new Promise((resolve, reject) => {
      this.tellListened = resolve
      this.tellFailed = reject
    })
    // It may be that nobody waits for it.
    this.listened.catch(() => {})
    catchListen({
      delayed: (server) => this.reserve(server),
      listen: (server, place, open) => this.hear(server, place, open),
    })
  }

  /** Has `intake`, which takes requests, do so as the program's server opens and closes. */
  serveBy(intake: Intake): void {
    this.intake = intake
    if (this.hasClosed) void intake.close()
  }

  /** Makes the server that listens the app. Until then it listens, but gets no requests. */
  offer(): void {
    this.isOffered = true
  }

  /** Why the program is called the way it is, for people. */
  reasonFor({ place }: Attached): string {
    const isElsewhere = place.port !== Number(this.facts.serverPort)
    return `it listens on ${place.text}${isElsewhere ? ', in place of which --bind is used' : ''}`
  }

  /** The order of the calls counts, not how long Node looks for a host. */
  private reserve(server: ServerInternals): void {
    if (this.current !== undefined || protocolOf(server) !== 'http' || !this.isFirst(server)) return
    this.reserved = { server, call: server._listeningId }
    // A listener for `error` would change what an error does.
    emitterOf(server).once(errorMonitor, this.release)
  }

  private readonly release = (): void => {
    if (this.reserved !== undefined) emitterOf(this.reserved.server).off(errorMonitor, this.release)
    this.reserved = undefined
  }

  private isFirst(server: ServerInternals): boolean {
    const { reserved } = this
    const isMeanwhileClosed = reserved?.call !== reserved?.server._listeningId
    if (reserved?.server === server || isMeanwhileClosed) this.release()
    return this.reserved === undefined
  }

  private hear(server: ServerInternals, place: Place, open: () => void): void {
    const protocol = protocolOf(server)
    const { current, port } = this
    const isNext = port === 0 ? this.isFirst(server) : place.port === port
    const isWanted = current === undefined && isNext
    if (protocol === 'http') {
      if (isWanted) this.attach(server as HttpInternals, place, open)
      // The same service on another address, such as [::1] beside 127.0.0.1.
      else if (isSamePort(current?.place, place)) listenBy(server, handleAt(this.facts), open)
      else this.openOther(server, place, open)
    } else if (protocol !== undefined && isWanted && this.isOffered) this.refuse(server, protocol)
    else this.openOther(server, place, open)
  }

  private attach(server: HttpInternals, place: Place, open: () => void): void {
    const attached = { server, place }
    this.current = attached
    this.hasClosed = false
    const handle = handleAt(this.facts, () => this.detach(attached))
    listenBy(server, handle, open)
    if (!this.isOffered) {
      log('info', `The server on ${place.text} gets no requests: the app that was named does`)
      return
    }
    Object.assign(server, this.connectionMethods(server))
    this.tellListened(attached)
    this.intake?.open(server)
  }

  /** What a server says of its connections, and does to them, is about what the worker holds. */
  private connectionMethods(server: HttpServer): Pick<HttpServer, ConnectionMethod> {
    return {
      getConnections: (callback) => {
        process.nextTick(() => callback(null, this.intake?.pending ?? 0))
        return server
      },
      closeAllConnections: () => this.intake?.failAll(),
    }
  }

  private detach({ server }: Attached): void {
    this.current = undefined
    if (!this.isOffered) return
    this.hasClosed = true
    if (this.intake === undefined) return
    // `close` is emitted when there are no connections.
    const internals = server as HttpInternals
    internals._connections++
    void this.intake.close().then(() => {
      internals._connections--
      internals._emitCloseIfDrained()
      // It may open a socket of its own next.
      if (this.current?.server !== server) restore(server)
      // Who listens again does so when `close` is emitted, which is next.
      setImmediate(() => this.tellClosed())
    })
  }

  /** In Node its process would end, as a rule, and be started again: here it lives, and does nothing. */
  private tellClosed(): void {
    if (!this.hasClosed) return
    log(
      'warning',
      'The program has closed its server: this worker takes no requests until it listens again, or is replaced',
    )
  }

  private refuse(server: ServerInternals, protocol: keyof typeof REFUSED): void {
    const error = new MonodonError(REFUSED[protocol])
    if (this.intake === undefined) this.tellFailed(error)
    else process.nextTick(() => server.emit('error', error))
  }
}

type ConnectionMethod = 'getConnections' | 'closeAllConnections'

/** Gives a server Node's methods back. */
function restore(server: Partial<Pick<HttpServer, ConnectionMethod>>): void {
  delete server.getConnections
  delete server.closeAllConnections
}

/** The types of servers do not have symbols among their events. */
function emitterOf(server: ServerInternals): EventEmitter {
  return server
}

interface Reservation {
  readonly server: ServerInternals
  /** Both `listen` and `close` change it. */
  readonly call: number
}

type HttpInternals = HttpServer & ServerInternals
type Protocol = 'http' | 'https' | 'http2'

/** Servers that cannot get their requests from native code. */
const REFUSED = { https: 'MONODON_LISTEN_TLS', http2: 'MONODON_LISTEN_HTTP2' } as const

/** What a server speaks; `undefined` for what is not HTTP. */
function protocolOf(server: ServerInternals): Protocol | undefined {
  if (server instanceof HttpServer) return 'http'
  // Loaded already, if it is one of its servers.
  const https: typeof import('node:https') = createRequire(import.meta.url)('node:https')
  if (server instanceof https.Server) return 'https'
  // Node does not export their classes.
  const { name } = server.constructor
  if (name === 'Http2SecureServer') return 'https'
  return name === 'Http2Server' ? 'http2' : undefined
}

function openByProtocol(server: ServerInternals, place: Place, open: () => void): void {
  if (protocolOf(server) === undefined) open()
  else openOwnSocket(server, place, open)
}

function isSamePort(one: Place | undefined, other: Place): boolean {
  return one?.port !== undefined && one.port !== 0 && one.port === other.port
}
