// Makes a release, step by step; .github/workflows/release.yml runs the same steps.
//
//     node npm/release.mjs build [--target TRIPLE] [--built FILE]   the binary of one platform
//     node npm/release.mjs pack [--all]                             the tarballs, of all targets or those built
//     node npm/release.mjs check [--built-here]                     what linters say of the tarballs, and
//                                                                   whether the binaries run on old systems
//                                                                   and are not too large
//     node npm/release.mjs notes                                    what the changelog says of this version
//     node npm/release.mjs publish [--dry-run]                      to the registry
//
// Everything is made in release/, or in the folder of the project that --out names.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bin, Failure, must, npm, root, script } from './project.mjs'
import { flawsOfPlaces } from './release/places.mjs'
import { builtTargets, prebuildIn, RELEASE, stage } from './release/stage.mjs'
import { flawsOfBinary } from './release/system.mjs'
import { manifest, TARGETS, targetOf } from './release/targets.mjs'

const STEPS = { build, pack, check, notes, publish }
const { version } = manifest
const MAIN = `monodon-${version}.tgz`
const OFFLINE = `monodon-${version}-offline.tgz`

/** Builds by prebuildify, which runs `node-gyp.mjs` here. Only Linux has more than one C library. */
async function build({ out, target: triple, built }) {
  const target = targetOf({ triple })
  const { platform, arch, libc } = target
  const tagged = libc === undefined ? [] : ['--tag-libc', libc]
  // Cargo has done so, but for a developer's. The strip of this machine may know no other's binaries.
  const stripped = arch === process.arch ? ['--strip'] : []
  await must(
    bin('prebuildify'),
    [
      ...['--napi', ...stripped, ...tagged, '--name', 'monodon', '--out', out],
      ...['--platform', platform, '--arch', arch],
      ...['--node-gyp', join(root, 'npm/release/node-gyp.mjs')],
    ],
    { env: { ...(libc && { PREBUILD_LIBC: libc }), ...(built && { MONODON_BUILT: built }) } },
  )
  const binary = prebuildIn(out, target)
  // One of a developer's tells where panics are, in full.
  if (!built) refuse(flawsOfPlaces(target, readFileSync(binary)))
  console.log(binary)
}

async function pack({ out, all }) {
  const missing = TARGETS.filter((target) => !builtTargets(out).includes(target))
  if (all && missing.length > 0)
    throw new Failure(`not built: ${missing.map(({ triple }) => triple).join(', ')}`)
  for (const name of tarballs(out)) rmSync(join(out, name))
  const { platforms, main, offline } = await stage(out)
  await packFolder(offline, out)
  // Both are the same package to npm.
  renameSync(join(out, MAIN), join(out, OFFLINE))
  for (const folder of [...platforms, main]) await packFolder(folder, out)
}

async function packFolder(folder, out) {
  await must(...npm('pack', folder, '--pack-destination', out, '--silent', '--ignore-scripts'))
}

/**
 * That the package says of itself what is true, for bundlers and for TypeScript; and that its binaries for
 * Linux run on old systems and are not too large, if they are not `built-here`, against the C library of
 * this machine.
 */
async function check({ out, 'built-here': isBuiltHere }) {
  const bound = isBuiltHere ? [] : builtTargets(out).filter(({ libc }) => libc !== undefined)
  const flaws = bound.flatMap((target) => flawsOfBinary(target, prebuildIn(out, target)))
  refuse(flaws)
  await must(bin('publint'), ['run', join(out, MAIN), '--strict'])
  // The package is ES modules alone; Node gives them to require(), too.
  await must(bin('attw'), [join(out, MAIN), '--profile', 'esm-only'])
}

/** @throws {Failure} when there is a flaw */
function refuse(flaws) {
  if (flaws.length > 0) throw new Failure(flaws.join('\n'))
}

async function notes() {
  const text = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(version))
  if (section === undefined) throw new Failure(`CHANGELOG.md says nothing of ${version}`)
  console.log(section.slice(section.indexOf('\n')).trim())
}

/** The packages of the platforms first: the main one names them. */
async function publish({ out, 'dry-run': isDryRun }) {
  const tag = version.includes('-') ? 'next' : 'latest'
  const flags = ['--access', 'public', '--tag', tag, isDryRun ? '--dry-run' : '--provenance']
  const platforms = tarballs(out).filter((name) => name !== MAIN && name !== OFFLINE)
  for (const name of [...platforms, MAIN]) await must(...npm('publish', join(out, name), ...flags))
}

const tarballs = (out) => readdirSync(out).filter((name) => name.endsWith('.tgz'))

async function main(args) {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      out: { type: 'string', default: RELEASE },
      target: { type: 'string' },
      built: { type: 'string' },
      all: { type: 'boolean' },
      'built-here': { type: 'boolean' },
      'dry-run': { type: 'boolean' },
    },
  })
  const step = STEPS[positionals[0]]
  if (step === undefined || positionals.length > 1)
    throw new Failure(`usage: node npm/release.mjs ${Object.keys(STEPS).join(' | ')}`)
  const out = join(root, values.out)
  mkdirSync(out, { recursive: true })
  await step({ ...values, out })
}

await script(main)
