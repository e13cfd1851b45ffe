/** Options that are read again at a reload: what takes effect, what does not, and what cannot be used. */
import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { ctl, type Outcome, status, untilStatus } from './ctl.ts'
import { answer, describeKinds, type Kind, Load, Site, THREAD } from './kinds.ts'

let site: Site
let server: SpawnedServer
let socket: string

const configure = (options: object): void =>
  site.write('monodon.config.json', JSON.stringify(options))

async function start(kind: Kind, options: object, ...flags: readonly string[]): Promise<void> {
  site = new Site(kind)
  socket = site.path('ctl.sock')
  configure(options)
  server = await site.start('--control-socket', socket, ...flags)
}

const reload = (): Promise<Outcome> => ctl(site.folder, '--control-socket', socket, 'reload')

/** Changes the config file and has it read. */
async function change(options: object): Promise<void> {
  configure(options)
  expect(await reload()).toMatchObject({ code: 0, stderr: '' })
}

afterEach(() => site.close())

describeKinds((kind) => {
  test('HUP reads the config file again and loses no request', async () => {
    await start(kind, { workers: 1, env: ['GREETING=a'], limitRequestBody: '1kb' })
    const load = new Load(server)
    const sizes = [3, 1, 2]
    for (const [round, workers] of sizes.entries()) {
      site.write(kind.file, kind.source(`round${round}`))
      configure({ workers, keepAlive: `${60 + round}s`, limitRequestBody: `${2 + round}kb` })
      server.child.kill('SIGHUP')
      await untilStatus(
        socket,
        `${workers} workers`,
        (now) => now.change === null && now.wanted === workers && now.workers.length === workers,
      )
    }
    await until('the last code', () => load.texts.includes('round2'))
    await load.stop()
    expect(load.texts).toEqual(['old', 'round0', 'round1', 'round2'])
    expect(server.output).toContain('workers is 3 now, was 1')
    expect(server.output).toContain('keep-alive is 62s now, was 61s')
    expect(server.entries('ERROR')).toEqual([])
    expect(server.entries('WARNING')).toEqual([])
  })

  test('the new workers have the new options', async () => {
    await start(kind, { maxRequests: 0 })
    await change({ maxRequests: 3 })
    for (let i = 0; i < 4; i++) await answer(server)
    await until('the worker to be replaced', () =>
      server.output.includes('has served max-requests'),
    )
  })

  test('a config file that cannot be used changes nothing', async () => {
    await start(kind, { workers: 1, limitRequestBody: '1kb' })
    const { workers } = await status(socket)
    const load = new Load(server)
    for (const [text, why] of [
      ['{ "workers": 2, ', 'JSON'],
      ['{ "workers": 0 }', 'allowed: '],
      ['{ "worker": 2 }', 'did you mean workers?'],
      ['{ "workers": 2, "accessLogfile": "/nowhere/at/all" }', '/nowhere/at/all'],
      ['{ "workers": 2, "errorLogfile": "/nowhere/at/all" }', '/nowhere/at/all'],
      ['{ "workers": 2, "forwardedAllowIps": "10.0.0.1/8" }', '10.0.0.1/8'],
      ['[]', 'instead of an object'],
    ] as const) {
      site.write('monodon.config.json', text)
      const { code, stderr } = await reload()
      expect([code, stderr]).toEqual([1, expect.stringContaining(why)])
      expect(server.entries('ERROR').at(-1)).toMatch(/Nothing is reloaded: .*/)
      expect(server.entries('ERROR').at(-1)).toContain(why)
    }
    const now = await status(socket)
    expect(now.workers.map(({ number }) => number)).toEqual(workers.map(({ number }) => number))
    expect(now.wanted).toBe(1)
    await load.stop()
    expect(server.output).not.toContain('Reloading')
    expect(server.output).not.toContain(' now, was ')
  })
})

describe('in the server', () => {
  test('limits hold for the next request of an open connection', async () => {
    await start(THREAD, { limitRequestLine: '8kb' })
    const client = await Client.connect(server)
    expect((await client.request('GET', get(`/${'x'.repeat(200)}`))).status).toBe(200)
    await change({ limitRequestLine: 100 })
    expect((await client.request('GET', get('/'))).status).toBe(200)
    expect((await client.request('GET', get(`/${'x'.repeat(200)}`))).status).toBe(414)
    await until('the connection to be closed', () => client.isOver)
    await client.leave()
  })

  test('a connection that is idle already is closed after the new keep-alive', async () => {
    await start(THREAD, { keepAlive: '10m' })
    const client = await Client.connect(server)
    await client.request('GET', get('/'))
    await change({ keepAlive: '200ms' })
    await until('the connection to be closed', () => client.isOver)
    await client.leave()
  })

  test('connections that wait come in under a higher max-connections', async () => {
    await start(THREAD, { maxConnections: 1 })
    const first = await Client.connect(server)
    await first.request('GET', get('/'))
    const second = await Client.connect(server)
    const waiting = second.request('GET', get('/'))
    await untilStatus(socket, 'one connection', ({ connections }) => connections === 1)
    expect(second.waiting).toBe(0)
    await change({ maxConnections: 2 })
    expect((await waiting).status).toBe(200)
    await Promise.all([first.leave(), second.leave()])
  })

  test('requests wait in the queue by the new queue-timeout and queue-size', async () => {
    // The one worker is busy for good, so all else waits.
    await start(
      THREAD,
      { queueTimeout: 'off', timeout: 'off', workers: 1 },
      '--graceful-timeout',
      '1s',
    )
    site.write(THREAD.file, 'export default () => { for (;;) {} }')
    await change({ queueTimeout: '300ms', timeout: 'off', queueSize: 2 })
    const busy = fetchOnce(server, '/').catch(() => undefined)
    await untilStatus(socket, 'the worker to be busy', ({ claimed }) => claimed === 1)
    expect((await fetchOnce(server, '/')).status).toBe(503)
    await until('the log', () => server.output.includes('MONODON_QUEUE_TIMEOUT'))
    const answers = await Promise.all(Array.from({ length: 6 }, () => fetchOnce(server, '/')))
    expect(answers.map((one) => one.status)).toEqual(Array(6).fill(503))
    expect(server.output).toContain('MONODON_QUEUE_FULL')
    expect((await ctl(site.folder, '--control-socket', socket, 'quit')).code).toBe(0)
    await busy
  })

  test('a worker hangs by the new timeout', async () => {
    await start(THREAD, { timeout: 'off' })
    site.write(THREAD.file, 'export default () => { for (;;) {} }')
    await change({ timeout: '500ms' })
    expect((await fetchOnce(server, '/')).status).toBe(504)
    await untilStatus(socket, 'its successor', ({ restarts }) => restarts.hung === 1)
  })

  test('the access log is turned on, moved and turned off', async () => {
    await start(THREAD, {})
    const lines = (name: string): string =>
      existsSync(site.path(name)) ? readFileSync(site.path(name), 'utf8') : ''
    for (const name of ['one.log', 'two.log']) {
      await change({ accessLogfile: name })
      await fetchOnce(server, `/${name}`)
      await until('its line', () => lines(name).includes(`"GET /${name} HTTP/1.1" 200`))
    }
    expect(lines('one.log')).not.toContain('/two.log')
    await change({})
    await fetchOnce(server, '/last')
    await server.stop()
    expect(lines('one.log') + lines('two.log')).not.toContain('/last')
  })

  test('the error log is moved, and its level changed', async () => {
    await start(THREAD, {})
    await change({ errorLogfile: 'error.log', logLevel: 'warning' })
    const log = () => readFileSync(site.path('error.log'), 'utf8')
    expect(log()).toBe('')
    await change({ errorLogfile: 'error.log', logLevel: 'info' })
    expect(log()).toContain('Reloading')
  })

  test('a drain goes by the new graceful-timeout', async () => {
    await start(THREAD, { gracefulTimeout: '10m' })
    await change({ gracefulTimeout: '300ms' })
    const held = answer(server, '/hold').catch(() => 'cut')
    await until('the request to be held', () => existsSync(site.path('held')))
    expect(await server.stop()).toBe(0)
    expect(await held).toBe('cut')
  })
})

describe('the app', () => {
  const source = `export default () => new Response(String(process.env.A) + process.env.B)`
  const asked = async () => (await fetchOnce(server, '/')).body.toString()

  test('sees the variables of env, and no more those that are gone', async () => {
    await start(THREAD, { env: ['A=1', 'B=1'] })
    site.write(THREAD.file, source)
    await change({ env: ['A=2'] })
    await until('the new worker', async () => (await asked()) === '2undefined')
    // A variable may be a password.
    expect(server.output).toContain('env has changed, was something else')
    expect(server.output).not.toContain('A=2')
  })
})

describe('what is not reloaded', () => {
  test('is named in the log, with what it stays', async () => {
    await start(THREAD, { backlog: 100, workerClass: 'thread' })
    await change({ backlog: 200, workerClass: 'process', keepAlive: '10s' })
    const warnings = server.entries('WARNING').join('')
    const end = 'until a restart or an upgrade (USR2)'
    expect(warnings).toContain(`backlog is 200 now, but stays 100 ${end}`)
    expect(warnings).toContain(`worker-class is process now, but stays thread ${end}`)
    expect(server.entries('WARNING')).toHaveLength(2)
    expect((await status(socket)).workerClass).toBe('thread')
  })

  test('flags and variables are what they were', async () => {
    await start(THREAD, { workers: 1 }, '--workers', '2')
    await change({ workers: 3, bind: '127.0.0.1:1' })
    expect((await status(socket)).wanted).toBe(2)
    expect(server.entries('WARNING')).toEqual([])
  })

  test('the number of workers that a command has set stays, unless the file has another one', async () => {
    await start(THREAD, { workers: 1 })
    expect((await ctl(site.folder, '--control-socket', socket, 'scale', '3')).code).toBe(0)
    await change({ workers: 1, keepAlive: '10s' })
    expect((await status(socket)).wanted).toBe(3)
    await change({ workers: 2 })
    expect((await status(socket)).wanted).toBe(2)
  })

  test('more workers are not started for code that does not load, but at the next reload', async () => {
    await start(THREAD, { workers: 1 })
    site.write(THREAD.file, THREAD.broken)
    configure({ workers: 2 })
    expect((await reload()).code).toBe(1)
    expect((await status(socket)).wanted).toBe(1)
    site.write(THREAD.file, THREAD.source('new'))
    expect((await reload()).code).toBe(0)
    expect((await status(socket)).wanted).toBe(2)
  })
})

describe('a config file', () => {
  beforeEach(() => {
    site = new Site()
    socket = site.path('ctl.sock')
  })

  test.each([
    ['toml', (value: number) => `workers = ${value}\n`],
    ['mjs', (value: number) => `export default { workers: ${value} }`],
    ['cjs', (value: number) => `module.exports = { workers: ${value} }`],
    ['ts', (value: number) => `const workers: number = ${value}\nexport default { workers }`],
  ])('in %s is read again', async (extension, text) => {
    site.write(`monodon.config.${extension}`, text(1))
    server = await site.start('--control-socket', socket)
    site.write(`monodon.config.${extension}`, text(2))
    expect(await reload()).toMatchObject({ code: 0, stderr: '' })
    expect((await status(socket)).wanted).toBe(2)
  })

  test('that is a module is read with what it imports, and sees the variables of the start', async () => {
    const config = `import { workers } from './settings.mjs'
      export default { workers, env: ['SEEN=' + process.env.SEEN, 'LIVES=app'] }`
    site.write('monodon.config.mjs', config)
    site.write('settings.mjs', 'export const workers = 1')
    site.write(THREAD.file, 'export default () => new Response(process.env.SEEN)')
    server = await site.start('--control-socket', socket)
    site.write('settings.mjs', 'export const workers = 2')
    expect(await reload()).toMatchObject({ code: 0, stderr: '' })
    expect((await status(socket)).wanted).toBe(2)
    expect((await fetchOnce(server, '/')).body.toString()).toBe('undefined')
  })

  test.each([
    ['throws', 'throw new Error("no such vault")', 'no such vault'],
    ['exits', 'process.exit(0)', 'it ended'],
    ['cannot be parsed', 'export default {', 'monodon.config.mjs:1'],
    ['exports nothing', 'export const workers = 2', 'it has no default export'],
    ['exports what is no data', 'export default { workers: () => 2 }', 'could not be cloned'],
  ])('that %s changes nothing', async (_, text, why) => {
    site.write('monodon.config.mjs', 'export default {}')
    server = await site.start('--control-socket', socket)
    site.write('monodon.config.mjs', text)
    const { code, stderr } = await reload()
    expect([code, stderr]).toEqual([1, expect.stringContaining(why)])
    expect(stderr).toContain('MONODON_CONFIG_FILE')
    expect((await status(socket)).state).toBe('ready')
    expect((await answer(server)).text).toBe('old')
  })

  test('that comes and goes counts', async () => {
    server = await site.start('--control-socket', socket)
    configure({ workers: 2 })
    expect((await reload()).code).toBe(0)
    expect((await status(socket)).wanted).toBe(2)
    configure({})
    expect((await reload()).code).toBe(0)
    expect((await status(socket)).wanted).toBe(1)
  })
})
