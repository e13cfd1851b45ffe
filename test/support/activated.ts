import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { requirePython } from './python.ts'
import { COMMAND } from './spawned.ts'
import { PATIENCE_MS, until } from './wait.ts'

const ACTIVATE = fileURLToPath(new URL('activate.py', import.meta.url))

/** A server that was started as systemd starts one that is activated by sockets. */
export class ActivatedServer {
  readonly child: ChildProcess
  output = ''

  /** `sockets` as test/support/activate.py takes them; `args` is all that follows `monodon`. */
  constructor(
    sockets: readonly string[],
    args: readonly string[],
    cwd: string,
    env: NodeJS.ProcessEnv = {},
  ) {
    const command = [process.execPath, COMMAND, ...args]
    this.child = spawn(requirePython(), [ACTIVATE, ...sockets, '--', ...command], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (bytes: Buffer) => {
        this.output += bytes
      })
  }

  /** What the sockets are, in their order: ports, or paths. */
  get names(): string[] {
    return this.output.split('\n').slice(0, -1)
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Waits until the workers are ready. */
  async ready(): Promise<this> {
    await until(
      'the server to start',
      () => {
        if (this.hasEnded) throw new Error(`it did not start:\n${this.output}`)
        return this.output.includes('Workers: ')
      },
      2 * PATIENCE_MS,
    )
    return this
  }

  /** Waits for its end, and gives its exit code. */
  async ended(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) this.child.kill(signal)
    await until('the server to end', () => this.hasEnded).finally(() => this.child.kill('SIGKILL'))
    return this.child.exitCode
  }
}
