/** Running a program: its app is the server that it listens with, or else what it exports. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { MonodonError } from '../../errors.ts'
import type { Options } from '../../options/table.ts'
import { findApp, noAppIn } from '../exports.ts'
import type { Exports } from '../import.ts'
import { importApp, type LoadedApp, type LoadWhole, type ModuleFile, settledApp } from '../load.ts'
import { becomeMain } from './main-module.ts'
import type { Attached, Program } from './program.ts'

/** What a module of which no export is named stands for: a program, unless it is to be fetch or WSGI. */
export function wholeOf(
  program: Program,
  args: readonly string[],
  { interface: choice, listenTimeout }: Options,
): LoadWhole | undefined {
  if (choice !== 'auto' && choice !== 'node') return undefined
  return (file) => runProgram(file, { program, args, timeoutMs: listenTimeout })
}

interface RunSetup {
  readonly program: Program
  /** What follows the program's name in `process.argv`. */
  readonly args: readonly string[]
  /** How long it may take until it listens, in milliseconds; 0 is any time. */
  readonly timeoutMs: number
}

/**
 * Runs `file` as Node runs its main module. If it listens, its server is the app, whatever it exports:
 * so `monodon server.js` serves what `node server.js` does.
 *
 * @throws MonodonError `MONODON_APP_NOT_LISTENING`; `MONODON_APP_NOT_FOUND` when it has ended without
 * listening; `MONODON_LISTEN_*`; and those of `importApp`
 */
async function runProgram(
  file: ModuleFile,
  { program, args, timeoutMs }: RunSetup,
): Promise<LoadedApp> {
  await becomeMain(file.path, args)
  program.offer()
  const watch = new Watch(timeoutMs)
  try {
    const imported = importApp(file)
    // What has listened before its import ends comes first: a program may await its own end.
    const loaded = imported.then((exported) => ({ exported }))
    const first = await Promise.race([loaded, program.listened, watch.missed])
    if (typeof first === 'string') throw missing(first, file, undefined)
    if ('server' in first) return serverOf(first, file, program, await exportsOf(imported))
    const { exported } = first
    const found = findApp(exported)
    if (found !== undefined) return await settledApp(found, file)
    const later = await Promise.race([program.listened, watch.missed])
    if (typeof later === 'string') throw missing(later, file, exported)
    return serverOf(later, file, program, exported)
  } finally {
    watch.end()
  }
}

/** Why a program has not listened: its time was over, or it had nothing left to do. */
type Miss = 'late' | 'ended'

/** Notices that a program does not listen. */
class Watch {
  readonly missed: Promise<Miss>
  private readonly timer: NodeJS.Timeout | undefined
  private tellEnded!: () => void

  constructor(timeoutMs: number) {
    let tellLate!: () => void
    this.missed = new Promise((resolve) => {
      tellLate = () => resolve('late')
      this.tellEnded = () => resolve('ended')
    })
    // Emitted when nothing keeps the event loop; so this must not.
    process.once('beforeExit', this.tellEnded)
    if (timeoutMs > 0) this.timer = setTimeout(tellLate, timeoutMs).unref()
  }

  end(): void {
    process.off('beforeExit', this.tellEnded)
    clearTimeout(this.timer)
  }
}

/**
 * What a module exports that has listened; `undefined` while it awaits something more.
 *
 * @throws what the module throws right after it has listened
 */
async function exportsOf(imported: Promise<Exports>): Promise<Exports | undefined> {
  const exported = await Promise.race([imported, nextTurn(undefined)])
  // What it throws later ends the worker, as it ends a program.
  if (exported === undefined)
    imported.catch((error: Error) => setImmediate(() => raise(error.cause ?? error)))
  return exported
}

function raise(error: unknown): never {
  throw error
}

function serverOf(
  attached: Attached,
  file: ModuleFile,
  program: Program,
  exported: Exports | undefined,
): LoadedApp {
  const unused = exported && findApp(exported)?.[0]
  const note =
    unused === undefined ? '' : `, so its export "${unused}" is not used unless it is named`
  return {
    app: attached.server,
    file: file.path,
    name: `the server on ${attached.place.text}`,
    reason: program.reasonFor(attached) + note,
  }
}

function missing(miss: Miss, file: ModuleFile, exported: Exports | undefined): MonodonError {
  const state =
    exported === undefined
      ? `the import of ${file.shown} has not ended`
      : noAppIn(exported, file.shown)
  if (miss === 'late') return new MonodonError('MONODON_APP_NOT_LISTENING', { detail: state })
  return new MonodonError('MONODON_APP_NOT_FOUND', {
    detail: `${state}; and it has nothing left to do, but has not called listen`,
  })
}
