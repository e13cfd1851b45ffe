/** The package as a user gets it: packed by the release script, with the addon that was built for the tests. */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Where the release is made, beside that of a developer. */
const RELEASE_PATH = 'target/package-proof'
const RELEASE = join(ROOT, RELEASE_PATH)
/** What the command and npm need to run; there is no cargo, rustc, cc or make among them. */
const PROGRAMS = ['sh', 'npm', 'npx', 'uname']

const execute = promisify(execFile)

/** Runs a step of the release script. Gives what it prints. */
export async function releaseStep(...args: string[]): Promise<string> {
  const script = join(ROOT, 'npm/release.mjs')
  const { stdout } = await execute(process.execPath, [script, ...args, '--out', RELEASE_PATH])
  return stdout
}

/** Paths of tarballs. */
export interface Tarballs {
  readonly main: string
  readonly platform: string
  readonly offline: string
  /** Those that the registry would give. */
  readonly dependencies: readonly string[]
}

/** Packs everything. */
export async function packAll(dependencies: readonly string[]): Promise<Tarballs> {
  const tuple = `${process.platform}-${process.arch}`
  const built = readdirSync(join(ROOT, 'dist')).find((name) => name.startsWith(`monodon.${tuple}`))
  if (built === undefined) throw new Error(`no addon for ${tuple} is built`)
  await releaseStep('build', '--built', join(ROOT, 'dist', built))
  await releaseStep('pack')
  const names = readdirSync(RELEASE).filter((name) => name.endsWith('.tgz'))
  const find = (pattern: RegExp): string => {
    const name = names.find((candidate) => pattern.test(candidate))
    if (name === undefined) throw new Error(`no tarball ${pattern} was packed: ${names.join(', ')}`)
    return join(RELEASE, name)
  }
  return {
    main: find(/^monodon-[\d.]+\.tgz$/),
    platform: find(/^monodon-native-/),
    offline: find(/-offline\.tgz$/),
    dependencies: await Promise.all(dependencies.map(packInstalled)),
  }
}

/** The tarball of a package that the checkout has installed. */
async function packInstalled(name: string): Promise<string> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', RELEASE]
  const folder = join(ROOT, 'node_modules', name)
  const { stdout } = await execute('npm', [...args, folder], { cwd: ROOT })
  const [packed] = JSON.parse(stdout) as { filename: string }[]
  return join(RELEASE, packed!.filename)
}

/** The files of a tarball, sorted. */
export async function filesOf(tarball: string): Promise<string[]> {
  const { stdout } = await execute('tar', ['-tf', tarball])
  return stdout
    .split('\n')
    .filter((path) => path !== '')
    .map((path) => path.replace('package/', ''))
    .sort()
}

/** A user's folder, with nothing in the path but `node`, npm and a shell. */
export class Workplace {
  readonly folder: string
  /** Without what the tests were started with, above all the variables of npm and cargo. */
  readonly env: NodeJS.ProcessEnv

  /** `node`: the binary that the path leads to. */
  constructor(folder: string, node: string, programs: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
    mkdirSync(programs, { recursive: true })
    symlinkSync(node, join(programs, 'node'))
    for (const program of PROGRAMS) symlinkSync(inPath(program), join(programs, program))
    this.env = {
      PATH: programs,
      HOME: folder,
      npm_config_cache: join(programs, 'empty-cache'),
      npm_config_offline: 'true',
      npm_config_update_notifier: 'false',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
    }
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text)
  }

  /** Runs a program to its end. Gives what it prints; throws if it fails. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout, stderr } = await execute(program, args, { cwd: this.folder, env: this.env })
    return stdout + stderr
  }

  async install(tarballs: readonly string[]): Promise<void> {
    this.write({ 'package.json': '{ "private": true, "type": "module" }' })
    await this.run('npm', 'install', ...tarballs)
  }
}

function inPath(program: string): string {
  const folders = (process.env.PATH ?? '').split(':')
  for (const folder of folders) {
    if (existsSync(join(folder, program))) return join(folder, program)
  }
  throw new Error(`there is no ${program}`)
}

/** Binaries of each supported Node, by version. */
export async function nodeBinaries(): Promise<Map<string, string>> {
  const url = new URL('../../npm/nodes.mjs', import.meta.url).href
  const { OTHER_RELEASES, nodeBinary } = (await import(url)) as {
    OTHER_RELEASES: readonly string[]
    nodeBinary: (release: string) => Promise<string>
  }
  const binaries = new Map([[process.versions.node, process.execPath]])
  for (const release of OTHER_RELEASES) binaries.set(release, await nodeBinary(release))
  return binaries
}
