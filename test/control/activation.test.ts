/** Sockets that the server is started with: by systemd, or as a descriptor. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ActivatedServer } from '../support/activated.ts'
import { type Address, Client, fetchOnce } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { until } from '../support/wait.ts'

let folder: string
let server: ActivatedServer | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-activation-'))
  writeFileSync(join(folder, 'app.mjs'), "export default () => new Response('hello')")
})
afterEach(() => {
  server?.child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const start = (sockets: string[], flags: string[] = [], env = {}): ActivatedServer => {
  server = new ActivatedServer(sockets, ['app.mjs', ...flags], folder, env)
  return server
}

const tcp = (port: string | undefined): Address => ({ host: '127.0.0.1', port: Number(port) })
const text = async (address: Address): Promise<string> =>
  (await fetchOnce(address, '/')).body.toString()

describePython('sockets of systemd', () => {
  test('are listened on in place of the default, TCP and Unix', async () => {
    const path = join(folder, 'socket')
    const { names, output } = await start(['tcp', `unix:${path}`]).ready()
    expect(output).toContain(`Listening at: http://127.0.0.1:${names[0]} (`)
    expect(output).toContain(`Listening at: unix:${path} (`)
    expect(output).toContain('Sockets of systemd: web0, web1')
    expect(output).not.toContain('WARNING')
    expect(await text(tcp(names[0]))).toBe('hello')
    expect(await text({ host: '', port: 0, path })).toBe('hello')
    expect(await server!.ended('SIGTERM')).toBe(0)
    // It is systemd's.
    expect(existsSync(path)).toBe(true)
  })

  test('are listened on in place of --bind, with a warning', async () => {
    const { names, output } = await start(['tcp'], ['--bind', '127.0.0.1:1']).ready()
    expect(output).toMatch(/WARNING\] systemd has given sockets.*127\.0\.0\.1:1 is not used/)
    expect(await text(tcp(names[0]))).toBe('hello')
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('can be named by --bind fd://N', async () => {
    const { names, output } = await start(['tcp', 'tcp'], ['-b', 'fd://4', '-b', 'fd://3']).ready()
    expect(output).not.toContain('WARNING')
    for (const name of names.slice(0, 2)) expect(await text(tcp(name))).toBe('hello')
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('are chosen from by --bind fd://N', async () => {
    const { names, output } = await start(['tcp', 'tcp'], ['-b', 'fd://4']).ready()
    expect(output).toContain(`Listening at: http://127.0.0.1:${names[1]} (`)
    expect(output).not.toContain(`http://127.0.0.1:${names[0]} (`)
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('are chosen from beside a --bind that is not used', async () => {
    const { names, output } = await start(
      ['tcp', 'tcp'],
      ['-b', 'fd://4', '-b', '127.0.0.1:1'],
    ).ready()
    expect(output).toMatch(/WARNING\] .*in place of bind: 127\.0\.0\.1:1 is not used/)
    expect(output).toContain(`Listening at: http://127.0.0.1:${names[1]} (`)
    expect(output).not.toContain(`http://127.0.0.1:${names[0]} (`)
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('are not taken in place of another descriptor that is named', async () => {
    expect(await start(['tcp'], ['-b', 'fd://77']).ended()).toBe(1)
    expect(server!.output).toContain('cannot listen on fd://77: the process was not started with')
  })

  test('keep what comes before the app is loaded', async () => {
    const { child } = start(['tcp'])
    await until('the socket', () => server!.names.length > 0)
    const client = await Client.connect(tcp(server!.names[0]), ['GET'])
    await client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect((await client.response()).body.toString()).toBe('hello')
    await client.leave()
    expect(child.exitCode).toBeNull()
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('of another process are not touched', async () => {
    const { output } = await start(['tcp'], ['--bind', '127.0.0.1:0'], { LISTEN_PID: '1' }).ready()
    expect(output).toContain('LISTEN_FDS is for the process 1')
    expect(await server!.ended('SIGTERM')).toBe(0)
  })

  test('are not told to the app', async () => {
    writeFileSync(
      join(folder, 'app.mjs'),
      `const told = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'))
       export default () => new Response('told: ' + told)`,
    )
    const { names } = await start(['tcp'], ['--worker-class', 'process']).ready()
    expect(await text(tcp(names[0]))).toBe('told: ')
    expect(await server!.ended('SIGTERM')).toBe(0)
  })
})

describePython('a descriptor that cannot be listened on', () => {
  test.each([
    ['dgram', [], 'cannot listen on fd://3: it is a socket that does not listen'],
    ['idle', [], 'cannot listen on fd://3: it is a socket that does not listen'],
    ['file', [], 'cannot listen on fd://3: it is no socket'],
    ['tcp', ['-b', 'fd://77'], 'cannot listen on fd://77: the process was not started with such'],
    ['tcp', ['-b', 'fd://3', '-b', 'fd://3'], 'cannot listen on fd://3: it was taken before'],
  ])('%s %j stops the start', async (socket, flags, why) => {
    // With a descriptor that is named, systemd's are not looked at.
    const env = flags.length > 0 ? { LISTEN_PID: '1' } : {}
    expect(await start([socket], flags, env).ended()).toBe(1)
    expect(server!.output).toContain(why)
    expect(server!.output).toContain(
      'MONODON_BAD_DESCRIPTOR; to do: have what starts the server open the socket',
    )
  })
})
