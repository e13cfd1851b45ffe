/** h2spec, the conformance suite of HTTP/2 and HPACK, in the version that go.mod names. */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Address } from '../support/client.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const PACKAGE = 'github.com/summerwind/h2spec/cmd/h2spec'
const GO = process.env.TEST_GO ?? 'go'

/** What this machine lacks to run h2spec. */
export function missing(): string | undefined {
  try {
    execFileSync(GO, ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return `${GO} does not run; TEST_GO names another`
  }
}

/** The program, built when go.sum has changed. */
export function build(): string {
  const sum = createHash('sha256').update(readFileSync(join(FOLDER, 'go.sum')))
  const program = join(FOLDER, '../.cache', `h2spec-${sum.digest('hex').slice(0, 16)}`)
  if (!existsSync(program)) execFileSync(GO, ['build', '-o', program, PACKAGE], { cwd: FOLDER })
  return program
}

export interface Verdict {
  readonly tests: number
  readonly failed: number
  /** What it has printed of the failures. */
  readonly failures: string
}

/**
 * Runs it on a server.
 *
 * @param args sections, all without any; `--tls` and `--insecure` for a server with TLS
 */
export function h2spec(
  program: string,
  { host, port }: Address,
  args: readonly string[] = [],
): Promise<Verdict> {
  // A busy machine is slow to close connections, which is what most tests wait for.
  const all = ['--host', host, '--port', String(port), '--timeout', '20', ...args]
  return new Promise((resolve, reject) => {
    execFile(program, all, { maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      const counts = /^(\d+) tests, \d+ passed, (\d+) skipped, (\d+) failed$/m.exec(stdout)
      if (counts === null) {
        reject(error ?? new Error(`h2spec has not finished: ${stdout}${stderr}`))
        return
      }
      const [, tests, skipped, failed] = counts.map(Number) as [number, number, number, number]
      const failures = stdout.slice(Math.max(0, stdout.indexOf('Failures:')))
      resolve({ tests: tests - skipped, failed, failures: failed > 0 ? failures : '' })
    })
  })
}
