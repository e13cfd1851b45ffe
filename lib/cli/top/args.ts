/** The arguments of `monodon top`. */

import type { Layer } from '../../options/args.ts'
import { didYouMean } from '../../options/names.ts'
import { milliseconds } from '../../options/values.ts'
import { readClientArgs, usage } from '../ctl/args.ts'
import { SORT_NAMES, type Sort } from './workers.ts'

export interface TopArgs {
  /** Milliseconds between two looks. */
  readonly interval: number
  readonly sort: Sort
  readonly once: boolean
  readonly json: boolean
  readonly help: boolean
  readonly flags: Layer
}

export const DEFAULT_INTERVAL = '1s'
const LEAST_INTERVAL_MS = 100

/** @throws MonodonError `MONODON_USAGE` */
export function readTopArgs(argv: readonly string[]): TopArgs {
  const { words, flags, switches, values } = readClientArgs(argv, {
    name: 'monodon top',
    switches: ['--once', '--json', '--help', '-h'],
    values: ['--interval', '--sort'],
  })
  if (words.length > 0) throw usage(`monodon top takes no ${words.join(' ')}`)
  return {
    interval: intervalOf(values.get('--interval') ?? DEFAULT_INTERVAL),
    sort: sortOf(values.get('--sort') ?? 'number'),
    once: switches.has('--once'),
    json: switches.has('--json'),
    help: switches.has('--help') || switches.has('-h'),
    flags,
  }
}

function intervalOf(text: string): number {
  const ms = milliseconds(text)
  if (ms === undefined || ms < LEAST_INTERVAL_MS)
    throw usage(`--interval is ${text}; allowed: a time of ${LEAST_INTERVAL_MS} ms or more`)
  return ms
}

function sortOf(text: string): Sort {
  const sort = SORT_NAMES.find((name) => name === text)
  if (sort === undefined)
    throw usage(
      `--sort is ${text}${didYouMean(text, SORT_NAMES)}; allowed: ${SORT_NAMES.join(', ')}`,
    )
  return sort
}
