/** The tests of the Python worker, which are in Python: each file against a server of its own. */

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describePython, requirePython } from '../support/python.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const FILES = readdirSync(FOLDER).filter((name) => /^test_\w+\.py$/.test(name))
/** What hangs is ended after this; it says nothing of how fast a file should be. */
const TIMEOUT_MS = 240_000

describePython('the Python worker', () => {
  test.each(FILES)('%s', { timeout: TIMEOUT_MS + 10_000 }, async (file) => {
    const args = ['-W', 'error', '-m', 'unittest', file.replace(/\.py$/, '')]
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    const ended = await promisify(execFile)(requirePython(), args, {
      cwd: FOLDER,
      env,
      timeout: TIMEOUT_MS,
    }).catch((error: Error & { stdout: string; stderr: string }) => {
      throw new Error(`${error.message}\n${error.stderr}`)
    })
    // unittest reports on stderr. A file without tests is a mistake.
    const summary = /Ran (\d+) tests? in [\s\S]*\nOK/.exec(ended.stderr)
    expect(Number(summary?.[1] ?? 0), ended.stderr).toBeGreaterThan(0)
  })
})
