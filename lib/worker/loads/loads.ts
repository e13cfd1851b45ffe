/** Which files the app of this thread has loaded, for `--reload`. */

import { dirname, resolve, sep } from 'node:path'
import { CODE_PATH } from '../../code-folder.ts'
import { fileVersion } from '../../file-version.ts'
import { scriptsOf } from '../places.ts'
import type { FromWorker, LoadedFile } from '../protocol.ts'
import { hookLoader } from './hooks.ts'

/** Characters of paths in a message: a record of a worker in a process has to fit into a batch. */
const MESSAGE_CHARACTERS = 20_000

/** An ES module names what is missing by its absolute path; CommonJS as it was asked for. */
const MISSING = /^Cannot find module '([^'\n]+)'(?:\nRequire stack:\n- ([^\n]+))?/
/** A path, rather than the name of a package. */
const PATH = /^(?:\.{0,2}[\\/]|[A-Za-z]:\\)/

/** Notes the files that are loaded, and tells the arbiter of each once. */
export class Loads {
  private readonly say: (message: FromWorker) => void
  private readonly known = new Set<string>()
  private untold: LoadedFile[] = []
  private untoldCharacters = 0
  private drain: () => void = () => {}

  private constructor(say: (message: FromWorker) => void) {
    this.say = say
  }

  /** Begins to note what this thread loads by Node's own loader. */
  static async start(say: (message: FromWorker) => void): Promise<Loads> {
    const loads = new Loads(say)
    loads.drain = await hookLoader(loads.note)
    return loads
  }

  /** Notes a file that is about to be read, or was read in the given version. */
  readonly note = (path: string, version?: string): void => {
    // This package is no part of the app.
    if (this.known.has(path) || path.startsWith(CODE_PATH)) return
    this.known.add(path)
    if (this.untold.length === 0) queueMicrotask(this.tell)
    this.untold.push([path, version ?? fileVersion(path)])
    this.untoldCharacters += path.length
    if (this.untoldCharacters > MESSAGE_CHARACTERS) this.tell()
  }

  /** Notes where a module is missing for want of which `error` was thrown. */
  noteMissing(error: unknown): void {
    for (const path of missingFiles(error)) this.note(path)
  }

  /** Tells at once what was noted. */
  flush(): void {
    this.drain()
    this.tell()
  }

  private readonly tell = (): void => {
    if (this.untold.length === 0) return
    const files = this.untold
    this.untold = []
    this.untoldCharacters = 0
    this.say({ type: 'loaded', files })
  }
}

/** The paths at which Node's loader, or jiti, looked in vain for a module that was named by a path. */
function missingFiles(error: unknown): string[] {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const [, missing = '', importer] = MISSING.exec(cause.message) ?? []
    if (!PATH.test(missing)) continue
    const folder = importer === undefined ? sep : dirname(importer)
    return scriptsOf(resolve(folder, missing))
  }
  return []
}
