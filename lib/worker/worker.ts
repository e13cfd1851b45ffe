import { Dispatch } from '../bridge/dispatch.ts'
import { attach } from '../bridge/native.ts'
import type { InterfaceKind } from '../interface/detect.ts'
import { logError } from '../log.ts'
import type { Options } from '../options/table.ts'
import { prepare } from './interfaces.ts'

/** What a worker has to know of its server. */
export interface ServerFacts {
  /** Id of the native server. */
  readonly server: number
  readonly serverName: string
  readonly serverPort: string
  readonly multiprocess: boolean
}

/** Runs an app on this thread. */
export class AppWorker {
  readonly kind: InterfaceKind
  readonly reason: string
  private readonly dispatch: Dispatch
  /** What the app asked to be waited for. */
  private readonly background = new Set<Promise<unknown>>()

  /** Attaches to the server and begins to answer. */
  constructor(app: unknown, facts: ServerFacts, options: Pick<Options, 'interface' | 'dev'>) {
    const { handle, kind, reason } = prepare(app, options.interface, {
      serverName: facts.serverName,
      serverPort: facts.serverPort,
      multiprocess: facts.multiprocess,
      waitUntil: (promise) => this.waitUntil(promise),
    })
    this.kind = kind
    this.reason = reason
    this.dispatch = new Dispatch((ring) => attach(facts.server, ring), handle, options)
  }

  /** Waits for what is pending, up to `timeoutMs` (0: not at all), and leaves the server. */
  async stop(timeoutMs: number): Promise<void> {
    if (timeoutMs > 0) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs)
      })
      await Promise.race([this.idle(), late])
      clearTimeout(timer)
    }
    this.dispatch.detach()
  }

  private async idle(): Promise<void> {
    await this.dispatch.whenIdle()
    while (this.background.size > 0) await Promise.allSettled(this.background)
  }

  private waitUntil(promise: Promise<unknown>): void {
    const watched: Promise<unknown> = promise
      .catch((error: unknown) => logError(error, { worker: this.dispatch.index }))
      .finally(() => this.background.delete(watched))
    this.background.add(watched)
  }
}
