/** What every interface shows of a client that a proxy tells of. */
import { connect } from 'node:http2'
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { type AppKind, type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { type Seen, startSeen } from './seen.ts'

let server: TestServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function serving(kind: AppKind, options: ServeOptions = {}): Promise<TestServer> {
  server = await startSeen(kind, options)
  return server
}

/** Status, and what the app saw. */
async function ask(
  address: TestServer,
  target: string,
  ...fields: string[]
): Promise<{ status: number; seen: Seen }> {
  const client = await Client.connect(address)
  const answer = await client.request('GET', get(target, 'Connection: close', ...fields))
  await client.leave()
  const seen = answer.status === 200 ? (JSON.parse(answer.body.toString()) as Seen) : undefined
  return { status: answer.status, seen: seen! }
}

function suite(kind: AppKind): void {
  const isWsgi = kind === 'wsgi' || kind === 'python'

  test('the client and the scheme are those that a believed proxy tells', async () => {
    const there = await serving(kind, { forwardedAllowIps: ['127.0.0.1', '10.0.0.0/8'] })
    const { seen } = await ask(
      there,
      '/a',
      'X-Forwarded-For: 9.9.9.9, [2001:DB8::7]:4711, 10.1.1.1',
      'X-Forwarded-Proto: https',
    )
    expect(seen).toMatchObject({
      address: '2001:db8::7',
      port: 4711,
      scheme: 'https',
      script: '',
      path: '/a',
    })
    expect(seen.fields['x_forwarded_for']).toBe('9.9.9.9, [2001:DB8::7]:4711, 10.1.1.1')
    const next = await ask(there, '/', 'X-Forwarded-For: 1.2.3.4')
    expect(next.seen).toMatchObject({ address: '1.2.3.4', port: 0, scheme: 'http' })
    const own = await ask(there, '/')
    expect(own.seen.address).toBe('127.0.0.1')
    expect(own.seen.port).toBeGreaterThan(0)
  })

  test('anybody else tells nothing, though the fields stay unless they are stripped', async () => {
    const fields = [
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Proto: https',
      'Forwarded: for=1.2.3.4',
    ]
    const believed = {
      forwardedAllowIps: ['10.0.0.1'],
      forwardedHeaders: ['x-forwarded', 'forwarded'],
    }
    const open = await serving(kind, believed)
    const { seen } = await ask(open, '/', ...fields)
    expect(seen).toMatchObject({ address: '127.0.0.1', scheme: 'http' })
    expect(seen.fields).toMatchObject({ x_forwarded_for: '1.2.3.4', forwarded: 'for=1.2.3.4' })
    await open.close()
    const strict = await serving(kind, { ...believed, stripForwarded: true })
    const stripped = await ask(strict, '/', ...fields, 'X-Real-IP: 1.2.3.4', 'X-Own: 1')
    expect(stripped.seen.fields).toEqual({ connection: 'close', x_own: '1' })
  })

  test('Forwarded tells of the host, too', async () => {
    const there = await serving(kind, { forwardedHeaders: ['forwarded'] })
    const line = 'Forwarded: for=9.9.9.9;host=evil, for="[2001:db8::7]";proto=https;host=a.example'
    const { seen } = await ask(
      there,
      '/',
      line,
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Host: evil',
    )
    expect(seen).toMatchObject({ address: '2001:db8::7', scheme: 'https', host: 'a.example' })
    expect((await ask(there, '/', 'Forwarded: for="x')).status).toBe(400)
  })

  test('host, port and prefix are believed where that is asked for', async () => {
    const there = await serving(kind, { forwardedHeaders: ['x-forwarded'], rootPath: '/base' })
    const fields = [
      ...['X-Forwarded-Host: a.example', 'X-Forwarded-Port: 8443'],
      ...['X-Forwarded-Proto: https', 'X-Forwarded-Prefix: /pre/'],
    ]
    const { seen } = await ask(there, '/base/caf%C3%A9', ...fields)
    expect(seen).toMatchObject({ host: 'a.example:8443', scheme: 'https' })
    expect(seen.script).toBe(isWsgi ? '/pre/base' : '')
    if (!isWsgi) expect(seen.path).toBe('/base/caf%C3%A9')
    else
      expect(Buffer.from(seen.path, kind === 'wsgi' ? 'utf8' : 'latin1').toString()).toBe('/café')
    expect((await ask(there, '/baseed')).seen).toMatchObject({ script: '', path: '/baseed' })
    expect((await ask(there, '/base')).seen.path).toBe(isWsgi ? '' : '/base')
    expect((await ask(there, '/', 'X-Forwarded-Prefix: //evil.example')).status).toBe(400)
  })

  test('a field SCRIPT_NAME of a believed proxy says where the app is', async () => {
    const there = await serving(kind)
    const { seen } = await ask(there, '/app/x?y', 'SCRIPT_NAME: /app', 'REMOTE_USER: eve')
    expect(seen.script).toBe(isWsgi ? '/app' : '')
    if (isWsgi) expect(seen.path).toBe('/x')
    expect(seen.fields).toEqual({ connection: 'close', script_name: '/app' })
  })

  test('names with underscores are dropped, refused or passed on', async () => {
    const fields = ['X_Forwarded_For: 6.6.6.6', 'X-Forwarded-For: 1.2.3.4', 'X_A: 1', 'X-A: 2']
    const dropping = await serving(kind)
    const dropped = await ask(dropping, '/', ...fields)
    expect(dropped.seen.fields).toEqual({
      connection: 'close',
      x_forwarded_for: '1.2.3.4',
      x_a: '2',
    })
    await dropping.close()
    const refusing = await serving(kind, { headerMap: 'refuse', logLevel: 'critical' })
    expect((await ask(refusing, '/', ...fields)).status).toBe(400)
    expect((await ask(refusing, '/', 'X-A: 1')).status).toBe(200)
    await refusing.close()
    const { seen } = await ask(await serving(kind, { headerMap: 'dangerous' }), '/', ...fields)
    expect(seen.address).toBe('1.2.3.4')
    if (isWsgi)
      expect(seen.fields).toMatchObject({ x_forwarded_for: '6.6.6.6, 1.2.3.4', x_a: '1, 2' })
  })

  test('the same over HTTP/2', async () => {
    const there = await serving(kind, { forwardedHeaders: ['x-forwarded'], rootPath: '/base' })
    const session = connect(`http://127.0.0.1:${there.port}`)
    const stream = session.request({
      ':path': '/base/x',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-host': 'a.example',
      x_forwarded_for: '6.6.6.6',
    })
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) text += chunk
    await new Promise<void>((resolve) => session.close(resolve))
    const seen = JSON.parse(text) as Seen
    expect(seen).toMatchObject({ address: '1.2.3.4', host: 'a.example' })
    expect(seen.script).toBe(isWsgi ? '/base' : '')
    expect(seen.fields['x_forwarded_for']).toBe('1.2.3.4')
  })
}

describe('a fetch app', () => suite('fetch'))
describe('a node app', () => suite('node'))
describe('a wsgi app', () => suite('wsgi'))
describePython('a Python app', () => suite('python'))

describe('Express', () => {
  const FORWARDED = ['X-Forwarded-For: 6.6.6.6, 1.2.3.4', 'X-Forwarded-Proto: https']
  const EVERYTHING = { ip: '1.2.3.4', protocol: 'https' }

  test.each([
    ['the server believes the proxy', ['127.0.0.1'], false, EVERYTHING],
    ['the app believes the proxy', [], 'loopback', EVERYTHING],
    ['both do', ['127.0.0.1'], 'loopback', EVERYTHING],
    ['both do, the app by the number of proxies', ['127.0.0.1'], 1, EVERYTHING],
    ['nobody does', [], false, { ip: '127.0.0.1', protocol: 'http' }],
  ])('knows the client where %s', async (_, forwardedAllowIps, trust, expected) => {
    const app = express()
    app.set('trust proxy', trust)
    app.get('/', ({ ip, protocol }, res) => res.json({ ip, protocol }))
    server = await startServer(app, { interface: 'node', forwardedAllowIps })
    const client = await Client.connect(server)
    const answer = await client.request('GET', get('/', 'Connection: close', ...FORWARDED))
    await client.leave()
    expect(JSON.parse(answer.body.toString())).toEqual(expected)
  })
})
