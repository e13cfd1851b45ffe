/** The arguments of `monodon trace`. */

import { type Filter, STATUS_FORM } from '../../observe/filter.ts'
import type { Layer } from '../../options/args.ts'
import { milliseconds } from '../../options/values.ts'
import { readClientArgs, usage } from '../ctl/args.ts'

export interface TraceArgs {
  readonly filter: Filter
  readonly json: boolean
  readonly help: boolean
  readonly flags: Layer
}

/** @throws MonodonError `MONODON_USAGE` */
export function readTraceArgs(argv: readonly string[]): TraceArgs {
  const { words, flags, switches, values } = readClientArgs(argv, {
    name: 'monodon trace',
    switches: ['--json', '--help', '-h'],
    values: ['--path', '--status', '--slower-than'],
  })
  if (words.length > 0) throw usage(`monodon trace takes no ${words.join(' ')}`)
  return {
    filter: {
      path: pathOf(values.get('--path') ?? ''),
      status: statusOf(values.get('--status') ?? ''),
      slowerThan: secondsOf(values.get('--slower-than') ?? '0'),
    },
    json: switches.has('--json'),
    help: switches.has('--help') || switches.has('-h'),
    flags,
  }
}

/** What no path can be like would leave who asks waiting for good. */
function pathOf(text: string): string {
  if (text !== '' && !/^[/*][^?]*$/.test(text))
    throw usage(`--path is ${text}; allowed: a path that begins with / or *, without a query`)
  return text
}

function statusOf(text: string): string {
  const status = text.toLowerCase()
  if (status !== '' && !STATUS_FORM.test(status))
    throw usage(`--status is ${text}; allowed: 404, 5xx or none, also several as in 4xx,5xx`)
  return status
}

function secondsOf(text: string): number {
  const ms = milliseconds(text)
  if (ms === undefined) throw usage(`--slower-than is ${text}; allowed: a time such as 200ms or 2s`)
  return ms / 1000
}
