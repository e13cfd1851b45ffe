/** Both logs in syslog, over each kind of socket, and what happens without one. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { inFolder, linesOf } from './files.ts'

const start = (...flags: string[]) => SpawnedServer.conformance('fetch', ['--log-syslog', ...flags])

/** A syslog of UDP. */
async function udp() {
  const socket = createSocket('udp4')
  const messages: string[] = []
  socket.on('message', (message) => messages.push(message.toString('latin1')))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { messages, to: `udp://127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

const RFC_5424 = /^<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ (\S+) (\d+) - - ([\s\S]*)$/

describe('--log-syslog', () => {
  it('sends both logs over UDP by RFC 5424, beside the file', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'access.log')
      const syslog = await udp()
      const server = await start(
        ...['--log-syslog-to', syslog.to, '--log-syslog-facility', 'local0'],
        ...['--log-syslog-prefix', 'shop', '--access-logfile', file],
      )
      await fetchOnce(server, '/route/throw')
      await server.stop()
      await until('the last message', () => syslog.messages.some((text) => /Stopped$/.test(text)))
      syslog.close()
      const parsed = syslog.messages.map((text) => RFC_5424.exec(text)?.slice(1))
      const access = parsed.filter((message) => message?.[1] === 'monodon.shop.access')
      // Local 0 is 16; 6 is for information, 3 for errors.
      expect(access).toEqual([['134', 'monodon.shop.access', `${server.pid}`, linesOf(file)[0]]])
      const errors = parsed.filter((message) => message?.[1] === 'monodon.shop.error')
      expect(access.length + errors.length).toBe(parsed.length)
      const thrown = errors.filter((message) => message?.[3]?.startsWith('MONODON_APP_THREW GET'))
      expect(thrown.map((message) => message?.[0])).toEqual(['131'])
      expect(thrown[0]?.[3]).toMatch(/\n {4}.*AppFailure/)
      // What syslog has is what the log has.
      expect(server.entries('INFO')).toHaveLength(
        errors.filter((message) => message?.[0] === '134').length,
      )
    }))

  it('sends the error log alone if asked to, also of workers in processes', async () => {
    const syslog = await udp()
    const server = await start(
      ...['--log-syslog-to', syslog.to, '--disable-redirect-access-to-syslog'],
      ...['--worker-class', 'process', '--log-format', 'json'],
    )
    await fetchOnce(server, '/route/throw?token=SECRET')
    await until('the error', () => syslog.messages.some((text) => /APP_THREW/.test(text)))
    await server.stop()
    syslog.close()
    expect(syslog.messages.filter((text) => text.includes('access'))).toEqual([])
    const text = syslog.messages.find((message) => message.includes('APP_THREW'))
    const entry = JSON.parse(RFC_5424.exec(text!)![4]!) as object
    expect(entry).toMatchObject({
      ...{ level: 'error', code: 'MONODON_APP_THREW', blame: 'app', method: 'GET', worker: 1 },
      target: '/route/throw?token=***',
    })
    expect(text).not.toContain('SECRET')
  })

  it('counts octets over TCP', async () => {
    let received = ''
    const syslog = createServer((socket) => {
      socket.on('data', (bytes) => {
        received += bytes.toString('latin1')
      })
    }).listen(0, '127.0.0.1')
    await once(syslog, 'listening')
    const { port } = syslog.address() as { port: number }
    const server = await start('--log-syslog-to', `tcp://127.0.0.1:${port}`)
    await fetchOnce(server, '/route/empty')
    await server.stop()
    await until('the last message', () => received.includes('Stopped'))
    syslog.close()
    let messages = 0
    for (let rest = received; rest !== ''; messages++) {
      const length = Number(/^(\d+) /.exec(rest)![1])
      const start = String(length).length + 1
      expect(rest.slice(start)).toMatch(RFC_5424)
      rest = rest.slice(start + length)
    }
    expect(messages).toBeGreaterThan(3)
  })

  it('holds up nothing where there is none, and says so once', async () => {
    const server = await start('--log-syslog-to', 'unix:///nowhere/log')
    for (let index = 0; index < 5; index++)
      expect((await fetchOnce(server, '/route/empty')).status).toBe(200)
    await until('both to be told', () => told(server) === 2)
    expect(await server.stop()).toBe(0)
    expect(told(server)).toBe(2)
    expect(server.output).toContain('5 lines of the access log syslog at /nowhere/log were lost')
  })

  it('is another one, or none, after a reload', () =>
    inFolder(async (folder) => {
      const syslogs = [await udp(), await udp()]
      const config = join(folder, 'monodon.config.json')
      const say = (value: object) => writeFileSync(config, JSON.stringify(value))
      const all = { logSyslog: true, logSyslogTo: syslogs[0]!.to }
      say(all)
      const server = await SpawnedServer.conformance('fetch', ['--config', config])
      const reload = async (value: object, outcome: string) => {
        const before = server.output.length
        say(value)
        server.child.kill('SIGHUP')
        await until(outcome, () => server.output.slice(before).includes(outcome))
      }
      /** Fails a request; gives what each has got since. */
      const failOne = async () => {
        const counts = syslogs.map(({ messages }) => messages.length)
        await fetchOnce(server, '/route/throw')
        return () => syslogs.map(({ messages }, index) => messages.slice(counts[index]!).join('\n'))
      }
      const hasBoth = (text: string) =>
        /monodon\.access.* 500 /.test(text) && /APP_THREW/.test(text)
      let news = await failOne()
      await until('both logs in the first', () => hasBoth(news()[0]!))
      await reload({ ...all, logSyslogTo: syslogs[1]!.to }, 'Reloaded')
      news = await failOne()
      await until('both logs in the second', () => hasBoth(news()[1]!))
      expect(news()[0]).not.toContain('APP_THREW')
      await reload({ ...all, logSyslogTo: '/dev/log' }, 'it is neither unix')
      news = await failOne()
      await until('both logs in the second still', () => hasBoth(news()[1]!))
      await reload({}, 'Reloaded')
      news = await failOne()
      await server.stop()
      expect(news().filter((text) => /APP_THREW|access/.test(text))).toEqual([])
      for (const syslog of syslogs) syslog.close()
    }))

  it('has the entries of a server that was started from code', async () => {
    const syslog = await udp()
    const server = await startServer(
      () => {
        throw new Error('embedded')
      },
      { logSyslog: true, logSyslogTo: syslog.to },
    )
    await fetchOnce(server, '/')
    await until('the entry', () => syslog.messages.some((text) => text.includes('embedded')))
    await server.close()
    syslog.close()
  })

  it('is checked at the start', async () => {
    for (const [flag, value, why] of [
      ['--log-syslog-to', '/dev/log', 'it is neither unix://PATH'],
      ['--log-syslog-facility', 'shop', 'it is none of auth'],
    ] as const)
      await expect(start(flag, value)).rejects.toThrow(why)
  })
})

/** How often it was said that a log cannot be written to syslog. */
function told(server: SpawnedServer): number {
  return server
    .entries('ERROR')
    .filter((entry) =>
      /LOG_NOT_TAKEN.*cannot write the \w+ log syslog.*there is no such socket/.test(entry),
    ).length
}
