/** The control socket itself: where it lies, who may use it, and what bad clients cost. */
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { ctl, request, status, talk } from './ctl.ts'
import { answer, Site } from './kinds.ts'

let site: Site
let server: SpawnedServer
let socket: string

beforeEach(() => {
  site = new Site()
  socket = site.path('ctl.sock')
})
afterEach(() => site.close())

const mode = (path: string): number => statSync(path).mode & 0o777

describe('the socket', () => {
  test('is for its user alone, whatever the umask, and goes with the server', async () => {
    server = await site.start('--control-socket', 'ctl.sock')
    expect(statSync(socket).isSocket()).toBe(true)
    expect(mode(socket)).toBe(0o600)
    expect(readdirSync(site.folder).filter((name) => name.startsWith('ctl.sock'))).toEqual([
      'ctl.sock',
    ])
    await server.stop()
    expect(existsSync(socket)).toBe(false)
  })

  test('lies in a folder of the user when nobody has named it', async () => {
    server = await site.start()
    const folder = `/tmp/monodon-${process.getuid!()}`
    const path = `${folder}/${server.pid}.sock`
    expect([mode(folder), mode(path)]).toEqual([0o700, 0o600])
    expect((await status(path)).pid).toBe(server.pid)
    const { code, stdout, stderr } = await ctl(site.folder, 'status')
    // Others of this user may run at the same time.
    if (code === 0) expect(stdout).toContain(`pid ${server.pid}`)
    else expect(stderr).toContain(`${path}  app.mjs at http://127.0.0.1:${server.port}`)
    await server.stop()
    expect(existsSync(path)).toBe(false)
  })

  test('is found by the config file as well', async () => {
    site.write('monodon.config.json', '{ "controlSocket": "ctl.sock" }')
    server = await site.start()
    const { code, stdout } = await ctl(site.folder, 'status')
    expect([code, stdout]).toEqual([0, expect.stringContaining(`pid ${server.pid}`)])
  })

  test('is not there with off', async () => {
    server = await site.start('--control-socket', 'off')
    expect(existsSync(`/tmp/monodon-${process.getuid!()}/${server.pid}.sock`)).toBe(false)
    const { code, stderr } = await ctl(site.folder, '--control-socket', 'off', 'status')
    expect(code).toBe(3)
    expect(stderr).toContain('MONODON_NO_SERVER')
  })

  test('takes the place of one that a killed server has left', async () => {
    const killed = await site.start('--control-socket', socket)
    const ended = new Promise((resolve) => killed.child.once('exit', resolve))
    killed.child.kill('SIGKILL')
    await ended
    expect(existsSync(socket)).toBe(true)
    const { code, stderr } = await ctl(site.folder, '--control-socket', socket, 'status')
    expect([code, stderr]).toEqual([3, expect.stringContaining('left behind')])
    site.forget(killed)
    server = await site.start('--control-socket', socket)
    expect((await status(socket)).pid).toBe(server.pid)
  })

  test('of a server that runs is not taken from it', async () => {
    server = await site.start('--control-socket', socket)
    await expect(site.start('--control-socket', socket)).rejects.toThrow('MONODON_CONTROL_SOCKET')
    expect((await status(socket)).pid).toBe(server.pid)
  })

  test('two servers in one folder have each their own', async () => {
    const servers = [await site.start(), await site.start()]
    for (const { pid } of servers)
      expect((await status(`/tmp/monodon-${process.getuid!()}/${pid}.sock`)).pid).toBe(pid)
    // Without a name there is a choice, for which one has to know which is which.
    const { code, stderr } = await ctl(site.folder, 'status')
    expect(code).toBe(2)
    for (const { pid, port } of servers)
      expect(stderr).toMatch(
        new RegExp(`/${pid}\\.sock  \\S+ at http://127\\.0\\.0\\.1:${port}, ready, up for \\d+ s`),
      )
  })

  test('those of servers that were killed are removed by the next one', async () => {
    const killed = await site.start()
    const folder = `/tmp/monodon-${process.getuid!()}`
    const left = `${folder}/${killed.pid}.sock`
    killed.child.kill('SIGKILL')
    site.forget(killed)
    server = await site.start()
    await until('it to be removed', () => !existsSync(left))
    expect((await status(`${folder}/${server.pid}.sock`)).pid).toBe(server.pid)
  })

  test('does not replace a file', async () => {
    writeFileSync(socket, 'precious')
    await expect(site.start('--control-socket', socket)).rejects.toThrow('is no socket')
    expect(statSync(socket).size).toBe(8)
  })

  test.each([
    ['no/such/folder/ctl.sock', 'ENOENT'],
    [`${'x'.repeat(120)}.sock`, 'too long'],
  ])('%s stops the start', async (path, why) => {
    await expect(site.start('--control-socket', path)).rejects.toThrow(why)
  })

  test('of another program is told from a server', async () => {
    const other = createServer((client) => client.end('hello\n')).listen(socket)
    await until('it to listen', () => existsSync(socket))
    const { code, stderr } = await ctl(site.folder, '--control-socket', socket, 'status')
    expect([code, stderr]).toEqual([3, expect.stringContaining('no monodon')])
    other.close()
  })

  test('that is not there is told', async () => {
    const { code, stderr } = await ctl(site.folder, '--control-socket', 'none.sock', 'status')
    expect([code, stderr]).toEqual([3, expect.stringContaining('none.sock')])
  })
})

describe('a client', () => {
  beforeEach(async () => {
    server = await site.start('--control-socket', socket)
  })
  afterEach(async () => {
    // Whatever it has sent, others are served.
    expect((await status(socket)).state).toBe('ready')
    expect((await answer(server)).text).toBe('old')
  })

  test.each([
    ['what is not JSON', 'status\n', 'not JSON'],
    ['what is no object', '["status"]\n', 'no JSON object'],
    ['null', 'null\n', 'no JSON object'],
    ['no command', '{}\n', 'no command'],
    ['an unknown command', '{"command":"relod"}\n', 'did you mean reload?'],
    ['a name of every object', '{"command":"constructor"}\n', 'no command'],
    ['a command that is no text', '{"command":{"a":1}}\n', 'no command'],
    ['another version', '{"version":2,"command":"status"}\n', 'version 1'],
    ['a bad argument', '{"command":"scale","argument":"1e9"}\n', '+N|-N|N'],
    ['a line that is too long', `{"command":"${'x'.repeat(5000)}"}\n`, '4096 bytes at most'],
    ['a line without an end', 'x'.repeat(1_000_000), '4096 bytes at most'],
  ])('that sends %s hears what is wrong', async (_, text, why) => {
    const [line = ''] = (await talk(socket, text)).split('\n')
    const { ok, error } = JSON.parse(line)
    expect(ok).toBe(false)
    expect(error.code).toBe('MONODON_BAD_COMMAND')
    expect(error.message).toContain(why)
  })

  test('may ask several things, which are answered in order', async () => {
    const lines = [
      '{"command":"scale","argument":"2"}',
      'rubbish',
      '{"command":"scale","argument":"1"}',
    ]
    const answers = (await talk(socket, `${lines.join('\n')}\n`)).trim().split('\n')
    expect(answers.map((line) => JSON.parse(line).result ?? 'error')).toEqual([2, 'error', 1])
  })

  test('that leaves before its answer has what it asked for all the same', async () => {
    const client = connect(socket)
    client.write('{"command":"scale","argument":"2"}\n')
    await until('the request to be heeded', () => server.output.includes('Scaling from'))
    client.destroy()
    await until('the worker', async () => (await status(socket)).workers.length === 2)
    expect(await request(socket, { command: 'scale', argument: '1' })).toMatchObject({ result: 1 })
  })

  test('that says nothing keeps nobody out, and not too many are let in', async () => {
    const silent = Array.from({ length: 15 }, () => connect(socket))
    await Promise.all(silent.map((one) => new Promise((resolve) => one.once('connect', resolve))))
    expect((await status(socket)).state).toBe('ready')
    const last = connect(socket)
    await new Promise((resolve) => last.once('connect', resolve))
    expect(await talk(socket, '{"command":"status"}\n')).toBe('')
    for (const one of [...silent, last]) one.destroy()
    await until('the places to be free', async () => (await talk(socket, 'x\n')) !== '')
  })

  test('that may not open it is told so', async () => {
    if (process.getuid!() === 0) return // root may open everything
    chmodSync(socket, 0)
    const { code, stderr } = await ctl(site.folder, '--control-socket', socket, 'status')
    expect([code, stderr]).toEqual([3, expect.stringContaining("another user's")])
    chmodSync(socket, 0o600)
  })
})
