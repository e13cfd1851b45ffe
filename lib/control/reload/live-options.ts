/** The options that hold now: those of the start, and what reloads have changed of them. */

import { logTo, setLogFormat, setLogLevel } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import { setEnvironment } from '../environment.ts'
import type { Job } from '../job.ts'
import { checkThreads } from '../pool/pool.ts'
import type { Runtime } from '../runtime.ts'
import { sendToSyslog } from '../syslog.ts'
import { merged, type ReadOptions, tellChanges } from './reconfigure.ts'

/** What is to go by other options. If it throws, it goes by the old ones. */
interface Reconfigurable {
  reconfigure(options: Options): void
}

export class LiveOptions {
  private options: Options
  private readonly job: Job
  private readonly runtime: Runtime
  private readonly read: ReadOptions

  constructor(job: Job, runtime: Runtime, read: ReadOptions) {
    this.options = job.options
    this.job = job
    this.runtime = runtime
    this.read = read
  }

  get now(): Options {
    return this.options
  }

  /** Has the next reload take another number of workers for a change, as this one did not come about. */
  keepWorkers(workers: number): void {
    this.options = { ...this.options, workers }
  }

  /**
   * Reads the options again and goes by them, as far as they may change, together with `fallible` and
   * then `pool`, where there are any. If it throws, nothing has changed.
   */
  async renew(fallible?: Reconfigurable, pool?: Reconfigurable): Promise<void> {
    const old = this.options
    const read = await this.read()
    const options = merged(old, read)
    checkThreads(this.job.app, this.runtime, options)
    fallible?.reconfigure(options)
    try {
      moveLog(old, options)
    } catch (error) {
      fallible?.reconfigure(old)
      throw error
    }
    setLogLevel(options.logLevel)
    setLogFormat(options.logFormat)
    setEnvironment(options.env)
    pool?.reconfigure(options)
    this.options = options
    tellChanges(old, read)
  }
}

/** What the error log goes by in syslog. */
const SYSLOG = ['logSyslog', 'logSyslogTo', 'logSyslogFacility', 'logSyslogPrefix'] as const

/** Moves the error log, to another file, another syslog or both. If it throws, it stays where it is. */
function moveLog(from: Options, to: Options): void {
  const isOtherSyslog = SYSLOG.some((key) => from[key] !== to[key])
  if (isOtherSyslog) sendToSyslog(to)
  if (to.errorLogfile === from.errorLogfile) return
  try {
    logTo(to.errorLogfile)
  } catch (error) {
    if (isOtherSyslog) sendToSyslog(from)
    throw error
  }
}
