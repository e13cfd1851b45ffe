/** A worker as the arbiter sees it, whether it is a thread or a process. */

import { errorText, MonodonError } from '../../errors.ts'
import { within } from '../../within.ts'
import type { FromWorker, LoadedFile } from '../../worker/protocol.ts'

/** Where a worker is in its life. */
export type WorkerState = 'booting' | 'ready' | 'draining' | 'hung' | 'stopped'

/** What a worker says when it answers: for the app, or for want of it. */
export type Ready = Extract<FromWorker, { type: 'ready' | 'broken' }>

/** Is told which files a worker has loaded (`--reload`). */
export type OnLoaded = (files: readonly LoadedFile[]) => void

export interface SupervisedWorker {
  /** Counts from 1. Native code knows it by the same number. */
  readonly number: number
  state: WorkerState
  /** Of its process; `undefined` for a thread. */
  readonly pid: number | undefined
  /** Whether the server has ended before it; then its own end is no loss. */
  readonly serverEnded: boolean
  /** Resolves when it answers; rejects when the worker could not boot. */
  readonly ready: Promise<Ready>
  /** Resolves when it has ended, with how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>
  /** Resolves when it has served as many requests as it should. */
  readonly spent: Promise<void>
  /** Lets it finish what it holds, up to `timeoutMs`; then it is killed. Resolves when it has ended. */
  stop(timeoutMs: number): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
  /**
   * Bytes of memory that it holds: of a process what is resident, of a thread its heap and the buffers
   * outside of it. `undefined` if that cannot be had, as of a thread that is busy.
   */
  memory(): Promise<number | undefined>
  /**
   * Share of the time since the last call in which it was busy, 0 to 1; `undefined` if that cannot be
   * had, as of a process.
   */
  utilization(): number | undefined
  /** Its error log was moved away. */
  reopenLogs(): void
}

/** A worker that was told to stop and does not is killed after this many milliseconds more. */
export const KILL_AFTER_MS = 1000

/** A worker that could not load its app. The message is for people. */
export class BootFailure extends Error {
  override readonly name = 'BootFailure'
}

/** Of a worker that has ended before it was ready; `how` is its exit code, or the signal that ended it. */
export function endedWhileLoading(how: string): BootFailure {
  return new BootFailure(errorText(new MonodonError('MONODON_APP_EXITED', { detail: how })))
}

/**
 * Has a worker finish what it holds, up to `timeoutMs`, and kills it then; one that has not booted
 * holds nothing. `ask` tells it.
 */
export async function stopWorker(
  worker: SupervisedWorker,
  timeoutMs: number,
  ask: () => void,
): Promise<void> {
  if (worker.state === 'stopped') return
  const { state } = worker
  if (state === 'ready') ask()
  worker.state = 'draining'
  // One that has a successor may be finishing already.
  const isBooted = state === 'ready' || state === 'draining'
  await within(isBooted ? timeoutMs + KILL_AFTER_MS : 0, worker.ended)
  await worker.kill()
}
