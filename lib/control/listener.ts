import {
  type NativeReport,
  type NativeServer,
  type NativeStats,
  startServer,
} from '../bridge/native.ts'
import { ERRORS, type ErrorCode, MonodonError } from '../errors.ts'
import { log, logFault } from '../log.ts'
import { toNative } from '../options/native.ts'
import type { Options } from '../options/table.ts'

/** Where a server is in its life. */
export type Phase = 'listening' | 'draining' | 'stopped'

/** The native server, as the main thread sees it. */
export class Listener {
  phase: Phase = 'listening'
  private readonly native: NativeServer
  private readonly stopped: Promise<void>
  private tellStopped!: () => void

  /**
   * Binds and listens.
   *
   * @throws MonodonError `MONODON_BIND_FAILED` that names the address and what is wrong with it
   */
  constructor(options: Options) {
    this.stopped = new Promise((resolve) => {
      this.tellStopped = resolve
    })
    try {
      this.native = startServer(toNative(options), (report) => this.hear(report))
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      throw new MonodonError('MONODON_BIND_FAILED', { detail })
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
    if (code !== undefined && code in ERRORS) logFault(code as ErrorCode, {}, text)
    else log('error', `${code}: ${text}`)
  }
}
