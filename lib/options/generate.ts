/**
 * Writes what is derived from the option table, the error table and the record layout.
 *
 *     node dist/options/generate.js           writes the files
 *     node dist/options/generate.js --check   exits with 1 and names those that differ
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { generatedFiles } from './generated.ts'

// dist/options/generate.js and lib/options/generate.ts both lie two folders below the root.
const root = new URL('../../', import.meta.url)
const isCheck = process.argv.includes('--check')

for (const [path, text] of generatedFiles(root)) {
  const file = new URL(path, root)
  if (readIfThere(file) === text) continue
  if (isCheck) process.exitCode = 1
  else writeFileSync(file, text)
  process.stderr.write(isCheck ? `${path} is out of date: npm run generate\n` : `wrote ${path}\n`)
}

function readIfThere(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
