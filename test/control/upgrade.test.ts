/** USR2: a new server takes the place of the old one, on the same sockets, and nothing is lost. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { isRunning } from '../support/leaks.ts'
import { until } from '../support/wait.ts'
import { ctl } from './ctl.ts'
import { Site, Traffic, type Transport } from './upgrades.ts'

let site: Site

beforeEach(() => {
  site = new Site()
})
afterEach(() => site.close())

const TRANSPORTS: Transport[] = ['TCP', 'Unix']

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('three upgrades by themselves lose nothing', async () => {
    await site.start(transport, '--upgrade-mode', 'auto', '--workers', '2')
    const traffic = new Traffic(site.address(transport))
    for (const text of ['second', 'third', 'fourth']) {
      site.write(text)
      const [old, pid] = [site.pids.at(-1)!, await site.upgrade()]
      await site.ended(old)
      expect(site.running).toEqual([pid])
      await until('an answer of the new server', () => traffic.texts.has(text))
    }
    await traffic.stop()
    expect(site.server.child.exitCode).toBe(0)
    expect(site.server.entries('ERROR')).toEqual([])
    expect(await site.text(transport)).toBe('fourth')
  })

  test('three upgrades by hand lose nothing', async () => {
    await site.start(transport, '--worker-class', 'process')
    const traffic = new Traffic(site.address(transport))
    for (const text of ['second', 'third', 'fourth']) {
      site.write(text)
      const [old, pid] = [site.pids.at(-1)!, await site.upgrade()]
      await until('answers of both', () => traffic.texts.has(text))
      process.kill(old, 'SIGWINCH')
      await site.logged(`[${old}] [INFO] Retired`)
      for (let i = 0; i < 10; i++) expect(await site.text(transport)).toBe(text)
      expect(site.running).toEqual([old, pid])
      process.kill(old, 'SIGTERM')
      await site.ended(old)
    }
    await traffic.stop()
    expect(site.server.entries('ERROR')).toEqual([])
    for (let i = 0; i < 10; i++) expect(await site.text(transport)).toBe('fourth')
  })

  test('an upgrade that is taken back loses nothing', async () => {
    await site.start(transport)
    const old = site.server.pid
    const traffic = new Traffic(site.address(transport))
    site.write('second')
    const pid = await site.upgrade()
    process.kill(old, 'SIGWINCH')
    await site.logged('Retired')
    site.write('first')
    process.kill(old, 'SIGHUP')
    await site.logged('Serving again')
    process.kill(pid, 'SIGTERM')
    await site.ended(pid)
    await site.logged('this one is the only one again')
    await traffic.stop()
    expect(site.server.entries('ERROR')).toEqual([])
    for (let i = 0; i < 10; i++) expect(await site.text(transport)).toBe('first')
  })

  test('a new server that cannot load the app loses nothing', async () => {
    await site.start(transport, '--upgrade-mode', 'auto')
    const traffic = new Traffic(site.address(transport))
    site.source('throw new Error("broken")')
    process.kill(site.server.pid, 'SIGUSR2')
    await site.logged('MONODON_UPGRADE_FAILED: the new server does not serve')
    expect(site.server.output).toContain('it ended with exit code 3')
    expect(site.running).toEqual([site.server.pid])
    site.write('second')
    await site.upgrade()
    await until('an answer of the new server', () => traffic.texts.has('second'))
    await site.ended(site.server.pid)
    await traffic.stop()
  })
})

describe('a new server that does not come to serve', () => {
  test('is ended after --upgrade-timeout', async () => {
    await site.start('TCP', '--upgrade-timeout', '2s')
    site.source('await new Promise((resolve) => setTimeout(resolve, 3_600_000))')
    process.kill(site.server.pid, 'SIGUSR2')
    await site.logged('it did not serve within upgrade-timeout')
    expect(site.running).toEqual([site.server.pid])
    expect(await site.text()).toBe('first')
  })

  test('leaves the old one when the config file is broken', async () => {
    writeFileSync(site.at('monodon.config.json'), '{}')
    await site.start('TCP')
    writeFileSync(site.at('monodon.config.json'), '{"no-such-option": 1}')
    process.kill(site.server.pid, 'SIGUSR2')
    await site.logged('it ended with exit code 2')
    expect(site.server.output).toContain('MONODON_UNKNOWN_OPTION')
    expect(await site.text()).toBe('first')
  })
})

test('the options are read again', async () => {
  writeFileSync(site.at('monodon.config.json'), '{"workers": 1}')
  await site.start('TCP')
  const config = { workers: 2, env: ['GREETING=hi'] }
  writeFileSync(site.at('monodon.config.json'), JSON.stringify(config))
  site.source('export default () => new Response(process.env.GREETING)')
  await site.upgrade()
  process.kill(site.server.pid, 'SIGTERM')
  await site.ended(site.server.pid)
  expect(site.server.output).toContain('Workers: 2')
  expect(await site.text()).toBe('hi')
})

describe('while there are two', () => {
  test('neither starts a third', async () => {
    await site.start('TCP')
    const pid = await site.upgrade()
    process.kill(site.server.pid, 'SIGUSR2')
    await site.logged(`Not done (SIGUSR2): the new server ${pid} runs already`)
    process.kill(pid, 'SIGUSR2')
    await site.logged(`Not done (SIGUSR2): the server ${site.server.pid}, which has started this`)
    expect(site.pids).toHaveLength(2)
  })

  test('the pid file of the new one ends in .2, until the old one has gone', async () => {
    await site.start('TCP', '--pid', 'monodon.pid')
    const read = (name: string): number => Number(readFileSync(site.at(name), 'utf8'))
    const pid = await site.upgrade()
    expect(read('monodon.pid')).toBe(site.server.pid)
    expect(read('monodon.pid.2')).toBe(pid)
    await site.endOldWhileNewSleeps()
    expect(read('monodon.pid')).toBe(site.server.pid)
    process.kill(pid, 'SIGCONT')
    await until('the new name', () => !existsSync(site.at('monodon.pid.2')))
    expect(read('monodon.pid')).toBe(pid)
    process.kill(pid, 'SIGTERM')
    await site.ended(pid)
    expect(existsSync(site.at('monodon.pid'))).toBe(false)
  })

  test('the control socket of the new one ends in .2, until the old one has gone', async () => {
    await site.start('TCP', '--control-socket', 'ctl')
    const tell = (command: string) => ctl(site.folder, command, '--control-socket', 'ctl')
    expect((await tell('retire')).stderr).toContain('there is no new server that serves')
    const { stdout } = await tell('upgrade')
    const pid = site.pids[1]!
    expect(stdout).toBe(`The new server: ${pid}\n`)
    expect((await tell('upgrade')).code).toBe(1)
    expect((await tell('retire')).stdout).toBe('Retired\n')
    const { stdout: retired } = await tell('status')
    expect(retired).toContain(`pid ${site.server.pid}: retired`)
    expect(retired).toMatch(/^Workers: none; 1 \(thread\) if a reload brings them back$/m)
    await site.endOldWhileNewSleeps()
    expect(existsSync(site.at('ctl'))).toBe(true)
    process.kill(pid, 'SIGCONT')
    await until('the new name', () => !existsSync(site.at('ctl.2')))
    expect((await tell('status')).stdout).toContain(`pid ${pid}: ready`)
    process.kill(pid, 'SIGTERM')
    await site.ended(pid)
    expect(existsSync(site.at('ctl'))).toBe(false)
  })

  test('the old one may be killed', async () => {
    await site.start('Unix', '--pid', 'monodon.pid')
    const pid = await site.upgrade()
    process.kill(site.server.pid, 'SIGKILL')
    await site.logged('The server before this one has left everything to it')
    await until('the pid file', () =>
      readFileSync(site.at('monodon.pid'), 'utf8').startsWith(String(pid)),
    )
    expect(await site.text('Unix')).toBe('first')
  })

  test('the old one comes back when the new one dies', async () => {
    await site.start('Unix')
    const pid = await site.upgrade()
    process.kill(site.server.pid, 'SIGWINCH')
    await site.logged('Retired')
    process.kill(pid, 'SIGKILL')
    await site.logged('Serving again')
    expect(await site.text('Unix')).toBe('first')
    expect(await site.text('TCP')).toBe('first')
  })

  test('the old one comes back as soon as it can when the new one dies', async () => {
    writeFileSync(site.at('monodon.config.json'), '{}')
    await site.start('TCP')
    const pid = await site.upgrade()
    process.kill(site.server.pid, 'SIGWINCH')
    await site.logged('Retired')
    writeFileSync(site.at('monodon.config.json'), '{"no-such-option": 1}')
    site.source('throw new Error("broken")')
    process.kill(pid, 'SIGKILL')
    await site.logged('The options stay as they were')
    await site.logged('It stays retired')
    const answer = site.text()
    site.write('corrected')
    expect(await answer).toBe('corrected')
  })

  test('TERM and QUIT end the old one that has retired', async () => {
    for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
      if (site.server === undefined) await site.start('TCP')
      const old = site.running[0]!
      await site.upgrade()
      process.kill(old, 'SIGWINCH')
      await site.logged(`[${old}] [INFO] Retired`)
      expect(await site.text()).toBe('first')
      process.kill(old, signal)
      await site.ended(old)
      expect(await site.text()).toBe('first')
    }
  })
})

describe('while the new one boots', () => {
  const gated = (text: string): string =>
    `import { existsSync } from 'node:fs'
     while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 10))
     export default () => new Response(${JSON.stringify(text)})`

  beforeEach(async () => {
    await site.start('TCP')
    site.source(gated('second'))
    process.kill(site.server.pid, 'SIGUSR2')
    await until('the new server', () => site.pids.length === 2)
  })

  test('another USR2 is refused', async () => {
    process.kill(site.server.pid, 'SIGUSR2')
    await site.logged('is starting already')
    writeFileSync(site.at('go'), '')
    await site.logged(`The new server ${site.pids[1]} serves`)
  })

  test('TERM has the old one wait for it', async () => {
    process.kill(site.server.pid, 'SIGTERM')
    await site.logged('It stops when the new server serves')
    expect(await site.text()).toBe('first')
    writeFileSync(site.at('go'), '')
    await site.ended(site.server.pid)
    expect(await site.text()).toBe('second')
  })

  test('QUIT ends both', async () => {
    const [, pid] = site.pids
    process.kill(site.server.pid, 'SIGQUIT')
    await site.ended(site.server.pid)
    await site.ended(pid!)
  })

  test('nothing of it is lost when the old one is killed', async () => {
    process.kill(site.server.pid, 'SIGKILL')
    await site.logged('has left everything to it')
    const answer = fetchOnce(site.server, '/')
    writeFileSync(site.at('go'), '')
    expect((await answer).body.toString()).toBe('second')
  })
})

test('metrics and status go to the new server when the old one has ended', async () => {
  await site.start('TCP', '--metrics-bind', 'unix:seen.sock', '--status-bind', 'unix:seen.sock')
  const pidSeen = async (): Promise<number | undefined> => {
    const seen = await look(site.at('seen.sock')).catch(() => undefined)
    return seen === undefined ? undefined : JSON.parse(seen).pid
  }
  const [old, pid] = [site.server.pid, await site.upgrade()]
  // Two serve, and the address is still the old one's.
  expect(await pidSeen()).toBe(old)
  process.kill(old, 'SIGWINCH')
  await site.logged(`[${old}] [INFO] Retired`)
  expect(await pidSeen()).toBe(old)
  process.kill(old, 'SIGTERM')
  await site.ended(old)
  await until('the new server to be seen', async () => (await pidSeen()) === pid)
  await site.logged(`[${pid}] [INFO] --metrics-bind and --status-bind: unix:`)
})

/** What `/status.json` says at a Unix socket. */
function look(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/status.json', agent: false }, (response) =>
      text(response).then(resolve, reject),
    )
    asked.on('error', reject).end()
  })
}

test('WINCH means nothing while there is no new server', async () => {
  await site.start('TCP', '--log-level', 'debug')
  process.kill(site.server.pid, 'SIGWINCH')
  await site.logged('Not done (SIGWINCH): there is no new server that serves')
  expect(site.server.entries('WARNING')).toEqual([])
  expect(await site.text()).toBe('first')
})

test('in auto mode the first TERM does not cut what the old one still does', async () => {
  await site.start('TCP', '--upgrade-mode', 'auto')
  const stream = fetchOnce(site.server, '/stream')
  await site.upgrade()
  await site.logged('Draining: requests under way are finished (upgrade)')
  if (isRunning(site.server.pid)) process.kill(site.server.pid, 'SIGTERM')
  expect((await stream).body.length).toBe(20_000)
  await site.ended(site.server.pid)
})
