import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { MonodonError } from '../errors.ts'

/** The file that says which process the server is (`--pid`). */
export class PidFile {
  private readonly path: string

  /**
   * Writes it; nothing for `''`.
   *
   * @throws MonodonError `MONODON_FILE_NOT_WRITABLE`
   */
  constructor(path: string) {
    this.path = path
    if (path === '') return
    try {
      writeFileSync(path, `${process.pid}\n`)
    } catch (error) {
      const detail = `--pid: ${error instanceof Error ? error.message : error}`
      throw new MonodonError('MONODON_FILE_NOT_WRITABLE', { detail })
    }
  }

  /** Removes it, unless it is another server's by now. */
  remove(): void {
    if (this.path === '') return
    try {
      if (readFileSync(this.path, 'utf8').trim() === String(process.pid)) rmSync(this.path)
    } catch {
      // Somebody else has removed it.
    }
  }
}
