import {
  type NativeProcess,
  type NativePulse,
  type NativeReport,
  type NativeServer,
  type NativeStats,
  startServer,
} from '../bridge/native.ts'
import { isErrorCode, MonodonError } from '../errors.ts'
import { log, logFault } from '../log.ts'
import { toNative } from '../options/native.ts'
import type { Options } from '../options/table.ts'
import type { Runtime } from './runtime.ts'

/** Where a server is in its life. */
export type Phase = 'listening' | 'draining' | 'stopped'

/** The native server, as the main thread sees it. */
export class Listener {
  phase: Phase = 'listening'
  private readonly native: NativeServer
  private readonly drainDelayMs: number
  /** Resolves when the last connection has ended. */
  readonly stopped: Promise<void>
  private tellStopped!: () => void

  /**
   * Binds and listens, for workers of one runtime.
   *
   * @throws MonodonError that names what cannot be used and why: `MONODON_BIND_FAILED` for an
   * address, `MONODON_FILE_NOT_WRITABLE` for the access log, `MONODON_BAD_OPTION` for a proxy
   */
  constructor(options: Options, runtime: Runtime = 'javascript') {
    this.stopped = new Promise((resolve) => {
      this.tellStopped = resolve
    })
    this.drainDelayMs = options.drainDelay
    try {
      this.native = startServer(toNative(options), runtime === 'python', (report) =>
        this.hear(report),
      )
    } catch (error) {
      throw startFailure(error instanceof Error ? error.message : String(error))
    }
  }

  /** By which workers attach. */
  get id(): number {
    return this.native.id
  }

  /** The addresses with the ports that the kernel chose. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.native.addresses
  }

  get urls(): string[] {
    return this.addresses.map(
      ({ host, port }) => `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    )
  }

  stats(): NativeStats {
    return this.native.stats()
  }

  /** What there is to watch of each worker. */
  pulses(): NativePulse[] {
    return this.native.pulses()
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
  async leave(skip?: Promise<unknown>): Promise<void> {
    this.native.leave()
    if (this.drainDelayMs === 0) return
    let timer: NodeJS.Timeout | undefined
    const delay = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.drainDelayMs)
    })
    await Promise.race([delay, skip ?? delay])
    clearTimeout(timer)
  }

  /** Stops gracefully: resolves when everything begun is finished, or was cut at the timeout. */
  async drain(): Promise<void> {
    this.native.drain()
    await this.whenStopped()
  }

  /** Stops at once: connections are cut. */
  async stop(): Promise<void> {
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
  }

  private hear({ phase, code, peer, detail }: NativeReport): void {
    if (phase !== undefined) {
      this.phase = phase
      if (phase === 'stopped') this.tellStopped()
      return
    }
    const text = [peer, detail].filter(Boolean).join(': ')
    if (code !== undefined && isErrorCode(code)) logFault(code, {}, text)
    else log('error', `${code}: ${text}`)
  }
}

/** Native code puts the code before the text. */
function startFailure(text: string): MonodonError {
  const [, code = '', detail = text] = /^(MONODON_\w+): (.*)$/s.exec(text) ?? []
  return new MonodonError(isErrorCode(code) ? code : 'MONODON_BIND_FAILED', { detail })
}
