/** Loads the addon. No other file does. */

import { createRequire } from 'node:module'
import { MonodonError } from '../errors.ts'
import type { NativeOptions } from '../options/native.ts'
import { LAYOUT_VERSION } from './layout.ts'
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

/** What the arbiter watches of one worker. */
export interface NativePulse {
  readonly index: number
  /** Requests that it holds. */
  readonly held: number
  /** Requests that it has taken so far. */
  readonly taken: number
  /** Milliseconds since it last took or submitted. */
  readonly still: number
}

/** A worker in a process of its own. */
export interface NativeProcess {
  readonly index: number
  /** The worker's end of its socket: for the child; to be closed here then. */
  readonly descriptor: number
  /** Whether its connection has ended with the server, and not before. */
  readonly serverEnded: boolean
  /** Sends a message, JSON. */
  tell(message: string): void
  /** Sends it no more requests, and asks it to finish within `ms` milliseconds. */
  stop(ms: number): void
}

/** A running server. */
export interface NativeServer {
  readonly id: number
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  /** Has the server say that it is not ready. */
  leave(): void
  drain(): void
  stop(): void
  release(): void
  stats(): NativeStats
  pulses(): NativePulse[]
  /** Asks a worker for a sign of life. */
  probe(worker: number): void
  /** Takes everything from a worker that hangs: what it holds is answered 504. */
  abandon(worker: number): void
  /** `hear` gets the worker's messages, JSON, and `null` when its connection has ended. */
  attachProcess(number: number, hear: (message: string | null) => void): NativeProcess
  reopenLogs(): void
}

interface Addon {
  readonly NativeServer: {
    start(
      options: NativeOptions,
      environ: boolean,
      report: (report: NativeReport) => void,
    ): NativeServer
  }
  attach(server: number, ring: () => void, number?: number): Omit<Port, 'lends'>
  nameThread(name: string): void
  dieWithParent(): void
  layoutVersion(): number
  nativeVersion(): string
}

const require = createRequire(import.meta.url)

/** The C libraries that a platform's addon may be built for. */
const ABIS: Readonly<Record<string, readonly string[]>> = {
  linux: ['-gnu', '-musl'],
  win32: ['-msvc'],
}

function load(): Addon {
  const failures: string[] = []
  for (const abi of ABIS[process.platform] ?? ['']) {
    const file = `monodon.${process.platform}-${process.arch}${abi}.node`
    try {
      return require(`../${file}`) as Addon
    } catch (error) {
      failures.push(`${file}: ${error instanceof Error ? error.message.split('\n')[0] : error}`)
    }
  }
  throw new MonodonError('MONODON_NATIVE_MISSING', { detail: failures.join('; ') })
}

const addon = load()
if (addon.layoutVersion() !== LAYOUT_VERSION) {
  throw new MonodonError('MONODON_NATIVE_MISSING', {
    detail: `the addon speaks record layout ${addon.layoutVersion()}, this package ${LAYOUT_VERSION}`,
  })
}

/**
 * Binds and listens. Requests wait until a worker attaches. `environ`: the workers want the heads of
 * requests as CGI names them.
 */
export function startServer(
  options: NativeOptions,
  environ: boolean,
  report: (report: NativeReport) => void,
): NativeServer {
  return addon.NativeServer.start(options, environ, report)
}

/**
 * Attaches this thread as a worker of the server `server`; `ring` is called when to take. `number` is
 * one that no other worker has; without it, it is the next that is free.
 */
export function attach(server: number, ring: () => void, number?: number): Port {
  return Object.assign(addon.attach(server, ring, number), { lends: true })
}

/** The addon's version. */
export function nativeVersion(): string {
  return addon.nativeVersion()
}

/** Names this thread for `top -H`. */
export function nameThread(name: string): void {
  addon.nameThread(name)
}

/** Has this process killed when the one that started it ends, where the system can do that. */
export function dieWithParent(): void {
  addon.dieWithParent()
}
