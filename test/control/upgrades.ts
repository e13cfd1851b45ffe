/** A server whose place others take: its folder, its processes, and load that must not notice. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Address, Client, fetchOnce, get } from '../support/client.ts'
import { childrenOf, isRunning } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

/** Answers with a text, counts what is sent to it, and sends some seconds long. */
const app = (text: string): string =>
  `import { setTimeout as sleep } from 'node:timers/promises'
   export default async (request) => {
     if (request.method === 'POST') {
       let bytes = 0
       for await (const chunk of request.body) bytes += chunk.length
       return new Response(String(bytes))
     }
     if (!request.url.endsWith('/stream')) return new Response(${JSON.stringify(text)})
     return new Response(new ReadableStream({
       async start(controller) {
         for (let i = 0; i < ${PIECES}; i++) {
           controller.enqueue('x'.repeat(${PIECE}))
           await sleep(${GAP_MS})
         }
         controller.close()
       },
     }))
   }`

const PIECES = 20
const PIECE = 1000
const GAP_MS = 25

export type Transport = 'TCP' | 'Unix'

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'monodon-upgrade-'))
  /** The first one, if `start` was called. */
  server!: SpawnedServer

  at(name: string): string {
    return join(this.folder, name)
  }

  write(text: string): void {
    this.source(app(text))
  }

  source(text: string): void {
    writeFileSync(this.at('app.mjs'), text)
  }

  async start(transport: Transport, ...flags: string[]): Promise<void> {
    if (!existsSync(this.at('app.mjs'))) this.write('first')
    const bind = transport === 'Unix' ? ['--bind', 'unix:socket'] : []
    this.server = await SpawnedServer.start('app.mjs', [...bind, ...flags], {}, this.folder)
  }

  address(transport: Transport): Address {
    return transport === 'TCP' ? this.server : { host: '', port: 0, path: this.at('socket') }
  }

  async text(transport: Transport = 'TCP'): Promise<string> {
    return (await fetchOnce(this.address(transport), '/')).body.toString()
  }

  /** The servers so far, in the order in which they were started. */
  get pids(): number[] {
    const listening = (this.server?.output ?? '').matchAll(/\[(\d+)\] \[INFO\] Starting monodon /g)
    return [...new Set([...listening].map(([, pid]) => Number(pid)))]
  }

  /** Those that are not over. */
  get running(): number[] {
    return this.pids.filter(isRunning)
  }

  logged(text: string, times = 1): Promise<void> {
    return until(
      `the log to say ${times} times: ${text}`,
      () => this.server.output.split(text).length > times,
    )
  }

  /** Has the newest server start one more, and waits until that serves. */
  async upgrade(): Promise<number> {
    const old = this.running.at(-1)!
    process.kill(old, 'SIGUSR2')
    let pid = 0
    await until('the new server', () => {
      const match = new RegExp(`\\[${old}\\].*The new server (\\d+) serves`).exec(
        this.server.output,
      )
      pid = Number(match?.[1] ?? 0)
      return pid > 0
    })
    return pid
  }

  /**
   * Ends the first server while the newest one sleeps, and so takes nothing yet of what is left to it.
   * SIGCONT wakes it.
   */
  async endOldWhileNewSleeps(): Promise<void> {
    process.kill(this.running.at(-1)!, 'SIGSTOP')
    process.kill(this.server.pid, 'SIGTERM')
    await this.ended(this.server.pid)
  }

  ended(pid: number): Promise<void> {
    return until(`the server ${pid} to end`, () => !isRunning(pid))
  }

  /** Ends what runs, and fails if something is left. */
  async close(): Promise<void> {
    const children = this.running.flatMap((pid) => childrenOf(pid).map(({ id }) => id))
    try {
      for (const pid of this.running) process.kill(pid, 'SIGTERM')
      await until('every server to end', () => this.running.length === 0)
      await until('every worker to end', () => !children.some(isRunning))
      expect(existsSync(this.at('socket'))).toBe(false)
    } finally {
      for (const pid of this.running) process.kill(pid, 'SIGKILL')
      rmSync(this.folder, { recursive: true })
    }
  }
}

/** Clients of several kinds, that notice whatever goes wrong. */
export class Traffic {
  readonly flaws: string[] = []
  readonly texts = new Set<string>()
  answers = 0
  private isOver = false
  private readonly address: Address
  private readonly lanes: Promise<unknown>

  constructor(address: Address) {
    this.address = address
    const kept = [1, 2, 3].map(() => this.lane('kept', () => this.keep()))
    this.lanes = Promise.all([
      ...kept,
      this.lane('new', () => this.connect()),
      this.lane('upload', () => this.upload()),
      this.lane('stream', () => this.stream()),
    ])
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.lanes
    expect(this.flaws).toEqual([])
    expect(this.answers).toBeGreaterThan(0)
  }

  private async lane(name: string, work: () => Promise<void>): Promise<void> {
    while (!this.isOver)
      await work().catch(async (error: Error) => {
        this.flaws.push(`${name}: ${error.message}`)
        await sleep(20)
      })
  }

  /** Requests on one connection, until the server says that it closes it. */
  private async keep(): Promise<void> {
    const client = await Client.connect(this.address)
    try {
      while (!this.isOver) {
        const { status, body, headers } = await client.request('GET', get('/'))
        this.heed(status, body.toString())
        if (headers['connection'] === 'close') break
        await sleep(2)
      }
    } finally {
      await client.leave()
    }
  }

  private async connect(): Promise<void> {
    const { status, body } = await fetchOnce(this.address, '/')
    this.heed(status, body.toString())
  }

  private async upload(): Promise<void> {
    const client = await Client.connect(this.address, ['POST'])
    try {
      await client.write(
        `POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${PIECES * PIECE}\r\n\r\n`,
      )
      for (let i = 0; i < PIECES; i++) {
        await client.write('x'.repeat(PIECE))
        await sleep(GAP_MS)
      }
      const { status, body } = await client.response()
      if (status !== 200 || body.toString() !== String(PIECES * PIECE))
        throw new Error(`${status} ${body}`)
    } finally {
      await client.leave()
    }
  }

  private async stream(): Promise<void> {
    const { status, body } = await fetchOnce(this.address, '/stream')
    if (status !== 200 || body.length !== PIECES * PIECE)
      throw new Error(`${status}, ${body.length} bytes`)
  }

  private heed(status: number, text: string): void {
    if (status !== 200) throw new Error(`${status} ${text}`)
    this.answers += 1
    this.texts.add(text)
  }
}
