/**
 * Reads a config file that is a module once more. It is done in a thread that ends then: this one has the
 * module already, with all that it imports.
 */

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { CODE_FOLDER } from '../code-folder.ts'
import { errorRow, MonodonError, messageOf } from '../errors.ts'
import { importConfig } from './import-config.ts'

/** How long that may take, in milliseconds. */
const PATIENCE_MS = 30_000

interface Outcome {
  readonly value?: unknown
  /** What is wrong with the file. */
  readonly fault?: string
}

/** What the thread is given. */
interface Task {
  readonly configFile: string
}

/**
 * The file's default export, as it is now.
 *
 * @param env the variables that it sees
 * @throws MonodonError `MONODON_CONFIG_FILE`
 */
export async function importAnew(file: string, env: NodeJS.ProcessEnv): Promise<unknown> {
  const task: Task = { configFile: file }
  const thread = new Worker(new URL('cli/config-thread.js', CODE_FOLDER), {
    workerData: task,
    env,
    name: 'monodon-config',
  })
  const timer = setTimeout(() => void thread.terminate(), PATIENCE_MS)
  let outcome: Outcome = { fault: `${file}: it ended, or hung, while it was read` }
  thread.on('message', (message: Outcome) => {
    outcome = message
    void thread.terminate()
  })
  thread.on('error', (error) => {
    outcome = { fault: `${file}: ${messageOf(error)}` }
  })
  await once(thread, 'exit')
  clearTimeout(timer)
  if (outcome.fault !== undefined)
    throw new MonodonError('MONODON_CONFIG_FILE', { detail: outcome.fault })
  return outcome.value
}

async function outcomeOf(file: string): Promise<Outcome> {
  try {
    // What cannot be sent is found here, where it can be said.
    return { value: structuredClone(await importConfig(file)) }
  } catch (error) {
    if (error instanceof MonodonError)
      return { fault: error.message.slice(`${errorRow(error.code).message}: `.length) }
    return { fault: `${file}: ${messageOf(error)}` }
  }
}

const task = workerData as Partial<Task> | null
if (!isMainThread && typeof task?.configFile === 'string')
  void outcomeOf(task.configFile).then((outcome) => parentPort?.postMessage(outcome))
