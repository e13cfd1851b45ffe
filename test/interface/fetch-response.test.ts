import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { FastResponse, installFastResponse, loadPlatform } from '../../lib/interface/fetch.ts'

const Platform = globalThis.Response
loadPlatform()
type Make = () => [body?: BodyInit | null, init?: ResponseInit]

const form = (): FormData => {
  const data = new FormData()
  data.append('a', 'b')
  return data
}
const stream = (...chunks: string[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })

const cases: [string, Make][] = [
  ['nothing', () => []],
  ['null', () => [null]],
  ['a string', () => ['héllo']],
  ['an empty string', () => ['']],
  ['a string with its type', () => ['x', { headers: { 'Content-Type': 'text/html' } }]],
  ['a record', () => ['x', { headers: { 'X-A': ' 1 ', 'x-b': '2' } }]],
  [
    'pairs',
    () => [
      'x',
      {
        headers: [
          ['a', '1'],
          ['set-cookie', 'b'],
          ['set-cookie', 'c'],
        ],
      },
    ],
  ],
  ['Headers', () => ['x', { headers: new Headers({ a: '1' }) }]],
  ['status and statusText', () => ['x', { status: 404, statusText: 'Nope' }]],
  ['204', () => [null, { status: 204 }]],
  ['bytes', () => [new Uint8Array([1, 2, 3])]],
  ['a window of bytes', () => [new Uint8Array([1, 2, 3]).subarray(1, 2)]],
  ['another view', () => [new DataView(new ArrayBuffer(4), 1, 2)]],
  ['an ArrayBuffer', () => [new ArrayBuffer(2)]],
  ['a Blob', () => [new Blob(['x'], { type: 'image/png' })]],
  ['a Blob without a type', () => [new Blob(['x'])]],
  ['URLSearchParams', () => [new URLSearchParams({ a: 'é' })]],
  ['a stream', () => [stream('a', 'b')]],
  ['a Response as init', () => ['x', new Response(null, { status: 201, headers: { a: '1' } })]],
]

/** What can be seen of a response, short of its body. */
const view = (response: Response) => ({
  status: response.status,
  statusText: response.statusText,
  ok: response.ok,
  type: response.type,
  url: response.url,
  redirected: response.redirected,
  headers: [...response.headers],
  bodyUsed: response.bodyUsed,
  hasBody: response.body !== null,
})

describe('is as the platform’s', () => {
  test.each(cases)('%s', async (_what, make) => {
    expect(view(new FastResponse(...make()))).toEqual(view(new Platform(...make())))
    const bytes = new Uint8Array(await new Platform(...make()).arrayBuffer())
    const fast = new FastResponse(...make())
    expect(new Uint8Array(await fast.arrayBuffer())).toEqual(bytes)
    expect(fast.bodyUsed).toBe(bytes.length > 0 || fast.body !== null)
    expect(await new FastResponse(...make()).bytes()).toEqual(bytes)
    expect(await new FastResponse(...make()).text()).toBe(new TextDecoder().decode(bytes))
    const blob = await new FastResponse(...make()).blob()
    expect(blob.type).toBe((await new Platform(...make()).blob()).type)
  })

  test.each(cases)('a clone of %s', async (_what, make) => {
    const original = new FastResponse(...make())
    const clone = original.clone()
    expect(clone).toBeInstanceOf(FastResponse)
    expect(view(clone)).toEqual(view(new Platform(...make())))
    clone.headers.set('x-clone', '1')
    expect(original.headers.has('x-clone')).toBe(false)
    const text = await new Platform(...make()).text()
    expect([await original.text(), await clone.text()]).toEqual([text, text])
  })

  test('a clone has its own headers, whichever is changed', () => {
    const original = new FastResponse('x', { headers: { a: '1' } })
    const clone = original.clone()
    original.headers.set('a', '2')
    expect(clone.headers.get('a')).toBe('1')
  })

  test.each([
    [[null, { status: 199 }]],
    [[null, { status: 600 }]],
    [[null, { status: Number.NaN }]],
    [['x', { status: 204 }]],
    [['', { status: 304 }]],
  ] as [ConstructorParameters<typeof Platform>][])('refuses %o', (args) => {
    const nameOf = (Make: typeof Platform) => {
      try {
        new Make(...args)
        return 'nothing'
      } catch (error) {
        return (error as Error).name
      }
    }
    expect(nameOf(Platform)).toMatch(/Error$/)
    expect(nameOf(FastResponse)).toBe(nameOf(Platform))
  })

  test('a form', async () => {
    const response = new FastResponse(form())
    expect(response.headers.get('content-type')).toMatch(/^multipart\/form-data; boundary=/)
    expect((await response.formData()).get('a')).toBe('b')
  })

  test('Response.json', async () => {
    for (const init of [undefined, { status: 201 }, { headers: { 'content-type': 'x/y', a: '1' } }])
      expect(view(FastResponse.json({ a: 1 }, init))).toEqual(view(Platform.json({ a: 1 }, init)))
    expect(await FastResponse.json({ a: [1, 'é'] }).json()).toEqual({ a: [1, 'é'] })
    expect(() => FastResponse.json(undefined)).toThrow(TypeError)
  })

  test('Response.redirect and Response.error', () => {
    for (const status of [301, 302, 307])
      expect(view(FastResponse.redirect('http://a.example/ü', status))).toEqual(
        view(Platform.redirect('http://a.example/ü', status)),
      )
    expect(FastResponse.redirect('http://a.example').status).toBe(302)
    expect(() => FastResponse.redirect('http://a.example', 200)).toThrow(RangeError)
    const relative = () => FastResponse.redirect('/no/url')
    expect(relative).toThrow(TypeError)
    expect(relative).toThrow('Failed to parse URL from /no/url')
    const text = '307' as unknown as number
    expect(FastResponse.redirect('http://a.example', text).status).toBe(307)
    expect(view(FastResponse.error())).toEqual(view(Platform.error()))
  })
})

describe('class', () => {
  test('instanceof, in both directions', () => {
    expect(new FastResponse()).toBeInstanceOf(Platform)
    expect(new Platform()).toBeInstanceOf(FastResponse)
    expect({}).not.toBeInstanceOf(FastResponse)
    expect(Object.prototype.toString.call(new FastResponse())).toBe('[object Response]')
    expect(FastResponse.name).toBe('Response')
    expect(inspect(new FastResponse('x', { status: 404 }))).toMatch(/^Response .*404/s)
  })

  test('a subclass has its own instances only', () => {
    class Page extends FastResponse {
      constructor(html: string) {
        super(html, { headers: { 'content-type': 'text/html' } })
      }
    }
    const page = new Page('x')
    expect(page).toBeInstanceOf(Page)
    expect(page).toBeInstanceOf(Platform)
    expect(new FastResponse()).not.toBeInstanceOf(Page)
    expect(new Platform()).not.toBeInstanceOf(Page)
  })

  test('has every member of the platform’s', () => {
    const response = new FastResponse('x')
    for (const name of Object.keys(Object.getOwnPropertyDescriptors(Platform.prototype)))
      expect(() => Reflect.get(response, name)).not.toThrow()
  })

  test('headers stay one object, which the body’s type is in', async () => {
    const response = new FastResponse('x')
    const { headers } = response
    headers.set('a', '1')
    await response.text()
    expect(response.headers).toBe(headers)
    expect([...headers]).toEqual([
      ['a', '1'],
      ['content-type', 'text/plain;charset=UTF-8'],
    ])
  })

  test('a body can be read once', async () => {
    const response = new FastResponse('x')
    await response.text()
    expect(response.bodyUsed).toBe(true)
    await expect(response.text()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
  })

  test('a stream that somebody else reads is used', async () => {
    const source = stream('x')
    const response = new FastResponse(source)
    const platform = new Platform(stream('x'))
    expect(response.bodyUsed).toBe(platform.bodyUsed)
    const reader = source.getReader()
    await reader.read()
    reader.releaseLock()
    expect(response.bodyUsed).toBe(true)
  })

  test('a body whose stream was handed out can be cloned', async () => {
    const response = new FastResponse('x')
    void response.body
    const clone = response.clone()
    expect([await clone.text(), await response.text()]).toEqual(['x', 'x'])
  })

  test('an async iterable as a body', async () => {
    async function* chunks() {
      yield new TextEncoder().encode('a')
      yield new TextEncoder().encode('b')
    }
    expect(await new FastResponse(chunks()).text()).toBe('ab')
  })
})

test('installFastResponse makes it the global, and nothing else changes', () => {
  const before = new Platform('x')
  installFastResponse()
  try {
    expect(new Response('x')).toBeInstanceOf(FastResponse)
    expect(Response).toBe(FastResponse)
    expect(before instanceof Response).toBe(true)
  } finally {
    globalThis.Response = Platform
  }
})
