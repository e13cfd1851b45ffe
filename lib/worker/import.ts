/** Importing a file of JavaScript or TypeScript, on every Node that is supported. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Jiti, ModuleCache } from 'jiti'
import { importExternal } from '../import-external.ts'

/** What a module exports. */
export interface Exports {
  readonly default?: unknown
  readonly [name: string]: unknown
}

const TYPESCRIPT = ['.ts', '.mts', '.cts', '.tsx']

/** What Node says when a TypeScript file needs more than its types removed, or TypeScript's ways to name files. */
const NEEDS_TRANSPILER = new Set([
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_UNKNOWN_FILE_EXTENSION',
])

/**
 * Imports a file. JavaScript goes to Node as it is. TypeScript goes to Node where it strips types;
 * what that cannot do (enums, decorators, imports of types without `type`, `paths`, specifiers
 * without an extension, older versions of Node) is done by jiti.
 *
 * @param file absolute path
 * @param note called with each file that jiti loads, before it is evaluated; Node's loader has hooks
 * of its own for that
 * @throws whatever the module throws while it is evaluated, and the loader's errors
 */
export async function importFile(file: string, note?: (file: string) => void): Promise<Exports> {
  const extension = extname(file)
  if (!TYPESCRIPT.includes(extension)) return importNatively(file)
  if (!stripsTypes() || extension === '.tsx') return importTranspiled(file, note)
  try {
    return await importNatively(file)
  } catch (error) {
    // The static graph is linked before any of it runs, so nothing is evaluated twice.
    if (isLoaderError(error) && needsTranspiler(error)) return importTranspiled(file, note)
    throw error
  }
}

/** True for an error that Node's loader raised itself, rather than code that it was running. */
export function isLoaderError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const firstFrame = /^ {4}at .*/m.exec(error.stack ?? '')?.[0] ?? ''
  return firstFrame.includes('node:internal/modules/')
}

/** A jiti that resolves from a file, for its parser and its resolution. */
export async function createTranspiler(file: string): Promise<Jiti> {
  const { createJiti } = await importExternal<typeof import('jiti')>('jiti')
  return createJiti(file, {
    // All else is Node's: a package that the app and monodon share must be one instance.
    extensions: TYPESCRIPT,
    interopDefault: false,
    tsconfigPaths: true,
    jsx: true,
    fsCache: cacheFolder(file),
  })
}

function stripsTypes(): boolean {
  // Not in the types of Node 20.
  return typeof Reflect.get(process.features, 'typescript') === 'string'
}

function importNatively(file: string): Promise<Exports> {
  return importExternal(pathToFileURL(file).href)
}

async function importTranspiled(file: string, note?: (file: string) => void): Promise<Exports> {
  const transpiler = await createTranspiler(file)
  if (note === undefined) return transpiler.import<Exports>(file)
  // What `import` does, with a cache that tells what is put into it.
  return transpiler.evalModule(readFileSync(file, 'utf8'), {
    id: file,
    filename: file,
    ext: extname(file),
    async: true,
    cache: notingCache(note),
  }) as Promise<Exports>
}

/** A cache of modules, in which jiti enters each before it evaluates it. */
function notingCache(note: (file: string) => void): ModuleCache {
  return new Proxy<ModuleCache>(
    {},
    {
      set(target, file, module) {
        note(String(file))
        return Reflect.set(target, file, module)
      },
    },
  )
}

/** Any syntax error but one that TypeScript itself has: decorators and imports of types end in these. */
function needsTranspiler(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined && NEEDS_TRANSPILER.has(code)) return true
  return error instanceof SyntaxError && code !== 'ERR_INVALID_TYPESCRIPT_SYNTAX'
}

/**
 * Transpiled code is kept in the app's own `node_modules`. Never in the system's temporary folder,
 * where others could put code for us to run.
 */
function cacheFolder(file: string): string | false {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const modules = join(folder, 'node_modules')
    if (existsSync(modules)) return join(modules, '.cache', 'monodon')
  }
  return false
}
