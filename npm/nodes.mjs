// The Node versions that monodon supports, as binaries to run the tests with.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, must, npm, root } from './project.mjs'

/** One release of each supported line. */
const RELEASES = ['20.20.2', '22.23.3', '24.21.0']

const majorOf = (version) => Number.parseInt(version, 10)

/** The releases of the lines other than the one that runs this. */
export const OTHER_RELEASES = RELEASES.filter(
  (release) => majorOf(release) !== majorOf(process.versions.node),
)

/**
 * The binary of a release, from npm's package for this platform.
 *
 * @throws {Failure} when there is none
 */
export async function nodeBinary(release) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const folder = join(root, 'test/.cache', `node-${release}`)
  const binary = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    const install = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder]
    await must(...npm(...install, `${name}@${release}`))
  }
  if (!existsSync(binary)) throw new Failure(`${name}@${release} has no bin/node`)
  return binary
}
