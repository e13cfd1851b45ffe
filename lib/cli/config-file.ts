/** Finding and reading the config file. */

import { existsSync, readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { MonodonError, messageOf } from '../errors.ts'
import { importExternal } from '../import-external.ts'
import type { ConfigFile } from '../options/resolve.ts'

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json', '.toml']
const NAMES = EXTENSIONS.map((extension) => `monodon.config${extension}`)
/** What reads files of data, by extension; all others are modules. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  '.json': (text) => JSON.parse(text),
  '.toml': parseToml,
}

/** Gives the default export of a module. */
export type ImportConfig = (file: string) => Promise<unknown>

/**
 * Reads the config file at `path`, or else the one that lies in `cwd` under its usual name.
 *
 * @param importModule for a file of JavaScript or TypeScript
 * @returns `undefined` when none was named and none is there
 * @throws MonodonError `MONODON_CONFIG_FILE` when it is missing, cannot be read, or fails
 */
export async function loadConfigFile(
  path: string | undefined,
  cwd: string,
  importModule: ImportConfig = importOnce,
): Promise<ConfigFile | undefined> {
  const file = path === undefined ? findConfigFile(cwd) : resolve(cwd, path)
  if (file === undefined) return undefined
  if (!existsSync(file)) throw unusable(file, 'there is no such file')
  const parse = PARSERS[extname(file)]
  try {
    const values = parse ? await parse(readFileSync(file, 'utf8')) : await importModule(file)
    return { path: file, values }
  } catch (error) {
    if (error instanceof MonodonError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw unusable(file, `its name has to end with one of ${EXTENSIONS.join(' ')}`)
    // Where a parser was when it met a fault of the file tells nobody anything.
    throw unusable(file, messageOf(error), parse ? undefined : error)
  }
}

function findConfigFile(cwd: string): string | undefined {
  const found = NAMES.map((name) => join(cwd, name)).filter((file) => existsSync(file))
  if (found.length > 1)
    throw unusable(found.join(' and '), 'keep one of them, or choose with --config')
  return found[0]
}

async function parseToml(text: string): Promise<unknown> {
  const { parse } = await importExternal<typeof import('smol-toml')>('smol-toml')
  return parse(text)
}

async function importOnce(file: string): Promise<unknown> {
  const { importConfig } = await import('./import-config.ts')
  return importConfig(file)
}

function unusable(file: string, fault: string, cause?: unknown): MonodonError {
  return new MonodonError('MONODON_CONFIG_FILE', { detail: `${file}: ${fault}`, cause })
}
