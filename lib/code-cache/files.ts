/**
 * The files that compiled code is kept in. To run what others have put there would be to run as they like: so
 * a file counts only if nobody can have written it but this user, root, and who has written the package.
 */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join } from 'node:path'
import { CODE_PATH } from '../code-folder.ts'

/** Write permission of the group and of others. */
const OTHERS_WRITE = 0o022

/** Where such files may be: in the package, or else where this user's programs keep such things. */
export function* cacheFolders(): Generator<string> {
  yield join(CODE_PATH, 'compiled')
  const own = userFolder()
  if (own !== undefined) yield join(own, 'monodon')
}

function userFolder(): string | undefined {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (process.platform === 'win32') return LOCALAPPDATA
  if (XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME
  // Not loaded by a start that finds its code in the package.
  const { homedir } = createRequire(import.meta.url)('node:os') as typeof import('node:os')
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache')
}

/** The contents of a file; `undefined` where there is none, or one that others may have written. */
export function readTrusted(path: string): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    // Of what is open: the name may stand for another file by now.
    const stats = fstatSync(file)
    return stats.isFile() && isTrusted(stats) ? readFileSync(file) : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * Writes a file as a whole, into a folder that is made if it is missing. False, and nothing is there, where
 * that cannot be, or where others could put another file in its place.
 */
export function writeTrusted(folder: string, name: string, bytes: Buffer): boolean {
  const draft = join(folder, `${name}.${process.pid}`)
  try {
    if (!mayWrite(folder)) return false
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    const stats = lstatSync(folder)
    if (!stats.isDirectory() || !isTrusted(stats)) return false
    writeDraft(draft, bytes)
    renameSync(draft, join(folder, name))
    return true
  } catch {
    return false
  }
}

function writeDraft(path: string, bytes: Buffer): void {
  // Of a process that had this one's number and has ended in the midst of it.
  rmSync(path, { force: true })
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o644 })
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

/** What root puts into another user's folder would be in that user's way. */
function mayWrite(folder: string): boolean {
  let there = folder
  while (!existsSync(there)) there = dirname(there)
  const user = process.geteuid?.()
  return user === undefined || statSync(there).uid === user
}

function isTrusted({ uid, mode }: Stats): boolean {
  const user = process.geteuid?.()
  // Where files have no owners of this kind, the folders are the user's own.
  if (user === undefined) return true
  return (
    (mode & OTHERS_WRITE) === 0 && (uid === user || uid === 0 || uid === statSync(CODE_PATH).uid)
  )
}
