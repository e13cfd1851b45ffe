/** Unix sockets: their files, and what an app sees of clients without an address. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from 'monodon'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { startServer } from '../support/server.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-unix-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const onPath = (path: string) => ({ host: '', port: 0, path })
const mode = (path: string): number => statSync(path).mode & 0o777

/** A server on `socket` in the folder, for a module with this text. */
async function spawn(source: string, ...flags: string[]): Promise<SpawnedServer> {
  writeFileSync(at('app.mjs'), source)
  return SpawnedServer.start('app.mjs', ['--bind', 'unix:socket', ...flags], {}, folder)
}

const HELLO = "export default () => new Response('hello')"

describe('the file', () => {
  test('is made for all, by its full path, and removed at the end', async () => {
    const server = await spawn(HELLO)
    expect(server.output).toContain(`Listening at: unix:${at('socket')} (`)
    expect(mode(at('socket'))).toBe(0o666)
    expect((await fetchOnce(onPath(at('socket')), '/')).body.toString()).toBe('hello')
    expect(await server.stop()).toBe(0)
    expect(existsSync(at('socket'))).toBe(false)
  })

  test('has the mode of --socket-mode', async () => {
    const server = await spawn(HELLO, '--socket-mode', '660')
    expect(mode(at('socket'))).toBe(0o660)
    expect(await server.stop('SIGINT')).toBe(0)
    expect(existsSync(at('socket'))).toBe(false)
  })

  test('belongs to --socket-owner, also after an upgrade', async () => {
    // Root may give it to anybody, others to groups that they are in.
    const isRoot = process.geteuid!() === 0
    const user = isRoot ? 65_534 : process.geteuid!()
    const group = isRoot ? 65_533 : process.getgroups!().at(-1)!
    const owner = (): number[] => {
      const { uid, gid } = statSync(at('socket'))
      return [uid, gid, mode(at('socket'))]
    }
    const server = await spawn(
      HELLO,
      ...['--socket-mode', '660', '--socket-owner', `${isRoot ? user : ''}:${group}`],
      ...['--upgrade-mode', 'auto', '--pid', 'pid'],
    )
    expect(owner()).toEqual([user, group, 0o660])
    server.child.kill('SIGUSR2')
    await until('the new server alone', () => !server.running)
    expect(owner()).toEqual([user, group, 0o660])
    expect((await fetchOnce(onPath(at('socket')), '/')).body.toString()).toBe('hello')
    process.kill(Number(readFileSync(at('pid'), 'utf8')))
    await until('its end', () => !existsSync(at('socket')))
  })

  test.each(['nobody-of-that-name', ':no-such-group'])(
    'cannot belong to %s, whom the machine does not know',
    async (owner) => {
      const why = `this machine has no ${owner.startsWith(':') ? 'group' : 'user'} ${owner.replace(':', '')}`
      await expect(spawn(HELLO, '--socket-owner', owner)).rejects.toThrow(why)
      expect(existsSync(at('socket'))).toBe(false)
      const args = ['app.mjs', '--check-config', '--socket-owner', owner]
      const check = spawnSync(process.execPath, [COMMAND, ...args], { cwd: folder })
      expect([check.status, check.stderr.toString()]).toEqual([2, expect.stringContaining(why)])
    },
  )

  test('cannot be given away by who is not root', async () => {
    chmodSync(folder, 0o777)
    const isRoot = process.geteuid!() === 0
    if (isRoot) process.seteuid!(65_534)
    try {
      const started = serve(() => new Response(''), {
        bind: `unix:${at('socket')}`,
        socketOwner: 'root',
      })
      await expect(started).rejects.toThrow(/the socket cannot be given to root: .*only root/)
      expect(existsSync(at('socket'))).toBe(false)
    } finally {
      if (isRoot) process.seteuid!(0)
    }
  })

  test('of a server that was killed is replaced', async () => {
    const killed = await spawn(HELLO)
    await killed.stop('SIGKILL')
    expect(existsSync(at('socket'))).toBe(true)
    const server = await spawn(HELLO)
    expect((await fetchOnce(onPath(at('socket')), '/')).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  test('of a server that lives is left alone', async () => {
    const server = await spawn(HELLO)
    await expect(spawn(HELLO)).rejects.toThrow(
      /MONODON_BIND_FAILED|cannot listen on unix:socket: another program listens there/,
    )
    expect((await fetchOnce(onPath(at('socket')), '/')).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  test.each([
    ['a file', () => writeFileSync(at('socket'), 'mine')],
    ['a link', () => symlinkSync(at('elsewhere'), at('socket'))],
  ])('is not put in place of %s', async (_, make) => {
    make()
    await expect(spawn(HELLO)).rejects.toThrow('there is a file that is no socket')
    if (existsSync(at('socket'))) expect(readFileSync(at('socket'), 'utf8')).toBe('mine')
  })

  test('is left alone at the end if it is another server’s by then', async () => {
    const server = await spawn(HELLO)
    rmSync(at('socket'))
    const other = createServer().listen(at('socket'))
    await until('the other server', () => other.listening)
    expect(await server.stop()).toBe(0)
    expect(existsSync(at('socket'))).toBe(true)
    other.close()
  })

  test('goes when the app cannot be loaded', async () => {
    await expect(spawn('throw new Error("no")')).rejects.toThrow('it ended with code 3')
    expect(existsSync(at('socket'))).toBe(false)
  })

  test('cannot be made in a folder that is missing', async () => {
    const started = serve(() => new Response(''), { bind: `unix:${at('no/socket')}` })
    await expect(started).rejects.toThrow(/cannot listen on unix:.*its folder does not exist/)
  })

  test('cannot have a path that the kernel has no room for', async () => {
    const started = serve(() => new Response(''), { bind: `unix:${at('s'.repeat(108))}` })
    await expect(started).rejects.toThrow(/too long for a socket.* \(EINVAL\)/)
  })

  test('cannot be made where it is not permitted', async () => {
    chmodSync(folder, 0o500)
    // To root everything is permitted: it is somebody else meanwhile.
    const isRoot = process.geteuid!() === 0
    if (isRoot) process.seteuid!(65_534)
    try {
      const started = serve(() => new Response(''), { bind: `unix:${at('socket')}` })
      await expect(started).rejects.toThrow('does not permit it')
    } finally {
      if (isRoot) process.seteuid!(0)
      chmodSync(folder, 0o700)
    }
  })
})

describe('serve()', () => {
  test('names the socket, and removes it when it is closed', async () => {
    const path = at('socket')
    const server = await serve(() => new Response('hi'), {
      bind: [`unix://${path}`, '127.0.0.1:0'],
    })
    expect(server.url).toBe(`unix:${path}`)
    expect(server.address).toEqual({ host: '', port: 0, path, isTls: false, isProxied: false })
    expect(server.addresses[1]).toMatchObject({ host: '127.0.0.1' })
    expect((await fetchOnce(onPath(path), '/')).body.toString()).toBe('hi')
    await server.close()
    expect(existsSync(path)).toBe(false)
  })

  test('finishes what has begun, and closes what is idle', async () => {
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const app = async (request: Request): Promise<Response> => {
      if (request.url.endsWith('/held')) await released
      return new Response('done')
    }
    const server = await startServer(app, { interface: 'fetch', bind: `unix:${at('socket')}` })
    const idle = await Client.connect(server)
    expect((await idle.request('GET', get('/'))).status).toBe(200)
    const working = await Client.connect(server, ['GET'])
    await working.write(get('/held'))
    await until('the request', () => server.count('claimed') === 1)
    const closed = server.serving.close()
    expect(await idle.closed()).toBe('closed')
    expect(existsSync(at('socket'))).toBe(false)
    release()
    const answer = await working.response()
    expect(answer.headers['connection']).toBe('close')
    expect(await working.closed()).toBe('closed')
    await closed
    await server.released()
  })
})

describe('a client without an address', () => {
  const open = async (app: unknown, options: object) => {
    const server = await startServer(app, { bind: `unix:${at('socket')}`, ...options })
    const ask = async (...fields: string[]) => {
      const client = await Client.connect(server)
      const answer = await client.request('GET', get('/', 'Connection: close', ...fields))
      await client.leave()
      return JSON.parse(answer.body.toString())
    }
    return { server, ask }
  }

  test('has none in node, as in Node', async () => {
    const app = (
      req: import('node:http').IncomingMessage,
      res: import('node:http').ServerResponse,
    ) => {
      const { remoteAddress, remotePort, remoteFamily } = req.socket
      res.end(
        JSON.stringify([remoteAddress ?? 'none', remotePort ?? 'none', remoteFamily ?? 'none']),
      )
    }
    const { server, ask } = await open(app, { interface: 'node' })
    expect(await ask()).toEqual(['none', 'none', 'none'])
    await server.close()
  })

  test('has an empty one in fetch', async () => {
    const app = (
      _: Request,
      info: { remoteAddress: string; remotePort: number; remoteAddr: object },
    ) => Response.json([info.remoteAddress, info.remotePort, info.remoteAddr])
    const { server, ask } = await open(app, { interface: 'fetch' })
    expect(await ask()).toEqual(['', 0, { transport: 'unix', hostname: '', port: 0 }])
    await server.close()
  })

  test('has an empty one in wsgi, where the server is localhost', async () => {
    const app = (environ: Record<string, unknown>, start: (status: string, fields: []) => void) => {
      start('200 OK', [])
      const names = ['REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_NAME', 'SERVER_PORT']
      return [JSON.stringify(names.map((name) => environ[name]))]
    }
    const { server, ask } = await open(app, { interface: 'wsgi' })
    expect(await ask()).toEqual(['', '', 'localhost', '80'])
    await server.close()
  })

  test.each([
    [['X-Forwarded-Proto: https'], 'https:'],
    [[], 'http:'],
  ])('is believed about https: %j', async (fields, protocol) => {
    const app = (request: Request) => Response.json(new URL(request.url).protocol)
    const { server, ask } = await open(app, { interface: 'fetch', forwardedAllowIps: [] })
    expect(await ask(...fields)).toBe(protocol)
    await server.close()
  })

  test('is a dash in the access log', async () => {
    const server = await spawn(HELLO, '--access-logfile', 'access.log')
    await fetchOnce(onPath(at('socket')), '/')
    const refused = await Client.connect(onPath(at('socket')), ['GET'])
    await refused.write('GET / HTTP/1.1\r\n\r\n')
    expect((await refused.response()).status).toBe(400)
    await refused.leave()
    expect(await server.stop()).toBe(0)
    const lines = readFileSync(at('access.log'), 'utf8')
    expect(lines).toMatch(/^- - - \[[^\]]+\] "GET \/ HTTP\/1\.1" 200 5 /)
    expect(lines).toMatch(/^- - - \[[^\]]+\] "GET \/ HTTP\/1\.1" 400 /m)
  })
})

test.runIf(process.platform === 'linux')(
  'a name without a file is served, and leaves nothing',
  async () => {
    const name = `@monodon-${process.pid}`
    const app = (): Response => new Response('hi')
    const server = await startServer(app, { interface: 'fetch', bind: `unix:${name}` })
    expect(server.serving.url).toBe(`unix:${name}`)
    // Node 20 cannot connect to such a name; the tests in Rust do.
    expect(readFileSync('/proc/net/unix', 'utf8')).toContain(` ${name}\n`)
    expect(existsSync(name)).toBe(false)
    await server.close()
    const next = await startServer(app, { interface: 'fetch', bind: `unix:${name}` })
    await next.close()
  },
)

describePython('a Python app', () => {
  test('sees an empty address, and localhost as the server', async () => {
    writeFileSync(
      at('app.py'),
      `import json
def app(environ, start_response):
    start_response('200 OK', [])
    names = ['REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_NAME', 'SERVER_PORT']
    return [json.dumps([environ.get(name) for name in names]).encode()]`,
    )
    // The port of TCP is what is told where there are both.
    const server = await SpawnedServer.python('app:app', ['--bind', 'unix:socket'], {}, folder)
    const answer = await fetchOnce(onPath(at('socket')), '/')
    expect(JSON.parse(answer.body.toString())).toEqual(['', '', '127.0.0.1', String(server.port)])
    expect(await server.stop()).toBe(0)
  })
})
