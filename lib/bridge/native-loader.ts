/** Finds the addon for this platform and loads it. No other file does. */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CODE_FOLDER } from '../code-folder.ts'
import { MonodonError, messageOf } from '../errors.ts'
import { NATIVE_PATH_VARIABLE } from '../options/variables.ts'
import { packageVersion } from '../version.ts'
import { LAYOUT_VERSION } from './layout.ts'

/** What every addon tells of itself, whatever else it can do. */
interface Identity {
  layoutVersion(): number
  nativeVersion(): string
}

/** A place where the addon may be: a file, or the name of a package. */
interface Place {
  readonly from: string
  /** For people, where it is not the same as `from`. */
  readonly name?: string
}

/** The names of one platform: what npm's package and a local build have, and what prebuildify has. */
interface Build {
  readonly tuple: string
  readonly libcTag: string
}

/** What packages are published for; `npm/targets.mjs` builds them. */
const PUBLISHED: ReadonlySet<string> = new Set([
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
])

const ROOT = fileURLToPath(new URL('../', CODE_FOLDER))

/**
 * Loads the addon: the file that `MONODON_NATIVE_PATH` names, and nothing else then; or npm's package for
 * this platform, a prebuild that the tarball for offline use brings, or what was built here, whichever is
 * there first.
 *
 * @throws MonodonError `MONODON_NATIVE_MISSING` when none can be loaded; it names each place and what is
 *   wrong with it
 */
export function loadAddon<Addon extends Identity>(
  env: NodeJS.ProcessEnv = process.env,
  root: string = ROOT,
): Addon {
  const require = createRequire(join(root, 'package.json'))
  const failures: string[] = []
  for (const { from, name = from } of placesOf(env, root)) {
    try {
      return checked(require(from) as Addon)
    } catch (error) {
      failures.push(`${name}: ${reasonOf(error, from)}`)
    }
  }
  throw missing(failures)
}

function missing(failures: readonly string[]): MonodonError {
  return new MonodonError('MONODON_NATIVE_MISSING', {
    detail: [`${platformText()}; tried:`, ...failures].join('\n  '),
  })
}

function placesOf(env: NodeJS.ProcessEnv, root: string): Place[] {
  const named = env[NATIVE_PATH_VARIABLE]
  if (named !== undefined && named !== '') {
    // The folder may change between here and a worker.
    if (!isAbsolute(named)) throw missing([`${NATIVE_PATH_VARIABLE}=${named}: no absolute path`])
    return [{ from: named, name: `${NATIVE_PATH_VARIABLE}=${named}` }]
  }
  // A build for the other C library is refused by the dynamic linker, which knows best which one this is.
  const builds = buildsOf(process.platform, process.arch)
  const folder = `${process.platform}-${process.arch}`
  return [
    ...builds.map(({ tuple }) => ({ from: `@monodon/native-${tuple}` })),
    ...builds.map(({ libcTag }) => ({
      from: join(root, `prebuilds/${folder}/monodon${libcTag}.node`),
    })),
    ...builds.map(({ tuple }) => ({ from: join(root, `dist/monodon.${tuple}.node`) })),
  ]
}

function buildsOf(platform: string, arch: string): Build[] {
  const tuple = `${platform}-${arch}`
  if (platform === 'linux')
    return [
      { tuple: `${tuple}-gnu`, libcTag: '.glibc' },
      { tuple: `${tuple}-musl`, libcTag: '.musl' },
    ]
  if (platform === 'win32') return [{ tuple: `${tuple}-msvc`, libcTag: '' }]
  return [{ tuple, libcTag: '' }]
}

/** An addon that is left over from another version would fail later, and in stranger ways. */
function checked<Addon extends Identity>(addon: Addon): Addon {
  const [native, own] = [addon.nativeVersion(), packageVersion()]
  if (native !== own) throw new Error(`it is of version ${native}, this package of ${own}`)
  const layout = addon.layoutVersion()
  if (layout !== LAYOUT_VERSION)
    throw new Error(`it speaks record layout ${layout}, this package ${LAYOUT_VERSION}`)
  return addon
}

function reasonOf(error: unknown, from: string): string {
  if (isAbsolute(from) && !existsSync(from)) return 'there is no such file'
  if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')
    return 'it is not installed'
  return messageOf(error).split('\n')[0]!
}

/** For people: the platform as packages name it, the C library, Node; and whether there is a package. */
function platformText(): string {
  const { platform, arch, version } = process
  const libc = platform === 'linux' ? `, ${libcText()}` : ''
  const isPublished = buildsOf(platform, arch).some(({ tuple }) => PUBLISHED.has(tuple))
  const unpublished = isPublished ? '' : ', for which no package is published'
  return `${platform}-${arch}${libc}, Node ${version}${unpublished}`
}

/** `glibc 2.36`, or `musl`: every other C library that Node is built for says no version of glibc. */
function libcText(): string {
  const report: { excludeNetwork?: boolean; getReport(): object } = process.report
  // Else it may look up the names of hosts, which takes seconds.
  report.excludeNetwork = true
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
  const { glibcVersionRuntime: version } = header
  return version === undefined ? 'musl' : `glibc ${version}`
}
