/** What `monodon ctl` has a server do, with workers of each kind. */
import { existsSync, renameSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { ctl, request, status, untilStatus } from './ctl.ts'
import { answer, describeKinds, type Kind, Load, PROCESS, Site, THREAD } from './kinds.ts'

let site: Site
let server: SpawnedServer
let socket: string

async function start(kind: Kind, ...flags: readonly string[]): Promise<void> {
  site = new Site(kind)
  socket = site.path('ctl.sock')
  server = await site.start('--control-socket', socket, ...flags)
}

const run = (...args: readonly string[]) => ctl(site.folder, '--control-socket', socket, ...args)

afterEach(() => site.close())

describeKinds((kind) => {
  test('status and workers tell how the server is', async () => {
    await start(kind, '--workers', '2')
    for (let i = 0; i < 5; i++) await answer(server)
    const now = await status(socket)
    expect(now).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      pid: server.pid,
      uptime: expect.any(Number),
      state: 'ready',
      change: null,
      app: kind.app,
      urls: [`http://127.0.0.1:${server.port}`],
      workerClass: kind === THREAD ? 'thread' : 'process',
      wanted: 2,
      stability: 'stable',
      restarts: { died: 0, hung: 0, boot: 0, spent: 0, lifetime: 0, memory: 0 },
      accepted: 5,
      requests: 5,
      queued: 0,
      claimed: 0,
    })
    const pids = kind === THREAD ? [null, null] : server.workers
    expect(now.workers.map(({ pid }) => pid).sort()).toEqual([...pids].sort())
    expect(now.workers.map(({ number }) => number)).toEqual([1, 2])
    for (const worker of now.workers) {
      expect(worker).toMatchObject({ state: 'ready', held: 0 })
      expect(worker.age).toBeGreaterThan(0)
    }
    expect(now.workers[0]!.requests + now.workers[1]!.requests).toBe(5)

    const { code, stdout } = await run('status')
    expect(code).toBe(0)
    expect(stdout).toContain(`pid ${server.pid}: ready, up for `)
    expect(stdout).toContain(`Serving ${kind.app} at http://127.0.0.1:${server.port}`)
    const table = (await run('workers')).stdout
    expect(table).toMatch(/^WORKER +STATE +PID +AGE +REQUESTS +HELD\n1 +ready .*\n2 +ready .*\n$/)
    expect(stdout).toContain('WORKER')
  })

  test('status shows what a worker holds, and its draining', async () => {
    await start(kind)
    const held = answer(server, '/hold')
    await untilStatus(socket, 'the request to be held', ({ workers }) => workers[0]?.held === 1)
    expect((await status(socket)).claimed).toBe(1)
    expect((await run('reload')).code).toBe(0)
    const { workers } = await status(socket)
    expect(workers.map(({ state }) => state)).toEqual(['draining', 'ready'])
    site.write('release', '')
    expect((await held).text).toBe('old')
    await untilStatus(socket, 'the old one to go', ({ workers }) => workers.length === 1)
  })

  test('reload waits for the new code and loses no request', async () => {
    await start(kind, '--workers', '2')
    const before = server.holdings
    const load = new Load(server)
    site.write(kind.file, kind.source('new'))
    expect(await run('reload')).toEqual({ code: 0, stdout: 'Reloaded\n', stderr: '' })
    await until('the old ones to go', async () => (await answer(server)).text === 'new')
    await load.stop()
    expect(load.texts).toEqual(['old', 'new'])
    await server.released(before)
    expect(server.entries('ERROR')).toEqual([])
  })

  test('reload tells why the new code does not load, and the old one goes on', async () => {
    await start(kind, '--workers', '2')
    const load = new Load(server)
    site.write(kind.file, kind.broken)
    const { code, stdout, stderr } = await run('reload')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('MONODON_COMMAND_FAILED')
    expect(stderr).toContain(kind.complaint)
    const { workers } = await untilStatus(
      socket,
      'the one that failed to be gone',
      ({ workers }) => workers.length === 2,
    )
    expect(workers.map(({ number }) => number)).toEqual([1, 2])
    await load.stop()
    expect(load.texts).toEqual(['old'])
  })

  test('scale waits for the workers and loses no request', async () => {
    await start(kind)
    const before = server.holdings
    const load = new Load(server)
    expect(await run('scale', '+2')).toMatchObject({ code: 0, stdout: 'Workers: 3\n' })
    const ready = (await status(socket)).workers.filter(({ state }) => state === 'ready')
    expect(ready).toHaveLength(3)
    expect(await run('scale', '-1')).toMatchObject({ code: 0, stdout: 'Workers: 2\n' })
    expect(await run('scale', '1')).toMatchObject({ code: 0, stdout: 'Workers: 1\n' })
    expect(await run('scale', '1')).toMatchObject({ code: 0, stdout: 'Workers: 1\n' })
    expect(server.output).toContain('Already 1 worker: none comes or goes (monodon ctl)')
    expect(server.output).not.toContain('from 1 to 1')
    await untilStatus(socket, 'the others to go', ({ workers }) => workers.length === 1)
    await load.stop()
    await server.released(before)
    expect(server.entries('ERROR')).toEqual([])
  })

  test('scale tells why a worker could not boot', async () => {
    await start(kind)
    site.write(kind.file, kind.broken)
    const { code, stderr } = await run('scale', '2')
    expect(code).toBe(1)
    expect(stderr).toContain(kind.complaint)
    const { wanted } = await untilStatus(
      socket,
      'the failed one to go',
      ({ workers }) => workers.length === 1,
    )
    expect(wanted).toBe(1)
  })

  test('stop waits until what is under way is finished and the server has ended', async () => {
    await start(kind)
    const held = answer(server, '/hold')
    await until('the request to be held', () => existsSync(site.path('held')))
    const stopped = run('stop')
    await untilStatus(socket, 'the drain', ({ state }) => state === 'draining')
    site.write('release', '')
    expect((await held).text).toBe('old')
    expect(await stopped).toEqual({ code: 0, stdout: 'Stopped\n', stderr: '' })
    await until('the exit', () => !server.running)
    expect(existsSync(socket)).toBe(false)
  })

  test('quit does not wait', async () => {
    await start(kind)
    const held = answer(server, '/hold').catch(() => 'cut')
    await until('the request to be held', () => existsSync(site.path('held')))
    expect(await run('quit')).toEqual({ code: 0, stdout: 'Stopped\n', stderr: '' })
    expect(await held).toBe('cut')
    await until('the exit', () => !server.running)
  })
})

describe('commands', () => {
  test('take turns: a scale that is asked for during a reload is done after it', async () => {
    await start(PROCESS, '--workers', '3')
    const load = new Load(server)
    const reloaded = request(socket, { command: 'reload' })
    await untilStatus(socket, 'the reload', ({ change }) => change === 'reload')
    const scaled = request(socket, { command: 'scale', argument: '-2' })
    expect(await reloaded).toMatchObject({ ok: true })
    expect(await scaled).toMatchObject({ ok: true, result: 1 })
    await load.stop()
    expect(server.entries('ERROR')).toEqual([])
  })

  test('that come together are one reload', async () => {
    await start(THREAD)
    const asked = Array.from({ length: 5 }, () => request(socket, { command: 'reload' }))
    for (const one of await Promise.all(asked)) expect(one.ok).toBe(true)
    expect(server.output.split('Reloading:').length - 1).toBeLessThanOrEqual(2)
  })

  test('are refused once the server ends', async () => {
    await start(THREAD)
    const held = answer(server, '/hold').catch(() => 'cut')
    await until('the request to be held', () => existsSync(site.path('held')))
    const stopped = run('stop')
    await untilStatus(socket, 'the drain', ({ state }) => state === 'draining')
    expect(await request(socket, { command: 'reload' })).toMatchObject({
      ok: false,
      error: { code: 'MONODON_COMMAND_REFUSED' },
    })
    site.write('release', '')
    await held
    expect((await stopped).code).toBe(0)
  })

  test('a second stop does not wait', async () => {
    await start(THREAD, '--graceful-timeout', '10m')
    const held = answer(server, '/hold').catch(() => 'cut')
    await until('the request to be held', () => existsSync(site.path('held')))
    const first = run('stop')
    await untilStatus(socket, 'the drain', ({ state }) => state === 'draining')
    expect((await run('stop')).code).toBe(0)
    expect((await first).code).toBe(0)
    expect(await held).toBe('cut')
  })

  test('reopen-logs opens the files anew', async () => {
    await start(THREAD, '--error-logfile', 'error.log')
    renameSync(site.path('error.log'), site.path('error.log.1'))
    expect((await run('reopen-logs')).code).toBe(0)
    expect(existsSync(site.path('error.log'))).toBe(true)
  })

  test('with --json print what the server has answered', async () => {
    await start(THREAD)
    const { code, stdout } = await run('--json', 'scale', '2')
    expect([code, stdout]).toEqual([0, '{"version":1,"ok":true,"result":2}\n'])
    const refused = await run('scale', '0', '--json')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toBe('')
    expect(JSON.parse(refused.stdout)).toEqual({
      version: 1,
      ok: false,
      error: {
        code: 'MONODON_COMMAND_REFUSED',
        message: 'the server cannot do what it was told: there can be 1 to 512 workers',
      },
    })
  })

  test.each([
    [['frobnicate'], 'frobnicate is no command'],
    [['stauts'], 'stauts is no command; did you mean status?'],
    [['stauts'], 'as in monodon ctl --help'],
    [[], 'no command was given'],
    [['scale'], 'scale takes +N|-N|N, given: nothing'],
    [['scale', 'many'], 'scale takes +N|-N|N, given: many'],
    [['reload', 'now'], 'reload takes nothing, given: now'],
    [['status', '--frob'], '--frob is no flag'],
    [['scale', '1', '2'], 'one command expected'],
  ])('%j is wrong usage', async (args, why) => {
    await start(THREAD)
    const { code, stderr } = await run(...args)
    expect(stderr).toContain(why)
    expect(code).toBe(2)
  })
})
