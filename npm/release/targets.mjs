// What binaries are published for. package.json names the targets as Rust does; everything else follows
// from these names.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseTriple } from '@napi-rs/cli'
import { Failure, root } from '../project.mjs'

/** The oldest glibc that the Linux builds run on: that of CentOS 7, and what Rust's own needs. */
export const OLDEST_GLIBC = '2.17'

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * @typedef {object} Target
 * @property {string} triple as Rust names it: `x86_64-unknown-linux-gnu`
 * @property {string} tuple as packages are named: `linux-x64-gnu`
 * @property {string} platform as Node names it
 * @property {string} arch as Node names it
 * @property {'glibc' | 'musl' | undefined} libc of Linux, as npm names it
 */

/** @type {readonly Target[]} */
export const TARGETS = manifest.napi.targets.map((triple) => {
  const { platform, arch, abi, platformArchABI: tuple } = parseTriple(triple)
  const libc = platform !== 'linux' ? undefined : abi === 'musl' ? 'musl' : 'glibc'
  return { triple, tuple, platform, arch, libc }
})

/** The package of a target. */
export const packageOf = ({ tuple }) => `${manifest.napi.packageName}-${tuple}`

/** Where prebuildify puts the binary of a target, below `prebuilds`. */
export const prebuildOf = ({ platform, arch, libc }) =>
  `${platform}-${arch}/${['monodon', libc, 'node'].filter(Boolean).join('.')}`

/**
 * The target of a triple, of what prebuildify's variables say, or of this machine.
 *
 * @param {{ triple?: string, platform?: string, arch?: string, libc?: string }} [wanted]
 * @returns {Target}
 * @throws {Failure} when there is none
 */
export function targetOf(wanted = {}) {
  const { triple, platform = process.platform, arch = process.arch, libc = libcHere() } = wanted
  const found = TARGETS.find((target) =>
    triple !== undefined
      ? target.triple === triple
      : target.platform === platform &&
        target.arch === arch &&
        (platform !== 'linux' || target.libc === libc),
  )
  if (found !== undefined) return found
  const named = triple ?? `${platform}-${arch}`
  throw new Failure(
    `nothing is published for ${named}; there are: ${TARGETS.map((target) => target.triple).join(', ')}`,
  )
}

function libcHere() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}
