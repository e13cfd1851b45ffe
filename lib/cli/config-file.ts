/** Finding and reading the config file. */

import { existsSync, readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { MonodonError } from '../errors.ts'
import type { ConfigFile } from '../options/resolve.ts'

const NAMES = ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'toml'].map(
  (extension) => `monodon.config.${extension}`,
)

/**
 * Reads the config file at `path`, or else the one that lies in `cwd` under its usual name.
 *
 * @returns `undefined` when none was named and none is there
 * @throws MonodonError `MONODON_CONFIG_FILE` when it is missing, cannot be read, or fails
 */
export async function loadConfigFile(
  path: string | undefined,
  cwd: string,
): Promise<ConfigFile | undefined> {
  const file = path === undefined ? findConfigFile(cwd) : resolve(cwd, path)
  if (file === undefined) return undefined
  if (!existsSync(file)) throw unusable(file, 'there is no such file')
  try {
    return { path: file, values: await readValues(file) }
  } catch (error) {
    if (error instanceof MonodonError) throw error
    throw unusable(file, error instanceof Error ? error.message : String(error), error)
  }
}

function findConfigFile(cwd: string): string | undefined {
  const found = NAMES.map((name) => join(cwd, name)).filter((file) => existsSync(file))
  if (found.length > 1)
    throw unusable(found.join(' and '), 'keep one of them, or choose with --config')
  return found[0]
}

async function readValues(file: string): Promise<unknown> {
  switch (extname(file)) {
    case '.json':
      return JSON.parse(readFileSync(file, 'utf8'))
    case '.toml': {
      const { parse } = await import('smol-toml')
      return parse(readFileSync(file, 'utf8'))
    }
    default:
      return importDefault(file)
  }
}

async function importDefault(file: string): Promise<unknown> {
  const { importFile } = await import('../worker/import.ts')
  const { describeSyntaxError } = await import('../worker/syntax-error.ts')
  try {
    const exported = await importFile(file)
    if (exported.default === undefined) throw unusable(file, 'it has no default export')
    return defaultOf(exported.default)
  } catch (error) {
    const syntax = await describeSyntaxError(error, file)
    if (syntax !== undefined) throw new MonodonError('MONODON_CONFIG_FILE', { detail: syntax })
    throw error
  }
}

/** Compiled CommonJS carries its default export inside of `module.exports`. */
function defaultOf(value: unknown): unknown {
  const isCompiled = typeof value === 'object' && value !== null && '__esModule' in value
  return isCompiled && 'default' in value ? value.default : value
}

function unusable(file: string, fault: string, cause?: unknown): MonodonError {
  return new MonodonError('MONODON_CONFIG_FILE', { detail: `${file}: ${fault}`, cause })
}
