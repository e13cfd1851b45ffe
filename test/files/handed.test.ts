/** Files that apps hand over by X-Sendfile. */

import { symlinkSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { ask, newSite, SECRET, type Site } from './site.ts'

/** What the app says beside the file; `x-name` of the request is the file. */
const FIELDS = {
  'content-disposition': 'attachment; filename="it.txt"',
  'cache-control': 'private',
  'set-cookie': 'a=b',
} as const

/** An app of each interface that sends `status` and the file that the request names. */
const APPS: Readonly<Record<'fetch' | 'node' | 'wsgi', unknown>> = {
  fetch: (request: Request) =>
    new Response('in its place', {
      status: Number(request.headers.get('x-status') ?? 200),
      headers: { ...FIELDS, 'x-sendfile': request.headers.get('x-name')! },
    }),
  node: (request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(Number(request.headers['x-status'] ?? 200), {
      ...FIELDS,
      'x-sendfile': String(request.headers['x-name']),
    })
    response.write('in its ')
    response.end('place')
  },
  wsgi: (
    environ: Record<string, string>,
    startResponse: (status: string, headers: [string, string][]) => void,
  ) => {
    startResponse(`${environ['HTTP_X_STATUS'] ?? 200} Whatever`, [
      ...Object.entries(FIELDS),
      ['Content-Length', '12'],
      ['X-Sendfile', environ['HTTP_X_NAME']!],
    ])
    return ['in its place']
  },
}

function serveApp(
  kind: keyof typeof APPS,
  site: Site,
  options: ServeOptions = {},
): Promise<TestServer> {
  return startServer(APPS[kind], {
    interface: kind,
    sendfileRoot: site.root,
    logLevel: 'critical',
    ...options,
  })
}

test.each(['fetch', 'node', 'wsgi'] as const)(
  'an app of the %s interface has its file sent, with its own fields',
  async (kind) => {
    const site = newSite()
    const server = await serveApp(kind, site)
    for (const name of ['a.txt', site.path('a.txt'), '%61.txt']) {
      const response = await ask(server, '/', [`X-Name: ${name}`])
      expect(response, name).toMatchObject({
        status: 200,
        headers: { 'content-length': '7', 'accept-ranges': 'bytes', ...FIELDS },
      })
      expect(response.headers, name).not.toHaveProperty('x-sendfile')
      expect(response.body.toString(), name).toBe('a text\n')
    }
    await server.close()
  },
)

test('its 304 varies as its 200 does where --compress is on', async () => {
  const site = newSite()
  site.write('f.txt', '0123456789'.repeat(1000))
  const server = await serveApp('fetch', site, { compress: 'gzip' })
  const name = 'X-Name: f.txt'
  // The app's Response is of text, so this is the file's type as well.
  const { headers } = await ask(server, '/', [name])
  expect(headers['vary']).toBe('Accept-Encoding')
  const known = await ask(server, '/', [name, `If-None-Match: ${headers['etag']}`])
  expect(known).toMatchObject({ status: 304, headers: { vary: 'Accept-Encoding' } })
  expect(known.headers).not.toHaveProperty('content-type')
  await server.close()
})

test('conditions, parts and HEAD are seen to for it', async () => {
  const site = newSite()
  site.write('f.txt', '0123456789'.repeat(100_000))
  const server = await serveApp('node', site)
  const name = 'X-Name: f.txt'
  const { etag } = (await ask(server, '/', [name])).headers
  const known = await ask(server, '/', [name, `If-None-Match: ${etag}`])
  expect(known).toMatchObject({ status: 304, headers: { etag, 'cache-control': 'private' } })
  const part = await ask(server, '/', [name, 'Range: bytes=3-5'])
  expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 3-5/1000000' } })
  expect(part.body.toString()).toBe('345')
  expect((await ask(server, '/', [name, 'Range: bytes=1000000-'])).status).toBe(416)
  expect(await ask(server, '/', [name], 'HEAD')).toMatchObject({
    status: 200,
    headers: { 'content-length': '1000000' },
  })
  // What has another status, or answers another method, is sent as it is.
  const error = await ask(server, '/', [name, 'X-Status: 404', 'Range: bytes=0-0'])
  expect(error).toMatchObject({ status: 404, headers: { 'content-length': '1000000' } })
  const posted = await ask(server, '/', [name, 'Range: bytes=0-0', 'Content-Length: 0'], 'POST')
  expect(posted).toMatchObject({ status: 200, headers: { 'content-length': '1000000' } })
  await server.close()
})

test('nothing outside of the root is sent', async () => {
  const site = newSite()
  symlinkSync('../secret.txt', site.path('out.txt'))
  const server = await serveApp('fetch', site)
  for (const [name, status] of [
    ['../secret.txt', 500],
    [site.path('../secret.txt'), 500],
    ['%2e%2e/secret.txt', 500],
    ['/etc/passwd', 500],
    [`${site.root}x/a.txt`, 500],
    [site.root, 500],
    ['out.txt', 404],
    ['missing.txt', 404],
    ['d', 404],
  ] as const) {
    const response = await ask(server, '/', [`X-Name: ${name}`])
    expect(response.status, name).toBe(status)
    expect(response.body.toString(), name).not.toContain(SECRET)
    expect(response.headers, name).not.toHaveProperty('x-sendfile')
  }
  await server.close()
})

test('without the option the field is one as any other: a proxy may be meant', async () => {
  const site = newSite()
  const server = await serveApp('fetch', site, { sendfileRoot: undefined })
  const response = await ask(server, '/', ['X-Name: a.txt'])
  expect(response.headers['x-sendfile']).toBe('a.txt')
  expect(response.body.toString()).toBe('in its place')
  await server.close()
})

test('a connection goes on after a file', async () => {
  const site = newSite()
  const server = await serveApp('node', site)
  const client = await Client.connect(server)
  for (const name of ['a.txt', 'missing', 'page.html', 'a.txt'])
    expect((await client.request('GET', get('/', `X-Name: ${name}`))).status, name).toBe(
      name === 'missing' ? 404 : 200,
    )
  await client.leave()
  await server.close()
})

describePython('a Python app', () => {
  test('has its file sent', async () => {
    const site = newSite()
    site.write(
      'app.py',
      `def app(environ, start_response):
    start_response('200 OK', [('X-Sendfile', '${site.path('a.txt')}'), ('Content-Length', '0')])
    return [b'']
`,
    )
    const flags = ['--interface', 'python', '--sendfile-root', site.root]
    const server = await SpawnedServer.python('app:app', flags, {}, site.root)
    const client = await Client.connect(server)
    const response = await client.request('GET', get('/', 'Range: bytes=2-'))
    expect(response).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 2-6/7' } })
    expect(response.body.toString()).toBe('text\n')
    await client.leave()
    expect(await server.stop()).toBe(0)
  })
})
