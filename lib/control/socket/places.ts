/** Where control sockets lie. */

import { lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What `--control-socket` says when nobody has given it: a name of its own in `defaultFolder`. */
export const AUTO = 'auto'
/** What it says when there is to be none. */
export const OFF = 'off'

const EXTENSION = '.sock'

/**
 * The folder of the control sockets that nobody has named, one for each user. It does not depend on
 * variables, so that a server that was started by systemd is found from a shell.
 *
 * @returns `undefined` where there are no Unix sockets
 */
export function defaultFolder(): string | undefined {
  const user = process.getuid?.()
  return user === undefined ? undefined : `/tmp/monodon-${user}`
}

/** The socket of the server with this process id in the folder. */
export function defaultSocket(folder: string, pid: number): string {
  return join(folder, `${pid}${EXTENSION}`)
}

/** The sockets in the folder; none if it is not there, or somebody else's. */
export function socketsIn(folder: string): string[] {
  if (foreign(folder) !== undefined) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => join(folder, name))
}

/**
 * Makes the folder if it is not there.
 *
 * @throws Error when it is not this user's alone: others could put their sockets into it
 */
export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const why = foreign(folder)
  if (why !== undefined) throw new Error(`${folder} ${why}`)
}

/** Why a folder cannot be trusted, if it cannot. */
function foreign(folder: string): string | undefined {
  // Not what a link leads to: anybody can make links in /tmp.
  const stat = lstatSync(folder, { throwIfNoEntry: false })
  if (stat === undefined) return 'is not there'
  if (!stat.isDirectory()) return 'is no directory'
  if (stat.uid !== process.getuid?.()) return 'belongs to somebody else'
  return (stat.mode & 0o077) === 0 ? undefined : 'is open to others'
}
