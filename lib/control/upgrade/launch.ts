/** How this process was started, so that a server can be started again in the same way (SIGUSR2). */

import { statSync } from 'node:fs'
import { log } from '../../log.ts'
import type { Inherited } from '../listen/binds.ts'

export interface Launch {
  readonly execPath: string
  /** Node's options, the script, and what follows it. */
  readonly args: readonly string[]
  readonly cwd: string
  /** Without what was for this process alone. */
  readonly env: NodeJS.ProcessEnv
  /** What an earlier server has handed on to this one. */
  readonly handover: Handover | undefined
}

/** What a server gives to the one that is to take its place; the two may be of different versions. */
export interface Handover {
  readonly version: typeof HANDOVER_VERSION
  /** The server that hands over. */
  readonly pid: number
  /** With the descriptors that the new process has them by. */
  readonly sockets: readonly Inherited[]
  /** Whether they are sockets of systemd, whatever `--bind` says. */
  readonly areActivated: boolean
}

/** Raised when a server could no longer make use of what an earlier one gives. */
export const HANDOVER_VERSION = 1
/** Holds a `Handover`. It is no option: it is gone when the options are read. */
export const HANDOVER_VARIABLE = 'MONODON_HANDOVER'

/** For one process each: of socket activation and of the watchdog. */
const OF_ONE_PROCESS = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'WATCHDOG_PID']

/** Remembers how the process was started, before anything is changed of that. */
export function takeLaunch(env: NodeJS.ProcessEnv = process.env): Launch {
  const text = env[HANDOVER_VARIABLE]
  delete env[HANDOVER_VARIABLE]
  const kept = { ...env }
  for (const name of OF_ONE_PROCESS) delete kept[name]
  return {
    execPath: process.execPath,
    args: [...process.execArgv, ...process.argv.slice(1)],
    cwd: currentFolder(env),
    env: kept,
    handover: text === undefined ? undefined : readHandover(text),
  }
}

/** As it was named: a link to the current release may lead elsewhere later. */
function currentFolder({ PWD: named }: NodeJS.ProcessEnv): string {
  const folder = process.cwd()
  if (named === undefined) return folder
  const [theirs, ours] = [named, folder].map((path) => statSync(path, { throwIfNoEntry: false }))
  return theirs !== undefined && theirs.dev === ours?.dev && theirs.ino === ours.ino
    ? named
    : folder
}

function readHandover(text: string): Handover | undefined {
  try {
    const handover = JSON.parse(text) as Handover
    if (handover.version === HANDOVER_VERSION) return handover
  } catch {
    // It is none of ours.
  }
  log('warning', `${HANDOVER_VARIABLE} is not understood: it is not used`)
  return undefined
}
