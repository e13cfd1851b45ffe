/** Files of Unix sockets: who has made one removes it, and no other. */

import { lstatSync, rmSync } from 'node:fs'

/** The file of a Unix socket that a server has made, and the one file that it is. */
export interface SocketFile {
  readonly path: string
  readonly device: number
  readonly inode: number
}

/** The file that is there now, if one is. */
export function socketFileAt(path: string): SocketFile | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : { path, device: found.dev, inode: found.ino }
}

/** Removes it, unless another server has put its own socket there since. */
export function removeSocketFile(file: SocketFile | undefined): void {
  if (file === undefined) return
  const now = socketFileAt(file.path)
  if (now?.device !== file.device || now.inode !== file.inode) return
  try {
    rmSync(file.path)
  } catch {
    // The folder does not permit it any more; the next server replaces a socket that nobody has.
  }
}
