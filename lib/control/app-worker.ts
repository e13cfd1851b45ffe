/** A worker as the arbiter sees it, whether it is a thread or a process. */

import type { FromWorker } from '../worker/protocol.ts'

/** Where a worker is in its life. */
export type WorkerState = 'booting' | 'ready' | 'draining' | 'hung' | 'stopped'

/** What a worker says when it is ready. */
export type Ready = Extract<FromWorker, { type: 'ready' }>

export interface SupervisedWorker {
  /** Counts from 1. Native code knows it by the same number. */
  readonly number: number
  state: WorkerState
  /** Resolves when the app is loaded and answers; rejects when the worker could not boot. */
  readonly ready: Promise<Ready>
  /** Resolves when it has ended, with how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>
  /** Resolves when it has served as many requests as it should. */
  readonly spent: Promise<void>
  /** Lets it finish what it holds, up to `timeoutMs`; then it is killed. Resolves when it has ended. */
  stop(timeoutMs: number): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
  /** Its error log was moved away. */
  reopenLogs(): void
}

/** A worker that was told to stop and does not is killed after this many milliseconds more. */
export const KILL_AFTER_MS = 1000

/** A worker that could not load its app. The message is for people. */
export class BootFailure extends Error {
  override readonly name = 'BootFailure'
}

/** Resolves after `ms` milliseconds, or with `event`, whichever is first. */
export async function within(ms: number, event: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([event, late])
  clearTimeout(timer)
}
