/** `--reload`: has the workers replaced when what they have loaded changes. */

import { homedir } from 'node:os'
import { relative, resolve, sep } from 'node:path'
import { log } from '../../log.ts'
import { basesOf, findPythonModule, moduleOf, scriptsOf } from '../../worker/places.ts'
import type { LoadedFile } from '../../worker/protocol.ts'
import type { Job } from '../job.ts'
import type { Runtime } from '../runtime.ts'
import { globTest } from './globs.ts'
import { WatchedFiles } from './watched-files.ts'

/** What changes together is loaded together: after this many milliseconds without a change. */
const QUIET_MS = 60
/** But not later than this, in milliseconds. */
const MOST_MS = 1000
/** Changed files that the log names, at most. */
const NAMED = 3
/** Read by the libraries that give them to the app, not by a loader that could be asked. */
const ENVIRONMENT_FILES = [
  '.env',
  '.env.local',
  '.env.development',
  '.env.development.local',
  '.flaskenv',
]
/** Folders of packages that were installed. */
const PACKAGES = /[\\/](?:node_modules|site-packages|dist-packages)[\\/]/

/** Watches the files of an app. */
export class Reloader {
  private readonly cwd: string
  private readonly renew: (why: string) => void
  private readonly files: WatchedFiles
  private readonly isExcluded: (path: string) => boolean
  private readonly isIncluded: (path: string) => boolean
  /** Files that are read once, by the command itself. */
  private readonly readOnce: ReadonlySet<string>
  private readonly changed = new Set<string>()
  private changedSince = 0
  private timer: NodeJS.Timeout | undefined

  /** `renew` is told what has changed, for people. */
  constructor({ app, options, cwd }: Job, runtime: Runtime, renew: (why: string) => void) {
    this.cwd = cwd
    this.renew = renew
    this.isExcluded = globTest(options.reloadExclude, cwd)
    this.isIncluded = globTest(options.reloadInclude, cwd)
    this.readOnce = new Set([...configFiles(options.config), ...nodeEnvironmentFiles()])
    this.files = new WatchedFiles(options.reloadEngine === 'auto', (path) => this.note(path))
    // Those of the app are watched before a worker says so: it may not get that far.
    const own = runtime === 'python' ? pythonFiles(app, options.pythonpath, cwd) : scripts(app, cwd)
    const others = [...ENVIRONMENT_FILES, ...options.reloadExtraFile]
    for (const path of [...own, ...others.map((name) => resolve(cwd, name)), ...this.readOnce])
      this.files.add(path)
  }

  /** Watches what a worker has loaded. */
  readonly watch = (files: readonly LoadedFile[]): void => {
    for (const [path, version] of files) if (this.isWatched(path)) this.files.add(path, version)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.files.close()
  }

  /** Packages and hidden folders, where tools keep what they make, do not change by a developer's hand. */
  private isWatched(path: string): boolean {
    if (this.isExcluded(path)) return false
    if (this.isIncluded(path)) return true
    return !PACKAGES.test(path) && !isHidden(relative(this.root(path), path))
  }

  /** The folder from which on hidden ones count: a project may itself lie in one. */
  private root(path: string): string {
    if (path.startsWith(this.cwd + sep)) return this.cwd
    const home = homedir()
    return path.startsWith(home + sep) ? home : sep
  }

  private note(path: string): void {
    if (this.isExcluded(path)) return
    if (this.readOnce.has(path)) {
      log('warning', `${this.shown(path)} changed, which is read once: restart monodon to have it`)
      return
    }
    const now = performance.now()
    if (this.changed.size === 0) this.changedSince = now
    this.changed.add(path)
    clearTimeout(this.timer)
    const left = this.changedSince + MOST_MS - now
    this.timer = setTimeout(() => this.tell(), Math.max(0, Math.min(QUIET_MS, left)))
  }

  private tell(): void {
    const names = [...this.changed].map((path) => this.shown(path))
    this.changed.clear()
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
    this.renew(`${names.slice(0, NAMED).join(', ')}${more} changed`)
  }

  private shown(path: string): string {
    const name = relative(this.cwd, path)
    return name.startsWith('..') ? path : name
  }
}

function isHidden(path: string): boolean {
  return /(?:^|[\\/])\.[^.\\/][^\\/]*[\\/]/.test(path)
}

/** The places where the app may lie, and be made to lie. */
function scripts(app: string, cwd: string): string[] {
  return basesOf(moduleOf(app), cwd).flatMap(scriptsOf)
}

function pythonFiles(app: string, pythonpath: readonly string[], cwd: string): string[] {
  const folders = [cwd, ...pythonpath.map((folder) => resolve(cwd, folder))]
  const found = findPythonModule(moduleOf(app), folders)
  return found === undefined ? [] : [found]
}

function configFiles(config: string): string[] {
  return config === '' ? [] : [resolve(config)]
}

/** What `node --env-file` has read. */
function nodeEnvironmentFiles(): string[] {
  const { execArgv } = process
  return execArgv.flatMap((argument, index) => {
    const flag = /^--env-file(?:-if-exists)?(?:=(.*))?$/.exec(argument)
    const file = flag === null ? undefined : (flag[1] ?? execArgv[index + 1])
    return file === undefined ? [] : [resolve(file)]
  })
}
