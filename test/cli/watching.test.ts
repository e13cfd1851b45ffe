/** `monodon top` and `monodon trace` at a server that runs. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestLife, Snapshot } from '../../lib/observe/snapshot.ts'
import { request, talk } from '../control/ctl.ts'
import { Site } from '../control/kinds.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { COMMAND, type SpawnedServer } from '../support/spawned.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

/** Blocks its thread until there is a file, or fails, or answers. */
const APP = `
  import { existsSync } from 'node:fs'
  export default ({ url }) => {
    const { pathname } = new URL(url)
    if (pathname === '/hang') while (!existsSync('release'));
    if (pathname === '/fail') throw new Error('no database')
    return new Response('hello')
  }`

let site: Site
let server: SpawnedServer
let socket: string
let before: SpawnedServer['holdings']

beforeAll(async () => {
  site = new Site()
  site.write('app.mjs', APP)
  site.write('monodon.config.json', '{ "controlSocket": "ctl.sock" }')
  socket = site.path('ctl.sock')
  server = await site.start('--workers', '2', '--timeout', 'off')
  before = server.holdings
})
afterAll(async () => {
  await server.released(before)
  await site.close()
})

/** A command that ends by itself, in the folder of the server. */
function monodon(...args: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: site.folder, encoding: 'utf8' } as const
    execFile(process.execPath, [COMMAND, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** `monodon trace` until it is ended. */
class Trace {
  stdout = ''
  stderr = ''
  private readonly child
  private readonly exited: Promise<number | null>

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, [COMMAND, 'trace', ...args], { cwd: site.folder })
    // It may end by itself.
    this.exited = once(this.child, 'exit').then(([code]) => code)
    this.child.stdout.on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr.on('data', (text) => {
      this.stderr += text
    })
  }

  get lives(): RequestLife[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  }

  /** Asks for a path until that is seen: only what ends from then on is told. */
  async begins(path = '/begin'): Promise<void> {
    await until('the trace to begin', async () => {
      await fetchOnce(server, path)
      return this.stdout.includes(path)
    })
  }

  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.child.kill(signal)
    return this.exited
  }
}

describe('monodon top', () => {
  test('prints once where there is no terminal', async () => {
    const { code, stdout, stderr } = await monodon('top', '--interval', '100ms')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^monodon \S+ {2}ready {2}up .+ {2}app\.mjs at http:\S+ {2}pid \d+$/m)
    expect(stdout).toMatch(/^ +1 {2}thread +- {2}ready/m)
    expect(stdout).not.toContain('\x1b')
  })

  test('prints the snapshot as JSON', async () => {
    const { code, stdout } = await monodon('top', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ pid: server.pid, app: 'app.mjs', state: 'ready' })
  })

  test('answers while every worker hangs', async () => {
    const clients = [await Client.connect(server), await Client.connect(server)]
    const answers = clients.map((client) => client.request('GET', get('/hang?\xc2\x9b')))
    const look = async () => (await request(socket, { command: 'snapshot' })).result as Snapshot
    await until('both to hang', async () => (await look()).claimed === 2)
    const { code, stdout } = await monodon('top', '--once', '--interval', '100ms')
    site.write('release', '')
    await Promise.all(answers)
    for (const client of clients) await client.leave()
    expect(code).toBe(0)
    expect(stdout.match(/processing +\d {2}GET \/hang/g)).toHaveLength(2)
  })

  test.each([
    ['top', ['--sort', 'hold'], '--sort is hold; did you mean held?; allowed: number, held'],
    ['top', ['--interval', '1ms'], '100 ms or more'],
    ['top', ['all'], 'takes no all'],
    ['top', ['--color'], '--color is no flag of monodon top'],
    ['trace', ['--status', 'bad'], 'allowed: 404, 5xx or none'],
    ['trace', ['--slower-than', 'never'], 'allowed: a time such as 200ms'],
    ['trace', ['--path', 'api'], '--path is api; allowed: a path that begins with / or *'],
    ['trace', ['--path', '/api?page=1'], 'without a query'],
    ['trace', ['--path'], '--path needs a value'],
  ])('monodon %s %j is refused', async (command, args, why) => {
    const { code, stderr } = await monodon(command, ...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
  })

  test.each(['top', 'trace'])('monodon %s has its help, and misses a server', async (command) => {
    const help = await monodon(command, '--help')
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining(`monodon ${command}`)])
    const { code, stderr } = await monodon(command, '--control-socket', 'none.sock')
    expect([code, stderr]).toEqual([3, expect.stringContaining('MONODON_NO_SERVER')])
  })
})

describePython('monodon top in a terminal', () => {
  const LEFT = '\x1b[?7h\x1b[?25h\x1b[?1049l'

  async function open(env: NodeJS.ProcessEnv = {}): Promise<Terminal> {
    const args = ['top', '--interval', '100ms']
    const terminal = new Terminal(site.folder, args, { TERM: 'xterm', NO_COLOR: '', ...env })
    await terminal.shows('\x1b[?1049h')
    await terminal.mode('raw')
    await terminal.shows('app.mjs at')
    return terminal
  }

  async function ended(terminal: Terminal, how: string): Promise<void> {
    await terminal.says(how)
    await terminal.mode('cooked')
    const [, after, ...more] = terminal.output.split(LEFT)
    // Newer versions of Node print an error in colours.
    const sequences = after?.split('\x1b').slice(1)
    expect([sequences?.every((text) => /^\[\d*m/.test(text)), more]).toEqual([true, []])
    terminal.child.kill('SIGKILL')
  }

  test('fits its window, sorts, pauses, and quits', async () => {
    const terminal = await open()
    terminal.resize(60, 12)
    const frame = () => terminal.output.split('\x1b[H').at(-2)?.split(/\r+\n/) ?? []
    await until('12 rows', () => frame().length === 12)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
    const widths = frame().map((line) => line.replaceAll(/\x1b\[[\d;?]*[A-Za-z]/g, '').length)
    expect(Math.max(...widths)).toBeLessThanOrEqual(60)
    terminal.resize(120, 30)
    await until('30 rows', () => frame().length === 30)
    terminal.type('h')
    await terminal.shows('\x1b[7mheld\x1b[0m')
    terminal.type('p')
    await terminal.shows('paused')
    terminal.type('q')
    await ended(terminal, 'ended 0')
  })

  test('ends quietly by Ctrl-C', async () => {
    const terminal = await open({ NO_COLOR: '1' })
    terminal.type('\x03')
    await ended(terminal, 'ended 0')
    expect(terminal.output).not.toContain('\x1b[1m')
  })

  test('gives the terminal back when it is stopped, and draws again when it goes on', async () => {
    const terminal = await open()
    terminal.type('\x1a')
    await terminal.says('stopped')
    await terminal.mode('cooked')
    terminal.output = ''
    terminal.shell.write('foreground\n')
    await terminal.mode('raw')
    await terminal.shows('\x1b[?1049h')
    await terminal.shows('app.mjs at')
    terminal.type('q')
    await ended(terminal, 'ended 0')
  })

  test.each([
    ['SIGTERM', 'ended -15'],
    ['SIGHUP', 'ended -1'],
    ['SIGUSR2', 'ended 1'],
  ] as const)('gives the terminal back at %s', async (signal, how) => {
    const terminal = await open()
    terminal.signal(signal)
    await ended(terminal, how)
    // A failure is printed where it can be read.
    if (signal === 'SIGUSR2') expect(terminal.output.split(LEFT)[1]).toContain('Error: crashed')
  })

  test('says that the server is gone, and goes on with the next one', async () => {
    const other = await site.start('--control-socket', 'other.sock')
    const terminal = new Terminal(site.folder, [
      ...['top', '--interval', '100ms', '--control-socket', 'other.sock'],
    ])
    await terminal.shows(`pid ${other.pid}`)
    await other.stop()
    await terminal.shows('server gone, trying again')
    const next = await site.start('--control-socket', 'other.sock')
    await terminal.shows(`pid ${next.pid}`)
    terminal.type('q')
    await ended(terminal, 'ended 0')
    await next.stop()
  })
})

describe('monodon trace', () => {
  test('shows each request with its times, and ends quietly', async () => {
    const trace = new Trace()
    await trace.begins()
    await fetchOnce(server, '/report?month=5')
    await fetchOnce(server, '/fail')
    await until('all', () => trace.stdout.includes('/fail'))
    expect(await trace.end()).toBe(0)
    expect(trace.stderr).toBe('')
    expect(trace.stdout).toMatch(
      /^TIME +STATUS +TOTAL +QUEUE +APP +SEND WORKER REQUEST\n[\d:.]{12} +200 /,
    )
    const time = '[\\d.]+ (?:ms|s)'
    expect(trace.stdout).toMatch(
      new RegExp(`^[\\d:.]{12} +200(?: +${time}){4} +[12] GET /report\\?month=5$`, 'm'),
    )
    expect(trace.stdout).toMatch(/ 500 .* GET \/fail \(failed\)$/m)
  })

  test('shows those that one asks for, as JSON', async () => {
    const trace = new Trace('--json', '--path', '/a*', '--status', '200')
    const failing = new Trace('--json', '--status', '5xx', '--slower-than', '0')
    await trace.begins('/a/begin')
    await failing.begins('/fail')
    for (const path of ['/b', '/a/fine', '/ab', '/fail']) await fetchOnce(server, path)
    await trace.begins('/a/end')
    expect(await trace.end()).toBe(0)
    expect(await failing.end('SIGINT')).toBe(0)
    const targets = new Set(trace.lives.map(({ target }) => target))
    expect([...targets]).toEqual(['/a/begin', '/a/fine', '/ab', '/a/end'])
    expect(new Set(failing.lives.map(({ status }) => status))).toEqual(new Set([500]))
    const life = trace.lives.find(({ target }) => target === '/a/fine')!
    expect(life).toMatchObject({ method: 'GET', status: 200, outcome: 'ok', protocol: 'HTTP/1.1' })
    expect(life.called).toBeGreaterThanOrEqual(0)
    expect(life.ready).toBeGreaterThanOrEqual(life.called!)
    expect(life.ended).toBeGreaterThanOrEqual(life.ready!)
  })

  test('shows what clients wrote escaped', async () => {
    const trace = new Trace()
    const asJson = new Trace('--json')
    await trace.begins()
    await asJson.begins()
    const client = await Client.connect(server)
    await client.request('GET', get('/{b\xc2\x9b31m\xe2\x80\xae'))
    await client.leave()
    await until('it', () => [trace, asJson].every(({ stdout }) => stdout.includes('/{b')))
    await trace.end()
    await asJson.end()
    for (const { stdout } of [trace, asJson]) {
      expect(stdout).toMatch(/^[\n -~]*$/)
      expect(stdout).toMatch(/\{b\\u009b31m\\u202e/)
    }
  })

  test('ends when nobody reads', async () => {
    const trace = spawn('/bin/sh', ['-c', `"${process.execPath}" "${COMMAND}" trace | head -n 3`], {
      ...{ cwd: site.folder, stdio: ['ignore', 'ignore', 'pipe'] },
    })
    let stderr = ''
    trace.stderr!.on('data', (text) => {
      stderr += text
    })
    const exited = once(trace, 'exit')
    await until('it to end', async () => {
      await fetchOnce(server, '/')
      return trace.exitCode !== null
    })
    await exited
    expect(stderr).toBe('')
  })

  test('leaves out what a slow reader has no room for, and tells how many', async () => {
    const slow = connect(socket)
    let text = ''
    slow.setEncoding('utf8').on('data', (data) => {
      text += data
    })
    slow.write('{"command":"trace"}\n')
    // Only what ends from then on is told.
    await until('the trace to begin', async () => {
      await fetchOnce(server, '/begin')
      return text.includes('/begin')
    })
    slow.pause()
    const client = await Client.connect(server)
    const long = `/${'x'.repeat(500)}`
    let asked = 0
    const isBehind = async () => {
      for (let index = 0; index < 500; index++) await client.request('GET', get(long))
      asked += 500
      return asked >= 3000
    }
    await until('more than it has room for', isBehind)
    slow.resume()
    const told = () =>
      text
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line))
    const dropped = () => told().reduce((sum, { dropped = 0 }) => sum + dropped, 0)
    const lives = () => told().filter(({ life }) => life?.target.startsWith('/xx')).length
    await until('all to be told', () => lives() + dropped() === asked)
    expect(dropped()).toBeGreaterThan(0)
    expect(lives()).toBeGreaterThan(100)
    slow.destroy()
    await client.leave()
  })

  test('a bad filter is refused, and the conversation goes on', async () => {
    const lines = [
      '{"command":"trace","argument":"color=red"}',
      '{"command":"scale","argument":"2"}',
    ]
    const answers = (await talk(socket, `${lines.join('\n')}\n`)).trim().split('\n')
    expect(answers.map((line) => JSON.parse(line).result ?? JSON.parse(line).error.code)).toEqual([
      'MONODON_BAD_COMMAND',
      2,
    ])
  })

  test('says when the server ends', async () => {
    const other = await site.start('--control-socket', 'other.sock')
    const trace = new Trace('--control-socket', 'other.sock')
    await until('it to begin', async () => {
      await fetchOnce(other, '/')
      return trace.stdout.includes('GET /')
    })
    await other.stop()
    await until('it to say so', () => trace.stderr.includes('the server has ended'))
    await trace.end()
  })
})
