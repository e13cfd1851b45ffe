/** What an app may answer with, beyond the bodies and classes of `fetch.test.ts`. */
import { createReadStream, readdirSync, readlinkSync } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { FastResponse, type FetchApp, fetchInterface } from '../../lib/interface/fetch.ts'
import { until } from '../support/wait.ts'
import { begin, context, encode, pushed, run, turn } from './fetch-support.ts'

const Platform = globalThis.Response
const classes = [
  ['fast', FastResponse],
  ['platform', Platform],
] as const

type AnyBody = ConstructorParameters<typeof Platform>[0]

describe.each(classes)('%s Response', (_kind, Response) => {
  test.each([
    [299, 'Chosen', 'Chosen'],
    [404, 'Not Found', ''],
    [404, '', ''],
    [404, 'Nö', 'Nö'],
  ])('status %i with statusText %o', async (status, statusText, sent) => {
    for (const body of ['x', new Blob(['x']).stream()]) {
      const exchange = await run(() => new Response(body, { status, statusText }))
      expect([exchange.status, exchange.reason]).toEqual([status, sent])
      expect(exchange.text).toBe('x')
    }
  })

  test('HEAD without a body says nothing of a length', async () => {
    for (const answer of [() => new Response(), () => new Response(null, { status: 404 })]) {
      const exchange = await run(answer, { method: 'HEAD' })
      expect(exchange.sequence).toEqual(['start', 'end'])
      expect((await run(answer)).sequence).toEqual(['respond'])
    }
    const headers = { 'content-length': '5' }
    const declared = await run(() => new Response(null, { headers }), { method: 'HEAD' })
    expect(declared.responseHeader('content-length')).toEqual(['5'])
  })

  test('a Response that is thrown is no answer, and its body is let go', async () => {
    for (const isAsync of [false, true]) {
      const { stream, seen } = pushed()
      const exchange = await run(() => {
        const thrown = new Response(stream, { status: 403 })
        if (isAsync) return Promise.reject(thrown)
        throw thrown
      })
      await turn()
      expect(exchange.error).toMatchObject({ code: 'MONODON_APP_NO_RESPONSE' })
      expect((exchange.error as Error).message).toContain('it threw a Response: return it')
      expect(seen.cancelled).toBe(exchange.error)
    }
  })

  test('a stream of bytes', async () => {
    const stream = new ReadableStream({
      type: 'bytes',
      start(controller) {
        controller.enqueue(encode('by'))
        controller.enqueue(encode('tes'))
        controller.close()
      },
    })
    expect((await run(() => new Response(stream))).text).toBe('bytes')
  })
})

test.each([
  ['shared memory', new Uint8Array(new SharedArrayBuffer(3)).fill(120).buffer],
  ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(5), 1, 3).fill(120)],
  ['memory of another realm', runInNewContext('new Uint8Array(3).fill(120).buffer')],
  ['a view of another realm', runInNewContext('new Uint8Array(5).fill(120).subarray(1, 4)')],
])('%s', async (_what, body) => {
  const exchange = await run(() => new FastResponse(body as AnyBody))
  expect([exchange.text, exchange.responseHeader('content-type')]).toEqual(['xxx', []])
  expect(await new FastResponse(body as AnyBody).text()).toBe('xxx')
})

test.each([[42], [true], [{ a: 1 }], [new Date(0)], [['a', 'b']]])(
  'the value %o is text',
  async (body) => {
    const [fast, platform] = classes.map(([, Response]) => new Response(body as unknown as AnyBody))
    expect([...fast!.headers]).toEqual([...platform!.headers])
    expect(await fast!.text()).toBe(await platform!.text())
    const exchange = await run(() => new FastResponse(body as unknown as AnyBody))
    expect(exchange.text).toBe(String(body))
    expect(exchange.responseHeader('content-type')).toEqual(['text/plain;charset=UTF-8'])
  },
)

test('a stream behind fields that cannot be sent is cancelled', async () => {
  const { stream, seen } = pushed()
  const exchange = await run(() => new FastResponse(stream, { headers: { 'x-a': 'a\nb' } }))
  await turn()
  expect(exchange.error).toMatchObject({ code: 'MONODON_BAD_HEADER' })
  expect(seen.cancelled).toBe(exchange.error)
})

test('so is one whose status cannot', async () => {
  const { stream, seen } = pushed()
  const response = Object.defineProperty(new Platform(stream), 'status', { value: 101 })
  const exchange = await run(() => response)
  await turn()
  expect((exchange.error as Error).message).toContain('a Response with status 101')
  expect(seen.cancelled).toBe(exchange.error)
})

test('a statusText that cannot be sent', async () => {
  const exchange = await run(() => new FastResponse('x', { statusText: 'a\r\nb: c' }))
  expect(exchange.error).toMatchObject({ code: 'MONODON_BAD_HEADER' })
})

describe('a response of another implementation', () => {
  /** The shape of node-fetch's headers: one line by iteration, each by `raw`. */
  class OldHeaders extends Map<string, string> {
    raw(): Record<string, string[]> {
      return { 'x-a': ['1'], 'set-cookie': ['a=1', 'b=2'] }
    }
  }
  const old = (body: unknown, more = {}) => ({
    status: 203,
    headers: new OldHeaders([
      ['x-a', '1'],
      ['set-cookie', 'a=1, b=2'],
    ]),
    body,
    bodyUsed: false,
    ...more,
  })

  test.each([
    ['a stream of Node', () => Readable.from([encode('x'), encode('y')])],
    ['a PassThrough', () => new PassThrough().end('xy')],
    ['bytes', () => Buffer.from('xy')],
    ['a string', () => 'xy'],
  ])('with %s as its body', async (_what, body) => {
    const exchange = await run(() => old(body()))
    expect([exchange.status, exchange.text, exchange.complete]).toEqual([203, 'xy', true])
    expect(exchange.responseHeader('set-cookie')).toEqual(['a=1', 'b=2'])
    expect(exchange.responseHeader('x-a')).toEqual(['1'])
  })

  test('without a body, used, or with something else', async () => {
    expect((await run(() => old(null))).sequence).toEqual(['respond'])
    const used = await run(() => old(Readable.from(['x']), { bodyUsed: true }))
    expect(used.error).toMatchObject({ code: 'MONODON_RESPONSE_USED' })
    const odd = await run(() => old({ a: 1 }))
    expect(odd.error).toMatchObject({ code: 'MONODON_APP_NO_RESPONSE' })
    const bad = await run(() => old(null, { status: 101 }))
    expect((bad.error as Error).message).toContain('a Response with status 101')
  })

  test.each([204, 205, 304])('with status %i sends no body, and lets it go', async (status) => {
    const cancel = vi.fn()
    const exchange = await run(() => old(new ReadableStream({ cancel }), { status }))
    expect([exchange.status, exchange.sequence]).toEqual([status, ['respond']])
    expect(cancel).toHaveBeenCalledOnce()
  })

  test('of another realm, whose class is a subclass of none of ours', async () => {
    const make = runInNewContext(
      `(Headers, ReadableStream) => class Response {
        status = 201
        statusText = 'Elsewhere'
        headers = new Headers([['set-cookie', 'a'], ['set-cookie', 'b']])
        bodyUsed = false
        body = new ReadableStream({
          start(c) { c.enqueue(new Uint8Array([120])); c.close() },
        })
      }`,
    ) as (...globals: unknown[]) => new () => unknown
    const Foreign = make(Headers, ReadableStream)
    const exchange = await run(() => new Foreign())
    expect([exchange.status, exchange.reason, exchange.text]).toEqual([201, 'Elsewhere', 'x'])
    expect(exchange.responseHeader('set-cookie')).toEqual(['a', 'b'])
  })
})

describe('a stream of Node as a body', () => {
  const open = () => readdirSync('/proc/self/fd').filter((fd) => isThisFile(fd)).length
  const isThisFile = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === import.meta.filename
    } catch {
      return false // it was closed between the two looks
    }
  }
  const file = () => createReadStream(import.meta.filename)
  const answer = (body: Readable) => new FastResponse(body as unknown as AnyBody)

  test('is sent, and closed', async () => {
    const exchange = await run(() => answer(file()))
    expect(exchange.text).toContain('is sent, and closed')
    await until('the file to be closed', () => open() === 0)
  })

  test('is closed for HEAD, and when the client has gone before', async () => {
    const body = file()
    const head = await run(() => answer(body), { method: 'HEAD' })
    expect([head.sequence, body.destroyed]).toEqual([['start', 'end'], true])
    const late = file()
    let give!: (response: Response) => void
    const gone = begin(() => new Promise((resolve) => (give = resolve)))
    gone.abort()
    give(answer(late))
    await turn()
    expect(late.destroyed).toBe(true)
    await until('the files to be closed', () => open() === 0)
  })

  test('is closed when the client leaves', async () => {
    const body = new PassThrough()
    const exchange = begin(() => answer(body))
    body.write('x')
    await until('the first chunk', () => exchange.text === 'x')
    exchange.abort()
    await until('the stream to be closed', () => body.destroyed)
  })

  test('that has failed is a 500, not a head and a cut', async () => {
    const body = new PassThrough()
    body.on('error', () => {})
    body.destroy(new Error('no such file'))
    const exchange = await run(() => answer(body))
    expect(exchange.sequence).toEqual(['fail'])
    expect(exchange.error).toMatchObject({ code: 'MONODON_RESPONSE_USED' })
  })

  test('that was read from is refused', async () => {
    const body = Readable.from(['x', 'y'])
    for await (const _chunk of body) break
    const exchange = await run(() => answer(body))
    expect(exchange.error).toMatchObject({ code: 'MONODON_RESPONSE_USED' })
  })
})

describe('a generator', () => {
  const answer = (body: AsyncIterable<string>) => new FastResponse(body)

  test('that fails at once is a 500', async () => {
    const failing: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('at once')) }),
    }
    const exchange = await run(() => answer(failing))
    expect([exchange.sequence, (exchange.error as Error).message]).toEqual([['fail'], 'at once'])
  })

  test('of nothing has a length', async () => {
    const exchange = await run(() => answer((async function* () {})()))
    expect([exchange.sequence, exchange.text]).toEqual([['respond'], ''])
  })

  test('that waits has its head sent at once', async () => {
    let goOn!: () => void
    const exchange = begin(() =>
      answer(
        (async function* () {
          await new Promise<void>((resolve) => (goOn = resolve))
          yield 'later'
        })(),
      ),
    )
    await turn()
    expect(exchange.sequence).toEqual(['start'])
    goOn()
    await exchange.over
    expect(exchange.sequence).toEqual(['start', 'write', 'end'])
  })
})

describe('the client leaves while the platform reads', () => {
  let goOn: () => void
  async function* waiting() {
    yield 'x'
    await new Promise<void>((resolve) => (goOn = resolve))
  }

  test('a generator whose stream was looked at: no exception that nobody catches', async () => {
    const uncaught: unknown[] = []
    const listeners = process.rawListeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      const exchange = begin(() => {
        const response = new FastResponse(waiting())
        void response.body
        return response
      })
      await until('the first chunk', () => exchange.text === 'x')
      exchange.abort()
      goOn()
      for (let i = 0; i < 5; i++) await turn()
      expect(uncaught).toEqual([])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener as () => void)
    }
  })

  test('a form, whose stream throws such an exception on Node 24, is not cancelled', async () => {
    const cancel = vi.spyOn(ReadableStreamDefaultReader.prototype, 'cancel')
    const data = new FormData()
    data.append('a', 'b')
    const exchange = begin(() => new FastResponse(data))
    exchange.abort()
    await turn()
    expect(cancel).not.toHaveBeenCalled()
    cancel.mockRestore()
  })

  test('a generator that was looked at can be cloned, and read in any way', async () => {
    async function* chunks() {
      yield ''
      yield 'é'
      yield new Uint8Array([120])
    }
    const response = new FastResponse(chunks())
    const clone = response.clone()
    expect([await response.text(), await clone.text()]).toEqual(['éx', 'éx'])
    const reader = new FastResponse(chunks()).body!.getReader({ mode: 'byob' })
    expect((await reader.read(new Uint8Array(9))).value).toEqual(encode('é'))
    expect((await reader.read(new Uint8Array(9))).value).toEqual(encode('x'))
    expect((await reader.read(new Uint8Array(9))).done).toBe(true)
  })
})

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [{}, 'an object without keys'],
  [{ fetch: 5 }, 'an object with fetch'],
  [class App {}, 'the class App'],
  ['text', 'a string'],
])('%o is no app', (app, described) => {
  expect(() => fetchInterface(app as unknown as FetchApp, context)).toThrow(
    expect.objectContaining({
      code: 'MONODON_APP_UNKNOWN',
      message: expect.stringContaining(`it is ${described}`),
    }),
  )
})

test('a function with a method fetch is called by that', async () => {
  const app = Object.assign(() => 'no', { fetch: () => new FastResponse('yes') })
  expect((await run(app as unknown as { fetch: () => unknown })).text).toBe('yes')
})
