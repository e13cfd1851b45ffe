import { readFileSync } from 'node:fs'
import { CODE_FOLDER } from './code-folder.ts'

let version: string | undefined

/** The version of this package. */
export function packageVersion(): string {
  version ??= (
    JSON.parse(readFileSync(new URL('../package.json', CODE_FOLDER), 'utf8')) as { version: string }
  ).version
  return version
}
