/** Makes a file look like the program that Node was started with, for itself and what it imports. */

import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import Module, { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { MonodonError } from '../../errors.ts'

/**
 * Makes `file` the main module before it is imported, with the arguments `args`: `process.argv`,
 * `require.main === module`, `import.meta.main` (where Node has it). Programs often listen only then.
 */
export function becomeMain(file: string, args: readonly string[]): void {
  process.argv.splice(1, process.argv.length, file, ...args)
  // `require.main` is what this was when its module was loaded, and then the main module is in the cache.
  Object.defineProperty(process, 'mainModule', {
    configurable: true,
    enumerable: true,
    get: () => (Module as unknown as ModuleInternals)._cache[file],
  })
  markMain(file)
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

/** `import.meta.main` is false in whatever is imported, but it is an ordinary property. */
function markMain(file: string): void {
  const registerHooks: RegisterHooks | undefined = Reflect.get(Module, 'registerHooks')
  // What Node does not have the program does not get here either.
  if (registerHooks === undefined || !('main' in import.meta)) return
  if (!readFileSync(file, 'utf8').includes('import.meta.main')) return
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
