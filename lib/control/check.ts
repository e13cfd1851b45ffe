/** `--check-config`: reads what native code reads, and loads the app once, as a worker would. */

import { spawnSync } from 'node:child_process'
import { LAYOUT_VERSION } from '../bridge/layout.ts'
import { checkOptions } from '../bridge/native.ts'
import { errorRow } from '../errors.ts'
import { logFault } from '../log.ts'
import { toNative } from '../options/native.ts'
import type { Options } from '../options/table.ts'
import type { FromWorker, StartMessage } from '../worker/protocol.ts'
import { setEnvironment } from './environment.ts'
import { type Job, runtimeOfJob } from './job.ts'
import { warnOfPlain } from './listen/plain.ts'
import { startFailure } from './listen/start-failure.ts'
import { BootFailure, endedWhileLoading } from './workers/app-worker.ts'
import { programOf } from './workers/program.ts'

/** Loads an app of JavaScript into this process. */
type Load = (job: Job) => Promise<{ readonly name: string; readonly file: string }>

/**
 * Checks the options that only native code understands, and loads the app.
 *
 * @returns what was found, for people
 * @throws MonodonError `MONODON_APP_*` with what is wrong; `MONODON_PYTHON_MISSING`; `MONODON_BAD_OPTION`;
 * `MONODON_BAD_CERTIFICATE`
 * @throws BootFailure when a Python app cannot be loaded
 */
export async function checkApp(job: Job, load: Load): Promise<string> {
  checkNative(job.options)
  setEnvironment(job.options.env)
  if (runtimeOfJob(job) === 'python') return checkPython(job)
  const { name, file } = await unlessItExits(() => load(job))
  return `${name} of ${file}`
}

/** Has an app that ends the process while it is loaded, were it with 0, not pass for one that was loaded. */
async function unlessItExits<T>(load: () => Promise<T>): Promise<T> {
  const refuse = (code: number): void => {
    process.stderr.write(`monodon: ${endedWhileLoading(`exit code ${code}`).message}\n`)
    process.exitCode = errorRow('MONODON_APP_EXITED').exit
  }
  process.once('exit', refuse)
  try {
    return await load()
  } finally {
    process.off('exit', refuse)
  }
}

function checkNative(options: Options): void {
  try {
    const { certificates, plain } = checkOptions(toNative(options))
    for (const warning of certificates) logFault('MONODON_CERTIFICATE_NOT_VALID', {}, warning)
    warnOfPlain(options, plain)
  } catch (error) {
    throw startFailure(error)
  }
}

/** In a process that ends with it. */
function checkPython({ app, options, cwd }: Job): string {
  const { command, args, notStarted } = programOf('python', options, cwd)
  const start: StartMessage = {
    type: 'start',
    layout: LAYOUT_VERSION,
    name: 'monodon-check',
    number: 1,
    app,
    args: [],
    facts: { serverName: 'localhost', serverPort: '0', multiprocess: options.workers > 1 },
    options,
    staysBroken: false,
  }
  const run = spawnSync(command, [...args, '--check', JSON.stringify(start)], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (run.error !== undefined) throw notStarted(run.error)
  const said = run.stdout.trim()
  if (said === '') throw endedWhileLoading(run.signal ?? `exit code ${run.status}`)
  const message = JSON.parse(said) as FromWorker
  if (message.type === 'ready') return message.reason
  throw new BootFailure(message.type === 'failed' ? message.text : said)
}
