// Checks on the crates of the addon, by what cargo says of them: that each licence and registry is one
// that deny.toml allows, and that each dependency is used.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'smol-toml'
import satisfies from 'spdx-satisfies'

/** Where a dependency of each kind is used. */
const SOURCES = {
  normal: /^src\b/,
  dev: /^(?:src|tests|examples|benches)\b/,
  build: /^build\.rs$/,
}

/** One line for each flaw. */
export function flawsOfCrates(root) {
  const { licenses, sources } = parse(readFileSync(join(root, 'deny.toml'), 'utf8'))
  const { packages, workspace_members } = metadata(root)
  const ours = packages.filter(({ id }) => workspace_members.includes(id))
  const others = packages.filter((one) => !ours.includes(one))
  const registries = sources['allow-registry'].map((url) => `registry+${url}`)
  return [
    ...packages
      .filter(({ license }) => !isAllowed(license, licenses.allow))
      .map(({ name, license }) => `${name}: deny.toml does not allow its licence (${license})`),
    ...others
      .filter(({ source }) => !registries.includes(source))
      .map(({ name, source }) => `${name}: deny.toml does not allow its source (${source})`),
    ...ours.flatMap((one) => unusedOf(one).map((name) => `${one.name}: nothing uses ${name}`)),
  ]
}

function metadata(root) {
  const args = ['metadata', '--format-version', '1', '--locked', '--quiet']
  return JSON.parse(execFileSync('cargo', args, { cwd: root, maxBuffer: 1 << 28 }))
}

/**
 * Whether one may use what is under this licence.
 *
 * @param {string | null} expression of SPDX, or two names with a slash between, as it was written once
 * @param {readonly string[]} allowed
 */
export function isAllowed(expression, allowed) {
  try {
    return satisfies((expression ?? '').replaceAll('/', ' OR '), allowed)
  } catch {
    // It is no expression.
    return false
  }
}

/** Those that its own sources never name, but for what its manifest tells cargo-machete to leave. */
function unusedOf({ manifest_path, dependencies, metadata }) {
  const sources = sourcesOf(dirname(manifest_path))
  const ignored = metadata?.['cargo-machete']?.ignored ?? []
  const unused = dependencies.filter(({ name, rename, kind }) => {
    const known = (rename ?? name).replaceAll('-', '_')
    const used = new RegExp(`(?<![\\w.:])${known}::|\\buse ${known}(?:;| as )`)
    const places = SOURCES[kind ?? 'normal']
    return !sources.some(({ path, text }) => places.test(path) && used.test(text))
  })
  return [...new Set(unused.map(({ name }) => name))].filter((name) => !ignored.includes(name))
}

function sourcesOf(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('.rs'))
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))
}
