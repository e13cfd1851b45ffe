/** The files that are derived from the option table, the error table and the record layout. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { metricsPage } from '../observe/generate-docs.ts'
import { errorsPage, optionsPage } from './generate-docs.ts'
import { errorsPython, layoutPython, pageStylePython } from './generate-python.ts'
import { layoutRust, nativeOptionsRust, optionsRust } from './generate-rust.ts'

/** The text of every generated file, by its path from the root of the repository. */
export function generatedFiles(root: URL): ReadonlyMap<string, string> {
  const layoutSource = readFileSync(new URL('lib/bridge/layout.ts', root), 'utf8')
  return new Map([
    ['crates/monodon-http/src/options.rs', rustfmt(optionsRust(), root)],
    ['crates/monodon-napi/src/options.rs', rustfmt(nativeOptionsRust(), root)],
    ['crates/monodon-bridge/src/layout.rs', rustfmt(layoutRust(layoutSource), root)],
    ['lib/python/monodon_worker/layout.py', layoutPython()],
    ['lib/python/monodon_worker/errors.py', errorsPython()],
    ['lib/python/monodon_worker/page_style.py', pageStylePython()],
    ['docs/options.md', optionsPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/metrics.md', metricsPage()],
  ])
}

function rustfmt(source: string, root: URL): string {
  const config = fileURLToPath(new URL('rustfmt.toml', root))
  const run = spawnSync('rustfmt', ['--edition', '2024', '--config-path', config], {
    input: source,
    encoding: 'utf8',
  })
  if (run.error !== undefined) throw run.error
  if (run.status !== 0) throw new Error(`rustfmt failed:\n${run.stderr}`)
  return run.stdout
}
