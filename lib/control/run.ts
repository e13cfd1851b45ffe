/** A server of the command, from its start to its end. */

import { log, logTo } from '../log.ts'
import { hasPages } from '../observe/demand.ts'
import type { ObservePages } from '../observe/pages.ts'
import { gunicornLeftovers } from '../options/gunicorn.ts'
import type { Options } from '../options/table.ts'
import { packageVersion } from '../version.ts'
import { Arbiter, type OnStarted } from './arbiter.ts'
import { setEnvironment } from './environment.ts'
import { type Job, runtimeOfJob } from './job.ts'
import { placesOf } from './listen/activation.ts'
import { Binds } from './listen/binds.ts'
import { Listener } from './listen/listener.ts'
import { PidFile } from './pid-file.ts'
import type { ReadOptions } from './reload/reconfigure.ts'
import type { Runtime } from './runtime.ts'
import { ServiceManager } from './service-manager.ts'
import { heedSignals } from './signals.ts'
import { type ControlSocket, openControlSocket } from './socket/server.ts'
import { sendToSyslog } from './syslog.ts'
import type { Launch } from './upgrade/launch.ts'
import { Predecessor } from './upgrade/predecessor.ts'
import { endThreads, startThreads } from './workers/threads.ts'

/**
 * Serves until it is told to stop. `ACTIONS` says what it can be told, and by which signals.
 *
 * @throws BootFailure when the app could not be loaded
 * @throws MonodonError `MONODON_BIND_FAILED`, `MONODON_FILE_NOT_WRITABLE`, `MONODON_CONTROL_SOCKET`,
 *   `MONODON_PYTHON_MISSING`
 */
export async function runServer(
  job: Job,
  launch: Launch,
  readOptions: ReadOptions,
  onStarted: OnStarted = () => () => {},
): Promise<void> {
  const { options, cwd } = job
  logTo(options.errorLogfile)
  if (options.logSyslog) sendToSyslog(options)
  setEnvironment(options.env)
  const runtime = runtimeOfJob(job)
  if (runtime === 'python')
    for (const line of gunicornLeftovers(process.env, cwd)) log('warning', line)
  if (runtime === 'javascript' && options.workerClass === 'thread') startThreads(options.workers)
  else endThreads()
  const predecessor = findPredecessor(launch)
  const binds = new Binds(options, placesOf(options, process.env, launch.handover))
  const listener = listenOn(binds, job, runtime)
  const manager = new ServiceManager(process.env, predecessor)
  void predecessor?.left.then(() => {
    binds.areOthersToo = false
    log('info', 'The server before this one has left everything to it')
  })
  const standing = { launch, predecessor, manager }
  const arbiter = new Arbiter(job, runtime, listener, standing, readOptions)
  // Before anybody can know of the server: by default these signals end a process.
  const ignoreSignals = heedSignals(arbiter, options.dev)
  let pidFile: PidFile | undefined
  let control: ControlSocket | undefined
  let pages: ObservePages | undefined
  try {
    pidFile = new PidFile(options.pid, predecessor)
    log('info', `Starting monodon ${packageVersion()}`)
    control = await openControlSocket(arbiter, options.controlSocket, cwd, predecessor)
    pages = await openPages(arbiter, options, predecessor)
    await arbiter.run(onStarted)
  } finally {
    await arbiter.release()
    manager.close()
    // What is handed over takes another's place: to look whose it is first would be a race.
    if (!arbiter.hasHandedOver) pidFile?.remove()
    pages?.close()
    // Last of all: who is told that the server has ended may start the next one.
    await control?.close(arbiter.hasHandedOver)
    ignoreSignals()
  }
}

/** What only these options need is loaded only for them. */
async function openPages(
  arbiter: Arbiter,
  options: Options,
  predecessor: Predecessor | undefined,
): Promise<ObservePages | undefined> {
  if (!hasPages(options)) return undefined
  const { ObservePages } = await import('../observe/pages.ts')
  return ObservePages.open(arbiter, options, predecessor?.isThere === true)
}

function listenOn(binds: Binds, { options }: Job, runtime: Runtime): Listener {
  try {
    return new Listener(options, runtime, binds)
  } catch (error) {
    binds.close()
    throw error
  }
}

function findPredecessor({ handover }: Launch): Predecessor | undefined {
  return handover === undefined ? undefined : new Predecessor(handover.pid)
}
