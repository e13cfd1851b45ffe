import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Address } from './client.ts'
import { childrenOf, type Holdings, holdings, leaked } from './leaks.ts'
import { CONFORMANCE_APP, requirePython } from './python.ts'
import type { AppKind } from './server.ts'
import { PATIENCE_MS, until, within } from './wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** The command, as it is built. */
export const COMMAND = join(ROOT, 'dist/cli/main.js')

/** What the file of the error log holds, if the flags name one. */
function errorLog(flags: readonly string[], cwd: string): string {
  const at = flags.indexOf('--error-logfile')
  const file = at < 0 ? undefined : join(cwd, flags[at + 1]!)
  return file !== undefined && existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** A server in a process of its own, started by the command that users type. */
export class SpawnedServer implements Address {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly child: ChildProcess
  readonly #output: { text: string }

  private constructor(child: ChildProcess, port: number, output: { text: string }) {
    this.child = child
    this.port = port
    this.#output = output
  }

  /**
   * `monodon APP --bind 127.0.0.1:0 FLAGS` in the project's folder or another, once its workers are ready;
   * the flags may name another port.
   */
  static async start(
    app: string,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
    cwd: string = ROOT,
    command: string = COMMAND,
  ): Promise<SpawnedServer> {
    const isPlaced = flags.some((flag) => flag.startsWith('127.0.0.1:'))
    const bind = isPlaced ? [] : ['--bind', '127.0.0.1:0']
    const child = spawn(process.execPath, [command, app, ...bind, ...flags], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { text: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        output.text += bytes
      })
    const logged = () => output.text + errorLog(flags, cwd)
    const port = () => Number(/Listening at: https?:\/\/127\.0\.0\.1:(\d+)/.exec(logged())?.[1])
    await until(
      'the server to start',
      () => {
        if (child.exitCode !== null)
          throw new Error(`it ended with code ${child.exitCode}:\n${output.text}`)
        return port() > 0 && /Workers: \d/.test(logged())
      },
      2 * PATIENCE_MS,
    )
    return new SpawnedServer(child, port(), output)
  }

  /** The conformance app with one of the interfaces. */
  static conformance(
    kind: AppKind,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<SpawnedServer> {
    if (kind === 'python') return SpawnedServer.python(CONFORMANCE_APP, flags, env)
    const app = `test/support/apps/${kind}.ts:app`
    return SpawnedServer.start(app, ['--interface', kind, ...flags], env)
  }

  /** A Python app with the interpreter of the tests, unless the flags name another. */
  static python(
    app: string,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
    cwd: string = ROOT,
  ): Promise<SpawnedServer> {
    const clean = { PYTHONDONTWRITEBYTECODE: '1', ...env }
    return SpawnedServer.start(app, ['--python', requirePython(), ...flags], clean, cwd)
  }

  get pid(): number {
    return this.child.pid!
  }

  /** Ids of its worker processes. */
  get workers(): number[] {
    return childrenOf(this.pid).map(({ id }) => id)
  }

  /** What it holds now. */
  get holdings(): Holdings {
    return holdings(this.pid)
  }

  /** Waits until it holds no more than before, child processes included. */
  async released(before: Holdings): Promise<void> {
    const left = () => leaked(before, this.holdings)
    await until('the server to hold no more than before', () => left().length === 0).catch(() => {
      throw new Error(`left behind in the server: ${left().join(', ')}`)
    })
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** What it has written to stdout and stderr. */
  get output(): string {
    return this.#output.text
  }

  /** Log entries: each begins with a date in brackets; what follows a line is part of its entry. */
  entries(level: 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'): string[] {
    return this.output
      .split(/^(?=\[\d{4}-\d\d-\d\d )/m)
      .filter((entry) => entry.startsWith('[') && entry.includes(`[${level}]`))
  }

  /** Sends a signal and resolves with the exit code once it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', ms = PATIENCE_MS): Promise<number | null> {
    if (!this.running) return this.child.exitCode
    const exited = once(this.child, 'exit') as Promise<[number | null]>
    this.child.kill(signal)
    try {
      return (await within(ms, 'the server to exit', () => exited))[0]
    } finally {
      if (this.running) this.child.kill('SIGKILL')
    }
  }
}
