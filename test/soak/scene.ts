/** A server of `app.mjs` or `app.py` in a process and a folder of its own, and what is done to it. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import type { ServerStatus } from '../../lib/control/status.ts'
import { request, status, untilStatus } from '../control/ctl.ts'
import { fetchOnce } from '../support/client.ts'
import { type Holdings, leaked } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Load } from './load.ts'
import type { Tally } from './tally.ts'

/** Of a worker's JavaScript, so that it is soon full. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=64' }
/** Edits come within a second, which is what bytecode is told from its file by. Servers are not deployed so. */
const NO_BYTECODE = { PYTHONDONTWRITEBYTECODE: '1' }
/** For what waits until several workers in processes have booted, one after another, under load. */
export const CHANGE_MS = 120_000

export type WorkerKind = 'thread' | 'process' | 'python'

interface Source {
  readonly app: string
  readonly flags: readonly string[]
  /** The module that the app loads. */
  readonly version: string
  readonly versioned: (version: number) => string
  /** What a worker of it can do to itself, but for looping. */
  readonly deeds: readonly string[]
}

const JAVASCRIPT: Source = {
  app: 'app.mjs',
  flags: [],
  version: 'version.mjs',
  versioned: (version) => `export const version = ${version}\n`,
  deeds: ['exit', 'throw', 'memory'],
}

const SOURCES: Readonly<Record<WorkerKind, Source>> = {
  thread: { ...JAVASCRIPT, flags: ['--worker-class', 'thread'] },
  process: { ...JAVASCRIPT, flags: ['--worker-class', 'process'] },
  python: {
    app: 'app.py',
    // What is held does not hold back the rest.
    flags: ['--threads', '8'],
    version: 'version.py',
    versioned: (version) => `version = ${version}\n`,
    deeds: ['exit', 'abort'],
  },
}

export const KINDS = Object.keys(SOURCES) as WorkerKind[]

/** `describe` for each kind of worker; Python's is skipped by name where there is no Python. */
export function describeKinds(title: string, suite: (kind: WorkerKind) => void): void {
  for (const kind of KINDS) {
    const describeKind = kind === 'python' ? describePython : describe
    describeKind(`${title}, with workers of kind ${kind}`, () => suite(kind))
  }
}

/** No module of either language. */
const BROKEN = 'nobody knows'

/** Puts the app into a folder; gives what starts it. */
export function place(kind: WorkerKind, folder: string): { app: string; flags: readonly string[] } {
  const { app, flags, version, versioned } = SOURCES[kind]
  copyFileSync(fileURLToPath(new URL(app, import.meta.url)), join(folder, app))
  writeFileSync(join(folder, version), versioned(0))
  return { app, flags }
}

/** How a request that the server has lost stands in its log; each target is asked for once. */
const LOST = /(?:GET|PUT) \S*?(\/\w+\?\S+), held for/g

export class Scene {
  readonly server: SpawnedServer
  readonly kind: WorkerKind
  private readonly folder: string
  private version = 0
  private before!: Holdings

  private constructor(server: SpawnedServer, kind: WorkerKind, folder: string) {
    this.server = server
    this.kind = kind
    this.folder = folder
  }

  /** Resolves when it has served each kind of client, so that what it opens once and keeps is open. */
  static async start(
    kind: WorkerKind,
    workers: number,
    flags: readonly string[] = [],
  ): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-soak-'))
    const { app, flags: needed } = place(kind, folder)
    const all = [
      ...[...needed, '--workers', String(workers)],
      ...['--control-socket', join(folder, 'ctl.sock'), '--queue-timeout', '2m', ...flags],
    ]
    const server = await SpawnedServer.start(app, all, { ...SMALL_HEAP, ...NO_BYTECODE }, folder)
    const scene = new Scene(server, kind, folder)
    const load = new Load(server)
    await until('the first answers', () => load.tally.right > 50)
    await load.stop()
    await scene.idle()
    scene.before = await steady(server)
    return scene
  }

  /** What workers of this kind can do to themselves, but for looping. */
  get ways(): readonly string[] {
    return this.source.deeds
  }

  get socket(): string {
    return join(this.folder, 'ctl.sock')
  }

  get log(): string {
    return this.server.output
  }

  status(): Promise<ServerStatus> {
    return status(this.socket)
  }

  /** Waits for a state that the server tells. */
  until(what: string, condition: (status: ServerStatus) => boolean): Promise<ServerStatus> {
    return untilStatus(this.socket, what, condition, CHANGE_MS)
  }

  /** Waits until there are as many workers as there are to be, all of them ready. */
  whole(wanted?: number): Promise<ServerStatus> {
    return this.until('all workers to be ready and no other', (now) => {
      const ready = now.workers.filter(({ state }) => state === 'ready')
      const count = wanted ?? now.wanted
      return now.change === null && ready.length === count && now.workers.length === count
    })
  }

  /** Has the server replace all its workers by ones that have loaded a new version. */
  async reload(): Promise<void> {
    const { workers } = await this.status()
    const newest = Math.max(...workers.map(({ number }) => number))
    this.version += 1
    this.writeVersion(this.source.versioned(this.version))
    this.server.child.kill('SIGHUP')
    await this.until('all workers to be new', (now) =>
      now.workers.every(({ number, state }) => number > newest && state === 'ready'),
    )
    await this.whole()
    expect(await this.served()).toBe(String(this.version))
  }

  /** Has the server try to load an app that does not load. */
  async reloadBroken(): Promise<void> {
    const failures = () => this.log.split('goes on, as its successor failed').length
    const before = failures()
    const { workers } = await this.whole()
    this.writeVersion(BROKEN)
    this.server.child.kill('SIGHUP')
    await until('the reload to fail', () => failures() > before, CHANGE_MS)
    const after = await this.whole()
    expect(numbers(after)).toEqual(numbers({ workers }))
    expect(await this.served()).toBe(String(this.version))
    this.writeVersion(this.source.versioned(this.version))
  }

  /** Sends TTIN or TTOU and waits until the number of workers has changed. */
  async resize(signal: 'SIGTTIN' | 'SIGTTOU'): Promise<void> {
    const { wanted } = await this.status()
    this.server.child.kill(signal)
    await this.whole(wanted + (signal === 'SIGTTIN' ? 1 : -1))
  }

  async scale(workers: number): Promise<void> {
    const answer = await request(this.socket, { command: 'scale', argument: String(workers) })
    expect(answer).toMatchObject({ ok: true, result: workers })
    await this.whole(workers)
  }

  /** How often workers have begun to do `how` to themselves. */
  deeds(how: string): number {
    const file = join(this.folder, 'deeds')
    if (!existsSync(file)) return 0
    return readFileSync(file, 'utf8').split(`${how}\n`).length - 1
  }

  /** Lets the requests for `/hold` be answered. */
  release(): void {
    writeFileSync(join(this.folder, 'release'), '')
  }

  /** Waits until no client is there and nothing is under way; then it must hold what it held at first. */
  async settled(): Promise<ServerStatus> {
    await this.whole()
    const now = await this.idle()
    const changed = () => difference(this.before, this.server.holdings)
    await until('it to hold what it held at first', () => changed().length === 0).catch(() => {
      throw new Error(`held by the server against before: ${changed().join(', ')}`)
    })
    return now
  }

  /** The clients lost nothing but what the server says was in the hands of a worker that ended. */
  judge(tally: Tally): void {
    expect(tally.flaws).toEqual([])
    expect(tally.right).toBeGreaterThan(0)
    const reported = new Set([...this.log.matchAll(LOST)].map(([, target]) => target))
    expect(tally.lost.filter((target) => !reported.has(target))).toEqual([])
  }

  /** Ends the server, which must end well. */
  async close(): Promise<void> {
    const code = await this.server.stop()
    rmSync(this.folder, { recursive: true })
    expect(code).toBe(0)
  }

  private get source(): Source {
    return SOURCES[this.kind]
  }

  private writeVersion(text: string): void {
    writeFileSync(join(this.folder, this.source.version), text)
  }

  private idle(): Promise<ServerStatus> {
    return this.until(
      'it to be idle',
      ({ connections, queued, claimed, lent }) => connections + queued + claimed + lent === 0,
    )
  }

  private async served(): Promise<string> {
    return (await fetchOnce(this.server, '/version')).body.toString()
  }
}

/** Between two looks at what does not change any more, in milliseconds. */
const LOOK_MS = 100

/** What it holds when nothing goes any more, such as the connection over which it has told its status. */
async function steady(server: SpawnedServer): Promise<Holdings> {
  let last = server.holdings
  await until('what it holds to stay the same', async () => {
    await sleep(LOOK_MS)
    const previous = last
    last = server.holdings
    return difference(previous, last).length === 0
  })
  return last
}

function difference(before: Holdings, now: Holdings): string[] {
  return [
    ...leaked(before, now).map((item) => `+ ${item}`),
    ...leaked(now, before).map((item) => `- ${item}`),
  ]
}

const numbers = ({ workers }: Pick<ServerStatus, 'workers'>): number[] =>
  workers.map(({ number }) => number)
