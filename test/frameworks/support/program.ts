import { expect } from 'vitest'
import { SpawnedServer } from '../../support/spawned.ts'

export const WORKER_CLASSES = ['thread', 'process'] as const
export type WorkerClass = (typeof WORKER_CLASSES)[number]

export interface ProgramOptions {
  env?: NodeJS.ProcessEnv
  flags?: readonly string[]
}

/**
 * Runs a program of `test/frameworks/programs` by the command while `work` talks to it. It must log no
 * error, and stop as it should.
 */
export async function withProgram(
  name: string,
  workerClass: WorkerClass,
  work: (server: SpawnedServer) => Promise<void>,
  { env = {}, flags = [] }: ProgramOptions = {},
): Promise<void> {
  const all = ['--worker-class', workerClass, ...flags]
  const server = await SpawnedServer.start(`test/frameworks/programs/${name}`, all, env)
  try {
    await work(server)
    expect(server.entries('ERROR')).toEqual([])
  } finally {
    expect(await server.stop()).toBe(0)
  }
}
