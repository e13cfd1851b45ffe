/**
 * Loads files of this package as `require` does, with what V8 has compiled of them in an earlier start. V8
 * takes a third of a start to read the text of our code, and a hundredth of one to take it over.
 *
 * It is for the entries of what is shipped, which is CommonJS. Where a start cannot have it, `require` does all.
 */

import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
import { CODE_PATH } from '../code-folder.ts'
import { CODE_CACHE_VARIABLE } from '../options/variables.ts'
import { packageVersion } from '../version.ts'
import { cacheFolders, readTrusted, writeTrusted } from './files.ts'
import { type Compiled, pack, unpack } from './pack.ts'

/** Files by their paths: what V8 has compiled names the file that it was in, in stacks for example. */
interface Start {
  /** The name of what is kept. */
  readonly name: string
  /** What an earlier start has kept. */
  readonly found: ReadonlyMap<string, Compiled>
  /** What this one has run. */
  readonly run: Map<string, { readonly source: Buffer; readonly script: Script }>
  /** Whether it ran what was not kept, or was kept in vain. */
  lacks: boolean
}

/** Until what is compiled is kept: until then a server has no time for it. */
const KEEP_AFTER_MS = 1000

const nodeRequire = createRequire(import.meta.url)

let start: Start | undefined

/**
 * Runs a file of the package, and by it those that it needs.
 *
 * @param file its name within the package's code
 * @param kind what is started, of which each kind keeps its code apart
 */
export function runCompiled(file: string, kind: string): void {
  if (!isWanted()) {
    nodeRequire(join(CODE_PATH, file))
    return
  }
  const { version, arch } = process
  const name = `${kind}-${packageVersion()}-${version}-${arch}`
  start = { name, found: findKept(name), run: new Map(), lacks: false }
  exportsOf(join(CODE_PATH, file))
}

/** To be called when the start is over: has what it lacked kept for the next ones, a little later. */
export function keepCompiled(): void {
  if (start === undefined) return
  if (start.lacks) setTimeout(keep, KEEP_AFTER_MS, start).unref()
  start = undefined
}

function isWanted(): boolean {
  const { env, versions, sourceMapsEnabled } = process as typeof process & {
    readonly sourceMapsEnabled?: boolean
  }
  // Bun and Deno have caches and loaders of their own.
  if ('bun' in versions || 'deno' in versions || env[CODE_CACHE_VARIABLE] === '0') return false
  // Both want code to be compiled as `require` does.
  return env['NODE_V8_COVERAGE'] === undefined && sourceMapsEnabled !== true
}

function findKept(name: string): ReadonlyMap<string, Compiled> {
  for (const folder of cacheFolders()) {
    const bytes = readTrusted(join(folder, name))
    if (bytes !== undefined) return unpack(bytes)
  }
  return new Map()
}

function keep({ name, found, run }: Start): void {
  // What was kept in another folder is of a package that was moved, or of another one of this user.
  const files = new Map([...found].filter(([file]) => file.startsWith(CODE_PATH)))
  for (const [file, { source, script }] of run)
    files.set(file, { source, code: script.createCachedData() })
  const bytes = pack(files)
  for (const folder of cacheFolders()) if (writeTrusted(folder, name, bytes)) return
}

/** What a file exports, which `require` knows from then on. */
function exportsOf(path: string): unknown {
  const known = nodeRequire.cache[path]
  if (known !== undefined) return known.exports
  const module = new Module(path)
  module.filename = path
  nodeRequire.cache[path] = module
  try {
    const run = compile(path).runInThisContext() as (...scope: unknown[]) => void
    run.call(module.exports, module.exports, requireOf(path), module, path, dirname(path))
    module.loaded = true
  } finally {
    if (!module.loaded) delete nodeRequire.cache[path]
  }
  return module.exports
}

function requireOf(path: string): (id: string) => unknown {
  const folder = dirname(path)
  return (id) => (id.startsWith('.') ? exportsOf(join(folder, id)) : nodeRequire(id))
}

function compile(path: string): Script {
  const source = readFileSync(path)
  const kept = start?.found.get(path)
  // V8 itself compares no more than the length.
  const cachedData = kept?.source.equals(source) ? kept.code : undefined
  const script = new Script(Module.wrap(source.toString()), { filename: path, cachedData })
  if (start === undefined) return script
  start.run.set(path, { source, script })
  if (script.cachedDataRejected !== false) start.lacks = true
  return script
}
