/** `monodon ctl COMMAND`: asks a running server, or tells it something. */

import { resolve as resolvePath } from 'node:path'
import { ACTION_NAMES, actionNamed, actionOf, commandOf } from '../../control/actions.ts'
import { ask, isAlive } from '../../control/socket/client.ts'
import { AUTO, defaultFolder, OFF, socketsIn } from '../../control/socket/places.ts'
import type { Answer } from '../../control/socket/protocol.ts'
import type { ServerStatus } from '../../control/status.ts'
import { errorRow, isErrorCode, MonodonError } from '../../errors.ts'
import type { Layer } from '../../options/args.ts'
import { type Env, resolve } from '../../options/resolve.ts'
import { loadConfigFile } from '../config-file.ts'
import { type CtlArgs, readCtlArgs } from './args.ts'
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
  if (action === undefined || args.command === undefined)
    throw new MonodonError('MONODON_USAGE', {
      detail: `${args.command === undefined ? 'no command was given' : `${args.command} is no command`}; there are ${ACTION_NAMES.map(commandOf).join(', ')}`,
    })
  if (actionOf(action).argument === undefined && args.argument !== undefined)
    throw new MonodonError('MONODON_USAGE', {
      detail: `${args.command} takes nothing, given: ${args.argument}`,
    })
  const path = await socketPath(args, env)
  const { command, argument = '' } = args
  const answer = await ask(path, { command, argument })
  if (args.json) print(`${JSON.stringify(answer)}\n`)
  else if (answer.ok) print(shown(action, answer.result))
  return answer.ok ? 0 : failed(answer, args.json)
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

/** The socket that the options name, as they name it to the server; else that of the one server. */
async function socketPath({ flags }: CtlArgs, env: Env): Promise<string> {
  const startFolder = process.cwd()
  const named = flags.get('controlSocket')
  // Whoever names it by hand means it from here, and can do without a config file that is broken.
  if (named !== undefined && named.raw !== OFF && named.raw !== AUTO)
    return resolvePath(startFolder, String(named.raw))
  const loadFile = (path: string | undefined) => loadConfigFile(path, startFolder)
  const { options, origins } = await resolve({ flags: flags as Layer, env, loadFile })
  const { controlSocket, chdir } = options
  if (controlSocket === OFF)
    throw noServer(`control-socket is off (${origins.controlSocket}), so there is nothing to ask`)
  if (controlSocket !== AUTO) return resolvePath(startFolder, chdir, controlSocket)
  return theOnlySocket()
}

/** The socket of the one server of this user whose socket was not named. */
async function theOnlySocket(): Promise<string> {
  const folder = defaultFolder()
  const alive: string[] = []
  for (const path of folder === undefined ? [] : socketsIn(folder))
    if (await isAlive(path)) alive.push(path)
  const [only, ...others] = alive
  if (only === undefined) throw noServer(`no server of this user has a control socket in ${folder}`)
  if (others.length === 0) return only
  const servers = await Promise.all(alive.map(describe))
  throw new MonodonError('MONODON_USAGE', {
    detail: `there are several servers, choose with --control-socket:${servers.map((line) => `\n  ${line}`).join('')}`,
  })
}

async function describe(path: string): Promise<string> {
  try {
    const answer = await ask(path, { command: 'status' })
    if (!answer.ok) return path
    const { app, urls } = answer.result as ServerStatus
    return `${path}  ${app} at ${urls.join(', ')}`
  } catch {
    // It has ended meanwhile.
    return path
  }
}

function noServer(detail: string): MonodonError {
  return new MonodonError('MONODON_NO_SERVER', { detail })
}
