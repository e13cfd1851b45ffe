import type { Explain } from '../bridge/exchange.ts'
import type { Attach } from '../bridge/port.ts'
import { errorText } from '../errors.ts'
import { installFastResponse, installRequestUnwrapping } from '../interface/fetch.ts'
import { adoptWhereReparented } from '../interface/node.ts'
import { logTo, setLogFormat, setLogLevel } from '../log.ts'
import { BrokenWorker } from './broken.ts'
import { loadExplain } from './explain.ts'
import { loadApp } from './load.ts'
import { tellNotables } from './notables.ts'
import { Program } from './program/program.ts'
import { wholeOf } from './program/run.ts'
import type { FromWorker, WorkerData } from './protocol.ts'
import { AppWorker } from './worker.ts'

/** A worker that answers, and what the arbiter is to be told of it. */
export interface Booted {
  readonly worker: Pick<AppWorker, 'stop' | 'lose'>
  readonly message: FromWorker
}

/**
 * Loads the app of a worker of its own, thread or process, from the folder `cwd`, and begins to
 * answer.
 *
 * @param say how the arbiter is told of what follows: that the worker is spent, which files it loads, what
 * it logs
 * @throws MonodonError `MONODON_APP_*` and `MONODON_LISTEN_*` when the app cannot be loaded, unless the
 * worker `staysBroken`; `MONODON_FILE_NOT_WRITABLE` when the log cannot be written
 */
export async function bootWorker(
  data: WorkerData,
  cwd: string,
  attach: Attach,
  say: (message: FromWorker) => void,
): Promise<Booted> {
  const { options } = data
  setLogLevel(options.logLevel)
  setLogFormat(options.logFormat)
  logTo(options.errorLogfile)
  tellNotables(say)
  installRequestUnwrapping()
  // Before the app is loaded: a module may keep the Response it saw first.
  if (options.responseClass === 'fast') installFastResponse()
  // The same: Express 4 keeps `Object.setPrototypeOf`.
  adoptWhereReparented()
  const explain = await loadExplain(options)
  const boot = (note?: (file: string) => void) => bootApp(data, cwd, note, attach, say, explain)
  if (!options.reload) return boot()
  const { Loads } = await import('./loads/loads.ts')
  const loads = await Loads.start(say)
  try {
    return await boot(loads.note)
  } catch (error) {
    loads.noteMissing(error)
    if (!data.staysBroken) throw error
    const worker = new BrokenWorker(error, attach, explain)
    return { worker, message: { type: 'broken', text: errorText(error) } }
  } finally {
    loads.flush()
  }
}

async function bootApp(
  { app, args, facts, options }: WorkerData,
  cwd: string,
  note: ((file: string) => void) | undefined,
  attach: Attach,
  say: (message: FromWorker) => void,
  explain: Explain | undefined,
): Promise<Booted> {
  const program = new Program({ facts, port: options.programPort })
  const loadWhole = wholeOf(program, args, options)
  const loaded = await loadApp(app, cwd, { note, loadWhole })
  const worker = new AppWorker(loaded.app, {
    ...{ facts, options, attach, explain, reason: loaded.reason },
    onSpent: () => say({ type: 'spent' }),
  })
  program.serveBy(worker)
  const { kind, reason } = worker
  return { worker, message: { type: 'ready', kind, reason } }
}
