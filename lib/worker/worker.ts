import type { Server } from 'node:http'
import { Dispatch, type Span } from '../bridge/dispatch.ts'
import { CLOSE_CODES, type Explain } from '../bridge/exchange.ts'
import type { Attach } from '../bridge/port.ts'
import type { InterfaceKind } from '../interface/detect.ts'
import type { Handle, InterfaceContext } from '../interface/interface.ts'
import { logError } from '../log.ts'
import type { Options } from '../options/table.ts'
import { within } from '../within.ts'
import { prepare } from './interfaces.ts'
import type { Intake } from './program/program.ts'
import type { ServerFacts } from './protocol.ts'

/** What an app is run with. */
export interface WorkerSetup {
  readonly facts: ServerFacts
  readonly options: Pick<
    Options,
    'interface' | 'limitWebsocketBacklog' | 'maxRequests' | 'maxRequestsJitter'
  >
  readonly attach: Attach
  /** Called once `maxRequests` are taken. Who does not give it has no use for the option. */
  readonly onSpent?: () => void
  /** Answers for the app where it fails (`--dev`). */
  readonly explain?: Explain | undefined
  /** Why the app is called the way it is, if its value does not tell. */
  readonly reason?: string | undefined
}

/** Runs an app on this thread. */
export class AppWorker implements Intake {
  readonly kind: InterfaceKind
  readonly reason: string
  private readonly setup: WorkerSetup
  private readonly context: InterfaceContext
  private readonly span: Span | undefined
  private handle: Handle
  private dispatch: Dispatch
  private isAttached = true
  /** Whether it is to take requests. */
  private isOpen = true
  private leaving: Promise<void> | undefined
  /** What the app asked to be waited for. */
  private readonly background = new Set<Promise<unknown>>()

  /** Attaches to the server and begins to answer. */
  constructor(app: unknown, setup: WorkerSetup) {
    const { facts, options, onSpent } = setup
    this.setup = setup
    this.context = {
      serverName: facts.serverName,
      serverPort: facts.serverPort,
      multiprocess: facts.multiprocess,
      websocketBacklog: options.limitWebsocketBacklog,
      waitUntil: (promise) => this.waitUntil(promise),
    }
    const { handle, kind, reason } = prepare(app, options.interface, this.context)
    this.kind = kind
    this.reason = setup.reason ?? reason
    this.handle = handle
    this.span = spanOf(options, onSpent)
    this.dispatch = this.attach()
  }

  // -- what the program's server does

  get pending(): number {
    return this.dispatch.pending
  }

  /** Serves `server` from now on, in place of what was served before. */
  open(server: Server): void {
    this.isOpen = true
    this.handle = prepare(server, 'node', this.context).handle
    if (this.isAttached) this.dispatch.serveBy(this.handle)
    else this.dispatch = this.attach()
  }

  /** Takes no more requests, and leaves the server once nothing is pending. */
  close(): Promise<void> {
    this.isOpen = false
    this.leaving ??= this.leave()
    return this.leaving
  }

  failAll(): void {
    this.dispatch.failAll()
  }

  /** Waits for what is pending, up to `timeoutMs` (0: not at all), and leaves the server. */
  async stop(timeoutMs: number): Promise<void> {
    this.dispatch.retire()
    this.dispatch.closeSockets(CLOSE_CODES.serviceRestart, 'the worker is being replaced')
    if (timeoutMs > 0) await within(timeoutMs, this.idle())
    this.dispatch.cutTunnels()
    this.dispatch.detach()
  }

  /** The server has gone: no exchange is waited for any more. */
  lose(): void {
    this.dispatch.lose()
  }

  private async leave(): Promise<void> {
    this.dispatch.retire()
    await this.dispatch.whenIdle()
    this.dispatch.detach()
    this.isAttached = false
    this.leaving = undefined
    if (this.isOpen) this.dispatch = this.attach()
  }

  private attach(): Dispatch {
    this.isAttached = true
    const { attach, explain } = this.setup
    return new Dispatch(attach, this.handle, { explain }, this.span)
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

/** Draws how many requests a worker is to take; `undefined` for any number. */
function spanOf(
  { maxRequests, maxRequestsJitter }: Pick<Options, 'maxRequests' | 'maxRequestsJitter'>,
  onSpent: (() => void) | undefined,
): Span | undefined {
  if (maxRequests === 0 || onSpent === undefined) return undefined
  const more = Math.floor(Math.random() * (maxRequestsJitter + 1))
  return { requests: maxRequests + more, onSpent }
}
