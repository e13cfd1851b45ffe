/** The entry of a worker thread: loads the app, answers until it is told to stop. */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { nameThread } from '../bridge/native.ts'
import { errorText } from '../errors.ts'
import { installFastResponse, installRequestUnwrapping } from '../interface/fetch.ts'
import { setLogLevel } from '../log.ts'
import { loadApp } from './load.ts'
import type { FromWorker, ToWorker, WorkerData } from './protocol.ts'
import { AppWorker } from './worker.ts'

const arbiter = parentPort as MessagePort
const { name, app, cwd, facts, options } = workerData as WorkerData
nameThread(name)
setLogLevel(options.logLevel)

try {
  installRequestUnwrapping()
  // Before the app is loaded: a module may keep the Response it saw first.
  if (options.responseClass === 'fast') installFastResponse()
  const loaded = await loadApp(app, cwd)
  const worker = new AppWorker(loaded.app, facts, options)
  arbiter.on('message', async ({ timeoutMs }: ToWorker) => {
    await worker.stop(timeoutMs)
    // What the app has left open must not keep the thread.
    process.exit(0)
  })
  say({ type: 'ready', kind: worker.kind, reason: worker.reason })
} catch (error) {
  say({ type: 'failed', text: errorText(error) })
}

function say(message: FromWorker): void {
  arbiter.postMessage(message)
}
