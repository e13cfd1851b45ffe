// Brings the working copy up to date: installs the dependencies, builds the addon and the
// TypeScript, each only when it is missing or older than what it is made of.
//
//     node npm/prepare.mjs                   what is out of date
//     node npm/prepare.mjs --tests           also what only the tests need
//     node npm/prepare.mjs --build [STEP]    builds in any case: native, ts or both
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildInto } from './addon.mjs'
import { fingerprint } from './fingerprint.mjs'
import { bin, Failure, must, npm, root, script } from './project.mjs'

const OLDEST_NODE = 20
const dist = join(root, 'dist')
/** A package of its own, so that a user's first start does not wait for every framework there is. */
const frameworks = join(root, 'test/frameworks')
const ADDON = new RegExp(`^monodon\\.${process.platform}-${process.arch}.*\\.node$`)

/** Each step: what it needs, what it leaves behind, and the work. */
const STEPS = {
  dependencies: {
    stamp: join(root, 'node_modules/.monodon-installed'),
    sources: () => fingerprint(['package-lock.json']),
    exists: () => existsSync(join(root, 'node_modules/.package-lock.json')),
    make: () => must(...npm('ci', '--include=dev', '--no-audit', '--no-fund')),
  },
  native: {
    stamp: join(dist, '.native-built'),
    sources: () =>
      fingerprint(['.cargo', 'Cargo.toml', 'Cargo.lock', ...crateFiles()], /\.(?:rs|toml|txt)$/),
    exists: () => namesIn(dist).some((name) => ADDON.test(name)),
    make: () => buildInto(dist, []),
  },
  ts: {
    stamp: join(dist, '.ts-built'),
    sources: () => fingerprint(['lib', 'package.json', 'tsconfig.json', 'npm/bundle.mjs']),
    exists: () => existsSync(join(dist, 'cli/main.js')),
    make: buildTypeScript,
  },
  frameworks: {
    stamp: join(frameworks, 'node_modules/.monodon-installed'),
    sources: () => fingerprint(['test/frameworks/package-lock.json']),
    exists: () => existsSync(join(frameworks, 'node_modules/.package-lock.json')),
    make: () => must(...npm('ci', '--prefix', frameworks, '--no-audit', '--no-fund')),
  },
}

/** What the addon is made of; tests and examples of the crates are not. */
function crateFiles() {
  const crates = namesIn(join(root, 'crates')).map((name) => `crates/${name}`)
  return crates.flatMap((crate) => [`${crate}/Cargo.toml`, `${crate}/build.rs`, `${crate}/src`])
}

async function buildTypeScript() {
  await must(bin('tsc'), ['-p', 'tsconfig.json'])
  removeOrphans()
  // Not before: what it needs is installed by the step before this one.
  const { bundle } = await import('./bundle.mjs')
  await bundle(dist)
  chmodSync(join(dist, 'cli/main.js'), 0o755)
  copyPython()
}

/** The Python worker is shipped as it is. */
function copyPython() {
  rmSync(join(dist, 'python'), { recursive: true, force: true })
  cpSync(join(root, 'lib/python'), join(dist, 'python'), {
    recursive: true,
    filter: (path) => !path.endsWith('__pycache__'),
  })
}

/** Removes what was compiled from files that are no longer there: it would be packed. */
function removeOrphans() {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/\.(?:d\.ts|js|js\.map)$/, '.ts')
    if (source === name || name === 'native.d.ts') continue
    if (!existsSync(join(root, 'lib', source))) rmSync(join(dist, name))
  }
}

const namesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : [])

async function bring(name, { isForced }) {
  const { stamp, sources, exists, make } = STEPS[name]
  const wanted = sources()
  const built = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined
  if (!isForced && built === wanted && exists()) return
  console.error(`monodon: ${name} ${exists() ? 'out of date' : 'missing'}, working on it ...`)
  await make()
  writeFileSync(stamp, wanted)
}

async function main([flag, step]) {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
    throw new Failure(`Node ${OLDEST_NODE} or newer is needed; this is ${process.version}`)
  const isBuild = flag === '--build' && (step === undefined || step in STEPS)
  if (flag !== undefined && !isBuild && flag !== '--tests')
    throw new Failure('usage: node npm/prepare.mjs [--tests | --build [native|ts]]')
  const forced = !isBuild ? [] : step === undefined ? ['native', 'ts'] : [step]
  await bring('dependencies', { isForced: false })
  for (const name of step === undefined ? ['native', 'ts'] : [step])
    await bring(name, { isForced: forced.includes(name) })
  if (flag === '--tests') await bring('frameworks', { isForced: false })
}

await script(main)
