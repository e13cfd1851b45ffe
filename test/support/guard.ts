import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'

/** The variable by which a guard knows whose process is whose: children inherit it. */
const MARK = 'TEST_PROCESS'

/**
 * Reads until its input ends, then kills all whose environment has the mark (proc(5): entries end with NUL).
 * In the background, so that it is no child of the test process, whose children some tests count.
 */
const SCRIPT = `{
  cat
  grep -lzx "${MARK}=$1" /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -KILL
} <&3 &`

/** Ends processes when the one that has made it is over, however that ends. */
export interface Guard {
  /** What the environment of those is to have that it is to end. */
  readonly mark: Readonly<Record<typeof MARK, string>>
  /** Ends them now. Otherwise they end with this process. */
  end(): void
}

/**
 * Starts a guard. vitest ends a test process that hangs by a signal: then nothing runs there that could
 * end servers, but the kernel closes its pipes. Linux only: it reads `/proc`.
 */
export function startGuard(): Guard {
  const id = randomUUID()
  // It must not have the mark itself, nor hear what a terminal tells the test run.
  const { [MARK]: _, ...env } = process.env
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'guard', id], {
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  child.unref()
  // Not its standard input, which Node closes when the shell in the foreground ends.
  const pipe = child.stdio[3] as Socket
  pipe.unref()
  return { mark: { [MARK]: id }, end: () => pipe.destroy() }
}
