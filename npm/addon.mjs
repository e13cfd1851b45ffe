// Builds the addon.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bin, Failure, must, run } from './project.mjs'

/**
 * Builds the addon as a release and puts `napi build`'s files into a folder, each in one step: a server
 * that runs from an old file keeps it.
 *
 * @param {string} folder
 * @param {string[]} flags of `napi build`
 * @param {Record<string, string>} [env]
 */
export async function buildInto(folder, flags, env) {
  await needCargo()
  mkdirSync(folder, { recursive: true })
  const building = mkdtempSync(join(folder, '.building-'))
  try {
    await must(
      bin('napi'),
      [
        ...['build', '--platform', '--release', '--no-js', '--dts', 'native.d.ts'],
        ...[
          '--manifest-path',
          'crates/monodon-napi/Cargo.toml',
          '--output-dir',
          building,
          ...flags,
        ],
      ],
      { env },
    )
    for (const name of readdirSync(building)) renameSync(join(building, name), join(folder, name))
  } finally {
    rmSync(building, { recursive: true })
  }
}

async function needCargo() {
  const found = await run('cargo', ['--version']).catch(() => 1)
  if (found !== 0) {
    throw new Failure(
      'the native part is built from source, and cargo is not installed.\n' +
        'Install Rust from https://rustup.rs (or your system: rustc and cargo), then try again.',
    )
  }
}
