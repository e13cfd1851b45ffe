/** Loads the addon. No other file does. */

import { createRequire } from 'node:module'
import { MonodonError } from '../errors.ts'
import type { NativeOptions } from '../options/native.ts'
import { LAYOUT_VERSION } from './layout.ts'

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

/** A running server. */
export interface NativeServer {
  readonly id: number
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  drain(): void
  stop(): void
  release(): void
  stats(): NativeStats
}

/** A worker's end of the crossing. */
export interface NativePort {
  readonly index: number
  /** What `take` fills. */
  readonly inbound: ArrayBuffer
  /** What `submit` reads. */
  readonly outbound: ArrayBuffer
  /** Fills `inbound` with events and at most `most` requests; gives the number of records. */
  take(most: number): number
  /** Hands over `records` records in the first `bytes` of `outbound`, and the buffers they lend. */
  submit(bytes: number, records: number, lent?: readonly Uint8Array[]): void
  detach(): void
}

interface Addon {
  readonly NativeServer: {
    start(options: NativeOptions, report: (report: NativeReport) => void): NativeServer
  }
  attach(server: number, ring: () => void): NativePort
  nameThread(name: string): void
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

/** Binds and listens. Requests wait until a worker attaches. */
export function startServer(
  options: NativeOptions,
  report: (report: NativeReport) => void,
): NativeServer {
  return addon.NativeServer.start(options, report)
}

/** Attaches this thread as a worker of the server `server`; `ring` is called when to take. */
export function attach(server: number, ring: () => void): NativePort {
  return addon.attach(server, ring)
}

/** The addon's version. */
export function nativeVersion(): string {
  return addon.nativeVersion()
}

/** Names this thread for `top -H`. */
export function nameThread(name: string): void {
  addon.nameThread(name)
}
