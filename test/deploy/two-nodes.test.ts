/**
 * A rehearsal of docs/deploy.md: HAProxy and two servers, each on a machine of its own, under load. A rolling
 * upgrade loses no request; a node that is lost costs only what was in its hands.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { untilStatus } from '../control/ctl.ts'
import { describeWith } from '../support/required.ts'
import { COMMAND } from '../support/spawned.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'
import { Clients, type Result } from './clients.ts'
import { textOf } from './deployed.ts'
import { missingNamespaces, Namespace, namespaceEnv } from './namespaces.ts'

const APP = fileURLToPath(new URL('two-nodes-app.mjs', import.meta.url))
/** As docs/deploy/proxies/haproxy.cfg has them. */
const ADDRESSES = { a: '10.0.0.1', b: '10.0.0.2' } as const
const PROXY_ADDRESS = '10.0.0.254'
type NodeName = keyof typeof ADDRESSES

const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** A process that runs in a namespace, and what it has printed. */
class Process {
  readonly child: ChildProcess
  output = ''

  constructor(place: Namespace, program: string, args: string[], options: SpawnOptions = {}) {
    const [command, words] = place.command(program, ...args)
    this.child = spawn(command, words, {
      env: namespaceEnv,
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.add(this.child)
    this.child.once('exit', () => started.delete(this.child))
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (bytes: Buffer) => {
        this.output += bytes
      })
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = once(this.child, 'exit') as Promise<[number | null]>
    this.child.kill(signal)
    return (await within(PATIENCE_MS, 'a process to end', () => ended))[0]
  }
}

/** A machine with the app. */
class Node {
  readonly name: NodeName
  readonly place: Namespace
  readonly folder: string
  version = 0
  private server: Process | undefined

  constructor(name: NodeName, folder: string) {
    this.name = name
    this.place = new Namespace(name)
    this.folder = join(folder, name)
    mkdirSync(this.folder)
    copyFileSync(APP, join(this.folder, 'app.mjs'))
  }

  /** What the app says now. */
  get answer(): string {
    return `${this.name} ${this.version}`
  }

  /** Starts the next version. */
  async start(): Promise<void> {
    this.version += 1
    const flags = [
      ...['--bind', `${ADDRESSES[this.name]}:8000`, '--control-socket', 'ctl.sock'],
      ...['--health-path', '/health', '--drain-delay', '1s', '--workers', '2'],
    ]
    const server = new Process(this.place, process.execPath, [COMMAND, 'app.mjs', ...flags], {
      cwd: this.folder,
      env: { ...namespaceEnv, NODE_NAME: this.name, NODE_VERSION: String(this.version) },
    })
    this.server = server
    await until('a node to serve', () => {
      if (server.child.exitCode !== null) throw new Error(server.output)
      return server.output.includes('Workers: 2')
    })
  }

  async stop(): Promise<void> {
    expect(await this.server!.end('SIGTERM')).toBe(0)
  }

  /** Nothing is under way in it any more. */
  async isIdle(): Promise<void> {
    const counters = ['connections', 'queued', 'claimed', 'lent'] as const
    await untilStatus(join(this.folder, 'ctl.sock'), 'a node to be idle', (now) =>
      counters.every((counter) => now[counter] === 0),
    )
  }

  /** As when its machine has lost its current: nobody hears of it any more. */
  async lose(): Promise<void> {
    this.place.vanish()
    await this.server!.end('SIGKILL')
  }

  /** Lets those go that it holds. */
  release(): void {
    writeFileSync(join(this.folder, 'release'), '')
  }
}

/** HAProxy with the configuration of the docs, quicker to notice. */
class FrontProxy {
  readonly socket: string
  private readonly process: Process

  constructor(place: Namespace, folder: string) {
    this.socket = join(folder, 'www.sock')
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(
      file,
      textOf('proxies/haproxy.cfg')
        .replace('bind :80\n', `bind unix@${this.socket}\n`)
        .replace('inter 1s', 'inter 200ms')
        .replaceAll('tcp-ut 5s', 'tcp-ut 1s')
        .replace('srvtcpka-idle 5s', 'srvtcpka-idle 1s')
        .replace('srvtcpka-intvl 5s', 'srvtcpka-intvl 1s')
        .replace('timeout connect 5s', 'timeout connect 1s'),
    )
    this.process = new Process(place, 'haproxy', ['-db', '-f', file])
  }

  async listens(): Promise<void> {
    await until('HAProxy to listen', () => {
      if (this.process.child.exitCode !== null) throw new Error(this.process.output)
      return existsSync(this.socket)
    })
  }

  async end(): Promise<void> {
    await this.process.end('SIGTERM')
  }
}

function missing(): string | undefined {
  const { error } = spawnSync('haproxy', ['-v'], { env: namespaceEnv, stdio: 'ignore' })
  return error === undefined ? missingNamespaces() : `there is no haproxy: ${error.message}`
}

describeWith(missing(), 'two nodes behind HAProxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-nodes-'))
  let front: Namespace
  let proxy: FrontProxy
  let a: Node
  let b: Node
  beforeAll(async () => {
    front = new Namespace('front')
    a = new Node('a', folder)
    b = new Node('b', folder)
    for (const node of [a, b]) {
      node.place.join(front, ADDRESSES[node.name], PROXY_ADDRESS)
      await node.start()
    }
    proxy = new FrontProxy(front, folder)
    await proxy.listens()
  })
  afterAll(async () => {
    try {
      await proxy.end()
      await a.isIdle()
      await a.stop()
    } finally {
      for (const child of started) child.kill('SIGKILL')
      for (const place of [front, a.place, b.place]) place.remove()
      rmSync(folder, { recursive: true })
    }
  })

  test('a rolling upgrade loses no request', async () => {
    const clients = new Clients(proxy.socket)
    clients.start()
    for (const node of [a, b]) await until('both to be asked', () => clients.hear(node.answer))
    for (const node of [a, b]) {
      await node.stop()
      await node.start()
      // Before the proxy has it back there is no other to stop.
      await until(`${node.answer} to be asked`, () => clients.hear(node.answer))
    }
    await clients.stop()
    expect(clients.failed).toEqual([])
    expect(clients.results.length).toBeGreaterThan(0)
  })

  test('a node that is lost costs only the requests in its hands', async () => {
    const clients = new Clients(proxy.socket)
    clients.start()
    for (const node of [a, b]) await until('both to be asked', () => clients.hear(node.answer))
    const held: Promise<Result>[] = []
    while (heldBy(a) === 0 || heldBy(b) === 0) {
      held.push(clients.ask('/hold', 'POST'))
      await until('it to be held', () => heldBy(a) + heldBy(b) === held.length)
    }
    const [lost, kept] = [heldBy(b), heldBy(a)]
    await b.lose()
    a.release()
    const answers = await Promise.all(held)
    // The last of those that b had are given up while a answers the others.
    await until('a alone to answer', () =>
      clients.results.slice(-100).every(({ answer }) => answer === a.answer),
    )
    await clients.stop()

    expect(answers.filter(({ failure }) => failure !== undefined)).toHaveLength(lost)
    expect(answers.filter(({ answer }) => answer === a.answer)).toHaveLength(kept)
    // Each failure was a request that must not be sent twice, which b had got and a never saw.
    expect(clients.failed.map(({ method }) => method)).not.toContain('GET')
    const seen = new Set(linesOf(join(a.folder, 'seen')))
    expect(clients.failed.filter(({ number }) => seen.has(String(number)))).toEqual([])
  })
})

/** Requests that a node has got and does not answer until it is told to. */
function heldBy({ folder }: Node): number {
  return linesOf(join(folder, 'held')).length
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}
