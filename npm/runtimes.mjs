// Bun and Deno, as npm has them, to see what of monodon runs there.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, must, npm, root } from './project.mjs'

/** The releases are those of the benchmark. */
const { dependencies: RELEASES } = JSON.parse(
  readFileSync(join(root, 'bench/peers/package.json'), 'utf8'),
)
/** Each has its binaries in packages of this scope, one for each platform. */
const SCOPES = { bun: '@oven', deno: '@deno' }

/**
 * The binary of a runtime; installed the first time.
 *
 * @param {keyof typeof SCOPES} name
 * @throws {Failure} when there is none for this platform
 */
export async function runtimeBinary(name) {
  const folder = join(root, 'test/.cache', `${name}-${RELEASES[name]}`)
  const modules = join(folder, 'node_modules')
  if (!existsSync(modules)) {
    mkdirSync(folder, { recursive: true })
    // Their install scripts only link a binary that is in a package of its own already.
    const install = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
    await must(...npm(...install, '--prefix', folder, `${name}@${RELEASES[name]}`))
  }
  return findBinary(modules, name)
}

/** The binary of a runtime that is installed in `modules`. */
export function findBinary(modules, name) {
  const scope = join(modules, SCOPES[name])
  const packages = existsSync(scope) ? readdirSync(scope) : []
  const found = packages
    .flatMap((one) => [join(scope, one, 'bin', name), join(scope, one, name)])
    .find((path) => existsSync(path) && runs(path))
  if (found !== undefined) return found
  throw new Failure(`no package of ${SCOPES[name]} has a ${name} for this platform`)
}

/** Among the packages for glibc, musl and Android only one does. */
function runs(binary) {
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
