/** A command in a terminal, as the job of a shell. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { childrenOf } from './leaks.ts'
import { requirePython } from './python.ts'
import { COMMAND } from './spawned.ts'
import { until } from './wait.ts'

const SHELL = fileURLToPath(new URL('./terminal.py', import.meta.url))
/** Makes the command throw where nobody catches it. */
const CRASHES = "data:text/javascript,process.on('SIGUSR2', () => { throw new Error('crashed') })"

/** The command as the job of a shell in a terminal. */
export class Terminal {
  readonly child: ChildProcess
  output = ''
  /** What the shell has said of its job. */
  said = ''

  constructor(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const node = [process.execPath, '--import', CRASHES]
    this.child = spawn(requirePython(), [SHELL, ...node, COMMAND, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    })
    this.child.stdout!.on('data', (data) => {
      this.output += data
    })
    this.shell.on('data', (data) => {
      this.said += data
    })
    this.shell.on('error', () => {}) // it is killed in the end
  }

  get shell(): Duplex {
    return this.child.stdio[3] as Duplex
  }

  /** The command's process. */
  get job(): number {
    const [leader] = childrenOf(this.child.pid!)
    return childrenOf(leader!.id)[0]!.id
  }

  /** Sends a signal to the command alone. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.job, signal)
  }

  type(keys: string): void {
    this.child.stdin!.write(keys)
  }

  /** Makes its window so large. */
  resize(columns: number, rows: number): void {
    this.shell.write(`size:${columns}x${rows}\n`)
  }

  async shows(text: string | RegExp): Promise<void> {
    const found = () =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output)
    await until(`${text} in the terminal`, found).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`)
    })
  }

  async says(text: string): Promise<void> {
    await until(`the shell to say ${text}`, () => this.said.includes(`${text}\n`)).catch(
      (error: Error) => {
        throw new Error(`${error.message}; it said ${this.said}\n${this.output}`)
      },
    )
  }

  /** Waits until the terminal is in this mode. */
  async mode(mode: 'raw' | 'cooked'): Promise<void> {
    await until(`the terminal to be ${mode}`, async () => {
      this.said = this.said.replaceAll(/(?:raw|cooked)\n/g, '')
      this.shell.write('mode\n')
      await until('an answer', () => /(?:raw|cooked)\n/.test(this.said))
      return this.said.includes(mode)
    })
  }
}
