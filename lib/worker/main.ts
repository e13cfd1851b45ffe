/** The entry of a worker thread: loads the app, answers until it is told to stop. */

import { getHeapStatistics } from 'node:v8'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { attach, nameThread } from '../bridge/native.ts'
import { joinSyslog } from '../bridge/syslog.ts'
import { errorText } from '../errors.ts'
import { reopenLog } from '../log.ts'
import { bootWorker } from './boot.ts'
import type { FromWorker, ThreadData, ToWorker } from './protocol.ts'

const arbiter = parentPort as MessagePort
const data = workerData as ThreadData
nameThread(data.name)
joinSyslog(data.options)

try {
  const { worker, message } = await bootWorker(
    data,
    data.cwd,
    (ring) => attach(data.server, ring, data.number),
    say,
  )
  arbiter.on('message', async (order: ToWorker) => {
    if (order.type === 'reopenLogs') reopenLog()
    if (order.type === 'measure') say({ type: 'memory', bytes: ownMemory() })
    if (order.type !== 'stop') return
    await worker.stop(order.timeoutMs)
    // What the app has left open must not keep the thread.
    process.exit(0)
  })
  say(message)
} catch (error) {
  say({ type: 'failed', text: errorText(error) })
}

/** The heap of this thread, and what its objects hold outside of it: buffers above all. */
function ownMemory(): number {
  const { total_heap_size, external_memory } = getHeapStatistics()
  return total_heap_size + external_memory
}

function say(message: FromWorker): void {
  arbiter.postMessage(message)
}
