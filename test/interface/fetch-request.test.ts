import { createServer, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bodyStream } from '../../lib/interface/fetch/request-body.ts'
import type { FetchHandler, FetchInfo } from '../../lib/interface/fetch.ts'
import { fetchInterface, installRequestUnwrapping } from '../../lib/interface/fetch.ts'
import type { InterfaceContext } from '../../lib/interface/interface.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const waited: Promise<unknown>[] = []
const context: InterfaceContext = {
  serverName: '127.0.0.1',
  serverPort: '8000',
  multiprocess: false,
  websocketBacklog: 65_536,
  waitUntil: (promise) => void waited.push(promise),
}

/** The request (and what comes beside it) that an app sees for an exchange. */
function seen(options: FakeOptions = {}, name = '127.0.0.1') {
  const exchange = new FakeExchange({ headers: [['Host', 'example.com']], ...options })
  let args!: [Request, FetchInfo, FetchInfo]
  const app = (...given: unknown[]) => {
    args = given as typeof args
    return new Promise<Response>(() => {})
  }
  fetchInterface(app as FetchHandler, { ...context, serverName: name })(exchange)
  return { exchange, request: args[0], info: args[1], execution: args[2] }
}

const post = (body: FakeOptions['body'], extra: FakeOptions = {}) =>
  seen({ method: 'POST', ...(body === undefined ? {} : { body }), ...extra })

describe('url', () => {
  test.each([
    '/',
    '/a/b?c=d&e',
    '//evil.example/x',
    '/a/../b',
    '/a/./b',
    '/a/..',
    '/a/%2e%2E/b',
    '/.well-known/x',
    '/..;/x',
    '/a|b{c}^d`e',
    "/a'b?it's",
    '/a"b<c>',
    '/a\\..\\b',
    '/é',
    '/x?q=/../y',
    '/a[1]?b[2]=c',
    '/a;b,c:d@e!$()*+=~',
  ])('%s is serialized as the platform would', (target) => {
    expect(seen({ target }).request.url).toBe(new Request(`http://example.com${target}`).url)
  })

  test.each([
    ['Example.COM', 'http://example.com/x'],
    ['example.com:80', 'http://example.com/x'],
    ['example.com:8080', 'http://example.com:8080/x'],
    ['[::1]:3000', 'http://[::1]:3000/x'],
    ['', 'http://127.0.0.1:8000/x'],
  ])('Host %o', (host, url) => {
    expect(seen({ target: '/x', headers: [['Host', host]] }).request.url).toBe(url)
  })

  test.each([
    ['256.256.256.256', '/'],
    ['a%2fb', '/'],
    ['a', 'http://1.2.3.456/'],
  ])('Host %o and the target %s make no URL: the client is to blame', async (host, target) => {
    const { request } = seen({ headers: [['Host', host]], target })
    expect(() => request.url).toThrow(
      expect.objectContaining({ code: 'MONODON_BAD_REQUEST', blame: 'client' }),
    )
    const app = (given: Request) => new Response(given.url)
    const exchange = new FakeExchange({ headers: [['Host', host]], target })
    fetchInterface(app, context)(exchange)
    expect(exchange.error).toMatchObject({ code: 'MONODON_BAD_REQUEST' })
    // The origin that was remembered before is still right.
    expect(seen().request.url).toBe('http://example.com/')
  })

  test('scheme, other forms of a target, and no Host', () => {
    expect(seen({ scheme: 'https' }).request.url).toBe('https://example.com/')
    expect(seen({ target: '*', method: 'OPTIONS' }).request.url).toBe('http://example.com/*')
    expect(seen({ target: 'HTTP://Other.example/a/../p?q' }).request.url).toBe(
      'http://other.example/p?q',
    )
    expect(seen({ target: 'other.example:443', method: 'CONNECT' }).request.url).toBe(
      'http://other.example:443/',
    )
    expect(seen({ headers: [] }, '::1').request.url).toBe('http://[::1]:8000/')
  })

  test('the remembered origin is not taken for another host or scheme', () => {
    const urls = ['a.example', 'b.example', 'a.example'].map(
      (host) => seen({ headers: [['Host', host]] }).request.url,
    )
    expect(urls).toEqual(['http://a.example/', 'http://b.example/', 'http://a.example/'])
    expect(seen({ scheme: 'https', headers: [['Host', 'a.example']] }).request.url).toBe(
      'https://a.example/',
    )
  })
})

describe('headers', () => {
  const fields: [string, string][] = [
    ['Host', 'example.com'],
    ['X-B', '1'],
    ['Accept', 'a'],
    ['x-b', '2'],
    ['Cookie', 'a=1'],
    ['cookie', 'b=2'],
    ['Set-Cookie', 'c'],
    ['set-cookie', 'd'],
  ]
  const platform = () => new Headers(fields)

  test('are a Headers with what the platform would have', () => {
    const { headers } = seen({ headers: fields }).request
    expect(headers).toBeInstanceOf(Headers)
    expect([...headers]).toEqual([...platform()])
    expect([...headers.entries()]).toEqual([...platform().entries()])
    expect([...headers.keys()]).toEqual([...platform().keys()])
    expect([...headers.values()]).toEqual([...platform().values()])
    expect(headers.getSetCookie()).toEqual(['c', 'd'])
    const visited: unknown[] = []
    headers.forEach(function (this: unknown, value, name, parent) {
      visited.push([name, value, parent === headers, this])
    }, 'self')
    expect(visited).toEqual([...platform()].map(([name, value]) => [name, value, true, 'self']))
  })

  test('look-ups ignore case; what is no name throws', () => {
    const { headers } = seen({ headers: fields }).request
    expect(headers.get('ACCEPT')).toBe('a')
    expect(headers.get('x-b')).toBe('1, 2')
    expect(headers.get('cookie')).toBe('a=1; b=2')
    expect(headers.get('x-none')).toBeNull()
    expect(headers.has('Host')).toBe(true)
    expect(headers.has('x-none')).toBe(false)
    expect(() => headers.get('no name')).toThrow(TypeError)
    expect(() => headers.has('')).toThrow(TypeError)
  })

  test('can be changed, and the request shows it', () => {
    const { request } = seen({ headers: fields })
    request.headers.set('X-New', '1')
    request.headers.append('accept', 'b')
    request.headers.delete('x-b')
    expect(request.headers.get('x-new')).toBe('1')
    expect(request.headers.get('accept')).toBe('a, b')
    expect(request.headers.has('x-b')).toBe(false)
    expect([...request.headers.keys()]).toContain('x-new')
    expect([...request.headers.values()]).toContain('a, b')
    expect(request.clone().headers.get('x-new')).toBe('1')
  })

  test('are taken by new Headers, new Response and inspect', () => {
    const { headers } = seen({ headers: fields }).request
    expect([...new Headers(headers)]).toEqual([...platform()])
    expect(new Response(null, { headers }).headers.get('accept')).toBe('a')
    expect(inspect(headers)).toContain('accept')
    expect(Object.prototype.toString.call(headers)).toBe('[object Headers]')
  })
})

describe('request', () => {
  test('is a Request with all that the platform has', () => {
    const { request } = seen()
    const platform = new Request('http://example.com/')
    expect(request).toBeInstanceOf(Request)
    expect(request.constructor.name).toBe('Request')
    expect(Object.prototype.toString.call(request)).toBe('[object Request]')
    expect(inspect(request)).toMatch(/^Request .*http:\/\/example\.com\//s)
    const getters = Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))
      .filter(([, descriptor]) => descriptor.get !== undefined)
      .map(([name]) => name as keyof Request)
    expect(getters).toContain('redirect')
    for (const name of getters.filter((name) => name !== 'headers' && name !== 'signal'))
      expect([name, request[name]]).toEqual([name, platform[name]])
  })

  test('touches nothing of the body before the app does', () => {
    const { exchange, request } = post('x')
    void [request.method, request.url, request.headers.get('a'), request.bodyUsed, request.signal]
    expect(exchange.bodyTouched).toBe(false)
  })

  test.each(['GET', 'HEAD'])('%s has no body, whatever was sent', async (method) => {
    const { request } = seen({ method, body: 'ignored' })
    expect(request.body).toBeNull()
    expect(await request.text()).toBe('')
    expect(request.bodyUsed).toBe(false)
    expect(request.clone().body).toBeNull()
  })

  test('POST without a body', async () => {
    const { request } = post('')
    expect(request.body).toBeNull()
    expect(await request.text()).toBe('')
    await expect(request.json()).rejects.toThrow(SyntaxError)
  })

  test('the methods that read a body', async () => {
    expect(await post('\ufeffhé').request.text()).toBe('hé')
    expect(await post(new Uint8Array([0x61, 0xff])).request.text()).toBe('a\ufffd')
    expect(await post('{"a":[1]}').request.json()).toEqual({ a: [1] })
    await expect(post('{').request.json()).rejects.toThrow(SyntaxError)
    expect(await post(['ab', 'c', '', 'd']).request.text()).toBe('abcd')
    const bytes = await (post('xyz').request as unknown as { bytes(): Promise<Uint8Array> }).bytes()
    expect(bytes).toEqual(new Uint8Array([120, 121, 122]))
    const buffer = await post(['x', 'yz']).request.arrayBuffer()
    expect(buffer).toBeInstanceOf(ArrayBuffer)
    expect(new Uint8Array(buffer)).toEqual(new Uint8Array([120, 121, 122]))
  })

  test.each([
    undefined,
    '',
    'Text/Plain',
    'Text/Plain; Charset="UTF-8"',
    'text/html;charset=gbk;charset=utf-8',
    'no type',
    'a/b, c/d',
    'multipart/form-data; boundary=X',
  ])('the type of a Blob where content-type is %o', async (type) => {
    const headers = type === undefined ? [] : [['Content-Type', type] as const]
    const blob = await post('blob', { headers }).request.blob()
    const platform = new Request('http://a/', {
      method: 'POST',
      body: encode('blob'),
      headers: type === undefined ? {} : { 'content-type': type },
    })
    expect([blob.type, await blob.text()]).toEqual([(await platform.blob()).type, 'blob'])
  })

  test('forms, both ways of encoding them', async () => {
    const urlencoded = post('a=1&b=%C3%A9', {
      headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    })
    expect((await urlencoded.request.formData()).get('b')).toBe('é')
    const sent = new Response(
      (() => {
        const form = new FormData()
        form.append('name', 'value')
        form.append('file', new Blob(['content']), 'f.txt')
        return form
      })(),
    )
    const multipart = post(new Uint8Array(await sent.arrayBuffer()), {
      headers: [['Content-Type', sent.headers.get('content-type')!]],
    })
    const form = await multipart.request.formData()
    expect(form.get('name')).toBe('value')
    expect(await (form.get('file') as File).text()).toBe('content')
    await expect(post('a=1').request.formData()).rejects.toThrow(TypeError)
  })

  test('a body that is still coming', async () => {
    const { exchange, request } = post('one ', { open: true })
    const text = request.text()
    exchange.push('two ')
    await new Promise(setImmediate)
    exchange.push('three')
    exchange.finishBody()
    expect(await text).toBe('one two three')
  })

  test('a body can be read once', async () => {
    const { request } = post('x')
    expect(request.bodyUsed).toBe(false)
    const text = request.text()
    expect(request.bodyUsed).toBe(true)
    expect(await text).toBe('x')
    await expect(request.text()).rejects.toThrow(TypeError)
    await expect(request.json()).rejects.toThrow(TypeError)
    await expect(request.arrayBuffer()).rejects.toThrow(TypeError)
    expect(() => request.clone()).toThrow(TypeError)
    expect(request.body).toBeInstanceOf(ReadableStream)
    expect(request.bodyUsed).toBe(true)
  })

  test.each(['truncated', 'too-large', 'aborted'] as const)('a body that is %s', async (fault) => {
    const { exchange, request } = post('part', { open: true })
    const text = request.text()
    exchange.breakBody(fault)
    await expect(text).rejects.toMatchObject({ code: expect.stringMatching(/^MONODON_BODY_/) })
    const streamed = post('part', { open: true })
    const reader = streamed.request.body!.getReader()
    if (fault !== 'aborted') await reader.read()
    streamed.exchange.breakBody(fault)
    await expect(reader.read()).rejects.toMatchObject({
      code: expect.stringMatching(/^MONODON_BODY_/),
    })
  })
})

describe('body as a stream', () => {
  test('reads only what is asked for, and is the same object each time', async () => {
    const { exchange, request } = post(['a', 'b'], { open: true })
    const stream = request.body!
    expect(request.body).toBe(stream)
    await new Promise(setImmediate)
    expect(exchange.bodyTouched).toBe(true)
    expect(request.bodyUsed).toBe(false)
    const reader = stream.getReader()
    expect((await reader.read()).value).toEqual(new Uint8Array([97]))
    expect(request.bodyUsed).toBe(true)
    expect((await reader.read()).value).toEqual(new Uint8Array([98]))
    const next = reader.read()
    exchange.push('c')
    expect((await next).value).toEqual(new Uint8Array([99]))
    exchange.finishBody()
    expect((await reader.read()).done).toBe(true)
  })

  test('can be read into the reader’s own buffer', async () => {
    const reader = post('abc').request.body!.getReader({ mode: 'byob' })
    const first = await reader.read(new Uint8Array(2))
    const second = await reader.read(new Uint8Array(2))
    expect([first.value, second.value]).toEqual([new Uint8Array([97, 98]), new Uint8Array([99])])
    expect((await reader.read(new Uint8Array(2))).done).toBe(true)
  })

  test('takes no memory that it was not given', async () => {
    const memory = new Uint8Array([1, 2, 3, 4])
    const chunks = [memory.subarray(1, 3), null]
    const stream = bodyStream({
      read: () => chunks.shift()!,
      readTo: () => chunks.shift()!,
      trailers: [],
    })
    expect((await stream.getReader().read()).value).toEqual(new Uint8Array([2, 3]))
    expect(memory).toEqual(new Uint8Array([1, 2, 3, 4]))
  })

  test('text() after it was looked at', async () => {
    const { request } = post('abc')
    void request.body
    expect(await request.text()).toBe('abc')
    expect(request.bodyUsed).toBe(true)
  })

  test('a locked or read stream makes the request unusable', async () => {
    const { request } = post('abc')
    const reader = request.body!.getReader()
    await expect(request.text()).rejects.toThrow(TypeError)
    expect(() => request.clone()).toThrow(TypeError)
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('abc')
    reader.releaseLock()
    await expect(request.text()).rejects.toThrow(TypeError)
  })
})

describe('clone and new Request', () => {
  beforeAll(() => {
    const { Request, fetch } = globalThis
    installRequestUnwrapping()
    const unwrapping = globalThis.Request
    expect(unwrapping !== Request).toBe(Number(process.versions.node.split('.')[0]) >= 24)
    installRequestUnwrapping()
    expect(globalThis.Request).toBe(unwrapping)
    return () => Object.assign(globalThis, { Request, fetch })
  })

  const fields: FakeOptions = {
    headers: [
      ['Host', 'example.com'],
      ['X-A', '1'],
    ],
    target: '/p?q',
  }

  test('clone: both can be read', async () => {
    const { request } = post(['a', 'b'], fields)
    const clone = request.clone()
    expect([clone.method, clone.url, clone.headers.get('x-a')]).toEqual([
      'POST',
      'http://example.com/p?q',
      '1',
    ])
    expect(await clone.text()).toBe('ab')
    expect(request.bodyUsed).toBe(false)
    expect(await request.text()).toBe('ab')
  })

  test('new Request(request) takes everything over', async () => {
    const { request, exchange } = post('body', fields)
    const copy = new Request(request)
    expect(copy).toBeInstanceOf(Request)
    expect([copy.method, copy.url, copy.headers.get('x-a')]).toEqual([
      'POST',
      'http://example.com/p?q',
      '1',
    ])
    expect(await copy.text()).toBe('body')
    expect(request.bodyUsed).toBe(true)
    const aborted = new Promise((resolve) => copy.signal.addEventListener('abort', resolve))
    exchange.abort()
    await aborted
  })

  test('new Request(request, init) and new Request(url, request)', async () => {
    const changed = new Request(post('body', fields).request, { headers: { 'x-b': '2' } })
    expect([changed.headers.get('x-a'), changed.headers.get('x-b')]).toEqual([null, '2'])
    expect(await changed.text()).toBe('body')
    const moved = new Request('http://other.example/', post('body', fields).request)
    expect([moved.url, moved.method, moved.headers.get('x-a')]).toEqual([
      'http://other.example/',
      'POST',
      '1',
    ])
    expect(await moved.text()).toBe('body')
  })

  test('a used body is refused, unless another is given', async () => {
    const { request } = post('body', fields)
    await request.text()
    expect(() => new Request(request)).toThrow(TypeError)
    expect(await new Request(request, { body: 'other' }).text()).toBe('other')
  })

  test('so is a body that is being read', async () => {
    const { request } = post('body', fields)
    request.body!.getReader()
    expect(() => new Request(request)).toThrow(TypeError)
    expect(await new Request(request, { body: 'other' }).text()).toBe('other')
  })

  test('a subclass of Request', async () => {
    class Tagged extends Request {
      tag = 1
    }
    const tagged = new Tagged(post('body', fields).request)
    expect([tagged instanceof Tagged, tagged.tag, await tagged.text()]).toEqual([true, 1, 'body'])
  })

  describe('fetch', () => {
    const server = createServer((request, response) => {
      response.setHeader('x-method', `${request.method} ${request.url}`)
      request.pipe(response)
    })
    let origin: string

    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      origin = `127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    afterAll(() => {
      server.close()
    })

    test('takes a request as it came', async () => {
      const { request } = post('proxied', { target: '/up', headers: [['Host', origin]] })
      const answer = await fetch(request)
      expect([answer.headers.get('x-method'), await answer.text()]).toEqual(['POST /up', 'proxied'])
    })
  })
})

describe('signal', () => {
  test('aborts when the client leaves', () => {
    const { exchange, request } = seen()
    const { signal } = request
    expect(request.signal).toBe(signal)
    expect(signal.aborted).toBe(false)
    exchange.abort()
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ name: 'AbortError' })
  })

  test('is aborted if the client has left before it was touched', () => {
    const { exchange, request } = seen()
    exchange.abort()
    expect(request.signal.aborted).toBe(true)
  })
})

describe('info', () => {
  test('the client, in the shapes that are in use', () => {
    const { info, execution, request } = seen({ remoteAddress: '192.0.2.1', remotePort: 1234 })
    expect([info.remoteAddress, info.remotePort]).toEqual(['192.0.2.1', 1234])
    expect(info.remoteAddr).toEqual({ transport: 'tcp', hostname: '192.0.2.1', port: 1234 })
    expect(info.requestIP(request)).toEqual({ address: '192.0.2.1', port: 1234, family: 'IPv4' })
    expect(execution).toBe(info)
    expect(seen({ remoteAddress: '::1' }).info.requestIP()?.family).toBe('IPv6')
    const local = seen({ remoteAddress: '', remotePort: 0 }).info
    expect([local.remoteAddr.transport, local.requestIP()]).toEqual(['unix', null])
  })

  test('incoming is what node:http has, built once', async () => {
    const { info, exchange } = post('body', { remoteAddress: '192.0.2.1', remotePort: 1234 })
    const { incoming } = info
    expect(info.incoming).toBe(incoming)
    expect(incoming).toBeInstanceOf(IncomingMessage)
    const { remoteAddress, remotePort, remoteFamily } = incoming.socket
    expect([remoteAddress, remotePort, remoteFamily]).toEqual(['192.0.2.1', 1234, 'IPv4'])
    expect(incoming.rawHeaders).toEqual(['host', 'example.com'])
    let closed = 0
    incoming.on('close', () => closed++)
    exchange.abort()
    await new Promise(setImmediate)
    expect([incoming.destroyed, closed]).toEqual([true, 1])
  })

  test('waitUntil hands the promise to the worker', () => {
    const promise = Promise.resolve()
    seen().info.waitUntil(promise)
    expect(waited).toContain(promise)
  })

  test('what srvx adds to a request, which h3 looks for', () => {
    const { request } = seen({ remoteAddress: '192.0.2.1' })
    const served = request as Request & { ip?: string; waitUntil(promise: Promise<unknown>): void }
    const promise = Promise.resolve()
    served.waitUntil(promise)
    expect(waited).toContain(promise)
    expect(served.ip).toBe('192.0.2.1')
    expect((seen({ remoteAddress: '' }).request as typeof served).ip).toBeUndefined()
  })
})
