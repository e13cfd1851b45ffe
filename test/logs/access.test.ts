/** The access log of whole servers: formats, times, secrets, what cannot be forged, and exact counts. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  createReadStream,
  openSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Client, get, post } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { inFolder, linesOf, stopped } from './files.ts'

const start = (...flags: string[]) => SpawnedServer.conformance('fetch', flags)

describe('the format', () => {
  it('json has an object a line, with the times and the worker', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const flags = ['--access-logfile', file, '--access-logformat', 'json']
      const server = await start(...flags)
      const before = server.holdings
      const client = await Client.connect(server)
      await client.request('GET', get('/route/sleep?ms=60&token=SECRET', 'user-agent: a "b"\t\xe9'))
      await client.request(
        'GET',
        get('/route/throw', 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
      )
      await client.request('GET', 'nonsense\r\n\r\n')
      await client.closed()
      await server.released(before)
      const [slept, thrown, refused, ...more] = (await stopped(server, file)).map(
        (line) => JSON.parse(line) as Record<string, unknown>,
      )
      expect(more).toEqual([])
      expect(slept).toMatchObject({
        ...{ remote: '127.0.0.1', user: null, method: 'GET', scheme: 'http', path: '/route/sleep' },
        ...{ query: 'ms=60&token=***', protocol: 'HTTP/1.1', status: 200, bytes: 5 },
        ...{ referer: null, user_agent: 'a "b"\t\\xE9', worker: 1, pid: server.pid },
        ...{ request_id: null, trace_id: null },
      })
      expect(Date.now() - Date.parse(String(slept!.time))).toBeLessThan(600_000)
      const [duration, queue, app] = ['duration_us', 'queue_us', 'app_us'].map((key) =>
        Number(slept![key]),
      )
      expect(app).toBeGreaterThanOrEqual(59_000)
      expect(duration).toBeGreaterThanOrEqual(queue! + app!)
      expect(thrown).toMatchObject({
        ...{ status: 500, path: '/route/throw', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' },
      })
      expect(refused).toMatchObject({ status: 400, method: null, worker: null, duration_us: null })
    }))

  it('may be a text with atoms, and JSON of the own', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const text =
        '{"m":"%(m)s","s":%(s)s,"agent":"%(a)s","type":"%({content-type}o)s","q":"%({HTTP_X_Q}e)s"}'
      const server = await SpawnedServer.conformance('fetch', ['--access-logfile', file], {
        MONODON_ACCESS_LOGFORMAT: text,
      })
      const client = await Client.connect(server)
      await client.request('POST', post('/route/echo', 'hello', 'user-agent: "\\', 'x-q: 1'))
      const lines = await stopped(server, file)
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { m: 'POST', s: 200, agent: '"\\', type: 'text/plain', q: '1' },
      ])
    }))

  it('is checked at the start and by --check-config, which names what is nearest', async () => {
    for (const [text, why] of [
      ['%(statsu)s', 'did you mean %(status)s?'],
      ['combind', 'did you mean combined?'],
    ] as const) {
      const flags = ['--access-logformat', text]
      await expect(start(...flags)).rejects.toThrow(why)
      await expect(start(...flags, '--check-config')).rejects.toThrow(
        /ended with code 2[\s\S]*MONODON_BAD_OPTION/,
      )
    }
  })

  it('changes at a reload, and nothing else does', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const config = join(folder, 'monodon.config.json')
      const set = (accessLogformat: string) =>
        writeFileSync(config, JSON.stringify({ accessLogformat }))
      set('%(s)s %(m)s')
      const server = await start('-c', config, '--access-logfile', file)
      const client = await Client.connect(server)
      await client.request('GET', get('/route/empty'))
      set('json')
      server.child.kill('SIGHUP')
      await until('the reload', () => server.output.includes('access-logformat is json now'))
      await client.request('GET', get('/route/empty'))
      const [first, second] = await stopped(server, file)
      expect(first).toBe('200 GET')
      expect(JSON.parse(second!)).toMatchObject({ status: 200, method: 'GET' })
    }))
})

describe('lines', () => {
  it('tell the request line that was refused, as far as it is one', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const format = '%(s)s [%(r)s] %(m)s %(U)s %(q)s %(H)s'
      const server = await start('--access-logfile', file, '--access-logformat', format)
      for (const line of [
        'GET /a?token=SECRET HTTP/0.9',
        'POST /a HTTP/1.2',
        'GET /a#b HTTP/1.1',
        'GET /a',
        'GET /a HTTP/one',
        'Cookie: SECRET',
      ]) {
        const before = server.holdings
        const client = await Client.connect(server)
        await client.request('GET', `${line}\r\n\r\n`)
        await client.closed()
        await server.released(before)
      }
      expect(await stopped(server, file)).toEqual([
        '505 [GET /a?token=*** HTTP/0.9] GET /a token=*** HTTP/0.9',
        '505 [POST /a HTTP/1.2] POST /a - HTTP/1.2',
        '400 [GET /a#b HTTP/1.1] GET /a#b - HTTP/1.1',
        '400 [GET /a] - - - -',
        '400 [GET /a HTTP/one] GET /a - HTTP/one',
        '400 [-] - - - -',
      ])
    }))

  it('are exactly one for each request of a mix, with status and bytes', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const flags = ['--access-logfile', file, '--access-logformat', '%(U)s %(s)s %(B)s']
      const server = await start(...flags, '--workers', '2')
      const before = server.holdings
      const mix: readonly (readonly [target: string, status: number, bytes: number])[] = [
        ['/route/text?size=10', 200, 19],
        ['/route/bytes?size=100000', 200, 100_000],
        ['/route/empty', 200, 0],
        ['/route/status?code=204', 204, 0],
        ['/route/throw', 500, 26],
        ['/route/sleep?ms=1', 200, 5],
      ]
      const expected = new Map<string, number>()
      const rounds = 50
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const client = await Client.connect(server)
          for (let round = 0; round < rounds; round++) {
            const [target, status, bytes] = mix[round % mix.length]!
            const response = await client.request('GET', get(target))
            expect([response.status, response.body.length]).toEqual([status, bytes])
            const line = `${target.split('?')[0]} ${status} ${bytes}`
            expected.set(line, (expected.get(line) ?? 0) + 1)
          }
          await client.leave()
        }),
      )
      await server.released(before)
      const counted = new Map<string, number>()
      for (const line of await stopped(server, file))
        counted.set(line, (counted.get(line) ?? 0) + 1)
      expect(counted).toEqual(expected)
    }))

  it('cannot be forged by paths, fields or user names, nor drive a terminal', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const text = '%(u)s %(m)s %(U)s %(q)s "%(r)s" "%(a)s" %({x-evil}i)s'
      const flags = ['--access-logfile', file, '--access-logformat', text]
      const server = await start(...flags)
      const user = Buffer.from('a"b\r\n127.0.0.1 - - \x1b[2J\x9b:secret').toString('base64')
      const hostile: readonly (readonly string[])[] = [
        ['/route/empty?%0d%0a127.0.0.1', `authorization: Basic ${user}`],
        ['/route/empty?"\\', 'user-agent: "\t- 200 \x9b31m'],
        ['/route/empty', 'x-evil: a b\tc"'],
      ]
      for (const [target, ...fields] of hostile) {
        const client = await Client.connect(server)
        await client.request('GET', get(target!, ...fields))
        await client.leave()
      }
      const lines = await stopped(server, file)
      expect(lines).toHaveLength(hostile.length)
      for (const line of lines) {
        expect(line).toMatch(/^[ -~]*$/)
        expect(line).toMatch(/^\S+ GET \/route\/empty \S+ "[^"]*" "[^"]*" \S+$/)
      }
      expect(lines.join()).not.toContain('secret')
    }))

  it('go to the new file after a rotation by USR1, none lost and none twice', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const flags = ['--access-logfile', file, '--access-logformat', '%(q)s']
      const server = await start(...flags)
      const client = await Client.connect(server)
      let sent = 0
      const some = async (count: number) => {
        for (let index = 0; index < count; index++) {
          await client.request('GET', get(`/route/empty?${sent++}`))
        }
      }
      for (const old of ['access.log.2', 'access.log.1']) {
        await some(100)
        renameSync(file, join(folder, old))
        server.child.kill('SIGUSR1')
        await some(100)
        await until('the new file', () => linesOf(file).length > 0)
      }
      const last = await stopped(server, file)
      const all = ['access.log.2', 'access.log.1'].flatMap((old) => linesOf(join(folder, old)))
      expect([...all, ...last]).toEqual(Array.from({ length: sent }, (_, index) => `${index}`))
    }))

  it('are dropped, and counted, when nobody reads: no request waits', () =>
    inFolder(async (folder) => {
      const fifo = join(folder, 'fifo')
      execFileSync('mkfifo', [fifo])
      // Somebody has it open, and reads nothing.
      const held = openSync(fifo, constants.O_RDWR)
      const flags = ['--access-logfile', fifo, '--access-logformat', '%(a)s%(a)s%(a)s%(a)s']
      const server = await start(...flags)
      const client = await Client.connect(server)
      const agent = `user-agent: ${'x'.repeat(2000)}`
      const requests = 1000
      for (let index = 0; index < requests; index++) {
        expect((await client.request('GET', get('/route/empty', agent))).status).toBe(200)
      }
      const told = () =>
        server
          .entries('ERROR')
          .flatMap((entry) => /(\d+) lines of the access log/.exec(entry) ?? [])
      expect(told()).toEqual([])
      // Now somebody reads.
      let read = ''
      const reader = createReadStream(fifo, { encoding: 'ascii' })
      reader.on('data', (text) => {
        read += text
      })
      await until('the lost lines to be told', () => told().length > 0)
      const ended = once(reader, 'end')
      await server.stop()
      closeSync(held)
      await ended
      const [, lost, ...more] = told()
      expect(more).toEqual([])
      expect(Number(lost)).toBeGreaterThan(0)
      expect(read.split('\n').length - 1 + Number(lost)).toBe(requests)
    }))

  it('fill no disk beyond its end: requests go on, and it is said once', async () => {
    const server = await start('--access-logfile', '/dev/full')
    const client = await Client.connect(server)
    for (let index = 0; index < 50; index++) {
      expect((await client.request('GET', get('/route/empty'))).status).toBe(200)
    }
    await server.stop()
    const told = (code: string) =>
      server.entries('ERROR').filter((entry) => entry.includes(code)).length
    expect([told('FILE_NOT_WRITABLE'), told('LOG_LINES_LOST')]).toEqual([1, 1])
    expect(server.output).toContain('50 lines of the access log /dev/full were lost')
  })
})
