/** A config file that is a module of JavaScript or TypeScript. */

import { MonodonError } from '../errors.ts'
import { importFile } from '../worker/import.ts'
import { describeSyntaxError } from '../worker/syntax-error.ts'

/**
 * The file's default export.
 *
 * @throws MonodonError `MONODON_CONFIG_FILE`, and whatever the module throws
 */
export async function importConfig(file: string): Promise<unknown> {
  try {
    const exported = await importFile(file)
    if (exported.default === undefined)
      throw new MonodonError('MONODON_CONFIG_FILE', { detail: `${file}: it has no default export` })
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
