import type { Options } from '../options/table.ts'
import { type LoadedApp, loadApp } from './load.ts'
import { handleAt, listenBy } from './program/listen.ts'
import { Program } from './program/program.ts'
import { wholeOf } from './program/run.ts'

/** What `--check-config` loads. */
export interface Checked {
  readonly app: string
  readonly args: readonly string[]
  readonly options: Options
  readonly cwd: string
}

/**
 * Loads an app as a worker does, but lets its program listen nowhere.
 *
 * @throws MonodonError as `bootWorker` does
 */
export function loadToCheck({ app, args, options, cwd }: Checked): Promise<LoadedApp> {
  const facts = { serverName: '127.0.0.1', serverPort: '0', multiprocess: options.workers > 1 }
  const program = new Program({
    facts,
    port: options.programPort,
    openOther: (server, _place, open) => listenBy(server, handleAt(facts), open),
  })
  return loadApp(app, cwd, { loadWhole: wholeOf(program, args, options) })
}
