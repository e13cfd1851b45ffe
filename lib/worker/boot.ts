import type { Attach } from '../bridge/port.ts'
import { installFastResponse, installRequestUnwrapping } from '../interface/fetch.ts'
import { adoptWhereReparented } from '../interface/node.ts'
import { logTo, setLogLevel } from '../log.ts'
import { loadApp } from './load.ts'
import type { FromWorker, WorkerData } from './protocol.ts'
import { AppWorker } from './worker.ts'

/**
 * Loads the app of a worker of its own, thread or process, from the folder `cwd`, and begins to
 * answer.
 *
 * @param say how the arbiter is told that the worker is spent
 * @throws MonodonError `MONODON_APP_*` when the app cannot be loaded, `MONODON_FILE_NOT_WRITABLE`
 * when the log cannot be written
 */
export async function bootWorker(
  { app, facts, options }: WorkerData,
  cwd: string,
  attach: Attach,
  say: (message: FromWorker) => void,
): Promise<AppWorker> {
  setLogLevel(options.logLevel)
  logTo(options.errorLogfile)
  installRequestUnwrapping()
  // Before the app is loaded: a module may keep the Response it saw first.
  if (options.responseClass === 'fast') installFastResponse()
  // The same: Express 4 keeps `Object.setPrototypeOf`.
  adoptWhereReparented()
  const loaded = await loadApp(app, cwd)
  const onSpent = () => say({ type: 'spent' })
  return new AppWorker(loaded.app, { facts, options, attach, onSpent })
}
