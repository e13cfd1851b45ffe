/** `monodon trace --help`. */

import { clientOptions } from '../ctl/help.ts'
import { entry } from '../help.ts'

/** The text of `monodon trace --help`. */
export function traceHelp(): string {
  return `Usage: monodon trace [options]

Shows each request of a running server when it has ended, with its status and the time that it was in
the queue, in the app, and being sent; until Ctrl-C.

Options:
${entry('  --path PREFIX|PATTERN', 'Only paths that begin so; or that are so, with * for anything in it')}${entry('  --status STATUS', 'Only these: 404, 5xx, or none for no answer; several as in 4xx,5xx')}${entry('  --slower-than TIME', 'Only what has taken that long, from its head to its last byte')}${entry('  --json', 'A line of JSON for each')}${clientOptions()}
Which server: as for monodon ctl. What the server has too much of, or who reads is too slow for, is left
out and counted.
`
}
