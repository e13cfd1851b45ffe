// Lays out what is published: a folder for each package, and one for the tarball that needs no registry.
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { bin, Failure, must, root } from '../project.mjs'
import { shippedFiles } from './shipped.mjs'
import { manifest, packageOf, prebuildOf, TARGETS } from './targets.mjs'

const dist = join(root, 'dist')
const TEXTS = ['README.md', 'LICENSE', 'CHANGELOG.md']
/** What users have of the manifest; scripts and development dependencies are ours. */
const PUBLISHED_FIELDS = [
  ...['name', 'version', 'description', 'keywords', 'homepage', 'bugs', 'license', 'repository'],
  ...['type', 'engines', 'bin', 'exports', 'dependencies'],
  ...['peerDependencies', 'peerDependenciesMeta'],
]

/** The folder of a release, if it is not told otherwise. */
export const RELEASE = 'release'

/** Where a target's binary is in the folder of a release. */
export const prebuildIn = (out, target) => join(out, 'prebuilds', prebuildOf(target))

/** The targets whose binaries are there. */
export const builtTargets = (out) => TARGETS.filter((target) => existsSync(prebuildIn(out, target)))

/**
 * Lays everything out anew, for the binaries that are there.
 *
 * @param {string} out the folder of the release, within the project
 * @returns {Promise<{ platforms: string[], main: string, offline: string }>} the folders
 */
export async function stage(out) {
  const packages = join(out, 'packages')
  rmSync(packages, { recursive: true, force: true })
  const built = builtTargets(out)
  if (built.length === 0) throw new Failure('no binary is there: node npm/release.mjs build')
  return {
    platforms: await stagePlatforms(packages, out, built),
    main: stageMain(packages),
    offline: stageOffline(packages, out, built),
  }
}

/** napi-rs knows what a package of a platform has to say. */
async function stagePlatforms(packages, out, built) {
  await must(bin('napi'), ['create-npm-dirs', '--npm-dir', relative(root, packages)])
  const isBuilt = new Set(built)
  return TARGETS.flatMap((target) => {
    const folder = join(packages, target.tuple)
    if (!isBuilt.has(target)) {
      rmSync(folder, { recursive: true })
      return []
    }
    cpSync(prebuildIn(out, target), join(folder, `monodon.${target.tuple}.node`))
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    return [folder]
  })
}

/**
 * The package that users name. That the platforms' packages belong to it is said here and not in the
 * project's own package.json: `npm ci` in a clone would ask the registry for packages of a version
 * that is not published yet, and builds the addon anyway.
 */
function stageMain(packages) {
  const { version } = manifest
  const optionalDependencies = Object.fromEntries(
    TARGETS.map((target) => [packageOf(target), version]),
  )
  return stageCode(join(packages, 'monodon'), { optionalDependencies })
}

/** All there is in one: the binaries as prebuilds, and the packages that the code needs. */
function stageOffline(packages, out, built) {
  const bundled = Object.keys(manifest.dependencies)
  const folder = stageCode(join(packages, 'offline'), { bundleDependencies: bundled })
  for (const name of bundled)
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
    })
  for (const target of built) cpSync(prebuildIn(out, target), prebuildIn(folder, target))
  return folder
}

function stageCode(folder, more) {
  mkdirSync(folder, { recursive: true })
  for (const file of shippedFiles(dist)) cpSync(join(dist, file), join(folder, 'dist', file))
  for (const text of TEXTS)
    if (existsSync(join(root, text))) cpSync(join(root, text), join(folder, text))
  const kept = Object.fromEntries(
    PUBLISHED_FIELDS.filter((field) => field in manifest).map((field) => [field, manifest[field]]),
  )
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...kept, ...more }, null, 2)}\n`)
  return folder
}
