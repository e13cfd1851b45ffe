/** A server's life, and the promises of those that wait for what comes next in it. */

import type { ServerState } from './status.ts'

export class Lifetime {
  state: ServerState = 'booting'
  /** Resolves when the workers have booted, or when the server ends before that. */
  readonly started: Promise<void>
  /** Resolves when the server has been told to end. */
  readonly ending: Promise<undefined>
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
  tellStarted!: () => void
  private tellEnding!: () => void
  private tellEnded!: () => void
  private tellFailed!: (error: Error) => void

  constructor() {
    this.started = new Promise((resolve) => {
      this.tellStarted = resolve
    })
    this.ending = new Promise((resolve) => {
      this.tellEnding = () => resolve(undefined)
    })
    this.ended = new Promise((resolve, reject) => {
      this.tellEnded = resolve
      this.tellFailed = reject
    })
    // Whoever waits for it hears of it.
    this.ended.catch(() => {})
  }

  /** Whether its workers have booted, and it was not told to end. */
  get isRunning(): boolean {
    return this.state === 'ready' || this.state === 'retired'
  }

  /** It has ended when `work` is done; a quick end overtakes a slow one. */
  end(work: Promise<void>): Promise<void> {
    this.state = 'draining'
    this.tellEnding()
    // Who waits for the start is told that there is none.
    this.tellStarted()
    work.then(this.tellEnded, this.tellFailed)
    return this.ended
  }
}
