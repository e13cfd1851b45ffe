#!/usr/bin/env node
// What prebuildify runs in the place of node-gyp: builds the addon by cargo for the target that its
// variables name, and leaves it where node-gyp would, in build/Release.
//
// With MONODON_BUILT it takes that file: one that was built before.
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildInto } from '../addon.mjs'
import { must, root, script } from '../project.mjs'
import { cargoHome } from './places.mjs'
import { OLDEST_GLIBC, targetOf } from './targets.mjs'
import { zigEnvironment } from './zig.mjs'

const folder = join(root, 'build/Release')

async function main() {
  const {
    PREBUILD_PLATFORM: platform,
    PREBUILD_ARCH: arch,
    PREBUILD_LIBC: libc,
    MONODON_BUILT: built,
  } = process.env
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (built) copyFileSync(built, join(folder, 'monodon.node'))
  else await build(targetOf({ platform, arch, libc }))
}

async function build(target) {
  const { triple, tuple, libc } = target
  const paths = await withoutPaths()
  if (libc === undefined) {
    await buildInto(folder, ['--target', triple], paths)
  } else {
    const name = libc === 'glibc' ? `${triple}.${OLDEST_GLIBC}` : triple
    const environment = { ...paths, ...(await zigEnvironment()) }
    await buildInto(folder, ['--target', name, '--cross-compile'], environment)
  }
  renameSync(join(folder, `monodon.${tuple}.node`), join(folder, 'monodon.node'))
}

/**
 * An environment in which rustc leaves out where cargo keeps its crates: it would be in the place of each
 * panic, take room, and tell of the machine that a release was built on.
 */
async function withoutPaths() {
  await must('cargo', ['fetch', '--locked'])
  const crates = join(cargoHome, 'registry/src')
  const flags = readdirSync(crates).map((name) => `--remap-path-prefix=${join(crates, name)}/=`)
  return { RUSTFLAGS: [process.env.RUSTFLAGS, ...flags].filter(Boolean).join(' ') }
}

await script(main)
