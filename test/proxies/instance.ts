/** A server behind a proxy, which is restarted as deploys do it. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { status, untilStatus } from '../control/ctl.ts'
import { SpawnedServer } from '../support/spawned.ts'

const APP = fileURLToPath(new URL('../soak/app.mjs', import.meta.url))
/** Longer than a proxy takes to notice: HAProxy asks ten times in a second. */
const DRAIN_DELAY = '2s'
/** Requests that say that the proxy sends some again, its health checks not among them. */
const ENOUGH = 50

export class Instance {
  readonly port: number
  private readonly folder: string
  private server: SpawnedServer

  private constructor(port: number, folder: string, server: SpawnedServer) {
    this.port = port
    this.folder = folder
    this.server = server
  }

  static async start(port: number): Promise<Instance> {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-instance-'))
    copyFileSync(APP, join(folder, 'app.mjs'))
    writeFileSync(join(folder, 'version.mjs'), 'export const version = 0\n')
    return new Instance(port, folder, await launch(port, folder))
  }

  /** TERM, and a new one on the same port once the old one has ended. */
  async restart(): Promise<void> {
    expect(await this.server.stop()).toBe(0)
    this.server = await launch(this.port, this.folder)
  }

  /** Waits until the proxy sends requests to it. */
  async isAsked(): Promise<void> {
    await this.until('requests', ({ requests }) => requests > ENOUGH)
  }

  /** The proxy has kept connections and used them again; its health checks take a new one each. */
  async keptConnections(): Promise<void> {
    const { accepted, requests, connections } = await status(this.socket)
    expect(connections).toBeGreaterThan(0)
    expect(requests / accepted).toBeGreaterThan(1)
  }

  /** Ends it when nothing is under way any more. */
  async end(): Promise<number | null> {
    const idle = ['connections', 'queued', 'claimed', 'lent'] as const
    await this.until('it to be idle', (now) => idle.every((counter) => now[counter] === 0))
    const code = await this.server.stop()
    rmSync(this.folder, { recursive: true })
    return code
  }

  private get socket(): string {
    return socketIn(this.folder)
  }

  private until(...[what, condition]: Condition): ReturnType<typeof untilStatus> {
    return untilStatus(this.socket, what, condition)
  }
}

type Condition = [what: string, condition: Parameters<typeof untilStatus>[2]]

const socketIn = (folder: string): string => join(folder, 'ctl.sock')

function launch(port: number, folder: string): Promise<SpawnedServer> {
  const flags = [
    ...['--bind', `127.0.0.1:${port}`, '--workers', '2', '--control-socket', socketIn(folder)],
    ...['--health-path', '/health', '--drain-delay', DRAIN_DELAY],
  ]
  return SpawnedServer.start('app.mjs', flags, {}, folder)
}
