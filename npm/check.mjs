// npm run check: everything that is right or wrong without running the server. Every check runs;
// the last line counts.
import { flawsOfCrates } from './crates.mjs'
import { bin, root, run, script } from './project.mjs'
import { flawsOf } from './texts.mjs'

const FORMATTED = [
  'lib',
  'test',
  'bench',
  'npm',
  'examples',
  'vitest.config.ts',
  'biome.json',
  'knip.jsonc',
]

const CHECKS = {
  'Rust format': () => run('cargo', ['fmt', '--all', '--check']),
  'Rust lints': () =>
    run('cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']),
  'TypeScript format and lints': () =>
    run(bin('biome'), ['check', '--error-on-warnings', ...FORMATTED]),
  'types of lib': () => run(bin('tsc'), ['-p', 'tsconfig.json', '--noEmit']),
  'types of test and examples': () => run(bin('tsc'), ['-p', 'tsconfig.test.json']),
  'generated files': () => run(process.execPath, ['dist/options/generate.js', '--check']),
  'unused files, exports and dependencies': () => run(bin('knip'), ['--no-progress']),
  'licences, sources and use of crates': () => none(flawsOfCrates(root)),
  texts: () => none(flawsOf(root)),
}

function none(flaws) {
  for (const flaw of flaws) console.error(flaw)
  return flaws.length === 0 ? 0 : 1
}

async function main() {
  const failed = []
  for (const [name, check] of Object.entries(CHECKS)) {
    console.log(`\n-- ${name}`)
    if ((await check()) !== 0) failed.push(name)
  }
  if (failed.length > 0) console.log(`\nfailed: ${failed.join('; ')}`)
  console.log(`\n${Object.keys(CHECKS).length - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0 ? 0 : 1
}

await script(main)
