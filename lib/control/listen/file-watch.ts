/** Files of certificates that change while the server runs, as when they are renewed. */

import { stat } from 'node:fs/promises'

/** Between two looks. Renewed certificates have days; a look costs a call for each file. */
const LOOK_MS = 60_000

/** Looks from time to time whether one of some files has changed. It keeps no process alive. */
export class FileWatch {
  private files: readonly string[] = []
  private seen = Promise.resolve('')
  private readonly timer: NodeJS.Timeout

  /** `changed` is called after a change, once for each look that finds one. */
  constructor(changed: () => void, lookMs = LOOK_MS) {
    this.timer = setInterval(() => void this.look(changed), lookMs)
    this.timer.unref()
  }

  /** Watches these from now on. Resolves when it has seen how they are now. */
  async watch(files: readonly string[]): Promise<void> {
    this.files = files
    this.seen = stateOf(files)
    await this.seen
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private async look(changed: () => void): Promise<void> {
    const { files } = this
    if (files.length === 0) return
    const [before, now] = [await this.seen, await stateOf(files)]
    // Another list is watched meanwhile, or nothing has changed.
    if (files !== this.files || before === now) return
    this.seen = Promise.resolve(now)
    changed()
  }
}

/** What tells a file from what was there before, also behind symbolic links. */
async function stateOf(files: readonly string[]): Promise<string> {
  const states = files.map(async (file) => {
    const found = await stat(file).catch(() => undefined)
    return found === undefined ? '-' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`
  })
  return (await Promise.all(states)).join()
}
