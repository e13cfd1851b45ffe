/** The server that is to take the place of this one, as this one sees it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { within } from '../../within.ts'
import type { Binds } from '../listen/binds.ts'
import { HANDOVER_VARIABLE, HANDOVER_VERSION, type Handover, type Launch } from './launch.ts'
import type { ToPredecessor, ToSuccessor } from './predecessor.ts'

/** Before the sockets: standard input, output and error, and the channel between the two. */
const STDIO = ['inherit', 'inherit', 'inherit', 'ipc'] as const
/** One that does not end when it is told to is killed after this many milliseconds. */
const KILL_AFTER_MS = 5000

export class Successor {
  state: 'booting' | 'ready' | 'ended' = 'booting'
  /** Resolves when it serves; rejects, with why in words, when it ends before that. */
  readonly ready: Promise<void>
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>
  private readonly child: ChildProcess

  /**
   * Starts it, in the way in which this process was started, on the sockets of this one.
   *
   * @throws Error when there can be no further process
   */
  constructor(launch: Launch, binds: Binds) {
    const { execPath, args, cwd, env } = launch
    const sockets = binds.handOn()
    const handover: Handover = {
      version: HANDOVER_VERSION,
      pid: process.pid,
      sockets: sockets.map((socket, at) => ({ ...socket, descriptor: STDIO.length + at })),
      areActivated: binds.areActivated,
    }
    this.child = spawn(execPath, args, {
      cwd,
      env: { ...env, [HANDOVER_VARIABLE]: JSON.stringify(handover) },
      stdio: [...STDIO, ...sockets.map(({ descriptor }) => descriptor)],
    })
    const { child } = this
    // This process may end before it.
    child.unref()
    child.channel?.unref()
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.state = 'ended'
        resolve(how)
      }
      child.once('error', (error) => end(reasonOf(error, launch)))
      child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    })
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (message: ToPredecessor) => {
        if (message.type !== 'ready' || this.state !== 'booting') return
        this.state = 'ready'
        resolve()
      })
      void this.ended.then((how) => reject(new Error(`it ended with ${how}`)))
    })
    // Who does not wait for it need not hear of it here.
    this.ready.catch(() => {})
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** Leaves everything to it. */
  promote(): void {
    const message: ToSuccessor = { type: 'yours' }
    if (this.child.connected) this.child.send(message, () => {})
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.child.kill('SIGTERM')
    await within(KILL_AFTER_MS, this.ended)
    if (!this.hasEnded()) this.child.kill('SIGKILL')
    await this.ended
  }

  private hasEnded(): boolean {
    return this.state === 'ended'
  }
}

/** Node says of a folder that is missing that the command is. */
function reasonOf(error: Error, { cwd }: Launch): string {
  const isFolder = statSync(cwd, { throwIfNoEntry: false })?.isDirectory()
  return isFolder ? error.message : `${error.message} (the folder ${cwd} is not there any more)`
}
