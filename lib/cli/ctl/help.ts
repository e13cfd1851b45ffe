/** `monodon ctl --help`, from the table of actions. */

import { actionOf, commandOf } from '../../control/actions.ts'
import { kebab } from '../../options/names.ts'
import { rowOf } from '../../options/table.ts'
import { entry } from '../help.ts'
import { CTL_COMMANDS, CTL_OPTIONS } from './args.ts'

/** The text of `monodon ctl --help`. */
export function ctlHelp(): string {
  const commands = CTL_COMMANDS.map((name) => {
    const { argument, doc } = actionOf(name)
    return entry(`  ${commandOf(name)} ${argument?.shown ?? ''}`, doc)
  })
  return `Usage: monodon ctl [options] COMMAND

Asks a running server, or tells it something, and waits until that is done.

Commands:
${commands.join('')}
Options:
${entry('  --json', "Print the server's answer as it came")}${clientOptions()}
Which server: the one at control-socket, if a flag, the environment or the config file names it, as for
the server; else the only one of this user. Exit codes: 0 done; 1 the server could not do it; 2 wrong
usage; 3 no server answers.
`
}

/** The options of each command that asks a running server. */
export function clientOptions(): string {
  return CTL_OPTIONS.map((key) => entry(`  --${kebab(key)} PATH`, rowOf(key).doc)).join('')
}
