/** What a Python app finds in its environ (PEP 3333, docs/worker-protocol.md). */
import { connect as connectH2 } from 'node:http2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HEADER_NAMES } from '../../lib/bridge/layout.ts'
import { Client } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import type { ServeOptions, TestServer } from '../support/server.ts'
import { inPython, type Subject } from '../support/subject.ts'
import { PATIENCE_MS, within } from '../support/wait.ts'

/** Texts as they are; of everything else the type and what Python's `repr` says. */
type Environ = Readonly<Record<string, string | readonly [type: string, repr: string]>>

const SHOW = 'X-Show: environ'

/** The environ of a request with this line and these fields. */
async function environOf(
  server: TestServer,
  line: string,
  fields: readonly string[] = ['Host: localhost'],
  body = '',
): Promise<Environ> {
  const client = await Client.connect(server)
  const method = line.split(' ', 1)[0]!
  const head = [line, ...fields, SHOW, 'Connection: close'].join('\r\n')
  const answer = await client.request(method, `${head}\r\n\r\n${body}`)
  expect(answer.status).toBe(200)
  await client.leave()
  return JSON.parse(answer.body.toString()) as Environ
}

/** A server for the tests of a `describe`. */
function serving(subject: Subject, options: ServeOptions = {}): { readonly server: TestServer } {
  const holder = {} as { server: TestServer }
  beforeAll(async () => {
    holder.server = await subject.start(options)
  })
  afterAll(() => holder.server.close())
  return holder
}

describePython('the environ of a Python app', () => {
  const holder = serving(inPython(1))
  const get = (target: string, ...fields: string[]) =>
    environOf(holder.server, `GET ${target} HTTP/1.1`, ['Host: localhost', ...fields])

  test('holds every key of PEP 3333 and those of the server', async () => {
    const { server } = holder
    const environ = await environOf(
      server,
      'POST /a/b?c=d?e HTTP/1.1',
      ['Host: example.com', 'Content-Type: text/plain', 'Content-Length: 3', 'X-Own: 1'],
      'abc',
    )
    const { REMOTE_PORT, ...rest } = environ
    expect(Number(REMOTE_PORT)).toBeGreaterThan(0)
    expect(rest).toMatchObject({
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '',
      PATH_INFO: '/a/b',
      QUERY_STRING: 'c=d?e',
      RAW_URI: '/a/b?c=d?e',
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '3',
      SERVER_NAME: server.host,
      SERVER_PORT: String(server.port),
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_HOST: 'example.com',
      HTTP_X_OWN: '1',
      'wsgi.version': ['tuple', '(1, 0)'],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': ['bool', 'False'],
      'wsgi.multiprocess': ['bool', 'False'],
      'wsgi.run_once': ['bool', 'False'],
      'wsgi.input_terminated': ['bool', 'True'],
    })
    for (const key of ['wsgi.input', 'wsgi.errors', 'wsgi.file_wrapper'])
      expect(environ).toHaveProperty([key])
    expect(environ).not.toHaveProperty(['HTTP_CONTENT_TYPE'])
    expect(environ).not.toHaveProperty(['HTTP_CONTENT_LENGTH'])
  })

  test('has nothing of the environment of the process', async () => {
    const environ = await get('/')
    for (const key of ['PATH', 'HOME', 'TEST_EVENTS_FILE']) expect(key in environ).toBe(false)
  })

  test('has no CONTENT_LENGTH and CONTENT_TYPE that nobody sent', async () => {
    const environ = await get('/')
    expect(environ['CONTENT_LENGTH'] ?? '').toBe('')
    expect(environ['CONTENT_TYPE'] ?? '').toBe('')
  })

  test('has no CONTENT_LENGTH for a chunked body', async () => {
    const fields = ['Host: localhost', 'Transfer-Encoding: chunked']
    const environ = await environOf(
      holder.server,
      'POST / HTTP/1.1',
      fields,
      '3\r\nabc\r\n0\r\n\r\n',
    )
    expect(environ['CONTENT_LENGTH'] ?? '').toBe('')
  })

  test('names every known field as CGI does', async () => {
    const special = /^(?:content-length|transfer-encoding|connection|expect|te|upgrade|host)$/
    const names = HEADER_NAMES.slice(1).filter((name) => !special.test(name))
    const environ = await get('/', ...names.map((name, index) => `${name}: v${index}`))
    for (const [index, name] of names.entries()) {
      const plain = name.toUpperCase().replaceAll('-', '_')
      const key = name === 'content-type' ? plain : `HTTP_${plain}`
      expect(environ[key], name).toBe(`v${index}`)
    }
  })

  test('joins the lines of a field, known or not', async () => {
    const environ = await get(
      '/',
      ...['Accept: a', 'X-Own: 1', 'Accept: b', 'Cookie: a=1', 'Cookie: b=2'],
      ...['x-own: 2', 'X-OWN: 3', 'Accept:'],
    )
    expect(environ['HTTP_ACCEPT']).toBe('a, b, ')
    expect(environ['HTTP_COOKIE']).toBe('a=1; b=2')
    expect(environ['HTTP_X_OWN']).toBe('1, 2, 3')
  })

  test('keeps the values of one request apart from the next', async () => {
    expect((await get('/', 'Accept: a'))['HTTP_ACCEPT']).toBe('a')
    expect(await get('/')).not.toHaveProperty(['HTTP_ACCEPT'])
  })

  test('lets no underscore take the place of a dash, and no Proxy be a setting', async () => {
    const environ = await get(
      '/',
      ...['x_real_ip: spoofed', 'X-Real-Ip: true', 'x_forwarded_for: spoofed'],
      ...['content_length: 99', 'Proxy: http://evil.example'],
    )
    expect(environ['HTTP_X_REAL_IP']).toBe('true')
    expect(environ).not.toHaveProperty(['HTTP_X_FORWARDED_FOR'])
    expect(environ['CONTENT_LENGTH'] ?? '').toBe('')
    expect(environ).not.toHaveProperty(['HTTP_PROXY'])
  })

  test('has latin1 values as on the wire', async () => {
    expect((await get('/', 'X-Name: caf\xe9'))['HTTP_X_NAME']).toBe('caf\xe9')
  })

  // PEP 3333, "Unicode Issues": octets, a character each. What they mean is the app's business.
  test.each([
    ['/caf%C3%A9', '/caf\xc3\xa9'],
    ['/%E2%82%AC', '/\xe2\x82\xac'],
    ['/%ff', '/\xff'],
    ['/a%2Fb', '/a/b'],
    ['/a%20b', '/a b'],
    ['/100%25', '/100%'],
    ['/%252F', '/%2F'],
    ['/%00', '/\0'],
    ['/a%00b%00', '/a\0b\0'],
    ['/%0D%0AX-Injected:%20yes', '/\r\nX-Injected: yes'],
    ['/%', '/%'],
    ['/%4', '/%4'],
    ['/%zz', '/%zz'],
  ])('has for %s the PATH_INFO %j', async (target, path) => {
    const environ = await get(target)
    expect(environ['PATH_INFO']).toBe(path)
    expect(environ['RAW_URI']).toBe(target)
    expect(environ).not.toHaveProperty(['HTTP_X_INJECTED'])
  })

  test.each([
    ['/', '/', ''],
    ['/?', '/', ''],
    ['/a?b%20c', '/a', 'b%20c'],
    ['/a?b?c', '/a', 'b?c'],
    ['//a', '//a', ''],
    ['/a;b', '/a;b', ''],
  ])('splits the target %s', async (target, path, query) => {
    expect(await get(target)).toMatchObject({
      PATH_INFO: path,
      QUERY_STRING: query,
      RAW_URI: target,
    })
  })

  // RFC 9112 section 3.2.2: the target's authority counts, not the Host field.
  test.each([
    ['http://example.com/a?b', '/a', 'b', 'example.com'],
    ['http://example.com', '/', '', 'example.com'],
    ['HTTP://example.com:8080?b', '/', 'b', 'example.com:8080'],
  ])('splits the absolute target %s', async (target, path, query, host) => {
    const environ = await environOf(holder.server, `GET ${target} HTTP/1.1`, [`Host: ${host}`])
    expect(environ).toMatchObject({
      PATH_INFO: path,
      QUERY_STRING: query,
      HTTP_HOST: host,
    })
    // RFC 3986 section 6.2: scheme and authority may come in another case, an empty path as a slash.
    expect(new URL(String(environ['RAW_URI'])).href).toBe(new URL(target).href)
  })

  test('has an empty PATH_INFO for the asterisk', async () => {
    const environ = await environOf(holder.server, 'OPTIONS * HTTP/1.1')
    expect(environ).toMatchObject({ PATH_INFO: '', QUERY_STRING: '', RAW_URI: '*' })
  })

  test('has the method as it came, also one of its own', async () => {
    expect(await environOf(holder.server, 'BREW / HTTP/1.1')).toMatchObject({
      REQUEST_METHOD: 'BREW',
    })
  })

  test('has HTTP/1.0 for a client of 1996', async () => {
    const environ = await environOf(holder.server, 'GET / HTTP/1.0', [])
    expect(environ['SERVER_PROTOCOL']).toBe('HTTP/1.0')
    expect(environ).not.toHaveProperty(['HTTP_HOST'])
  })

  test('has HTTP/2 with Host from :authority and cookies in one piece', async () => {
    const { server } = holder
    const session = connectH2(`http://${server.host}:${server.port}`)
    const stream = session.request({
      ':path': '/a%20b?c',
      'x-show': 'environ',
      cookie: ['a=1', 'b=2'],
    })
    let body = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    await within(
      PATIENCE_MS,
      'the answer',
      () => new Promise((resolve) => stream.on('end', resolve)),
    )
    session.destroy()
    expect(JSON.parse(body)).toMatchObject({
      SERVER_PROTOCOL: 'HTTP/2.0',
      PATH_INFO: '/a b',
      QUERY_STRING: 'c',
      HTTP_HOST: `${server.host}:${server.port}`,
      HTTP_COOKIE: 'a=1; b=2',
    })
  })

  test('knows https and the client from a proxy that is believed, and passes the fields on', async () => {
    const fields = ['X-Forwarded-Proto: https', 'X-Forwarded-For: 192.0.2.1']
    expect(await get('/', ...fields)).toMatchObject({
      'wsgi.url_scheme': 'https',
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '',
      HTTP_X_FORWARDED_PROTO: 'https',
      HTTP_X_FORWARDED_FOR: '192.0.2.1',
    })
    expect((await get('/'))['wsgi.url_scheme']).toBe('http')
    expect((await get('/', 'X-Forwarded-Proto: http'))['wsgi.url_scheme']).toBe('http')
  })
})

describePython('the environ of a Python app behind strangers', () => {
  const holder = serving(inPython(1), { forwardedAllowIps: ['192.0.2.0/24'] })

  test('does not know https from them', async () => {
    const fields = ['Host: localhost', 'X-Forwarded-Proto: https']
    const environ = await environOf(holder.server, 'GET / HTTP/1.1', fields)
    expect(environ['wsgi.url_scheme']).toBe('http')
    expect(environ['HTTP_X_FORWARDED_PROTO']).toBe('https')
  })
})

describePython('the environ of a Python app in several threads and processes', () => {
  const holder = serving(inPython(4), { workers: 2 })

  test('says so', async () => {
    expect(await environOf(holder.server, 'GET / HTTP/1.1')).toMatchObject({
      'wsgi.multithread': ['bool', 'True'],
      'wsgi.multiprocess': ['bool', 'True'],
    })
  })
})

describePython('wsgi.input and wsgi.errors', () => {
  const holder = serving(inPython(1))

  test.each([
    ['a length', (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`],
    [
      'chunks',
      (body: string) =>
        `Transfer-Encoding: chunked\r\n\r\n${[...body].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`,
    ],
  ])('a body of %s is read in every way', async (_, framed) => {
    const client = await Client.connect(holder.server)
    const head = 'POST /route/lines HTTP/1.1\r\nHost: localhost\r\n'
    const answer = await client.request('POST', head + framed('abcd\nefgh\nij\nkl\n\nmn'))
    expect(JSON.parse(answer.body.toString())).toEqual({
      read: 'abc',
      readline: 'd\n',
      'short readline': 'ef',
      iterated: 'gh\n',
      readlines: ['ij\n', 'kl\n', '\n', 'mn'],
      'at the end': ['', '', []],
    })
    await client.leave()
  })
})
