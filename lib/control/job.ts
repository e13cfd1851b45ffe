import { MonodonError } from '../errors.ts'
import type { Options } from '../options/table.ts'
import { moduleOf } from '../worker/places.ts'
import { type Runtime, runtimeOf } from './runtime.ts'

/** What the command line asks for. */
export interface Job {
  /** `module:name` of the app. */
  readonly app: string
  /** For the app, if it is a program: what follows its name in `process.argv`. */
  readonly args: readonly string[]
  readonly options: Options
  readonly cwd: string
}

/**
 * The language of the app.
 *
 * @throws MonodonError `MONODON_USAGE` when arguments are given to an app that is no program
 */
export function runtimeOfJob({ app, args, options, cwd }: Job): Runtime {
  const runtime = runtimeOf(app, options, cwd)
  const isProgram =
    runtime === 'javascript' &&
    moduleOf(app) === app &&
    (options.interface === 'auto' || options.interface === 'node')
  if (args.length > 0 && !isProgram)
    throw new MonodonError('MONODON_USAGE', {
      detail: `${args.join(' ')}: arguments are for a program, and ${app} is none`,
    })
  return runtime
}
