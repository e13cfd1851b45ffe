// What the binaries of Linux may need of the system that they run on, and how large they may be.
import { readFileSync, statSync } from 'node:fs'
import { needsOf } from './elf.mjs'
import { OLDEST_GLIBC } from './targets.mjs'

/** What is there wherever Node runs; musl has all of its own in one. */
const LIBRARIES = {
  glibc: /^(?:lib(?:c|m|dl|rt|pthread)\.so\.\d|libgcc_s\.so\.1|ld-linux[\w-]*\.so\.\d)$/,
  musl: /^(?:libc\.so|libc\.musl-\w+\.so\.1|libgcc_s\.so\.1)$/,
}
/** Of libgcc, which every C++ program has: they are as old as 2.17. */
const LIBGCC = /^GCC_[34]\./

/** Bytes that a binary is not to grow beyond. */
const MOST_BYTES = 6_000_000

/** One line for each thing that a binary needs and a supported system may lack, and one if it is too large. */
export function flawsOfBinary(target, file) {
  const needs = needsOf(readFileSync(file))
  return [...flawsOfNeeds(target, needs), ...flawsOfSize(target, statSync(file).size)]
}

/**
 * @public
 * @param {{ triple: string }} target
 * @param {number} bytes of the stripped binary
 */
export function flawsOfSize({ triple }, bytes) {
  if (bytes <= MOST_BYTES) return []
  const [has, most] = [bytes, MOST_BYTES].map((number) => number.toLocaleString('en-US'))
  return [`${triple} has ${has} bytes; at most ${most} are published`]
}

/**
 * @public
 * @param {{ libc: 'glibc' | 'musl', triple: string }} target
 * @param {{ libraries: readonly string[], versions: readonly string[] }} needs
 */
export function flawsOfNeeds({ libc, triple }, { libraries, versions }) {
  const isThere = (version) => LIBGCC.test(version) || (libc === 'glibc' && isOldGlibc(version))
  return [
    ...libraries
      .filter((name) => !LIBRARIES[libc].test(name))
      .map((name) => `${triple} needs ${name}, which systems with Node may lack`),
    ...[...new Set(versions)]
      .filter((version) => !isThere(version))
      .map((version) => `${triple} needs ${version}; it has to run on ${oldest(libc)}`),
  ]
}

const oldest = (libc) => (libc === 'glibc' ? `glibc ${OLDEST_GLIBC}` : 'musl')

/** Names such as GLIBC_PRIVATE and GLIBC_ABI_DT_RELR have no number, and ask for a certain glibc. */
function isOldGlibc(version) {
  const [, number] = /^GLIBC_(\d[\d.]*)$/.exec(version) ?? []
  return number?.localeCompare(OLDEST_GLIBC, 'en', { numeric: true }) <= 0
}
