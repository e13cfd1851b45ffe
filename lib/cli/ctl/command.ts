/** `monodon ctl COMMAND`: asks a running server, or tells it something. */

import { actionNamed, actionOf, commandOf } from '../../control/actions.ts'
import { ask } from '../../control/socket/client.ts'
import type { Answer } from '../../control/socket/protocol.ts'
import { errorRow, isErrorCode, MonodonError } from '../../errors.ts'
import { didYouMean } from '../../options/names.ts'
import type { Env } from '../../options/resolve.ts'
import { CTL_COMMANDS, readCtlArgs } from './args.ts'
import { findSocket } from './find.ts'
import { ctlHelp } from './help.ts'
import { shown } from './text.ts'

/**
 * Runs the command.
 *
 * @param argv what follows `monodon ctl`
 * @returns the exit code: 0, or 1 when the server could not do it
 * @throws MonodonError `MONODON_USAGE`, `MONODON_BAD_COMMAND` (exit code 2), `MONODON_NO_SERVER` (3)
 */
export async function runCtl(argv: readonly string[], env: Env): Promise<number> {
  const args = readCtlArgs(argv)
  if (args.help) return print(ctlHelp())
  const action = actionNamed(args.command ?? '')
  if (action === undefined || args.command === undefined || !CTL_COMMANDS.includes(action))
    throw notThere(args.command)
  if (actionOf(action).argument === undefined && args.argument !== undefined)
    throw new MonodonError('MONODON_USAGE', {
      detail: `${args.command} takes nothing, given: ${args.argument}`,
    })
  const path = await findSocket(args.flags, env)
  const { command, argument = '' } = args
  const answer = await ask(path, { command, argument })
  if (args.json) print(`${JSON.stringify(answer)}\n`)
  else if (answer.ok) print(shown(action, answer.result))
  return answer.ok ? 0 : failed(answer, args.json)
}

function notThere(command: string | undefined): MonodonError {
  const commands = CTL_COMMANDS.map(commandOf)
  const what =
    command === undefined
      ? 'no command was given'
      : `${command} is no command${didYouMean(command, commands)}`
  return new MonodonError('MONODON_USAGE', { detail: `${what}; there are ${commands.join(', ')}` })
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function failed({ error }: Answer & { readonly ok: false }, isTold: boolean): number {
  const row = isErrorCode(error.code) ? errorRow(error.code) : undefined
  const hint = row === undefined ? '' : `; to do: ${row.hint}`
  if (!isTold) process.stderr.write(`monodon: ${error.message} (${error.code}${hint})\n`)
  return error.code === 'MONODON_BAD_COMMAND' ? 2 : 1
}
