/** The entry of a worker thread: loads the app that it is told, answers until it is told to stop. */

import { createRequire } from 'node:module'
import { type MessagePort, parentPort } from 'node:worker_threads'
import { attach, nameThread } from '../bridge/native.ts'
import { joinSyslog } from '../bridge/syslog.ts'
import { keepCompiled } from '../code-cache/loader.ts'
import { errorText } from '../errors.ts'
import { reopenLog } from '../log.ts'
import { type Booted, bootWorker } from './boot.ts'
import type { FromWorker, ThreadStart, ToThread } from './protocol.ts'

const arbiter = parentPort as MessagePort
let worker: Booted['worker'] | undefined

arbiter.on('message', async (order: ToThread) => {
  if (order.type === 'start') await boot(order)
  if (order.type === 'reopenLogs') reopenLog()
  if (order.type === 'measure') say({ type: 'memory', bytes: ownMemory() })
  if (order.type !== 'stop') return
  await worker?.stop(order.timeoutMs)
  // What the app has left open must not keep the thread.
  process.exit(0)
})

async function boot(start: ThreadStart): Promise<void> {
  // A program that has nothing left to do ends, instead of being waited for.
  arbiter.unref()
  try {
    setVariables(start.env)
    nameThread(start.name)
    joinSyslog(start.options)
    const attachHere = (ring: () => void) => attach(start.server, ring, start.number)
    const booted = await bootWorker(start, start.cwd, attachHere, say)
    worker = booted.worker
    arbiter.ref()
    say(booted.message)
    if (start.number === 1) keepCompiled()
  } catch (error) {
    say({ type: 'failed', text: errorText(error) })
  }
}

/** The thread may be older than what its process has been given since. */
function setVariables(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

/** The heap of this thread, and what its objects hold outside of it: buffers above all. */
function ownMemory(): number {
  // Not loaded by a start.
  const { getHeapStatistics }: typeof import('node:v8') = createRequire(import.meta.url)('node:v8')
  const { total_heap_size, external_memory } = getHeapStatistics()
  return total_heap_size + external_memory
}

function say(message: FromWorker): void {
  arbiter.postMessage(message)
}
