/**
 * Python for the tests: an interpreter, and a virtual environment with the frameworks that they
 * serve. Where Python is missing the tests are skipped by name; with CI set they fail. TEST_PYTHON
 * names another interpreter than `python3`.
 */
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeWith } from './required.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const APPS = join(ROOT, 'test/support/apps/python')
/** What is installed into the environment. */
const REQUIREMENTS = [
  join(APPS, 'requirements.txt'),
  join(ROOT, 'examples/flask/requirements.txt'),
  join(ROOT, 'examples/django/requirements.txt'),
]
const INSTALL_MS = 300_000

/** The conformance app in Python, from the project's folder. */
export const CONFORMANCE_APP = 'test/support/apps/python/conformance.py:app'

/** Prints the interpreter's path if it can do what the tests and the worker need. */
const PROBE = `
import sys
if sys.version_info < (3, 9): sys.exit('python3 is ' + sys.version.split()[0] + ', 3.9 is needed')
try: import venv, ensurepip
except ImportError: sys.exit('python3 has no venv (on Debian: apt-get install python3-venv)')
print('%d.%d' % sys.version_info[:2], sys.executable)
`

const found = find()

function find(): { python: string; version: string } | { reason: string } {
  const command = process.env.TEST_PYTHON ?? 'python3'
  const { error, status, stdout, stderr } = spawnSync(command, ['-c', PROBE], {
    encoding: 'utf8',
    env: { ...process.env, VIRTUAL_ENV: undefined },
  })
  if (error !== undefined) return { reason: `there is no ${command}` }
  if (status !== 0) return { reason: stderr.trim() }
  const [version = '', ...path] = stdout.trim().split(' ')
  return { python: path.join(' '), version }
}

/** The path of the interpreter. Throws where there is none. */
export function requirePython(): string {
  if ('reason' in found) throw new Error(found.reason)
  return found.python
}

/** `describe` for tests of Python apps: skipped by name where Python is missing, failed in CI. */
export function describePython(title: string, suite: () => void): void {
  describeWith('reason' in found ? `no Python: ${found.reason}` : undefined, title, suite)
}

describePython.each =
  <T>(cases: readonly T[]) =>
  (title: string, suite: (value: T) => void): void => {
    for (const value of cases)
      describePython(title.replace('%i', String(value)), () => suite(value))
  }

let prepared: Promise<string> | undefined

/**
 * The interpreter of a virtual environment with the frameworks. It is made where it is missing or
 * older than the requirements; test files that run at the same time make it once.
 */
export function frameworks(): Promise<string> {
  prepared ??= pythonWith('python', REQUIREMENTS)
  return prepared
}

/** Gives a hook that calls `frameworks` the time for it. */
export const FRAMEWORKS_MS = INSTALL_MS + 30_000

/** The interpreter of a virtual environment with what these files list, in `test/.cache/NAME-VERSION`. */
export async function pythonWith(name: string, requirements: readonly string[]): Promise<string> {
  if ('reason' in found) throw new Error(found.reason)
  const folder = join(ROOT, 'test/.cache', `${name}-${found.version}`)
  const script = join(ROOT, 'test/support/make_environment.py')
  const args = [script, folder, ...requirements]
  await promisify(execFile)(found.python, args, { timeout: INSTALL_MS }).catch(
    (error: Error & { stderr?: string }) => {
      const why = error.stderr?.trim() || error.message
      throw new Error(`the virtual environment could not be made: ${why}`)
    },
  )
  return join(folder, 'bin/python')
}
