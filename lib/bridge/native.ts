/** What the addon offers, typed; `native-loader.ts` finds and loads it. */

import type { NativeOptions } from '../options/native.ts'
import { loadAddon } from './native-loader.ts'
import type { Port } from './port.ts'

/** What native code tells the thread that started the server: a fault, or a phase. */
export interface NativeReport {
  readonly code?: string
  readonly blame?: string
  readonly peer?: string
  readonly detail?: string
  readonly phase?: 'listening' | 'draining' | 'stopped'
}

/** Counters of a server. */
export interface NativeStats {
  /** Connections that are open. */
  readonly connections: number
  /** Connections accepted so far. */
  readonly accepted: number
  /** Requests handed over so far. */
  readonly requests: number
  /** Requests that no worker has taken. */
  readonly queued: number
  /** Requests that workers hold. */
  readonly claimed: number
  /** Buffers that workers have lent and not got back. */
  readonly lent: number
  /** Attached workers. */
  readonly workers: number
}

/** What is to be known of options that can be used. */
export interface NativeChecked {
  /** Certificates of the server and lists of revocations that are not in order. */
  readonly certificates: readonly string[]
  /** The items of `bind` that ask for no TLS. */
  readonly plain: readonly string[]
}

/** What the arbiter watches of one worker. */
export interface NativePulse {
  readonly index: number
  /** Requests that it holds. */
  readonly held: number
  /** Requests that it has taken so far. */
  readonly taken: number
  /** Milliseconds since it last took or submitted. */
  readonly still: number
  /** Milliseconds that it has needed for the last sign of life that it was asked for, or needs already. */
  readonly lag: number
}

/** Observations by size: `counts[i]` of those above the bound `i - 1` and up to the bound `i`. */
export interface NativeHistogram {
  readonly counts: readonly number[]
  readonly sum: number
}

/** The bounds of histograms. */
export interface NativeBounds {
  /** Seconds. */
  readonly times: readonly number[]
  /** Requests. */
  readonly batches: readonly number[]
}

/** What there is to see of a server; `lib/observe/snapshot.ts` says what it is. */
export interface NativeObservation {
  readonly idle: number
  readonly receiving: number
  readonly sending: number
  readonly requestCounts: readonly {
    readonly method: string
    readonly statusClass: number
    readonly interface: string
    readonly count: number
  }[]
  readonly queueTime: NativeHistogram
  readonly appTime: NativeHistogram
  readonly sendTime: NativeHistogram
  readonly batchSize: NativeHistogram
  readonly queueAge: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly handshakes: number
  readonly failedHandshakes: number
  readonly limited: readonly { readonly option: string; readonly count: number }[]
  readonly logLinesLost: number
  readonly spans: {
    readonly exported: number
    readonly overflow: number
    readonly rejected: number
    readonly undelivered: number
  }
  readonly responsesSending: number
  readonly inFlight: readonly {
    readonly id: string
    readonly state: string
    readonly method: string
    readonly target: string
    readonly age: number
    readonly worker?: number
  }[]
  readonly lives: readonly NativeLife[]
}

/** A request that has ended. */
export interface NativeLife {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly protocol: string
  readonly client: string
  readonly received: number
  readonly called?: number
  readonly ready?: number
  readonly ended: number
  readonly worker?: number
  readonly status: number
  readonly bytes: number
  readonly outcome: string
}

/** Requests of one status; 499 is that the client left before there was an answer. */
export interface NativeStatusCount {
  readonly status: number
  readonly count: number
}

/** A way to statsd. */
export interface NativeStatsd {
  /** Hands over lines; nobody waits for them. */
  write(lines: readonly string[]): void
  /** Has what waits sent, which may take 2 s. Nothing is sent after that. */
  close(): void
}

/** A request for a page, as far as answers depend on it. Fields that are not there are empty. */
export interface NativeAsked {
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly host: string
  readonly authorization: string
  readonly accept: string
}

/** An answer. */
export interface NativePage {
  readonly status: number
  /** Names and values in turns. */
  readonly fields: readonly string[]
  readonly body: string
}

/** A server of pages. */
export interface NativePages {
  /** 0 for a Unix socket. */
  readonly port: number
  /** Cuts its connections, and returns when its thread has ended. The file of a Unix socket stays. */
  close(): void
}

/** Requests that have ended, for who follows. */
export interface NativeFollowed {
  /** Oldest first. */
  readonly lives: readonly NativeLife[]
  /** How many were dropped beside them. */
  readonly dropped: number
}

/** A worker in a process of its own. */
export interface NativeProcess {
  readonly index: number
  /** The worker's end of its socket, for the child; -1 when it is closed here. */
  readonly descriptor: number
  /** Closes the worker's end here, once the child has its copy. */
  closeDescriptor(): void
  /** Whether its connection has ended with the server, and not before. */
  readonly serverEnded: boolean
  /** Sends a message, JSON. */
  tell(message: string): void
  /** Sends it no more requests, and asks it to finish within `ms` milliseconds. */
  stop(ms: number): void
}

/** A socket that the process was started with. */
export interface NativeInherited {
  /** Which item of `bind` it stands for. */
  readonly bind: string
  readonly descriptor: number
}

/** A socket that listens. */
export interface NativeSocket {
  /** Which item of `bind` it stands for, alone or with others. */
  readonly bind: string
  /** `''` for a Unix socket. */
  readonly host: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** The path of a Unix socket; with `@` before it a name without a file. */
  readonly path?: string
  /** Whether its file was made when the sockets were opened. */
  readonly hasMadeFile: boolean
  /** Whether TLS is spoken there. */
  readonly isTls: boolean
  /** Whether its item asks for the PROXY protocol there. */
  readonly isProxied: boolean
  readonly descriptor: number
}

/** Sockets that listen, whoever accepts from them. */
export interface NativeSockets {
  /** In the order of `bind`; none once they are closed. */
  readonly list: readonly NativeSocket[]
  /** Closes them. A server that accepts from them has descriptors of its own. */
  close(): void
}

/** A running server. */
export interface NativeServer {
  readonly id: number
  /** Has the server say that it is not ready. */
  leave(): void
  /** Accepts connections from now on. */
  open(): void
  drain(): void
  /** As `drain`, but what waits to be accepted is left to others that have the same sockets. */
  retire(): void
  stop(): void
  /** Goes by other options from now on, for requests that come. Throws like `startServer`. */
  reconfigure(options: NativeOptions): void
  release(): void
  stats(): NativeStats
  pulses(): NativePulse[]
  /** Without single requests `inFlight` and `lives` are empty. */
  observe(withRequests: boolean): NativeObservation
  /** Has the times of requests measured from now on, or not. */
  setTimed(isTimed: boolean): void
  /** Says by which interface the app is called. */
  setInterface(name: string): void
  /**
   * What was counted since the last call: hands `to` a line for each of `most` times at most, which is
   * `before`, milliseconds and `behind`, and gives the statuses. Counting begins with the first call.
   */
  tally(most: number, to: NativeStatsd, before: string, behind: string): NativeStatusCount[]
  /** Has all requests that end gathered for `followed`, or not. */
  setFollowed(isFollowed: boolean): void
  /** What was gathered since the last call. */
  followed(): NativeFollowed
  /** Asks a worker for a sign of life. */
  probe(worker: number): void
  /** Takes everything from a worker that hangs: what it holds is answered 504. */
  abandon(worker: number): void
  /** `hear` gets the worker's messages, JSON, and `null` when its connection has ended. */
  attachProcess(number: number, hear: (message: string | null) => void): NativeProcess
  reopenLogs(): void
}

/** The files for the next batches of a worker in a process. */
export interface NativeEnclosing {
  /** Where a regular file stands that is open; -1 for anything else. */
  tell(descriptor: number): number
  /**
   * Keeps an open file for the next `file` record, so that its descriptor may be closed at once. False if
   * there can be no more descriptors.
   */
  add(descriptor: number): boolean
  /**
   * Sends the begin of a batch with the `count` files that were kept first, past what Node has not written.
   * Gives how many bytes were sent, and with them all these files; 0 when the socket is full. What nobody reads
   * any more counts as sent.
   */
  send(batch: Uint8Array, count: number): number
}

interface Addon {
  readonly NativeEnclosing: { over(socket: number): NativeEnclosing }
  readonly NativeSockets: {
    open(options: NativeOptions, inherited: readonly NativeInherited[]): NativeSockets
  }
  readonly NativeServer: {
    start(
      sockets: NativeSockets,
      options: NativeOptions,
      environ: boolean,
      report: (report: NativeReport) => void,
    ): NativeServer
  }
  readonly NativeStatsd: {
    open(to: string, report: (report: NativeReport) => void): NativeStatsd
  }
  readonly NativePages: {
    open(
      bind: string,
      ask: (asked: NativeAsked) => NativePage,
      report: (report: NativeReport) => void,
    ): NativePages
  }
  checkOptions(options: NativeOptions): NativeChecked
  openEntries(options: NativeOptions, report: (report: NativeReport) => void): void
  writeEntry(severity: number, entry: string): void
  closeEntries(): void
  entriesLost(): number
  bounds(): NativeBounds
  attach(server: number, ring: () => void, number?: number): Omit<Port, 'lends'>
  nameThread(name: string): void
  dieWithParent(): void
  notifyManager(socket: string, message: string): void
  layoutVersion(): number
  nativeVersion(): string
}

let loaded: Addon | undefined

/**
 * Loaded when it is used first, and so by the main thread: a thread that is started ahead must not be the
 * one whose end unloads it.
 */
function addon(): Addon {
  loaded ??= loadAddon<Addon>()
  return loaded
}

/** Listens on each item of `options.bind`, by the socket that was inherited for it or by a new one. */
export function openSockets(
  options: NativeOptions,
  inherited: readonly NativeInherited[],
): NativeSockets {
  return addon().NativeSockets.open(options, inherited)
}

/**
 * Starts a server, which accepts connections once it is told to `open`. Requests wait until a worker
 * attaches. `environ`: the workers want the heads of requests as CGI names them.
 */
export function startServer(
  sockets: NativeSockets,
  options: NativeOptions,
  environ: boolean,
  report: (report: NativeReport) => void,
): NativeServer {
  return addon().NativeServer.start(sockets, options, environ, report)
}

/**
 * Opens the way of this process's error log to syslog, for all its threads. `report` hears of entries
 * that were lost. Throws like `startServer`.
 */
export function openEntries(options: NativeOptions, report: (report: NativeReport) => void): void {
  addon().openEntries(options, report)
}

/** Hands an entry to syslog, if the way there is open; nobody waits for it. */
export function writeEntry(severity: number, entry: string): void {
  addon().writeEntry(severity, entry)
}

/** Entries that were lost so far on their way to syslog. */
export function entriesLost(): number {
  return addon().entriesLost()
}

let bounds: NativeBounds | undefined

/** The bounds of the histograms of every server: the same arrays each time. */
export function nativeBounds(): NativeBounds {
  bounds ??= addon().bounds()
  return bounds
}

/** Has the last entries sent, which may take 2 s. */
export function closeEntries(): void {
  addon().closeEntries()
}

/** Opens a way to statsd. `report` hears of lines that were lost. Throws like `startServer`. */
export function openStatsd(to: string, report: (report: NativeReport) => void): NativeStatsd {
  return addon().NativeStatsd.open(to, report)
}

/**
 * Listens at `bind`, `HOST:PORT` or `unix:PATH`, whose file is for the user of this process. `ask` is called for
 * each request and must not throw. `report` hears of faults of the server. Throws like `startServer`.
 */
export function openPages(
  bind: string,
  ask: (asked: NativeAsked) => NativePage,
  report: (report: NativeReport) => void,
): NativePages {
  return addon().NativePages.open(bind, ask, report)
}

/** Checks what only native code reads of the options, and starts nothing. Throws like `startServer`. */
export function checkOptions(options: NativeOptions): NativeChecked {
  return addon().checkOptions(options)
}

/**
 * Attaches this thread as a worker of the server `server`; `ring` is called when to take. `number` is
 * one that no other worker has; without it, it is the next that is free.
 */
export function attach(server: number, ring: () => void, number?: number): Port {
  return Object.assign(addon().attach(server, ring, number), { lends: true })
}

/**
 * Files for the batches of this process, a worker whose end of its socket is the descriptor `socket`.
 *
 * @throws Error when there can be no more descriptors
 */
export function openEnclosing(socket: number): NativeEnclosing {
  return addon().NativeEnclosing.over(socket)
}

/** The addon's version. */
export function nativeVersion(): string {
  return addon().nativeVersion()
}

/** Names this thread for `top -H`. */
export function nameThread(name: string): void {
  addon().nameThread(name)
}

/** Has this process killed when the one that started it ends, where the system can do that. */
export function dieWithParent(): void {
  addon().dieWithParent()
}

/**
 * Sends a message to the service manager, whose socket `NOTIFY_SOCKET` names (sd_notify(3)).
 *
 * @throws Error when nobody takes it there
 */
export function notifyManager(socket: string, message: string): void {
  addon().notifyManager(socket, message)
}
