import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The folder that the code of this package is in, as a URL: `dist`, or `lib` where the sources run. It is
 * looked for, by what is in both, since the build moves modules into common files.
 */
export const CODE_FOLDER: URL = find()

/** Its path, which ends in a separator. */
export const CODE_PATH: string = fileURLToPath(CODE_FOLDER)

function find(): URL {
  let folder = new URL('./', import.meta.url)
  while (!existsSync(new URL('python', folder))) folder = new URL('../', folder)
  return folder
}
