/** Folders of a user's project: with monodon as a package of theirs, and frameworks beside it. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMMAND } from './spawned.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Where packages are that the tests have installed; the frameworks first. */
const INSTALLED = [join(ROOT, 'test/frameworks/node_modules'), join(ROOT, 'node_modules')]

export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'monodon-scratch-'))

  /** @param packages what the project has installed besides monodon */
  constructor(packages: Iterable<string> = []) {
    this.link('node_modules/monodon', ROOT)
    this.link('node_modules/.bin/monodon', COMMAND)
    for (const name of packages) if (name !== 'monodon') this.install(name)
  }

  /** The path of a file or folder in it. */
  path(name: string): string {
    return join(this.folder, name)
  }

  install(name: string): void {
    const found = INSTALLED.map((place) => join(place, name)).find((path) => existsSync(path))
    if (found === undefined) throw new Error(`the tests have no package ${name}`)
    this.link(join('node_modules', name), found)
    for (const [command, file] of commandsOf(found))
      this.link(join('node_modules/.bin', command), join(found, file))
  }

  /** The environment in which its commands are found, as in a script of npm's. */
  get env(): NodeJS.ProcessEnv {
    const path = [this.path('node_modules/.bin'), process.env.PATH].join(delimiter)
    return { ...process.env, PATH: path }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private link(name: string, target: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    symlinkSync(target, this.path(name))
  }
}

/** The commands of an installed package, each with its file. */
function commandsOf(folder: string): [string, string][] {
  const manifest: { name: string; bin?: string | Record<string, string> } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  const bin = typeof manifest.bin === 'string' ? { [manifest.name]: manifest.bin } : manifest.bin
  return Object.entries(bin ?? {})
}
