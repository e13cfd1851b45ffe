/** Finding the app's file: `src/app.ts`, `src/app`, `src.app`, a folder's index, a package. */

import { readdirSync } from 'node:fs'
import { basename, dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MonodonError } from '../errors.ts'
import { didYouMean } from '../options/names.ts'
import { createTranspiler } from './import.ts'
import { basesOf, EXTENSIONS, findScript } from './places.ts'

/**
 * The absolute path of a module that was named on the command line.
 *
 * @throws MonodonError `MONODON_APP_NOT_FOUND` with the places that were tried
 */
export async function locateModule(module: string, cwd: string): Promise<string> {
  const found = findScript(module, cwd)
  if (found !== undefined) return found
  const packaged = isBareSpecifier(module) ? await locatePackage(module, cwd) : undefined
  if (packaged !== undefined) return packaged
  throw notFound(module, cwd, basesOf(module, cwd))
}

function isBareSpecifier(module: string): boolean {
  return !/^[./\\]|^[A-Za-z]:/.test(module)
}

async function locatePackage(name: string, cwd: string): Promise<string | undefined> {
  const transpiler = await createTranspiler(join(cwd, 'package.json'))
  const url = transpiler.esmResolve(name, { try: true })
  return url?.startsWith('file:') ? fileURLToPath(url) : undefined
}

function notFound(module: string, cwd: string, bases: readonly string[]): MonodonError {
  const extensions = extname(module) === '' ? ` (also with ${EXTENSIONS.join(' ')} .py)` : ''
  const files = bases.map((base) => base + extensions).join(' and ')
  const packages = isBareSpecifier(module) ? ` and a package ${module}` : ''
  return new MonodonError('MONODON_APP_NOT_FOUND', {
    detail: `looked for ${files}${packages}${didYouMean(module, neighbours(bases, cwd))}`,
  })
}

/** The modules that lie where one was expected, as one would name them. */
function neighbours(bases: readonly string[], cwd: string): string[] {
  const folders = new Set(bases.map((base) => dirname(base)))
  return [...folders].flatMap((folder) =>
    filesIn(folder)
      .filter((name) => EXTENSIONS.includes(extname(name)))
      .flatMap((name) => [name, basename(name, extname(name))])
      .map((name) => relative(cwd, join(folder, name))),
  )
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
