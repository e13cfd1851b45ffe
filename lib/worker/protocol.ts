/** What the arbiter and a worker thread say to each other. */

import type { InterfaceKind } from '../interface/detect.ts'
import type { Options } from '../options/table.ts'
import type { ServerFacts } from './worker.ts'

/** What a worker thread is started with. */
export interface WorkerData {
  /** As `top -H` shows the thread. */
  readonly name: string
  /** `module:name` of the app. */
  readonly app: string
  readonly cwd: string
  readonly facts: ServerFacts
  readonly options: Options
}

/** From a worker. */
export type FromWorker =
  | { readonly type: 'ready'; readonly kind: InterfaceKind; readonly reason: string }
  /** It could not boot; `text` says why, with the stack where the app threw. */
  | { readonly type: 'failed'; readonly text: string }

/** To a worker. */
export interface ToWorker {
  readonly type: 'stop'
  /** How long to wait for what is pending, in milliseconds. */
  readonly timeoutMs: number
}
