import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
   * @throws MonodonError `MONODON_FILE_NOT_WRITABLE`; `MONODON_PID_FILE_TAKEN`
   */
  constructor(path: string, predecessor?: Predecessor) {
    this.path = path
    if (path === '') return
    if (predecessor?.isThere === true) {
      this.path = `${path}.2`
      void predecessor.left.then(() => this.rename(path))
    }
    const other = writerOf(this.path)
    if (other !== undefined) {
      const detail = `${this.path} is that of process ${other}`
      throw new MonodonError('MONODON_PID_FILE_TAKEN', { detail })
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

/**
 * The other process that runs and has written the file: with two servers and one file, nobody could tell
 * them apart by it, and the first to end would remove it. `undefined` for a file that was left behind.
 */
function writerOf(path: string): number | undefined {
  try {
    const file = statSync(path)
    if (!file.isFile()) return undefined
    const pid = Number(readFileSync(path, 'latin1'))
    if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return undefined
    return runs(pid) && !isYounger(pid, file.mtimeMs) ? pid : undefined
  } catch {
    return undefined
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Of what `/proc` tells in ticks, on every architecture. */
const TICKS_PER_SECOND = 100

/**
 * Whether a process has begun only after `time` (Unix, in ms), or waits for its parent to take note of its
 * end. So a number that the system has given out again, as happens in a container that starts anew, is not
 * taken for a server. `false` where that cannot be told.
 */
function isYounger(pid: number, time: number): boolean {
  if (process.platform !== 'linux') return false
  // The name of the program, in parentheses, may hold spaces (proc(5)).
  const [, state = '', start = ''] =
    /^.*\) (\S)(?: \S+){18} (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
  const age = parseFloat(readFileSync('/proc/uptime', 'latin1')) - Number(start) / TICKS_PER_SECOND
  // One second: clocks are read at different times.
  return state === 'Z' || age + 1 < (Date.now() - time) / 1000
}
