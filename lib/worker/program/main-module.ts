/** Makes a file look like the program that Node was started with, for itself and what it imports. */

import { readFileSync } from 'node:fs'
import Module, { createRequire, syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { MonodonError } from '../../errors.ts'
import { importExternal } from '../../import-external.ts'

/**
 * Makes `file` the main module before it is imported, with the arguments `args`: `process.argv`,
 * `require.main === module`, `import.meta.main` (where Node has it). Programs often listen only then.
 */
export async function becomeMain(file: string, args: readonly string[]): Promise<void> {
  process.argv.splice(1, process.argv.length, file, ...args)
  // `require.main` is what this was when its module was loaded, and then the main module is in the cache.
  Object.defineProperty(process, 'mainModule', {
    configurable: true,
    enumerable: true,
    get: () => (Module as unknown as ModuleInternals)._cache[file],
  })
  await markMain(file)
  refuseCluster()
  if (!isMainThread) allowOwnFolder()
}

interface ModuleInternals {
  readonly _cache: Record<string, NodeModule | undefined>
}

interface LoadResult {
  readonly source?: string | Uint8Array
}

/** `module.registerHooks` of Node 22.15, which is older than `import.meta.main`. */
type RegisterHooks = (hooks: {
  load(
    url: string,
    context: unknown,
    next: (url: string, context: unknown) => LoadResult,
  ): LoadResult
}) => void

/** Whether Node has `import.meta.main`, which only an ES module can ask: ours are built as CommonJS. */
const ASK_FOR_MAIN = "data:text/javascript,export default 'main' in import.meta"

/** `import.meta.main` is false in whatever is imported, but it is an ordinary property. */
async function markMain(file: string): Promise<void> {
  const registerHooks: RegisterHooks | undefined = Reflect.get(Module, 'registerHooks')
  if (registerHooks === undefined) return
  if (!readFileSync(file, 'utf8').includes('import.meta.main')) return
  // What Node does not have the program does not get here either.
  const { default: isThere } = await importExternal<{ default: boolean }>(ASK_FOR_MAIN)
  if (!isThere) return
  const main = pathToFileURL(file).href
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (url !== main || loaded.source === undefined) return loaded
      const text = Buffer.from(loaded.source as Uint8Array).toString()
      // On the first line, so that all others keep their numbers.
      const [start = ''] = /^#!.*\n/.exec(text) ?? []
      return { ...loaded, source: `${start}import.meta.main = true;${text.slice(start.length)}` }
    },
  })
}

/** Forks would run the program beside monodon, with sockets of their own. */
function refuseCluster(): void {
  // Not loaded for an app that is no program: it brings child processes and datagrams along.
  const cluster: typeof import('node:cluster').default = createRequire(import.meta.url)(
    'node:cluster',
  )
  cluster.fork = () => {
    throw new MonodonError('MONODON_APP_FORKS')
  }
  syncBuiltinESMExports()
}

/** A thread cannot change the folder of its process; a program may go where it is already. */
function allowOwnFolder(): void {
  const chdir = process.chdir
  process.chdir = (folder) => {
    if (resolve(folder) !== process.cwd()) chdir.call(process, folder)
  }
}
