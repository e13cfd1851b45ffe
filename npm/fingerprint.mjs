// Tells by their contents whether files have changed since something was made of them. Times would
// not do: a checkout sets them to anything.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project.mjs'

/**
 * One hash over the names and contents of files.
 *
 * @param {string[]} paths files and folders of the project; one that is missing counts as such
 * @param {RegExp} [pattern] which files of the folders
 */
export function fingerprint(paths, pattern = /./) {
  const hash = createHash('sha256')
  for (const file of paths.flatMap((path) => filesOf(path, pattern)).sort()) {
    const content = readFileSync(join(root, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

function filesOf(path, pattern) {
  const entry = statSync(join(root, path), { throwIfNoEntry: false })
  if (entry === undefined) return []
  if (!entry.isDirectory()) return [path]
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && pattern.test(file.name))
    .map((file) => join(file.parentPath ?? file.path, file.name).slice(root.length))
}
