import { Server } from 'node:http'
import { attach, type NativeStats } from './bridge/native.ts'
import type { BoundAddress } from './control/listen/binds.ts'
import { Listener } from './control/listen/listener.ts'
import { createPool } from './control/pool/pool.ts'
import { type Runtime, runtimeOf } from './control/runtime.ts'
import { sendToSyslog } from './control/syslog.ts'
import { factsOf } from './control/workers/facts.ts'
import { MonodonError } from './errors.ts'
import { installFastResponse, installRequestUnwrapping, loadPlatform } from './interface/fetch.ts'
import { logTo, setLogFormat, setLogLevel } from './log.ts'
import { resolve } from './options/resolve.ts'
import type { Config, Options } from './options/table.ts'
import { loadExplain } from './worker/explain.ts'
import { AppWorker } from './worker/worker.ts'

/** A server that was started from code. */
export interface RunningServer {
  /** The first address, for example `http://127.0.0.1:8000`; of a Unix socket `unix:PATH`. */
  readonly url: string
  readonly address: BoundAddress
  readonly addresses: readonly BoundAddress[]
  /** The native counters. */
  stats(): NativeStats
  /** Stops gracefully: after `drainDelay`, requests under way are finished, up to `gracefulTimeout`. */
  close(): Promise<void>
}

/** `serve` of the package; `index.ts` says what it does. */
export async function serve(app: unknown, config: Config = {}): Promise<RunningServer> {
  const { options } = await resolve({ given: config })
  refuseCommandOptions(config)
  setLogLevel(options.logLevel)
  setLogFormat(options.logFormat)
  logTo(options.errorLogfile)
  const isNamed = typeof app === 'string'
  if (!isNamed && (config.workers ?? 1) !== 1)
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail:
        'workers is for an app given as "module:name": a function cannot move to other threads',
    })
  if (app instanceof Server && app.listening)
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail:
        'the http.Server listens already: give one that does not, its requests come from here',
    })
  if (!isNamed) prepareThisThread(config)
  const runtime = isNamed ? runtimeOf(app, options, process.cwd()) : 'javascript'
  const leaveSyslog = options.logSyslog ? sendToSyslog(options) : () => {}
  let listener: Listener | undefined
  try {
    listener = new Listener(options, runtime)
    const stopWorkers = isNamed
      ? await startWorkers(app, listener, options, runtime)
      : await startHere(app, listener, options)
    return running(listener, stopWorkers, leaveSyslog)
  } catch (error) {
    await listener?.stop()
    listener?.release()
    leaveSyslog()
    throw error
  }
}

/** Options of the whole process, which here is the caller's. */
const COMMAND_OPTIONS = [
  'chdir',
  'controlSocket',
  'env',
  'metricsBind',
  'metricsPath',
  'observeToken',
  'statsdHost',
  'statsdPrefix',
  'dogstatsdTags',
  'pid',
  'reload',
  'reloadEngine',
  'reloadExtraFile',
  'reloadInclude',
  'reloadExclude',
  'upgradeMode',
  'statusBind',
  'upgradeTimeout',
] as const

function refuseCommandOptions(config: Config): void {
  const given = COMMAND_OPTIONS.find((key) => config[key] !== undefined)
  if (given !== undefined)
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: `${given} is for the command: serve() leaves the process to its caller`,
    })
}

/** What a worker thread does before it loads its app; here only as far as the caller asks for it. */
function prepareThisThread(config: Config): void {
  // The caller may have the platform's classes in its hands.
  loadPlatform()
  installRequestUnwrapping()
  if (config.responseClass === 'fast') installFastResponse()
}

type StopWorkers = () => Promise<void>

async function startHere(app: unknown, listener: Listener, options: Options): Promise<StopWorkers> {
  // Nobody can take the place of the calling thread: `maxRequests` means nothing to it.
  const worker = new AppWorker(app, {
    facts: factsOf(listener, false),
    options,
    attach: (ring) => attach(listener.id, ring),
    explain: await loadExplain(options),
  })
  return () => worker.stop(options.gracefulTimeout)
}

async function startWorkers(
  app: string,
  listener: Listener,
  options: Options,
  runtime: Runtime,
): Promise<StopWorkers> {
  const job = { app, args: [], options, cwd: process.cwd() }
  const pool = createPool(job, runtime, listener)
  await pool.start(options.workers)
  return () => pool.stop(options.gracefulTimeout)
}

function running(
  listener: Listener,
  stopWorkers: StopWorkers,
  leaveSyslog: () => void,
): RunningServer {
  const { addresses } = listener
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await listener.leave()
    await listener.drain()
    await stopWorkers()
    listener.release()
    leaveSyslog()
  }
  return {
    url: listener.urls[0]!,
    address: addresses[0]!,
    addresses,
    stats: () => listener.stats(),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
