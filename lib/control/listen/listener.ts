import {
  type NativeFollowed,
  type NativeObservation,
  type NativeProcess,
  type NativePulse,
  type NativeReport,
  type NativeServer,
  type NativeStats,
  type NativeStatusCount,
  startServer,
} from '../../bridge/native.ts'
import { log, logError, logReport } from '../../log.ts'
import { toNative } from '../../options/native.ts'
import type { Options } from '../../options/table.ts'
import { within } from '../../within.ts'
import type { WorkerKind } from '../../worker/protocol.ts'
import type { Runtime } from '../runtime.ts'
import { Binds, type BoundAddress, urlOf } from './binds.ts'
import { FileWatch } from './file-watch.ts'
import { warnOfPlain } from './plain.ts'
import { startFailure } from './start-failure.ts'

/** Where a server is in its life. */
export type Phase = 'listening' | 'draining' | 'stopped'

/** The files that native code reads for TLS. */
function filesOfTls({ certfile, keyfile, caCerts, crl }: Options): string[] {
  return [...certfile, ...keyfile, caCerts, crl].filter((file) => file !== '')
}

/** The native server, as the main thread sees it. */
export class Listener {
  phase: Phase = 'listening'
  readonly binds: Binds
  private readonly native: NativeServer
  private options: Options
  private readonly certificates: FileWatch
  /** Resolves when the last connection has ended. */
  readonly stopped: Promise<void>
  private tellStopped!: () => void

  /**
   * Listens for workers of one runtime, on what is bound or on `options.bind`. Connections to sockets
   * that others have, too, are left to them until `open`; all others are accepted at once.
   *
   * @throws MonodonError that names what cannot be used and why: `MONODON_BIND_FAILED` for an
   * address, `MONODON_FILE_NOT_WRITABLE` for the access log, `MONODON_BAD_OPTION` for a proxy
   */
  constructor(options: Options, runtime: Runtime = 'javascript', given?: Binds) {
    const binds = given ?? new Binds(options)
    this.binds = binds
    this.stopped = new Promise((resolve) => {
      this.tellStopped = resolve
    })
    this.options = options
    try {
      this.native = startServer(binds.sockets, toNative(options), runtime === 'python', (report) =>
        this.hear(report),
      )
    } catch (error) {
      if (given === undefined) binds.close()
      throw startFailure(error)
    }
    this.certificates = new FileWatch(() => this.renewCertificates())
    this.certificates.watch(filesOfTls(options))
    this.warn()
    if (!binds.areShared) this.open()
  }

  /**
   * Goes by other options from now on: connections that are open read them at their next request.
   *
   * @throws MonodonError as when it is made; nothing has changed then
   */
  reconfigure(options: Options): void {
    try {
      this.native.reconfigure(toNative(options))
    } catch (error) {
      throw startFailure(error)
    }
    this.options = options
    this.certificates.watch(filesOfTls(options))
    this.warn()
  }

  private warn(): void {
    const plain = this.addresses.filter(({ isTls }) => !isTls)
    warnOfPlain(this.options, plain.map(urlOf))
  }

  /** Reads certificates and keys again. What cannot be used changes nothing. */
  private renewCertificates(): void {
    try {
      this.native.reconfigure(toNative(this.options))
      log('info', 'Certificates were read again: their files have changed')
    } catch (error) {
      logError(startFailure(error))
    }
  }

  /** By which workers attach. */
  get id(): number {
    return this.native.id
  }

  /** Accepts connections from now on. */
  open(): void {
    this.native.open()
  }

  /** Where it listens, with the ports that the kernel chose. */
  get addresses(): readonly BoundAddress[] {
    return this.binds.addresses
  }

  get urls(): string[] {
    return this.addresses.map(urlOf)
  }

  stats(): NativeStats {
    return this.native.stats()
  }

  /** What there is to watch of each worker. */
  pulses(): NativePulse[] {
    return this.native.pulses()
  }

  /** What there is to see of its requests, also of single ones or not. */
  observe(withRequests: boolean): NativeObservation {
    return this.native.observe(withRequests)
  }

  /** Has the times of requests measured from now on, or not. */
  setTimed(isTimed: boolean): void {
    this.native.setTimed(isTimed)
  }

  /** Tells statsd how long requests took since the last call, and gives their statuses; see `NativeServer.tally`. */
  tally(...told: Parameters<NativeServer['tally']>): NativeStatusCount[] {
    return this.native.tally(...told)
  }

  /** Says by which interface the app is called. */
  setInterface(kind: WorkerKind): void {
    this.native.setInterface(kind)
  }

  /** Has all requests that end gathered for `followed`, or not. */
  setFollowed(isFollowed: boolean): void {
    this.native.setFollowed(isFollowed)
  }

  /** What was gathered since the last call. */
  followed(): NativeFollowed {
    return this.native.followed()
  }

  /** Asks a worker for a sign of life. */
  probe(worker: number): void {
    this.native.probe(worker)
  }

  /** Takes everything from a worker that hangs: what it holds is answered 504. */
  abandon(worker: number): void {
    this.native.abandon(worker)
  }

  /** Makes room for a worker in a process; see `NativeServer.attachProcess`. */
  attachProcess(number: number, hear: (message: string | null) => void): NativeProcess {
    return this.native.attachProcess(number, hear)
  }

  /** Opens the access log anew. */
  reopenLogs(): void {
    this.native.reopenLogs()
  }

  /**
   * Tells whoever asks for its health that it is not ready, and goes on serving. Resolves after the
   * drain-delay, or with `skip`.
   */
  async leave(skip: Promise<unknown> = new Promise(() => {})): Promise<void> {
    this.native.leave()
    const { drainDelay } = this.options
    if (drainDelay > 0) await within(drainDelay, skip)
  }

  /** Stops gracefully: resolves when everything begun is finished, or was cut at the timeout. */
  async drain(): Promise<void> {
    this.binds.close()
    if (this.binds.areShared) this.native.retire()
    else this.native.drain()
    await this.whenStopped()
  }

  /**
   * Stops gracefully, but keeps the sockets: what is not accepted is left to those who have them, too,
   * or to the listener that follows this one.
   */
  async retire(): Promise<void> {
    this.native.retire()
    await this.whenStopped()
  }

  /** Stops at once: connections are cut. */
  async stop(): Promise<void> {
    this.binds.close()
    this.native.stop()
    await this.whenStopped()
  }

  /** Forgets the native server. Workers must have left. */
  release(): void {
    this.native.release()
  }

  private async whenStopped(): Promise<void> {
    // Native reports do not keep the event loop alive; this wait does.
    const alive = setInterval(() => {}, 60_000)
    await this.stopped
    clearInterval(alive)
    this.certificates.stop()
  }

  private hear({ phase, code, peer, detail }: NativeReport): void {
    if (phase !== undefined) {
      this.phase = phase
      if (phase === 'stopped') this.tellStopped()
      return
    }
    const text = [peer, detail].filter(Boolean).join(': ')
    logReport({ code, detail: text })
  }
}
