/** A release is not made of binaries that an old system cannot load, or that are too large. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './packed.ts'

interface Needs {
  libraries: readonly string[]
  versions: readonly string[]
}
interface Target {
  libc: 'glibc' | 'musl'
  triple: string
}

const load = (name: string) =>
  import(new URL(`../../npm/release/${name}.mjs`, import.meta.url).href)
const { needsOf }: { needsOf(file: Buffer): Needs } = await load('elf')
const {
  flawsOfNeeds,
  flawsOfSize,
}: {
  flawsOfNeeds(target: Target, needs: Needs): string[]
  flawsOfSize(target: Target, bytes: number): string[]
} = await load('system')

const {
  cargoHome,
  flawsOfPlaces,
}: {
  cargoHome: string
  flawsOfPlaces(target: Target, file: Buffer): string[]
} = await load('places')

const GLIBC: Target = { libc: 'glibc', triple: 'the glibc one' }
const MUSL: Target = { libc: 'musl', triple: 'the musl one' }
const CONTEXT = ['GLIBC_2.2.5', 'GLIBC_2.9', 'GCC_3.0']
/** Those of Node, which is linked to the C library wherever it runs. */
const node = needsOf(readFileSync(process.execPath))

test('what a binary needs is read from it', () => {
  expect(node.libraries).toContain('libc.so.6')
  expect(node.versions.filter((version) => !/^[A-Z]+_[\w.]+$/.test(version))).toEqual([])
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionCompiler: string }
  }
  // It says what it was compiled against, and needs some symbols no older than Node 20's oldest system.
  const numbers = node.versions
    .map((version) => /^GLIBC_2\.(\d+)$/.exec(version)?.[1] ?? 0)
    .map(Number)
  expect(Math.max(...numbers)).toBeGreaterThan(17)
  expect(Math.max(...numbers)).toBeLessThanOrEqual(
    Number(header.glibcVersionCompiler.split('.')[1]),
  )
  expect(() => needsOf(readFileSync(import.meta.filename))).toThrow('ELF')
})

test.each<[string, Target, Partial<Needs>, string[]]>([
  ['what CentOS 7 has', GLIBC, { versions: [...CONTEXT, 'GLIBC_2.17'] }, []],
  ['a newer symbol', GLIBC, { versions: [...CONTEXT, 'GLIBC_2.18'] }, ['GLIBC_2.18']],
  [
    'a much newer one',
    GLIBC,
    { versions: ['GLIBC_2.34', 'GLIBC_3.0'] },
    ['GLIBC_2.34', 'GLIBC_3.0'],
  ],
  ['one twice', GLIBC, { versions: ['GLIBC_2.28', 'GLIBC_2.28'] }, ['GLIBC_2.28']],
  ['packed relocations', GLIBC, { versions: ['GLIBC_ABI_DT_RELR'] }, ['GLIBC_ABI_DT_RELR']],
  ['the inside of a glibc', GLIBC, { versions: ['GLIBC_PRIVATE'] }, ['GLIBC_PRIVATE']],
  ['C++', GLIBC, { libraries: ['libc.so.6', 'libstdc++.so.6'] }, ['libstdc++.so.6']],
  ['a library of its own', GLIBC, { libraries: ['libssl.so.3'] }, ['libssl.so.3']],
  ['what Alpine has', MUSL, { libraries: ['libc.so', 'libgcc_s.so.1'] }, []],
  [
    'glibc on Alpine',
    MUSL,
    { libraries: ['libc.so.6'], versions: ['GLIBC_2.17'] },
    ['libc.so.6', 'GLIBC_2.17'],
  ],
])('%s: %o', (_, target, needs, missing) => {
  const flaws = flawsOfNeeds(target, { libraries: [], versions: [], ...needs })
  expect(flaws.map((flaw) => /needs ([^,;]+)/.exec(flaw)?.[1])).toEqual(missing)
})

test('a binary has at most 6,000,000 bytes', () => {
  expect(flawsOfSize(GLIBC, 6_000_000)).toEqual([])
  expect(flawsOfSize(GLIBC, 6_000_001)).toEqual([
    'the glibc one has 6,000,001 bytes; at most 6,000,000 are published',
  ])
})

test('a binary does not tell where it was built', () => {
  const ours =
    'panicked at crates/monodon-http/src/wire.rs, tokio-1.54.1/src/lib.rs, /rustc/1/lib.rs'
  const crate = join(cargoHome, 'registry/src/tokio-1.54.1/src/lib.rs')
  expect(flawsOfPlaces(GLIBC, Buffer.from(ours))).toEqual([])
  expect(flawsOfPlaces(GLIBC, Buffer.from(`\0${ours}${crate}\0`))).toEqual([
    expect.stringContaining(`the glibc one names ${cargoHome}`),
  ])
  expect(flawsOfPlaces(GLIBC, Buffer.from(join(ROOT, 'crates/monodon-http/src/wire.rs')))).toEqual([
    expect.stringContaining(`the glibc one names ${ROOT}`),
  ])
})
