/** Where TLS is spoken, and where it is not. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificates, type Pair } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { run, shakeHands } from './openssl.ts'

let certificates: Certificates
let pair: Pair
let folder: string
beforeAll(() => {
  certificates = new Certificates()
  pair = certificates.issue('server', { names: ['DNS:localhost', 'IP:127.0.0.1'] })
  folder = mkdtempSync(join(tmpdir(), 'monodon-binds-'))
})
afterAll(() => {
  certificates.remove()
  rmSync(folder, { recursive: true })
})

const app = (request: Request) => new Response(new URL(request.url).protocol)

async function serving(
  options: ServeOptions,
  look: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(app, { ...pair, ...options })
  try {
    await look(server)
  } finally {
    await server.close()
  }
}

/** Status, place and body of what is answered without TLS. */
function getPlain(
  port: number,
  headers: Record<string, string> = {},
  path = '/a?b=c',
): Promise<{ status: number; location: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let body = ''
      response.on('data', (bytes: Buffer) => {
        body += bytes
      })
      response.on('end', () => {
        const { location } = response.headers
        resolve({ status: response.statusCode!, location, body })
      })
    })
    request.on('error', reject)
  })
}

const curl = (...args: readonly string[]) =>
  run('curl', ['-s', '--cacert', certificates.authority, ...args])

describe('addresses', () => {
  it('are all TLS with a certificate alone, but for those that say http://', () =>
    serving({ bind: ['127.0.0.1:0', 'http://127.0.0.1:0'] }, async ({ serving }) => {
      const [first, second] = serving.addresses
      expect(first).toMatchObject({ isTls: true })
      expect(second).toMatchObject({ isTls: false })
      expect(serving.url).toMatch(/^https:/)
      expect(await curl(serving.url)).toBe('https:')
      expect((await getPlain(second!.port)).body).toBe('http:')
    }))

  it('are TLS where they say https://, and nowhere else then', () =>
    serving({ bind: ['https://127.0.0.1:0', '127.0.0.1:0'] }, async ({ serving }) => {
      expect(serving.addresses.map(({ isTls }) => isTls)).toEqual([true, false])
      expect((await getPlain(serving.addresses[1]!.port)).body).toBe('http:')
    }))

  it('may be Unix sockets', () => {
    const socket = join(folder, 'tls.sock')
    return serving({ bind: `https://unix:${socket}` }, async ({ serving }) => {
      expect(serving.url).toBe(`https://unix:${socket}`)
      expect(await curl('--unix-socket', socket, 'https://localhost/')).toBe('https:')
      const answer = await new Promise<string>((resolve) => {
        const client = connectPlain(socket)
        client.once('data', (bytes: Buffer) => {
          client.destroy()
          resolve(bytes.toString())
        })
        client.write('GET / HTTP/1.1\r\n\r\n')
      })
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    })
  })

  it('are shown by the log and by ctl status, and handed on as they are', async () => {
    const control = join(folder, 'control.sock')
    const server = await SpawnedServer.start('examples/hello.ts', [
      ...['--bind', 'http://127.0.0.1:0', '--control-socket', control],
      ...['--certfile', pair.certfile, '--keyfile', pair.keyfile, '--upgrade-mode', 'auto'],
    ])
    const tls = () => Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(server.output)?.[1])
    const args = [COMMAND, 'ctl', '--control-socket', control, 'status']
    const status = spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout
    expect(status).toContain(`https://127.0.0.1:${tls()}`)

    server.child.kill('SIGUSR2')
    await until('the new server alone', () => !server.running)
    expect((await shakeHands(tls())).text).toContain('Hello from monodon!')
    const pids = [...server.output.matchAll(/Listening at: https:\S+ \((\d+)\)/g)]
    const successor = Number(pids.at(-1)![1])
    expect(successor).not.toBe(server.pid)
    process.kill(successor)
  }, 60_000)
})

describe('an address without TLS, where certificates are required of clients', () => {
  const rules = () => [
    ...['--certfile', pair.certfile, '--keyfile', pair.keyfile],
    ...['--cert-reqs', 'required', '--ca-certs', certificates.authority],
  ]
  const PLAIN = ['--bind', 'https://127.0.0.1:0', '--bind', '127.0.0.1:0']
  const WARNING = /\[WARNING\] No certificate is asked for at (\S+), which speaks no TLS/

  const checked = (...flags: readonly string[]): string => {
    const args = [COMMAND, 'examples/hello.ts', '--check-config', ...flags]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(status).toBe(0)
    return stdout + stderr
  }

  it('is a warning, at the check and at the start', async () => {
    expect(WARNING.exec(checked(...rules(), ...PLAIN))?.[1]).toBe('127.0.0.1:0')
    const server = await SpawnedServer.start('examples/hello.ts', [...rules(), ...PLAIN])
    expect(server.output.match(WARNING)?.[1]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    await server.stop()
  })

  it('is none where it answers nobody, or files guard it, or none is required', () => {
    const socket = ['--bind', `unix:${join(folder, 'plain.sock')}`]
    for (const flags of [
      [...PLAIN, '--redirect-http'],
      [...PLAIN.slice(0, 2), ...socket],
      [...PLAIN, '--cert-reqs', 'optional'],
    ])
      expect(checked(...rules(), ...flags)).not.toContain('WARNING')
  })
})

describe('redirect-http', () => {
  const both = { bind: ['https://127.0.0.1:0', '127.0.0.1:0'], redirectHttp: true }

  it('sends plain requests to https', () =>
    serving({ ...both, healthPath: '/health' }, async ({ serving }) => {
      const [secure, plain] = serving.addresses.map(({ port }) => port)
      const answer = await getPlain(plain!, { host: `example.test:${plain}` })
      expect(answer).toEqual({
        status: 308,
        location: `https://example.test:${secure}/a?b=c`,
        body: '',
      })
      expect((await getPlain(plain!, {}, '/health/live')).status).toBe(200)
      expect((await getPlain(plain!, { 'x-forwarded-proto': 'https' })).body).toBe('https:')
      expect(await curl(serving.url)).toBe('https:')
    }))

  it('sends requests for files there, too', () => {
    writeFileSync(join(folder, 'file.txt'), 'a file')
    return serving({ ...both, static: [`/files=${folder}`] }, async ({ serving }) => {
      const [secure, plain] = serving.addresses.map(({ port }) => port)
      const path = '/files/file.txt'
      const answer = await getPlain(plain!, { host: 'example.test' }, path)
      const location = `https://example.test:${secure}${path}`
      expect(answer).toEqual({ status: 308, location, body: '' })
      expect(await curl(location.replace('example.test', '127.0.0.1'))).toBe('a file')
      const https = { 'x-forwarded-proto': 'https' }
      expect((await getPlain(plain!, https, path)).body).toBe('a file')
    })
  })

  it.each([
    [443, 'https://example.test/a?b=c'],
    [8443, 'https://example.test:8443/a?b=c'],
  ])('to the port %i if it is told to', (redirectPort, location) =>
    serving({ ...both, redirectPort }, async ({ serving }) => {
      const plain = serving.addresses[1]!.port
      expect((await getPlain(plain, { host: 'example.test' })).location).toBe(location)
    }),
  )

  it('never writes what is no host into the address', () =>
    serving({ ...both, redirectPort: 443 }, async ({ serving }) => {
      const address = { ...serving.addresses[1]!, path: undefined }
      for (const [request, location] of [
        ['GET / HTTP/1.0\r\n\r\n', 'https://127.0.0.1/'],
        ['GET http://a.test:80/x HTTP/1.1\r\nHost: b.test\r\n\r\n', 'https://a.test/x'],
        ['OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n', 'https://a.test/'],
        ['GET //b.test/x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', 'https://[::1]//b.test/x'],
      ] as const) {
        const client = await Client.connect(address, ['GET'])
        await client.write(request)
        const { status, headers } = await client.response()
        expect([status, headers['location']]).toEqual([308, location])
        await client.leave()
      }
    }))
})
