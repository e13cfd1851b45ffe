/** Servers with workers of each kind, and an app in each language that says who answers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'

/** `TEXT N`: the text that it was written with, and the worker's id. `/hold` waits for a file. */
const javascript = (text: string): string =>
  `import { existsSync, writeFileSync } from 'node:fs'
   import { setTimeout as sleep } from 'node:timers/promises'
   import { threadId } from 'node:worker_threads'
   const who = threadId === 0 ? process.pid : threadId
   export default async (request) => {
     if (request.url.endsWith('/hold')) {
       writeFileSync('held', '')
       while (!existsSync('release')) await sleep(10)
     }
     return new Response(${JSON.stringify(text)} + ' ' + who)
   }`
const python = (text: string): string =>
  `import os, time
def app(environ, start_response):
    if environ['PATH_INFO'] == '/hold':
        open('held', 'w').close()
        while not os.path.exists('release'):
            time.sleep(0.01)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [(${JSON.stringify(text)} + ' ' + str(os.getpid())).encode()]`

export interface Kind {
  readonly file: string
  readonly app: string
  readonly flags: readonly string[]
  readonly source: (text: string) => string
  /** What is in the app's place when it cannot be loaded, and what is said then. */
  readonly broken: string
  readonly complaint: string
}

export const THREAD: Kind = {
  file: 'app.mjs',
  app: 'app.mjs',
  flags: [],
  source: javascript,
  broken: 'throw new Error("no database")',
  complaint: 'no database',
}
export const PROCESS: Kind = { ...THREAD, flags: ['--worker-class', 'process'] }
const PYTHON: Kind = {
  file: 'app.py',
  app: 'app:app',
  flags: [],
  source: python,
  broken: 'raise ValueError("no database")',
  complaint: 'no database',
}

/** A suite for each kind of worker. */
export function describeKinds(suite: (kind: Kind) => void): void {
  describe('workers in threads', () => suite(THREAD))
  describe('workers in processes', () => suite(PROCESS))
  describePython('workers in Python', () => suite(PYTHON))
}

/** A folder with an app and the servers that serve it. */
export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'monodon-control-'))
  readonly kind: Kind
  private readonly servers = new Set<SpawnedServer>()

  constructor(kind: Kind = THREAD) {
    this.kind = kind
    this.write(this.kind.file, this.kind.source('old'))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.path(name), '..'), { recursive: true })
    writeFileSync(this.path(name), text)
  }

  /** Starts a server of the app. */
  async start(...flags: readonly string[]): Promise<SpawnedServer> {
    const { app, file, flags: own } = this.kind
    const start = file.endsWith('.py') ? SpawnedServer.python : SpawnedServer.start
    const server = await start(app, [...own, ...flags], {}, this.folder)
    this.servers.add(server)
    return server
  }

  /** One that was killed is not expected to end well. */
  forget(server: SpawnedServer): void {
    this.servers.delete(server)
  }

  /** Ends all servers; each must end well. */
  async close(): Promise<void> {
    const servers = [...this.servers]
    const codes = await Promise.all(servers.map((server) => server.stop()))
    rmSync(this.folder, { recursive: true })
    expect(codes).toEqual(servers.map(() => 0))
  }
}

/** What the app says: its text, and who answered. */
export async function answer(server: SpawnedServer, path = '/') {
  const [text = '', who = ''] = (await fetchOnce(server, path)).body.toString().split(' ')
  return { text, who }
}

/** Keep-alive clients that ask without a break; not one may notice what the server does meanwhile. */
export class Load {
  answers = 0
  /** The texts that were answered, in their order. */
  readonly texts: string[] = []
  private readonly flaws: string[] = []
  private readonly running: Promise<unknown>
  private isOver = false

  constructor(server: SpawnedServer, clients = 4) {
    this.running = Promise.all(Array.from({ length: clients }, () => this.keepAsking(server)))
  }

  /** Ends it; nothing may have gone wrong. */
  async stop(): Promise<void> {
    this.isOver = true
    await this.running
    expect(this.flaws).toEqual([])
    expect(this.answers).toBeGreaterThan(0)
  }

  private async keepAsking(server: SpawnedServer): Promise<void> {
    try {
      const client = await Client.connect(server)
      while (!this.isOver) {
        const { status, body } = await client.request('GET', get('/'))
        const [text = '', who = ''] = body.toString().split(' ')
        if (status !== 200 || who === '') this.flaws.push(`${status} ${body}`)
        this.answers += 1
        if (!this.texts.includes(text)) this.texts.push(text)
      }
      await client.leave()
    } catch (error) {
      this.flaws.push(String(error))
    }
  }
}
