/** `monodon top --help`. */

import { clientOptions } from '../ctl/help.ts'
import { entry } from '../help.ts'
import { DEFAULT_INTERVAL } from './args.ts'
import { SORT_NAMES, SORTS } from './workers.ts'

/** The text of `monodon top --help`. */
export function topHelp(): string {
  const keys = [
    entry('  q', 'Quits, as does Ctrl-C'),
    entry('  p', 'Pauses, and goes on'),
    ...SORT_NAMES.map((name) => entry(`  ${SORTS[name].key}`, `Sorts the workers by ${name}`)),
  ]
  return `Usage: monodon top [options]

Shows what a running server does: rates, latencies, its workers, and the requests that are in flight,
the oldest first. Where there is no terminal it prints that once.

Options:
${entry('  --interval TIME', `Time between two looks (default: ${DEFAULT_INTERVAL})`)}${entry('  --sort NAME', `Sorts the workers by ${SORT_NAMES.join(', ')} (default: number)`)}${entry('  --once', 'Print once and exit; rates are of one interval')}${entry('  --json', 'Print the snapshot that it is made of, and exit')}${clientOptions()}
Keys:
${keys.join('')}
Which server: as for monodon ctl. Colors are left out where NO_COLOR is set.
`
}
