/** `npm pack` in a clone gives what was built and the texts, and nothing of the sources. */

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from './packed.ts'

const TEXTS = ['CHANGELOG.md', 'LICENSE', 'README.md']
const DIST = join(ROOT, 'dist')
/** What runs leave behind: only this test writes there. */
const LEFT = ['python/of-this-test/__pycache__/serial.cpython-313.pyc', 'compiled/of-this-test']

test('a clone packs what was built, which is all that is published, and the texts', async () => {
  try {
    for (const path of LEFT) leave(join(DIST, path))
    const files = await packed()
    expect(files).toEqual([...TEXTS, ...built(), 'package.json'].sort())
    expect(files).toEqual(expect.arrayContaining(await published()))
    expect(files.filter((path) => path.endsWith('.node'))).toHaveLength(1)
  } finally {
    rmSync(join(DIST, 'python/of-this-test'), { recursive: true })
    rmSync(join(DIST, 'compiled/of-this-test'))
  }
})

function leave(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
}

/** What the release script puts into the package of the code. */
async function published(): Promise<string[]> {
  const script = new URL('../../npm/release/shipped.mjs', import.meta.url).href
  const { shippedFiles }: { shippedFiles(dist: string): string[] } = await import(script)
  return shippedFiles(DIST).map((path) => `dist/${path}`)
}

/** What `npm pack` would put into the tarball, sorted. */
async function packed(): Promise<string[]> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: 1 << 24 })
  const [tarball] = JSON.parse(stdout) as { files: { path: string }[] }[]
  return tarball!.files.map(({ path }) => path).sort()
}

/** What the build has left, but for its stamps and what Python and V8 have compiled. */
function built(): string[] {
  return readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('__pycache__') && !path.startsWith('dist/compiled/'))
}
