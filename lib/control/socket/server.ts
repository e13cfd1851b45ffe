/** The control socket of a server: a Unix socket over which it can be asked and told things. */

import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { MonodonError, messageOf } from '../../errors.ts'
import { log } from '../../log.ts'
import { within } from '../../within.ts'
import type { Arbiter } from '../arbiter.ts'
import type { Predecessor } from '../upgrade/predecessor.ts'
import { isAlive } from './client.ts'
import { Conversation } from './conversation.ts'
import { AUTO, defaultFolder, defaultSocket, makeFolder, OFF, socketsIn } from './places.ts'

/** Clients at a time. */
const MAX_CLIENTS = 16
/** What the end of the server waits for answers that are on their way, in milliseconds. */
const LAST_ANSWERS_MS = 1000
/** `sun_path` of unix(7) has 108 bytes on Linux and 104 on macOS, the last of which is NUL. */
const PATH_BYTES = process.platform === 'darwin' ? 103 : 107

/**
 * Opens the control socket that `--control-socket` asks for. One that nobody has asked for is left out
 * where it cannot be had. While an earlier server has the one that was named, `.2` is added to the name.
 *
 * @throws MonodonError `MONODON_CONTROL_SOCKET`
 */
export async function openControlSocket(
  arbiter: Arbiter,
  option: string,
  cwd: string,
  predecessor?: Predecessor,
): Promise<ControlSocket | undefined> {
  if (option === OFF) return undefined
  if (option !== AUTO) return openNamed(arbiter, resolve(cwd, option), predecessor)
  const folder = defaultFolder()
  if (folder === undefined) return undefined
  try {
    makeFolder(folder)
    const path = defaultSocket(folder, process.pid)
    const control = await ControlSocket.open(arbiter, path)
    // A start does not wait until every other server has answered.
    sweep(folder, path).catch(() => {})
    return control
  } catch (error) {
    const why = messageOf(error)
    log('info', `No control socket: ${why} (--control-socket names another place)`)
    return undefined
  }
}

async function openNamed(
  arbiter: Arbiter,
  path: string,
  predecessor: Predecessor | undefined,
): Promise<ControlSocket> {
  if (predecessor?.isThere !== true) return ControlSocket.open(arbiter, path, true)
  const control = await ControlSocket.open(arbiter, `${path}.2`, true)
  void predecessor.left.then(() => control.rename(path))
  return control
}

/** Removes what servers have left behind that were killed. */
async function sweep(folder: string, own: string): Promise<void> {
  for (const path of socketsIn(folder))
    if (path !== own && !(await isAlive(path))) rmSync(path, { force: true })
}

export class ControlSocket {
  private path: string
  private isOpen = true
  private readonly server: Server
  private readonly conversations = new Map<Socket, Conversation>()
  /** The socket's own, to know it by. */
  private readonly inode: number
  private readonly isNamed: boolean

  private constructor(arbiter: Arbiter, path: string, server: Server, isNamed: boolean) {
    this.path = path
    this.server = server
    this.isNamed = isNamed
    this.inode = lstatSync(path).ino
    server.on('connection', (socket) => this.admit(arbiter, socket))
    // One client that cannot be accepted costs nobody else anything.
    server.on('error', (error) => log('warning', `The control socket: ${error.message}`))
    log('info', `Control socket: ${path}`)
  }

  /**
   * Listens at `path`, in the place of what a server has left there that is gone. A path that
   * `isNamed` by the options is the same for the server that takes the place of this one.
   *
   * @throws MonodonError `MONODON_CONTROL_SOCKET` when a server listens there, or none can
   */
  static async open(arbiter: Arbiter, path: string, isNamed = false): Promise<ControlSocket> {
    if (await isAlive(path)) throw unusable(`another server listens at ${path}`)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat !== undefined && !stat.isSocket()) throw unusable(`${path} is there and is no socket`)
    const server = createServer({ allowHalfOpen: true })
    try {
      await listen(server, path)
    } catch (error) {
      throw unusable(messageOf(error))
    }
    return new ControlSocket(arbiter, path, server, isNamed)
  }

  /** Takes the place of what is at `path`. */
  rename(path: string): void {
    if (!this.isOpen) return
    try {
      renameSync(this.path, path)
      this.path = path
    } catch (error) {
      log('error', `The control socket: ${messageOf(error)}`)
    }
  }

  /**
   * Removes the socket, unless it is another server's by now, and sends the answers that are due. A
   * name that is handed over is left to the new server: it may take the place between a look at whose
   * it is and its removal.
   */
  async close(isHandedOver: boolean): Promise<void> {
    this.isOpen = false
    if (!(isHandedOver && this.isNamed) && this.isOurs()) rmSync(this.path, { force: true })
    this.server.close()
    const conversations = [...this.conversations.values()]
    await within(LAST_ANSWERS_MS, Promise.all(conversations.map((one) => one.close())))
    for (const socket of this.conversations.keys()) socket.destroy()
  }

  private isOurs(): boolean {
    return lstatSync(this.path, { throwIfNoEntry: false })?.ino === this.inode
  }

  private admit(arbiter: Arbiter, socket: Socket): void {
    if (this.conversations.size >= MAX_CLIENTS) {
      socket.destroy()
      return
    }
    this.conversations.set(socket, new Conversation(arbiter, socket))
    socket.once('close', () => this.conversations.delete(socket))
  }
}

/**
 * Has a server listen at `path`. The socket is made in a folder that nobody else can enter, so that
 * there is no moment in which it has another mode, and takes its place whole.
 */
async function listen(server: Server, path: string): Promise<void> {
  const folder = mkdtempSync(`${path}.`)
  try {
    const made = `${folder}/s`
    if (Buffer.byteLength(made) > PATH_BYTES)
      throw new Error(`the path ${path} is too long for a Unix socket`)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(made, () => {
        server.off('error', reject)
        resolve()
      })
    })
    chmodSync(made, 0o600)
    renameSync(made, path)
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function unusable(detail: string): MonodonError {
  return new MonodonError('MONODON_CONTROL_SOCKET', { detail })
}
