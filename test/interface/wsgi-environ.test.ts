import { describe, expect, test } from 'vitest'
import { HEADER_NAMES } from '../../lib/bridge/layout.ts'
import { decodePath } from '../../lib/interface/wsgi/path.ts'
import type { Environ } from '../../lib/interface/wsgi.ts'
import type { FakeOptions } from '../support/fake-exchange.ts'
import { begin, ok } from './wsgi-support.ts'

function environOf(options: FakeOptions = {}): Environ {
  let seen: Environ | undefined
  begin((environ, startResponse) => {
    seen = environ
    ok(startResponse)
    return []
  }, options)
  return seen!
}

const headers = (...lines: [string, string][]): FakeOptions => ({ headers: lines })

describe('the environ', () => {
  test('holds every key of PEP 3333 and those of the server', () => {
    const environ = environOf({
      method: 'POST',
      target: '/a/b?c=d?e',
      headers: [
        ['Host', 'example.com'],
        ['Content-Type', 'text/plain'],
        ['Content-Length', '3'],
      ],
      body: 'abc',
      remoteAddress: '192.0.2.1',
      remotePort: 4711,
      scheme: 'https',
    })
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '',
      PATH_INFO: '/a/b',
      QUERY_STRING: 'c=d?e',
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '3',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '8000',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'example.com',
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '4711',
      RAW_URI: '/a/b?c=d?e',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'https',
      'wsgi.multithread': false,
      'wsgi.multiprocess': false,
      'wsgi.run_once': false,
      'wsgi.input_terminated': true,
    })
    expect(Object.keys(environ)).toEqual(
      expect.arrayContaining([
        'wsgi.input',
        'wsgi.errors',
        'wsgi.file_wrapper',
        'wsgi.early_hints',
        'monodon.signal',
      ]),
    )
    expect(environ).not.toHaveProperty(['HTTP_CONTENT_TYPE'])
    expect(environ).not.toHaveProperty(['HTTP_CONTENT_LENGTH'])
  })

  test('has no key that is not its own', () => {
    const environ = environOf(headers(['__proto__', 'x'], ['constructor', 'y'], ['to-string', 'z']))
    for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
      expect(key in environ, key).toBe(false)
    expect(environ.HTTP___PROTO__).toBe('x')
    expect(environ.HTTP_CONSTRUCTOR).toBe('y')
    const inherited: string[] = []
    for (const key in environ) if (!Object.hasOwn(environ, key)) inherited.push(key)
    expect(inherited).toEqual([])
  })

  test('names every known field as CGI does', () => {
    for (const name of HEADER_NAMES.slice(1)) {
      const plain = name.toUpperCase().replaceAll('-', '_')
      const key = name === 'content-type' || name === 'content-length' ? plain : `HTTP_${plain}`
      expect(environOf(headers([name, '7']))[key], name).toBe('7')
    }
  })

  test('joins the lines of a field, known or not', () => {
    const environ = environOf(
      headers(
        ['accept', 'a'],
        ['x-own', '1'],
        ['Accept', 'b'],
        ['cookie', 'a=1'],
        ['cookie', 'b=2'],
        ['age', '3'],
        ['age', '4'],
        ['x-own', '2'],
        ['x-own', '3'],
      ),
    )
    expect(environ.HTTP_ACCEPT).toBe('a, b')
    expect(environ.HTTP_COOKIE).toBe('a=1; b=2')
    expect(environ.HTTP_AGE).toBe('3, 4')
    expect(environ.HTTP_X_OWN).toBe('1, 2, 3')
  })

  test('keeps the values of one request apart from the next', () => {
    expect(environOf(headers(['accept', 'a'])).HTTP_ACCEPT).toBe('a')
    expect(environOf(headers(['accept', 'b'])).HTTP_ACCEPT).toBe('b')
    expect('HTTP_ACCEPT' in environOf()).toBe(false)
  })

  test('lets no Proxy be a setting', () => {
    const environ = environOf(headers(['Proxy', 'http://evil.example']))
    expect('HTTP_PROXY' in environ).toBe(false)
  })

  test('joins names with _ that were asked for, and has no length by them', () => {
    const environ = environOf(headers(['x_a', '1'], ['x-a', '2'], ['content_length', '99']))
    expect(environ.HTTP_X_A).toBe('1, 2')
    expect(environ.CONTENT_LENGTH).toBe('')
  })

  test('has latin1 values as on the wire', () => {
    expect(environOf(headers(['x-name', 'caf\u00e9'])).HTTP_X_NAME).toBe('caf\u00e9')
  })

  test.each([
    ['http://example.com/a?b', '/a', 'b', 'example.com'],
    ['http://example.com', '/', '', 'example.com'],
    ['HTTPS://example.com:8443?b', '/', 'b', 'example.com:8443'],
    ['*', '*', '', 'other.example'],
    ['//a', '//a', '', 'other.example'],
    ['/?', '/', '', 'other.example'],
  ])('splits the target %s', (target, path, query, host) => {
    const environ = environOf({ target, headers: [['host', 'other.example']] })
    expect(environ.PATH_INFO).toBe(path)
    expect(environ.QUERY_STRING).toBe(query)
    expect(environ.HTTP_HOST).toBe(host)
    expect(environ.RAW_URI).toBe(target)
  })

  test('may be changed and copied by middleware, signal included', () => {
    const environ = environOf()
    const copy = { ...environ }
    expect(copy['monodon.signal']).toBe(environ['monodon.signal'])
    const derived = Object.create(environ) as Environ
    expect(derived['monodon.signal']).toBe(environ['monodon.signal'])
    const other = AbortSignal.abort()
    environ['monodon.signal'] = other
    expect(environ['monodon.signal']).toBe(other)
    environ['my.key'] = 1
    expect(Object.keys(environ)).toContain('my.key')
  })
})

describe('PATH_INFO', () => {
  test.each([
    ['/caf%C3%A9', '/caf\u00e9'],
    ['/a%2Fb', '/a/b'],
    ['/a%20b', '/a b'],
    ['/%FF', '/%FF'],
    ['/%ff', '/%ff'],
    ['/%E2%82', '/%E2%82'],
    ['/%E2%82A', '/%E2%82A'],
    ['/%E2%82%AC', '/\u20ac'],
    ['/%F0%9F%98%80', '/\u{1f600}'],
    ['/%C3%A9%FF%C3%A9', '/\u00e9%FF\u00e9'],
    ['/%C0%AF', '/%C0%AF'],
    ['/%ED%A0%80', '/%ED%A0%80'],
    ['/%F5%80%80%80', '/%F5%80%80%80'],
    ['/%EF%BB%BFa', '/\ufeffa'],
    ['/%', '/%'],
    ['/%4', '/%4'],
    ['/%zz', '/%zz'],
    ['/100%25', '/100%'],
    ['/%252F', '/%2F'],
    ['/%25FF', '/%25FF'],
    ['/%2525FF', '/%2525FF'],
    ['/%2525', '/%25'],
    ['/%25%46F', '/%25FF'],
    ['/\u00c3\u00a9', '/\u00e9'],
    ['/\u00ff', '/%FF'],
    ['/%00', '/\0'],
  ])('of %j is %j', (raw, decoded) => {
    expect(decodePath(raw)).toBe(decoded)
  })

  test('differs for paths that differ in meaning, and never throws', () => {
    const parts = ['%', '2', '5', '%25', 'F', '%FF', '%C3', '%A9', '%46', 'A9', '\u00ff']
    const meanings = new Map<string, string>()
    const visit = (path: string, depth: number): void => {
      const meaning = octets(path)
      const decoded = decodePath(path)
      const earlier = meanings.get(decoded)
      if (earlier !== undefined) expect(meaning, `${path} -> ${decoded}`).toBe(earlier)
      else meanings.set(decoded, meaning)
      if (depth > 0) for (const part of parts) visit(path + part, depth - 1)
    }
    visit('/', 4)
    expect(meanings.size).toBeGreaterThan(4500)
  })
})

/** What a path means: its octets, escapes resolved (RFC 3986 section 2.1); case of escapes is none. */
function octets(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
