/** Programs under test, started by the command as users do. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What a worker may run in: each behaves the same to a program. */
export const WORKER_CLASSES = ['thread', 'process'] as const
export type WorkerClass = (typeof WORKER_CLASSES)[number]

export interface ProgramOptions {
  workerClass?: WorkerClass
  flags?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** What follows `--`. */
  args?: readonly string[]
}

/** A program of `test/programs/apps` that runs. */
export class RunningProgram {
  readonly server: SpawnedServer

  private constructor(server: SpawnedServer) {
    this.server = server
  }

  static async start(
    name: string,
    { workerClass = 'thread', flags = [], env = {}, args = [] }: ProgramOptions = {},
  ): Promise<RunningProgram> {
    const all = [
      '--worker-class',
      workerClass,
      ...flags,
      ...(args.length > 0 ? ['--'] : []),
      ...args,
    ]
    return new RunningProgram(await SpawnedServer.start(`test/programs/apps/${name}`, all, env))
  }

  /** The body of the answer to a GET. */
  async text(target = '/'): Promise<string> {
    return (await fetchOnce(this.server, target)).body.toString()
  }

  async json(target = '/'): Promise<Record<string, unknown>> {
    return JSON.parse(await this.text(target))
  }

  /** What it has printed as `note: ...`, in order. */
  get notes(): string[] {
    return [...this.server.output.matchAll(/^note: (.*)$/gm)].map(([, text]) => text!)
  }

  async noted(note: string): Promise<void> {
    await until(`the note ${note}`, () => this.notes.includes(note)).catch((error: Error) => {
      throw new Error(`${error.message}; there are: ${this.notes.join(', ')}`)
    })
  }

  /** The line of the log that says how it is served. */
  get serving(): string {
    const [, line = ''] = /\[INFO\] (Serving .*)/.exec(this.server.output) ?? []
    return line
  }

  /** Ends it; fails if it does not stop as it should. */
  async stop(): Promise<void> {
    expect(await this.server.stop()).toBe(0)
  }
}

/** The program with which the test is over when `work` is. */
export async function withProgram(
  name: string,
  options: ProgramOptions,
  work: (program: RunningProgram) => Promise<void>,
): Promise<void> {
  const program = await RunningProgram.start(name, options)
  try {
    await work(program)
  } finally {
    await program.stop()
  }
}

export interface Run {
  readonly status: number | null
  readonly output: string
}

/** Runs the command until it ends. */
export function runCommand(name: string, flags: readonly string[] = []): Run {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [COMMAND, `test/programs/apps/${name}`, '--bind', '127.0.0.1:0', ...flags],
    { cwd: ROOT, encoding: 'utf8', timeout: 30_000 },
  )
  return { status, output: stdout + stderr }
}
