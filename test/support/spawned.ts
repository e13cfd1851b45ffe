import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Address } from './client.ts'
import type { Interface } from './server.ts'
import { until, within } from './wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

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

  /** `monodon APP --bind 127.0.0.1:0 FLAGS`, once its workers are ready. */
  static async start(
    app: string,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<SpawnedServer> {
    const child = spawn(
      process.execPath,
      ['dist/cli/main.js', app, '--bind', '127.0.0.1:0', ...flags],
      { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const output = { text: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        output.text += bytes
      })
    const port = () => Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(output.text)?.[1])
    await until(
      'the server to start',
      () => {
        if (child.exitCode !== null) throw new Error(`it did not start:\n${output.text}`)
        return port() > 0 && /Workers: \d/.test(output.text)
      },
      30_000,
    )
    return new SpawnedServer(child, port(), output)
  }

  /** The conformance app with one of the interfaces. */
  static conformance(
    kind: Interface,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<SpawnedServer> {
    const app = `test/support/apps/${kind}.ts:app`
    return SpawnedServer.start(app, ['--interface', kind, ...flags], env)
  }

  get pid(): number {
    return this.child.pid!
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** What it has written to stdout and stderr. */
  get output(): string {
    return this.#output.text
  }

  /** Log entries: each begins with a date in brackets; what follows a line is part of its entry. */
  entries(level: 'INFO' | 'WARNING' | 'ERROR'): string[] {
    return this.output
      .split(/^(?=\[\d{4}-\d\d-\d\d )/m)
      .filter((entry) => entry.startsWith('[') && entry.includes(`[${level}]`))
  }

  /** Sends a signal and resolves with the exit code once it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', ms = 15_000): Promise<number | null> {
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
