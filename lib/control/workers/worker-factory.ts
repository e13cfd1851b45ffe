import type { Options } from '../../options/table.ts'
import type { WorkerData } from '../../worker/protocol.ts'
import type { Listener } from '../listen/listener.ts'
import type { Runtime } from '../runtime.ts'
import type { OnLoaded, SupervisedWorker } from './app-worker.ts'
import { factsOf } from './facts.ts'
import { programOf } from './program.ts'
import { WorkerProcess } from './worker-process.ts'
import { WorkerThread } from './worker-thread.ts'

/** What workers are made for. */
export interface PoolSetup {
  readonly listener: Listener
  readonly runtime: Runtime
  /** The folder of the app. */
  readonly cwd: string
  readonly data: Omit<WorkerData, 'name' | 'number' | 'staysBroken'>
  /** Is told which files the workers have loaded, if they are asked to tell (`--reload`). */
  readonly onLoaded?: OnLoaded | undefined
}

/** Makes the workers of a server. */
export interface WorkerFactory {
  /** What they are, for people. */
  readonly kind: 'thread' | 'process'
  /** Starts one, which has `number` and, if it `staysBroken`, answers though it cannot load the app. */
  create(number: number, staysBroken: boolean): SupervisedWorker
  /** Makes them with other options from now on. */
  reconfigure(options: Options): void
}

/** @throws MonodonError `MONODON_PYTHON_MISSING` */
export function workerFactory({
  listener,
  runtime,
  cwd,
  data,
  onLoaded = () => {},
}: PoolSetup): WorkerFactory {
  let current = data
  const reconfigure = (options: Options): void => {
    current = { ...current, options, facts: factsOf(listener, options.workers > 1) }
  }
  if (runtime === 'python' || data.options.workerClass === 'process') {
    const program = programOf(runtime, data.options, cwd)
    return {
      kind: 'process',
      create: (number, staysBroken) =>
        new WorkerProcess(number, program, { ...current, staysBroken }, listener, onLoaded),
      reconfigure,
    }
  }
  const server = listener.id
  return {
    kind: 'thread',
    create: (number, staysBroken) =>
      new WorkerThread(number, { ...current, cwd, server, staysBroken }, onLoaded),
    reconfigure,
  }
}
