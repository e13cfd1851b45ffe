import type { Explain } from './exchange.ts'
import type { Outbox } from './outbox.ts'

/** Why WebSockets are closed. */
export type Dismissal = readonly [code: number, reason: string]

/** What an exchange of the class `Kept` needs from the worker it runs in. */
export interface Home<Kept> {
  readonly outbox: Outbox
  /** The worker's number, for log lines. */
  readonly index: number
  /** Answers for the app where it failed before the head (`--dev`). */
  readonly explain: Explain | undefined
  /** With what a WebSocket is closed that opens from now on: the worker is to leave. */
  readonly dismissal: Dismissal | undefined
  /** Records were written: they have to be submitted soon. */
  wrote(): void
  /** The exchange needs events although its app has answered. */
  keep(exchange: Kept): void
  /** The exchange with this id was kept for events, and needs no more of them. */
  settled(id: number): void
}
