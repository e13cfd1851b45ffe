/** What the soak tests do to servers under load, again and again. */
import { expect } from 'vitest'
import type { ServerStatus } from '../../lib/control/status.ts'
import { fetchOnce } from '../support/client.ts'
import { until } from '../support/wait.ts'
import { CHANGE_MS, type Scene } from './scene.ts'

/** Replaces all workers, each second time after an attempt with code that does not load. */
export async function reloads(scene: Scene, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    if (time % 2 === 1) await scene.reloadBroken()
    await scene.reload()
  }
}

/** One worker more and one less. */
export async function resizes(scene: Scene, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await scene.resize('SIGTTIN')
    await scene.resize('SIGTTOU')
  }
}

/** 4, 1, 4, and back to the number that there was. */
export async function scales(scene: Scene): Promise<void> {
  const { wanted } = await scene.status()
  for (const workers of [4, 1, 4, wanted]) await scene.scale(workers)
}

/** What a process is killed by. */
const SIGNALS = ['SIGKILL', 'SIGSEGV'] as const

/** Ruins workers in each way, most of them at a time; resolves when all have been replaced. */
export async function kills(scene: Scene): Promise<void> {
  const { restarts } = await scene.whole()
  const signals = scene.kind === 'thread' ? [] : SIGNALS
  await Promise.all([
    ...scene.ways.map((how) => ruin(scene, how)),
    ...signals.map((signal) => kill(scene, signal)),
  ])
  // By itself: what takes long to be noticed might be ended by another deed before that.
  await ruin(scene, 'loop')
  const after = await scene.whole()
  // A worker may have had two fates waiting for it, and died of one.
  expect(after.restarts.died - restarts.died).toBeGreaterThan(0)
  expect(after.restarts.hung - restarts.hung).toBeGreaterThan(0)
}

/** Asks until a worker has done it: one that dies of another deed takes the request along. */
async function ruin(scene: Scene, how: string): Promise<void> {
  const before = scene.deeds(how)
  for (let attempt = 0; scene.deeds(how) === before; attempt++) {
    const { status } = await fetchOnce(scene.server, `/ruin?how=${how}&attempt=${attempt}`)
    expect([502, 504]).toContain(status)
  }
}

/** Kills the worker that has been ready for the longest. */
async function kill(scene: Scene, signal: NodeJS.Signals): Promise<void> {
  let pid: number
  do {
    const isThere = (now: ServerStatus): boolean => now.workers.some(isReady)
    const { workers } = await scene.until('a worker to be ready', isThere)
    pid = workers.find(isReady)!.pid!
  } while (!send(pid, signal))
  await until('it to be gone', () => !scene.server.workers.includes(pid), CHANGE_MS)
}

/** False when the process has died meanwhile, of something else. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

const isReady = ({ state }: { readonly state: string }): boolean => state === 'ready'
