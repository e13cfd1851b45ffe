#!/usr/bin/env node
// What prebuildify runs in the place of node-gyp: builds the addon by cargo for the target that its
// variables name, and leaves it where node-gyp would, in build/Release.
//
// With MONODON_BUILT it takes that file: one that was built before.
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildInto } from '../addon.mjs'
import { root, script } from '../project.mjs'
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
  if (libc === undefined) {
    await buildInto(folder, ['--target', triple])
  } else {
    const name = libc === 'glibc' ? `${triple}.${OLDEST_GLIBC}` : triple
    await buildInto(folder, ['--target', name, '--cross-compile'], await zigEnvironment())
  }
  renameSync(join(folder, `monodon.${tuple}.node`), join(folder, 'monodon.node'))
}

await script(main)
