/** Where the module of an app may lie in the file system. Nothing is loaded. */

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Extensions of scripts, in the order in which they are tried. */
export const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs']

/** The paths that a module's name may stand for, without extension: `src/app`, or dotted, `src.app`. */
export function basesOf(module: string, cwd: string): string[] {
  const bases = [resolve(cwd, module)]
  if (isDotted(module)) bases.push(resolve(cwd, module.replaceAll('.', '/')))
  return bases
}

/** The script that a module's name stands for, if there is one below `cwd`. */
export function findScript(module: string, cwd: string): string | undefined {
  return basesOf(module, cwd)
    .map((base) => scriptsOf(base).find(isFile))
    .find((found) => found !== undefined)
}

/** The Python file that a module's name stands for, if there is one in one of the folders. */
export function findPythonModule(module: string, folders: readonly string[]): string | undefined {
  const path = module.endsWith('.py') ? module : module.replaceAll('.', '/')
  const files = module.endsWith('.py') ? [path] : [`${path}.py`, `${path}/__init__.py`]
  return folders
    .flatMap((folder) => files.map((file) => resolve(folder, file)))
    .find((file) => isFile(file))
}

/** What stands before the name in `module:name` and `module:name(arguments)`. */
export function moduleOf(spec: string): string {
  const colon = /^(.*?):[^:(\\/]*(?:\(.*\))?$/s.exec(spec)
  return colon === null || colon[1] === '' ? spec : colon[1]!
}

/** The files that `base` may stand for, in the order in which they are tried. */
export function scriptsOf(base: string): string[] {
  return [
    base,
    ...EXTENSIONS.map((extension) => base + extension),
    ...EXTENSIONS.map((extension) => join(base, `index${extension}`)),
  ]
}

/** `pkg.mod`, as in Python. */
function isDotted(module: string): boolean {
  return /^[\w$-]+(?:\.[\w$-]+)+$/.test(module)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
