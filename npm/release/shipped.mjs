// Which of the compiled files are shipped: those that the package's entries lead to.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** What users import, and what runs as a program, a thread or a hook of its own. */
const ENTRIES = [
  ...['index.js', 'hono.js', 'cli/main.js', 'cli/run.js', 'cli/config-thread.js'],
  ...['worker/thread.js', 'worker/main.js', 'worker/child.js', 'worker/process.js'],
  'worker/loads/resolve-hook.js',
  // Says that they are CommonJS.
  'package.json',
]
const TYPES = ['index.d.ts', 'hono.d.ts']
/** Read as they are: the script of the status page, and the Python worker. */
const FOLDERS = ['observe/page/client', 'observe/view', 'python']
const IMPORT = /\b(?:from|import|require)\s*\(?\s*["'](\.[^"']+)["']/g

/**
 * Files of `dist` that are shipped, with the maps of those that have one.
 *
 * @returns {string[]} paths within `dist`
 */
export function shippedFiles(dist) {
  const found = new Set()
  const visit = (file) => {
    if (found.has(file)) return
    found.add(file)
    for (const next of importsOf(dist, file)) visit(next)
  }
  for (const entry of [...ENTRIES, ...TYPES]) visit(entry)
  for (const file of [...found]) if (existsSync(join(dist, `${file}.map`))) found.add(`${file}.map`)
  return [...found, ...FOLDERS.flatMap((folder) => filesIn(dist, folder))]
}

function importsOf(dist, file) {
  const text = readFileSync(join(dist, file), 'utf8')
  return [...text.matchAll(IMPORT)].map(([, path]) => {
    const target = relative(dist, join(dist, dirname(file), path))
    // Declarations name the sources of their neighbours.
    return file.endsWith('.d.ts') ? target.replace(/\.[jt]s$/, '.d.ts') : target
  })
}

function filesIn(dist, folder) {
  return readdirSync(join(dist, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:js|py)$/.test(entry.name))
    .map((entry) => relative(dist, join(entry.parentPath ?? entry.path, entry.name)))
}
