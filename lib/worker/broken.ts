import { Dispatch } from '../bridge/dispatch.ts'
import type { Exchange, Explain } from '../bridge/exchange.ts'
import { encodeHeader } from '../bridge/header-block.ts'
import type { Attach } from '../bridge/port.ts'

const STATUS = 500
const PLAIN_TEXT = encodeHeader('content-type', 'text/plain; charset=utf-8')
const NOT_LOADED = 'The app cannot be loaded. The log of the server says why.\n'

/** Answers for an app that could not be loaded, until a worker follows that could (`--reload`). */
export class BrokenWorker {
  private readonly dispatch: Dispatch

  /** Attaches to the server and begins to answer: with the error where `explain` shows it. */
  constructor(error: unknown, attach: Attach, explain: Explain | undefined) {
    const answer = (exchange: Exchange): void =>
      explain === undefined
        ? exchange.respond(STATUS, PLAIN_TEXT, NOT_LOADED)
        : explain(exchange, error, STATUS)
    this.dispatch = new Dispatch(attach, answer, {})
  }

  /** Leaves the server. It never holds a request for longer than the call. */
  async stop(): Promise<void> {
    this.dispatch.detach()
  }

  /** The server has gone. */
  lose(): void {
    this.dispatch.lose()
  }
}
