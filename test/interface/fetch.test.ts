import { openAsBlob } from 'node:fs'
import { mkdtemp, open, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import { Hono } from 'hono'
import {
  FormData as UndiciFormData,
  Response as UndiciResponse,
  fetch as undiciFetch,
} from 'undici'
import { describe, expect, test } from 'vitest'
import { MonodonError } from '../../lib/errors.ts'
import { innerResponse } from '../../lib/interface/fetch/platform.ts'
import { FastResponse, type FetchApp, installFastResponse } from '../../lib/interface/fetch.ts'
import { type AnyApp, begin, encode, pushed, run, turn } from './fetch-support.ts'

const classes = [
  ['fast', FastResponse],
  ['platform', globalThis.Response],
  ['undici', UndiciResponse as unknown as typeof Response],
] as const

describe.each(classes)('%s Response', (kind, Response) => {
  test('a string, with record, pairs and Headers', async () => {
    for (const headers of [
      { 'X-A': '1' },
      [['X-A', '1']] as [string, string][],
      new Headers({ 'X-A': '1' }),
    ]) {
      const exchange = await run(() => new Response('héllo', { status: 201, headers }))
      expect(exchange.sequence).toEqual(['respond'])
      expect([exchange.status, exchange.text]).toEqual([201, 'héllo'])
      expect(exchange.responseHeader('x-a')).toEqual(['1'])
      expect(exchange.responseHeader('content-type')).toEqual(['text/plain;charset=UTF-8'])
    }
  })

  test('the content-type of the app wins', async () => {
    const exchange = await run(
      () => new Response('x', { headers: { 'x-a': 'é', 'Content-Type': 'text/html' } }),
    )
    expect(exchange.responseHeader('content-type')).toEqual(['text/html'])
    expect(exchange.responseHeader('x-a')).toEqual(['é'])
  })

  test('several set-cookie stay apart', async () => {
    const headers: [string, string][] = [
      ['set-cookie', 'a=1, b'],
      ['Set-Cookie', 'c=2'],
    ]
    const exchange = await run(() => new Response(null, { headers }))
    expect(exchange.responseHeader('set-cookie')).toEqual(['a=1, b', 'c=2'])
  })

  test.each([
    ['null', null, '', undefined],
    ['an empty string', '', '', 'text/plain;charset=UTF-8'],
    ['bytes', new Uint8Array([104, 105]), 'hi', undefined],
    ['a window', new Uint8Array([0, 104, 105, 0]).subarray(1, 3), 'hi', undefined],
    ['a DataView', new DataView(encode('hi').buffer), 'hi', undefined],
    ['an ArrayBuffer', encode('hi').buffer, 'hi', undefined],
    ['a Blob', new Blob(['hi'], { type: 'a/b' }), 'hi', 'a/b'],
    [
      'URLSearchParams',
      new URLSearchParams({ a: 'é' }),
      'a=%C3%A9',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
  ])('%s', async (_what, body, text, type) => {
    const exchange = await run(() => new Response(body))
    expect(exchange.text).toBe(text)
    expect(exchange.complete).toBe(true)
    // The platform reads a Blob in its own time.
    if (!(body instanceof Blob)) expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.responseHeader('content-type')).toEqual(type === undefined ? [] : [type])
  })

  test('a form', async () => {
    // undici's own FormData is another class than the platform's.
    const form = kind === 'undici' ? (new UndiciFormData() as unknown as FormData) : new FormData()
    form.append('a', 'b')
    const exchange = await run(() => new Response(form))
    const [type] = exchange.responseHeader('content-type')
    const back = new globalThis.Response(Buffer.from(exchange.sent), {
      headers: { 'content-type': type! },
    })
    expect((await back.formData()).get('a')).toBe('b')
  })

  test.each([
    ['string', 'x'.repeat(300_000)],
    ['array', new Uint8Array(300_000).fill(120)],
  ])('a large %s is sent whole', async (_what, body) => {
    const exchange = await run(() => new Response(body))
    expect([exchange.sequence, exchange.sent.length]).toEqual([['respond'], 300_000])
  })

  test('null body statuses', async () => {
    for (const status of [204, 205, 304]) {
      const exchange = await run(() => new Response(null, { status, headers: { etag: '"x"' } }))
      expect([exchange.sequence, exchange.status, exchange.sent.length]).toEqual([
        ['respond'],
        status,
        0,
      ])
      expect(exchange.responseHeader('etag')).toEqual(['"x"'])
    }
  })

  test('headers changed after it was made', async () => {
    const exchange = await run(() => {
      const response = new Response('x')
      response.headers.set('x-a', '1')
      response.headers.append('set-cookie', 'a')
      response.headers.append('set-cookie', 'b')
      response.headers.delete('content-type')
      return response
    })
    // The order of different names means nothing (RFC 9110 section 5.3).
    expect(exchange.responseHeaders.map((field) => field.join()).sort()).toEqual([
      'set-cookie,a',
      'set-cookie,b',
      'x-a,1',
    ])
  })

  test('a clone, and the original beside it', async () => {
    for (const which of [0, 1]) {
      const exchange = await run(() => {
        const response = new Response('twice')
        return [response, response.clone()][which]
      })
      expect([exchange.text, exchange.complete]).toEqual(['twice', true])
    }
  })

  test('a body whose stream was looked at, but not read', async () => {
    const exchange = await run(() => {
      const response = new Response('x')
      void response.body
      return response
    })
    expect([exchange.text, exchange.complete]).toEqual(['x', true])
  })

  test('a body that was read, or is being read, is refused', async () => {
    const read = await run(async () => {
      const response = new Response('x')
      await response.text()
      return response
    })
    const locked = await run(() => {
      const response = new Response('x')
      response.body!.getReader()
      return response
    })
    for (const { error } of [read, locked])
      expect(error).toMatchObject({ code: 'MONODON_RESPONSE_USED', blame: 'app' })
  })

  test('a stream that is ready is sent whole', async () => {
    const { stream, controller } = pushed()
    controller.enqueue(encode('a'))
    controller.enqueue(encode('b'))
    controller.close()
    const exchange = await run(() => new Response(stream))
    expect([exchange.sequence, exchange.text]).toEqual([['respond'], 'ab'])
  })

  test('a stream that waits is sent as it comes, its head at once', async () => {
    const { stream, controller } = pushed()
    const exchange = begin(() => new Response(stream, { headers: { 'content-length': '4' } }))
    await turn()
    expect(exchange.sequence).toEqual(['start'])
    controller.enqueue(encode('ab'))
    await turn()
    expect(exchange.text).toBe('ab')
    controller.enqueue(encode(''))
    controller.enqueue(encode('cd'))
    controller.close()
    await exchange.over
    expect(exchange.sequence).toEqual(['start', 'write', 'write', 'end'])
    expect(exchange.text).toBe('abcd')
    expect(exchange.responseHeader('content-length')).toEqual(['4'])
  })

  test('a long stream is not gathered', async () => {
    let left = 100
    const stream = new ReadableStream({
      pull(controller) {
        if (left-- === 0) controller.close()
        else controller.enqueue(new Uint8Array(1000).fill(left))
      },
    })
    const exchange = await run(() => new Response(stream))
    expect(exchange.sequence).toEqual(['start', ...Array(100).fill('write'), 'end'])
    expect(exchange.sent.length).toBe(100_000)
    expect([exchange.sent[0], exchange.sent[99_999]]).toEqual([99, 0])
  })

  test('a slow client stops the stream', async () => {
    let made = 0
    const stream = new ReadableStream(
      {
        pull(controller) {
          if (made++ === 500) controller.close()
          else controller.enqueue(new Uint8Array(1000))
        },
      },
      { highWaterMark: 0 },
    )
    const exchange = begin(() => new Response(stream), { highWater: 20_000 })
    for (let i = 0; i < 5; i++) await turn()
    const first = made
    expect(first).toBeLessThan(40)
    exchange.drain()
    for (let i = 0; i < 5; i++) await turn()
    expect(made).toBeGreaterThan(first)
    expect(made).toBeLessThan(first + 40)
    while (!exchange.finished) {
      exchange.drain()
      await turn()
    }
    expect([exchange.complete, exchange.sent.length]).toEqual([true, 500_000])
  })

  test('the client leaves: the stream is cancelled, waiting or not', async () => {
    const waiting = pushed()
    const exchange = begin(() => new Response(waiting.stream))
    await turn()
    exchange.abort()
    await turn()
    expect(waiting.seen.cancelled).toMatchObject({ name: 'AbortError' })

    const stopped = pushed()
    const slow = begin(() => new Response(stopped.stream), { highWater: 1 })
    stopped.controller.enqueue(encode('ab'))
    await turn()
    slow.abort()
    await turn()
    expect(stopped.seen.cancelled).toMatchObject({ name: 'AbortError' })
    for (const gone of [exchange, slow]) expect(gone.sequence).not.toContain('fail')
  })

  test('the client has left before the app answers', async () => {
    const { stream, seen } = pushed()
    let answer!: (response: Response) => void
    const exchange = begin(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    exchange.abort()
    answer(new Response(stream))
    await turn()
    expect(seen.cancelled).toMatchObject({ name: 'AbortError' })
    expect(exchange.sequence).toEqual([])
  })

  test('the signal and the stream both hear that the client left', async () => {
    const { stream, seen } = pushed()
    let signal!: AbortSignal
    const exchange = begin((request) => {
      signal = request.signal
      return new Response(stream)
    })
    await turn()
    exchange.abort()
    await turn()
    expect(signal.aborted).toBe(true)
    expect(seen.cancelled).toMatchObject({ name: 'AbortError' })
  })

  test('a stream that fails before and after the head', async () => {
    const before = pushed()
    before.controller.error(new Error('early'))
    const early = await run(() => new Response(before.stream))
    expect(early.sequence).toEqual(['fail'])
    expect(early.error).toMatchObject({ message: 'early' })

    const after = pushed()
    const late = begin(() => new Response(after.stream))
    after.controller.enqueue(encode('a'))
    await turn()
    after.controller.error(new Error('late'))
    await late.over
    expect(late.sequence).toEqual(['start', 'write', 'fail'])
    expect(late.error).toMatchObject({ message: 'late' })
  })

  test('a chunk that is no bytes: the response fails, the stream is cancelled', async () => {
    const { stream, controller, seen } = pushed()
    const exchange = begin(() => new Response(stream))
    await turn()
    controller.enqueue(42)
    await exchange.over
    await turn()
    expect(exchange.sequence).toEqual(['start', 'fail'])
    expect(exchange.error).toBeInstanceOf(TypeError)
    expect(seen.cancelled).toBe(exchange.error)
  })

  test('HEAD: no body, the length as GET would have it', async () => {
    const head = { method: 'HEAD' }
    const text = await run(
      () => new Response('hello', { headers: { 'content-length': '5' } }),
      head,
    )
    expect(text.responseHeader('content-length')).toEqual(['5'])
    expect(text.complete).toBe(true)

    const endless = pushed()
    const stream = begin(
      () => new Response(endless.stream, { headers: { 'content-length': '9' } }),
      head,
    )
    endless.controller.enqueue(encode('x'))
    await stream.over
    await turn()
    expect(stream.sequence).toEqual(['start', 'end'])
    expect(stream.responseHeader('content-length')).toEqual(['9'])
    expect(endless.seen).toHaveProperty('cancelled', undefined)
    await expect(endless.stream.cancel()).rejects.toThrow(TypeError)
    expect(() => endless.controller.enqueue(encode('y'))).toThrow(TypeError)
  })
})

describe('fast Response only', () => {
  test('JSON, redirect', async () => {
    const json = await run(() => FastResponse.json({ a: 1 }, { status: 201 }))
    expect([json.status, json.text]).toEqual([201, '{"a":1}'])
    expect(json.responseHeader('content-type')).toEqual(['application/json'])
    const redirect = await run(() => FastResponse.redirect('http://a.example/'))
    expect([redirect.status, redirect.responseHeader('location')]).toEqual([
      302,
      ['http://a.example/'],
    ])
  })

  test('a large body is handed over as it is, not copied', async () => {
    const bytes = new Uint8Array(100_000)
    const exchange = begin(() => new FastResponse(bytes), { keepLent: true })
    bytes[5] = 7
    exchange.giveBack()
    expect(exchange.sent[5]).toBe(7)
  })

  test('an illegal field fails the response, and names it', async () => {
    const bad = [
      { 'x-a': 'a\r\nb' },
      { 'x-a': 'a\0' },
      { 'x-a': '\u0100' },
      { 'no name': 'x' },
      { '': 'x' },
    ] as Record<string, string>[]
    for (const headers of bad) {
      const exchange = await run(() => new FastResponse('x', { headers }))
      expect(exchange.sequence).toEqual(['fail'])
      expect(exchange.error).toMatchObject({ code: 'MONODON_BAD_HEADER' })
    }
    const pairs = await run(
      () => new FastResponse('x', { headers: [['a', 'b', 'c']] as unknown as [string, string][] }),
    )
    expect(pairs.error).toBeInstanceOf(TypeError)
  })

  test('the same value twice is the same field; a changed one is not', async () => {
    const fields: unknown[] = []
    for (const value of ['1', '1', '2', ' 1 '])
      fields.push(
        (await run(() => new FastResponse('x', { headers: { 'x-same': value } }))).responseHeader(
          'x-same',
        ),
      )
    expect(fields).toEqual([['1'], ['1'], ['2'], ['1']])
    // More names and values than are remembered.
    for (let i = 0; i < 300; i++) {
      const headers = { [`x-${i}`]: 'v', 'x-many': `${i}`, 'x-number': i as unknown as string }
      const exchange = await run(() => new FastResponse('x', { headers }))
      expect(exchange.responseHeader(`x-${i}`)).toEqual(['v'])
      expect(exchange.responseHeader('x-many')).toEqual([`${i}`])
      expect(exchange.responseHeader('x-number')).toEqual([`${i}`])
    }
  })

  test('what a record inherits is no field', async () => {
    const headers = Object.create({ inherited: '1' }) as Record<string, string>
    Object.assign(headers, { own: '2' })
    const exchange = await run(() => new FastResponse(null, { headers }))
    expect(exchange.responseHeaders).toEqual([['own', '2']])
  })

  test('an async generator may use its buffer again', async () => {
    const buffer = new Uint8Array(20_000)
    async function* chunks() {
      for (let i = 1; i <= 3; i++) yield buffer.fill(i)
      yield 'é'
    }
    const exchange = begin(() => new FastResponse(chunks()), { keepLent: true })
    while (!exchange.finished) {
      await turn()
      exchange.giveBack()
    }
    expect(exchange.complete).toBe(true)
    expect([...new Set(exchange.sent.subarray(0, 60_000))]).toEqual([1, 2, 3])
    expect(new TextDecoder().decode(exchange.sent.subarray(60_000))).toBe('é')
  })

  test('a generator is returned from when the client leaves, or for HEAD', async () => {
    const ends: string[] = []
    async function* chunks(name: string) {
      try {
        for (;;) {
          yield 'x'
          await turn()
        }
      } finally {
        ends.push(name)
      }
    }
    const exchange = begin(() => new FastResponse(chunks('left')))
    await turn()
    exchange.abort()
    for (let i = 0; i < 5; i++) await turn()
    expect(ends).toEqual(['left'])
    const head = await run(() => new FastResponse(chunks('never begun')), { method: 'HEAD' })
    expect(head.sequence).toEqual(['start', 'end'])
  })

  test('a chunk that is no bytes', async () => {
    async function* chunks() {
      yield 42 as unknown as string
    }
    const exchange = await run(() => new FastResponse(chunks()))
    expect(exchange.error).toBeInstanceOf(TypeError)
  })

  test('a stream that was read from is refused', async () => {
    const { stream, controller } = pushed()
    controller.enqueue(encode('a'))
    const reader = stream.getReader()
    await reader.read()
    reader.releaseLock()
    const exchange = await run(() => new FastResponse(stream))
    expect(exchange.error).toMatchObject({ code: 'MONODON_RESPONSE_USED' })
  })

  test('a file is streamed with its length', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'monodon-')), 'file')
    await writeFile(path, Buffer.alloc(300_000, 'x'))
    const blob = await openAsBlob(path, { type: 'text/x' })
    const exchange = await run(() => new FastResponse(blob))
    expect([exchange.sequence[0], exchange.sent.length]).toEqual(['start', 300_000])
    expect(exchange.responseHeader('content-length')).toEqual(['300000'])
    expect(exchange.responseHeader('content-type')).toEqual(['text/x'])
    const file = await open(path)
    const streamed = await run(() => new FastResponse(file.readableWebStream() as ReadableStream))
    expect(streamed.sent.length).toBe(300_000)
    await file.close()
  })
})

class Stateful {
  #text = 'x'
  fetch() {
    return new FastResponse(this.#text)
  }
}

class Thenable {
  // biome-ignore lint/suspicious/noThenProperty: promises of other libraries are objects like this
  then(resolve: (value: unknown) => void) {
    resolve(new FastResponse('x'))
  }
}

describe('what the app does', () => {
  test.each([
    ['a function', (() => new FastResponse('x')) as AnyApp],
    ['an async function', async () => new FastResponse('x')],
    ['an object', { fetch: () => new FastResponse('x') }],
    ['an object that needs itself', new Stateful()],
    ['a thenable', () => new Thenable()],
  ])('%s', async (_what, app) => {
    expect((await run(app)).text).toBe('x')
  })

  test('a synchronous answer is given before handle returns', () => {
    expect(begin(() => new FastResponse('x')).finished).toBe(true)
  })

  test('throws, rejects', async () => {
    const error = new Error('bad app')
    for (const app of [
      () => {
        throw error
      },
      async () => {
        throw error
      },
    ]) {
      const exchange = await run(app)
      expect([exchange.sequence, exchange.error]).toEqual([['fail'], error])
    }
  })

  test.each([
    [undefined, 'it returned undefined'],
    [null, 'it returned null'],
    ['text', 'it returned a string'],
    [{ status: 200, body: 'x' }, 'it returned an object with status, body'],
    [Response.error(), 'it returned a Response with status 0'],
  ])('returns %o', async (value, detail) => {
    for (const app of [() => value, async () => value]) {
      const { error, sequence } = await run(app)
      expect(sequence).toEqual(['fail'])
      expect(error).toBeInstanceOf(MonodonError)
      expect(error).toMatchObject({ code: 'MONODON_APP_NO_RESPONSE' })
      expect((error as Error).message).toContain(detail)
    }
  })

  test('answers with the request’s own body', async () => {
    const exchange = begin((request) => new FastResponse(request.body), {
      method: 'POST',
      body: 'ping ',
      open: true,
    })
    await turn()
    exchange.push('pong')
    exchange.finishBody()
    await exchange.over
    expect([exchange.text, exchange.complete]).toEqual(['ping pong', true])
  })

  test('a body too large ends in the error that says so', async () => {
    const exchange = begin(async (request) => new FastResponse(await request.text()), {
      method: 'POST',
      open: true,
    })
    exchange.breakBody('too-large')
    await exchange.over
    expect(exchange.error).toMatchObject({ code: 'MONODON_BODY_TOO_LARGE' })
  })
})

type Coder = (bytes: Buffer) => Buffer
const same: Coder = (bytes) => bytes
// Node 20 has no zstd, nor have the types.
const { zstdCompressSync = same, zstdDecompressSync = same } = zlib as {
  zstdCompressSync?: Coder
  zstdDecompressSync?: Coder
}
const CODINGS: Record<string, { compress: Coder; decompress: Coder }> = {
  gzip: { compress: zlib.gzipSync, decompress: zlib.gunzipSync },
  deflate: { compress: zlib.deflateSync, decompress: zlib.inflateSync },
  br: { compress: zlib.brotliCompressSync, decompress: zlib.brotliDecompressSync },
  zstd: { compress: zstdCompressSync, decompress: zstdDecompressSync },
  identity: { compress: same, decompress: same },
}

describe('what fetch received', () => {
  test.each([
    ['fetch', fetch as (url: string, init?: RequestInit) => Promise<unknown>],
    ['undici', undiciFetch as (url: string) => Promise<unknown>],
  ])('%s: a decoded body does not go out as coded', async (_what, request) => {
    const server = createServer((_request, response) => {
      const body = zlib.gzipSync('text '.repeat(100))
      response.writeHead(200, {
        'content-encoding': 'gzip',
        'content-length': body.length,
        'x-a': '1',
      })
      response.end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    try {
      const exchange = await run(() => request(url))
      expect(exchange.text).toBe('text '.repeat(100))
      expect(exchange.responseHeader('content-encoding')).toEqual([])
      expect(exchange.responseHeader('content-length')).toEqual([])
      expect(exchange.responseHeader('x-a')).toEqual(['1'])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test.each(['gzip', 'deflate', 'br', 'zstd', 'unheard-of'])(
    '%s: what goes out can be decoded by its fields',
    async (coding) => {
      const { compress, decompress } = CODINGS[coding] ?? CODINGS['identity']!
      const server = createServer((_request, response) => {
        response.writeHead(200, { 'content-encoding': coding })
        response.end(compress(Buffer.from('text')))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
        const exchange = await run(() => fetch(url))
        const isCoded = exchange.responseHeader('content-encoding').length > 0
        const sent = Buffer.from(exchange.sent)
        expect(String(isCoded ? decompress(sent) : sent)).toBe('text')
      } finally {
        server.closeAllConnections()
        server.close()
      }
    },
  )

  test('a coding that the app itself applied stays', async () => {
    const body = zlib.gzipSync('x')
    const headers = { 'content-encoding': 'gzip', 'content-length': String(body.length) }
    for (const given of [body, new Blob([body]).stream()]) {
      const exchange = await run(() => new Response(given, { headers }))
      expect(exchange.responseHeader('content-encoding')).toEqual(['gzip'])
      expect(exchange.responseHeader('content-length')).toEqual([String(body.length)])
    }
  })

  test.each([[{}], [{ 'content-encoding': 'unheard-of' }]])(
    'with %o it keeps its length',
    async (coding) => {
      const server = createServer((_request, response) => {
        response.writeHead(200, { ...coding, 'content-length': 4 })
        response.end('body')
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      try {
        const exchange = await run(() =>
          fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
        )
        expect(exchange.text).toBe('body')
        expect(exchange.responseHeader('content-length')).toEqual(['4'])
        expect(exchange.responseHeader('content-encoding')).toEqual(Object.values(coding))
      } finally {
        server.closeAllConnections()
        server.close()
      }
    },
  )
})

test('the inside of a platform Response is read on Node 20 and 22, and nowhere else', () => {
  const inside = innerResponse(new Response('x'))
  if (Number(process.versions.node.split('.')[0]) >= 24) expect(inside).toBeUndefined()
  else expect(inside?.source).toBe('x')
  expect(innerResponse(new Response(null))).toBeUndefined()
  expect(innerResponse(new Response(new ReadableStream()))).toBeUndefined()
})

function honoApp(): FetchApp {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.res.headers.set('x-after', '1')
  })
  app.get('/hello/:name', (c) => c.text(`Hello, ${c.req.param('name')}`))
  app.post('/json', async (c) => c.json(await c.req.json()))
  app.get('/replaced', (c) => {
    c.header('x-before', '1')
    c.res = new Response('new', { headers: { 'x-new': '1' } })
    return c.res
  })
  app.get('/env', (c) => {
    c.executionCtx.waitUntil(Promise.resolve())
    return c.text(String((c.env as { remoteAddress: string }).remoteAddress))
  })
  return app
}

test.each(['platform', 'fast'])('Hono, with the %s Response', async (kind) => {
  const Platform = globalThis.Response
  if (kind === 'fast') installFastResponse()
  try {
    const app = honoApp() as { fetch: AnyApp }
    const hello = await run(app, { target: '/hello/world', headers: [['Host', 'a']] })
    expect([hello.text, hello.responseHeader('x-after')]).toEqual(['Hello, world', ['1']])
    expect(hello.responseHeader('content-type')[0]).toMatch(/^text\/plain/)
    const json = await run(app, { target: '/json', method: 'POST', body: '{"a":1}' })
    expect([json.text, json.responseHeader('content-type')]).toEqual([
      '{"a":1}',
      ['application/json'],
    ])
    const replaced = await run(app, { target: '/replaced' })
    expect([replaced.text, replaced.responseHeader('x-new')]).toEqual(['new', ['1']])
    expect((await run(app, { target: '/env' })).text).toBe('127.0.0.1')
    expect((await run(app, { target: '/none' })).status).toBe(404)
  } finally {
    globalThis.Response = Platform
  }
})
