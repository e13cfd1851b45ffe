/** A JavaScript worker in a process: the program itself, with the tests for its server. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LAYOUT_VERSION } from '../../lib/bridge/layout.ts'
import { resolve } from '../../lib/options/resolve.ts'
import type { Config } from '../../lib/options/table.ts'
import type { StartMessage } from '../../lib/worker/protocol.ts'
import { bodyOf, drain, request, SocketPeer, stop, tell } from '../support/socket-peer.ts'
import { until } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const APP = 'test/worker/process-app.mjs'
/** Another Node to run the worker with. */
const NODE = process.env.TEST_NODE ?? process.execPath

/** A worker's process, and the server's end of its socket. */
class WorkerProcess {
  readonly child: ChildProcess
  readonly peer: SocketPeer
  errors = ''
  private asked = 0

  constructor() {
    this.child = spawn(NODE, ['dist/worker/process.js', APP], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
    })
    this.peer = new SocketPeer(this.child.stdio[3] as Duplex)
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.errors += bytes
    })
  }

  async start(config: Config = {}, changes: Partial<StartMessage> = {}): Promise<this> {
    const { options } = await resolve({ given: { logLevel: 'error', ...config } })
    const start: StartMessage = {
      type: 'start',
      layout: LAYOUT_VERSION,
      number: 7,
      name: 'monodon-worker-7',
      app: APP,
      args: [],
      facts: { serverName: 'localhost', serverPort: '8000', multiprocess: true },
      options,
      staysBroken: false,
      ...changes,
    }
    this.peer.send(tell(start))
    return this
  }

  /** The body of the answer to a request. */
  async get(id: number, target: string): Promise<string> {
    await this.ask(id, target)
    return bodyOf(await this.peer.answer(id)).toString()
  }

  /** Sends a request, with what else is given, once the worker takes one. */
  async ask(id: number, target: string, ...others: readonly Buffer[]): Promise<void> {
    await until('a take', () => this.peer.takes.length > this.asked)
    this.asked++
    this.peer.send(request(id, { target, headers: { host: 'test' } }), ...others)
  }

  async said(type: string): Promise<Record<string, unknown>> {
    await until(`the message ${type}`, () => {
      if (this.child.exitCode !== null) throw new Error(`it has ended:\n${this.errors}`)
      return this.peer.said(type) !== undefined
    })
    return this.peer.said(type)!
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | string> {
    if (this.child.exitCode === null && this.child.signalCode === null)
      await once(this.child, 'close')
    return this.child.exitCode ?? this.child.signalCode!
  }
}

let worker: WorkerProcess
let folder: string
beforeEach(() => {
  worker = new WorkerProcess()
  folder = mkdtempSync(join(tmpdir(), 'monodon-'))
})
afterEach(async () => {
  worker.peer.leave()
  worker.child.kill('SIGKILL')
  await worker.ended()
  rmSync(folder, { recursive: true })
})

describe('a worker in a process', () => {
  it('says that it is ready, and only then takes requests', async () => {
    await worker.start()
    expect(await worker.said('ready')).toEqual({
      type: 'ready',
      kind: 'fetch',
      reason: 'it has a method fetch',
    })
    await until('a take', () => worker.peer.takes.length > 0)
    const { batches } = worker.peer
    const ready = batches.findIndex(({ records }) => records.some(({ kind }) => kind === 'say'))
    expect(batches.slice(0, ready).every(({ take }) => take === 0)).toBe(true)
    expect(await worker.get(1, '/hello')).toBe('hello')
    expect(await worker.get(2, '/pid')).toBe(`${worker.child.pid} monodon-worker-7`)
  })

  it('does not pass its socket on', async () => {
    await worker.start()
    expect(await worker.get(1, '/inherited')).toBe('nothing\n')
  })

  it('sends a large body as the server has room', async () => {
    await worker.start()
    await worker.ask(1, '/large')
    const sent = () =>
      worker.peer.records
        .filter(({ kind }) => kind === 'chunk')
        .reduce((sum, record) => sum + bodyOf(record).length, 0)
    for (let drained = 0; drained < 1_000_000; drained = sent()) {
      await until('more of the body', () => sent() > drained)
      worker.peer.send(drain(1, sent() - drained))
    }
    await until('the end', () => worker.peer.records.at(-1)?.kind === 'end')
    expect(sent()).toBe(1_000_000)
  })

  it('says once that it is spent, and goes on', async () => {
    await worker.start({ maxRequests: 2 })
    await worker.get(1, '/hello')
    expect(worker.peer.said('spent')).toBeUndefined()
    await worker.get(2, '/hello')
    await worker.said('spent')
    expect(await worker.get(3, '/hello')).toBe('hello')
    expect(worker.peer.records.filter(({ kind }) => kind === 'say')).toHaveLength(2)
  })

  it.each([
    ['an app that is not there', { app: 'missing.mjs' }, 'MONODON_APP_NOT_FOUND'],
    ['another layout', { layout: LAYOUT_VERSION + 1 }, `record layout ${LAYOUT_VERSION + 1}`],
  ])('says that it cannot start with %s', async (_, changes, text) => {
    await worker.start({}, changes)
    await until('the failure', () => worker.peer.said('failed') !== undefined)
    expect(worker.peer.said('failed')?.['text']).toContain(text)
    expect(await worker.ended()).toBe(3)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGQUIT'] as const)('does not act on %s', async (signal) => {
    await worker.start()
    await worker.said('ready')
    worker.child.kill(signal)
    expect(await worker.get(1, '/hello')).toBe('hello')
  })

  it('writes its log to the file that the options name, and to a new one when told', async () => {
    const errorLogfile = join(folder, 'error.log')
    await worker.start({ errorLogfile })
    await worker.ask(1, '/log')
    await worker.peer.answer(1)
    expect(readFileSync(errorLogfile, 'utf8')).toContain('Error: logged')
    renameSync(errorLogfile, `${errorLogfile}.1`)
    worker.peer.send(tell({ type: 'reopenLogs' }), tell({ type: 'unheard of' }))
    await until('the new file', () => existsSync(errorLogfile))
    await worker.ask(2, '/log')
    await worker.peer.answer(2)
    expect(readFileSync(errorLogfile, 'utf8')).toContain('worker 7')
    expect(worker.errors).toBe('')
  })
})

describe('it ends', () => {
  it('when it is told to, after it has finished what it holds', async () => {
    const file = join(folder, 'background')
    await worker.start()
    await worker.ask(1, `/slow?file=${file}`, stop(20_000))
    expect(bodyOf(await worker.peer.answer(1)).toString()).toBe('slow')
    expect(await worker.ended()).toBe(0)
    expect(existsSync(file)).toBe(true)
    // It has asked for nothing after the stop.
    expect(worker.peer.takes).toHaveLength(1)
  })

  it('when it is told to, without what takes longer than it may', async () => {
    await worker.start()
    await worker.ask(1, '/never', stop(50))
    expect(await worker.ended()).toBe(0)
  })

  it('when it is told to before it has begun', async () => {
    worker.peer.send(stop(1000))
    expect(await worker.ended()).toBe(0)
  })

  // The test would be over before the time that it was given.
  it.each([
    ['a request that is not answered', '/never'],
    ['a body that is not sent', '/large'],
  ])('when the server has gone, though it holds %s', async (_, target) => {
    await worker.start({ gracefulTimeout: '10m' })
    await worker.ask(1, target)
    await until('the request to be begun', () => worker.peer.takes.length > 1)
    worker.peer.leave()
    expect(await worker.ended()).toBe(0)
  })

  it('when the server has gone, also while it finishes what it holds', async () => {
    await worker.start()
    await worker.ask(1, '/never', stop(600_000))
    worker.peer.leave()
    expect(await worker.ended()).toBe(0)
  })

  it('when the server has gone, but not before the time that it was given', async () => {
    const file = join(folder, 'background')
    await worker.start()
    await worker.ask(1, `/slow?file=${file}`, stop(20_000))
    await worker.peer.answer(1)
    worker.peer.leave()
    expect(await worker.ended()).toBe(0)
    expect(existsSync(file)).toBe(true)
  })

  it.each([
    ['throws', '/throw-later', 'Error: thrown out of the handlers'],
    ['rejects', '/reject-later', 'Error: rejected by nobody'],
  ])('when the app %s outside of its handlers', async (_, target, text) => {
    await worker.start()
    await worker.ask(1, target)
    expect(await worker.ended()).toBe(1)
    expect(worker.errors).toContain(`MONODON_APP_THREW: the app failed: ${text} (worker 7;`)
  })

  it('not when the app catches such errors itself', async () => {
    await worker.start()
    expect(await worker.get(1, '/catch-own')).toBe('caught')
    expect(await worker.get(2, '/hello')).toBe('hello')
    expect(worker.errors).toBe('')
  })
})
