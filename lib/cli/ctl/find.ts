/** Finding the control socket of a server that runs. */

import { resolve as resolvePath } from 'node:path'
import { ask, isAlive } from '../../control/socket/client.ts'
import { AUTO, defaultFolder, OFF, socketsIn } from '../../control/socket/places.ts'
import type { ServerStatus } from '../../control/status.ts'
import { MonodonError } from '../../errors.ts'
import { age } from '../../observe/view/text.ts'
import type { Layer } from '../../options/args.ts'
import { type Env, resolve } from '../../options/resolve.ts'
import { loadConfigFile } from '../config-file.ts'

/**
 * The socket that the options name, as they name it to the server; else that of the one server.
 *
 * @param flags `CTL_OPTIONS`, as far as they were given
 * @throws MonodonError `MONODON_NO_SERVER`, `MONODON_USAGE` when there are several, and what is wrong
 *   with the options
 */
export async function findSocket(flags: Layer, env: Env): Promise<string> {
  const startFolder = process.cwd()
  const named = flags.get('controlSocket')
  // Whoever names it by hand means it from here, and can do without a config file that is broken.
  if (named !== undefined && named.raw !== OFF && named.raw !== AUTO)
    return resolvePath(startFolder, String(named.raw))
  const loadFile = (path: string | undefined) => loadConfigFile(path, startFolder)
  const { options, origins } = await resolve({ flags, env, loadFile })
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
    const { app, urls, state, uptime } = answer.result as ServerStatus
    // In an upgrade two have the same app and address: the older one is the one to retire.
    return `${path}  ${app} at ${urls.join(', ')}, ${state}, up for ${age(uptime)}`
  } catch {
    // It has ended meanwhile.
    return path
  }
}

function noServer(detail: string): MonodonError {
  return new MonodonError('MONODON_NO_SERVER', { detail })
}
