/** What systemd is told by a service with `Type=notify`, also when another process takes its place. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ActivatedServer } from '../support/activated.ts'
import { fetchOnce } from '../support/client.ts'
import { describePython, requirePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Site, Traffic } from './upgrades.ts'

interface Message {
  readonly pid: number
  readonly lines: readonly string[]
}

/** Stands in for systemd. */
class Manager {
  private readonly child: ChildProcess
  private output = ''

  constructor(socket: string) {
    const script = fileURLToPath(new URL('../support/notify.py', import.meta.url))
    this.child = spawn(requirePython(), [script, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.child.stdout!.on('data', (bytes: Buffer) => {
      this.output += bytes
    })
  }

  /** What it was told, but for signs of life. */
  get messages(): Message[] {
    return this.all.filter(({ lines }) => lines[0] !== 'WATCHDOG=1')
  }

  get signsOfLife(): Message[] {
    return this.all.filter(({ lines }) => lines[0] === 'WATCHDOG=1')
  }

  private get all(): Message[] {
    return this.output
      .split('\n')
      .slice(1, -1)
      .map((line) => {
        const at = line.indexOf(' ')
        return { pid: Number(line.slice(0, at)), lines: JSON.parse(line.slice(at + 1)) }
      })
  }

  listens(): Promise<void> {
    return until('the manager', () => this.output !== '')
  }

  told(line: string, times = 1): Promise<void> {
    const count = (): number => this.messages.filter(({ lines }) => lines.includes(line)).length
    return until(`${line} to be told ${times} times`, () => count() >= times)
  }

  async end(): Promise<void> {
    this.child.kill('SIGKILL')
    const { child } = this
    await until('the manager to end', () => child.exitCode !== null || child.signalCode !== null)
  }
}

let site: Site
let manager: Manager

beforeEach(() => {
  site = new Site()
})
afterEach(() => site.close())

/** A server with a manager that listens at `socket`. */
async function start(flags: string[] = [], more: NodeJS.ProcessEnv = {}): Promise<void> {
  if (!existsSync(site.at('app.mjs'))) site.write('first')
  const env = { NOTIFY_SOCKET: site.at('notify'), ...more }
  manager = new Manager(env.NOTIFY_SOCKET ?? '')
  await manager.listens()
  site.server = await SpawnedServer.start('app.mjs', flags, env, site.folder)
}

describePython('Type=notify', () => {
  afterEach(() => manager.end())

  test('READY is told once every worker is, STOPPING when it is told to end', async () => {
    site.source(
      `import { writeFileSync } from 'node:fs'
       await new Promise((resolve) => setTimeout(resolve, 100))
       writeFileSync('loaded', '')
       export default () => new Response('first')`,
    )
    await start()
    await manager.told('READY=1')
    expect(existsSync(site.at('loaded'))).toBe(true)
    const { pid } = site.server
    expect(manager.messages).toEqual([{ pid, lines: ['READY=1', 'STATUS=Serving app.mjs'] }])
    expect(await site.server.stop()).toBe(0)
    await manager.told('STOPPING=1')
    expect(manager.messages).toHaveLength(2)
  })

  test('a name without a file is understood', async () => {
    await start([], { NOTIFY_SOCKET: `@monodon-test-${process.pid}` })
    await manager.told('READY=1')
  })

  test('HUP is told with the time, and its end, also of one that fails', async () => {
    await start()
    await manager.told('READY=1')
    for (const [round, text] of ['export default () => new Response("new")', 'throw 1'].entries()) {
      site.source(text)
      const before = process.hrtime.bigint() / 1000n
      process.kill(site.server.pid, 'SIGHUP')
      await manager.told('RELOADING=1', round + 1)
      await manager.told('READY=1', round + 2)
      const reloading = manager.messages.at(-2)!.lines
      expect(reloading[0]).toBe('RELOADING=1')
      const usec = BigInt(/^MONOTONIC_USEC=(\d+)$/.exec(reloading[1]!)![1]!)
      expect(usec).toBeGreaterThanOrEqual(before)
      expect(usec).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n)
    }
  })

  test('signs of life come at half of the watchdog’s time', async () => {
    await start([], { WATCHDOG_USEC: '400000' })
    await until('signs of life', () => manager.signsOfLife.length > 3)
    expect(new Set(manager.signsOfLife.map(({ pid }) => pid))).toEqual(new Set([site.server.pid]))
  })

  test('a watchdog for another process is not heeded', async () => {
    await start([], { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' })
    expect(await site.server.stop()).toBe(0)
    await manager.told('STOPPING=1')
    expect(manager.signsOfLife).toEqual([])
  })

  test('READY is not told of an app that cannot be loaded', async () => {
    site.source('throw new Error("broken")')
    await expect(start()).rejects.toThrow('it ended with code 3')
    site.write('first')
    const env = { NOTIFY_SOCKET: site.at('notify') }
    site.server = await SpawnedServer.start('app.mjs', [], env, site.folder)
    await manager.told('READY=1')
    expect(manager.messages.map(({ pid }) => pid)).toEqual([site.server.pid])
  })

  test('with nobody there it serves, and warns', async () => {
    await start()
    await manager.end()
    site.server.child.kill('SIGHUP')
    await site.logged('The service manager could not be told RELOADING=1')
    expect(await site.text()).toBe('first')
  })

  test('an upgrade makes the new server the main process, which says the rest', async () => {
    await start(['--upgrade-mode', 'auto'], { WATCHDOG_USEC: '400000' })
    const old = site.server.pid
    await manager.told('READY=1')
    const pid = await site.upgrade()
    await site.ended(old)
    await manager.told(`MAINPID=${pid}`, 2)
    await until(
      'signs of life',
      () => manager.signsOfLife.filter((by) => by.pid === pid).length > 1,
    )
    process.kill(pid, 'SIGTERM')
    await manager.told('STOPPING=1')
    expect(manager.messages.map((message) => [message.pid, message.lines[0]])).toEqual([
      [old, 'READY=1'],
      [old, `MAINPID=${pid}`],
      [pid, `MAINPID=${pid}`],
      [pid, 'STOPPING=1'],
    ])
    expect(manager.messages[2]!.lines).toContain('READY=1')
  })

  test('while there are two by hand, only the old one speaks', async () => {
    await start()
    await manager.told('READY=1')
    const old = site.server.pid
    const pid = await site.upgrade()
    process.kill(pid, 'SIGTERM')
    await site.ended(pid)
    process.kill(old, 'SIGHUP')
    await manager.told('READY=1', 2)
    expect(manager.messages.map((message) => message.pid)).toEqual([old, old, old])
  })
})

describePython('sockets of systemd', () => {
  test('go on to the server of an upgrade, and are left to systemd at the end', async () => {
    const path = site.at('activated')
    site.write('first')
    const server = new ActivatedServer(
      ['tcp', `unix:${path}`],
      ['app.mjs', '--upgrade-mode', 'auto', '--pid', 'monodon.pid'],
      site.folder,
    )
    await server.ready()
    const tcp = { host: '127.0.0.1', port: Number(server.names[0]) }
    const unix = { host: '', port: 0, path }
    const traffic = [new Traffic(tcp), new Traffic(unix)]
    for (const text of ['second', 'third']) {
      site.write(text)
      process.kill(Number(readFileSync(site.at('monodon.pid'), 'utf8')), 'SIGUSR2')
      await until('the new server', () => traffic.every(({ texts }) => texts.has(text)))
      await until('the old one to leave', () => !existsSync(site.at('monodon.pid.2')))
    }
    for (const each of traffic) await each.stop()
    expect((await fetchOnce(unix, '/')).body.toString()).toBe('third')
    const last = Number(readFileSync(site.at('monodon.pid'), 'utf8'))
    process.kill(last, 'SIGTERM')
    await site.ended(last)
    await server.ended()
    expect(existsSync(path)).toBe(true)
  })
})
