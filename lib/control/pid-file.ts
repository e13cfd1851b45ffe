import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { MonodonError, messageOf } from '../errors.ts'
import { log } from '../log.ts'
import type { Predecessor } from './upgrade/predecessor.ts'

/** The file that says which process the server is (`--pid`). */
export class PidFile {
  private path: string

  /**
   * Writes it; nothing for `''`. While an earlier server is there, whose file it is, `.2` is added to
   * the name, as Gunicorn does.
   *
   * @throws MonodonError `MONODON_FILE_NOT_WRITABLE`
   */
  constructor(path: string, predecessor?: Predecessor) {
    this.path = path
    if (path === '') return
    if (predecessor?.isThere === true) {
      this.path = `${path}.2`
      void predecessor.left.then(() => this.rename(path))
    }
    try {
      writeFileSync(this.path, `${process.pid}\n`)
    } catch (error) {
      const detail = `--pid: ${messageOf(error)}`
      throw new MonodonError('MONODON_FILE_NOT_WRITABLE', { detail })
    }
  }

  private rename(path: string): void {
    try {
      renameSync(this.path, path)
      this.path = path
    } catch (error) {
      log('error', `--pid: ${messageOf(error)}`)
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
