import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { finished, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MonodonError } from '../../lib/errors.ts'
import { type NodeListener, nodeInterface } from '../../lib/interface/node.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'
import { context } from '../support/node-context.ts'

const tick = () => new Promise((resolve) => setImmediate(resolve))

/** Runs a listener on one exchange, until the events of this turn are over. */
async function run(
  listener: NodeListener,
  options: FakeOptions = {},
): Promise<{ exchange: FakeExchange; logged: unknown[] }> {
  const logged: unknown[] = []
  const exchange = new FakeExchange(options)
  nodeInterface(listener, context(logged))(exchange)
  await tick()
  return { exchange, logged }
}

/** A listener's request and response, kept for the test. */
async function open(options: FakeOptions = {}) {
  let kept: { req: IncomingMessage; res: ServerResponse } | undefined
  const { exchange, logged } = await run((req, res) => {
    kept = { req, res }
  }, options)
  if (kept === undefined) throw new Error('the listener was not called')
  return { ...kept, exchange, logged }
}

describe('the objects', () => {
  it('are an IncomingMessage and a ServerResponse', async () => {
    const { req, res } = await open()
    expect(req).toBeInstanceOf(IncomingMessage)
    expect(req).toBeInstanceOf(Readable)
    expect(res).toBeInstanceOf(ServerResponse)
    expect(res).toBeInstanceOf(EventEmitter)
  })

  it('end the connection with a response that should not keep it', async () => {
    const { exchange } = await run((_req, res) => {
      res.shouldKeepAlive = false
      res.end('Hello')
    })
    expect(exchange.responseHeaders).toEqual([['connection', 'close']])
  })

  it('build nothing for a listener that only answers', async () => {
    const seen: object[] = []
    const { exchange } = await run((req, res) => {
      seen.push(req, res)
      res.setHeader('content-type', 'text/plain')
      res.end('Hello')
    })
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.bodyTouched).toBe(false)
    expect(exchange.onAbort).toBeUndefined()
    for (const object of seen) {
      const fields = Object.getOwnPropertySymbols(object).map((key) => [key.description, key])
      const values = object as Record<symbol, unknown>
      for (const [name, key] of fields as [string, symbol][])
        if (/readable|socket|headers|held$/.test(name)) expect(values[key]).toBeUndefined()
      expect((object as { _events?: unknown })._events).toBeUndefined()
    }
  })

  it('answer by themselves to all that Node documents of a response', async () => {
    const { res } = await open()
    const inherited = new Set<string>()
    for (
      let prototype: object = ServerResponse.prototype;
      prototype !== EventEmitter.prototype;
      prototype = Object.getPrototypeOf(prototype)
    )
      for (const name of Object.getOwnPropertyNames(prototype))
        if (!name.startsWith('_') && !Object.hasOwn(res, name)) inherited.add(name)
    // The socket is not one to assign; a response cannot be piped from.
    for (const name of ['constructor', 'assignSocket', 'detachSocket', 'pipe', 'eventNames'])
      inherited.delete(name)
    const own = Object.getPrototypeOf(res)
    const missing = [...inherited].filter(
      (name) => !Object.hasOwn(own, name) && !Object.hasOwn(Object.getPrototypeOf(own), name),
    )
    expect(missing).toEqual([])
  })

  it('keep their state when another prototype is put under them', async () => {
    const { exchange } = await run((req, res) => {
      const request = Object.create(Object.getPrototypeOf(req), { extra: { value: 1 } })
      const response = Object.create(Object.getPrototypeOf(res), { extra: { value: 2 } })
      Object.setPrototypeOf(req, request)
      Object.setPrototypeOf(res, response)
      res.setHeader('x-url', req.url ?? '')
      res.end(String((req as unknown as { extra: number }).extra))
    })
    expect(exchange.responseHeader('x-url')).toEqual(['/'])
    expect(exchange.text).toBe('1')
  })

  it('show the protocol and the connection', async () => {
    const { req } = await open({
      httpVersion: '2.0',
      scheme: 'https',
      remoteAddress: '::1',
      remotePort: 7,
    })
    expect([req.httpVersion, req.httpVersionMajor, req.httpVersionMinor]).toEqual(['2.0', 2, 0])
    expect(req.socket).toMatchObject({
      encrypted: true,
      remoteAddress: '::1',
      remotePort: 7,
      remoteFamily: 'IPv6',
      localAddress: '127.0.0.1',
      localPort: 8000,
      destroyed: false,
      readable: true,
      writable: true,
    })
    expect(req.socket.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 8000 })
    expect(req.socket).toBeInstanceOf(Socket)
    expect([req.socket.bytesRead, req.socket.bytesWritten]).toEqual([0, 0])
    expect(req.socket.setNoDelay().setKeepAlive().ref().unref()).toBe(req.socket)
  })
})

describe('the async context', () => {
  const storage = new AsyncLocalStorage<string>()

  it('of events is that in which the response was ended', async () => {
    const seen: unknown[] = []
    const handle = nodeInterface((req, res) => {
      storage.run(req.url!, () => {
        for (const event of ['finish', 'close'])
          res.on(event, () => seen.push(`${req.url} ${storage.getStore()}`))
        res.end()
      })
    }, context())
    for (const target of ['/a', '/b']) handle(new FakeExchange({ target }))
    await tick()
    expect(seen.sort()).toEqual(['/a /a', '/a /a', '/b /b', '/b /b'])
  })
})

describe('an app', () => {
  const hello: NodeListener = (_req, res) => res.end('Hello')

  it.each([
    ['an object with handle', { handle: hello }],
    ['an object with callback', { callback: () => hello }],
    ['an object with routing', { routing: hello }],
    ['an object with routing and ready', { routing: hello, ready: async () => undefined }],
  ])('may be %s', async (_name, app) => {
    const handle = nodeInterface(app, context())
    for (let time = 0; time < 2; time++) {
      const exchange = new FakeExchange()
      handle(exchange)
      await exchange.over
      expect(exchange.text).toBe('Hello')
    }
  })

  it('that is never ready fails each request', async () => {
    const error = new Error('no database')
    const app = { routing: hello, ready: () => Promise.reject(error) }
    const exchange = new FakeExchange()
    nodeInterface(app, context())(exchange)
    await exchange.over
    expect(exchange.error).toBe(error)
  })

  it('that throws or rejects fails the exchange', async () => {
    const error = new Error('oops')
    const thrown = await run(() => {
      throw error
    })
    expect(thrown.exchange.calls).toEqual([{ call: 'fail', error }])
    const rejected = await run(async (_req, res) => {
      res.write('part')
      throw error
    })
    expect(rejected.exchange.sequence).toEqual(['start', 'write', 'fail'])
  })

  it('that throws closes request and response', async () => {
    const events: string[] = []
    await run((req, res) => {
      req.on('close', () => events.push('req close'))
      res.on('close', () => events.push('res close'))
      res.on('finish', () => events.push('res finish'))
      throw new Error('oops')
    })
    expect(events.sort()).toEqual(['req close', 'res close'])
  })

  it('that throws after its answer has it logged', async () => {
    const error = new Error('too late')
    const { exchange, logged } = await run((_req, res) => {
      res.end('fine')
      throw error
    })
    expect(exchange.text).toBe('fine')
    expect(logged).toEqual([error])
  })

  it('that writes after end, and does not listen for errors, has it logged', async () => {
    const { exchange, logged } = await run((_req, res) => {
      res.end('fine')
      res.write('late')
    })
    expect(exchange.text).toBe('fine')
    expect(logged).toMatchObject([{ code: 'ERR_STREAM_WRITE_AFTER_END' }])
  })

  it('whose close listener throws costs the worker nothing when a client leaves', async () => {
    const error = new Error('in close')
    const { res, exchange, logged } = await open()
    res.on('close', () => {
      throw error
    })
    exchange.abort()
    await tick()
    expect(logged).toEqual([error])
  })

  it('whose finish listener throws costs no other response', async () => {
    const error = new Error('in finish')
    const logged: unknown[] = []
    const ended: string[] = []
    const handle = nodeInterface((req, res) => {
      res.on('finish', () => {
        ended.push(req.url ?? '')
        if (req.url === '/bad') throw error
      })
      res.end()
    }, context(logged))
    handle(new FakeExchange({ target: '/bad' }))
    handle(new FakeExchange({ target: '/good' }))
    await tick()
    expect(ended).toEqual(['/bad', '/good'])
    expect(logged).toEqual([error])
  })
})

describe('the response', () => {
  it('is one respond when it is given whole', async () => {
    const { exchange } = await run((_req, res) => {
      res.writeHead(201, { 'Content-Type': 'text/plain', 'content-length': 3 })
      res.end('abc')
    })
    expect(exchange.calls).toMatchObject([{ call: 'respond', status: 201 }])
    expect(exchange.responseHeaders).toEqual([
      ['content-type', 'text/plain'],
      ['content-length', '3'],
    ])
  })

  it('is streamed if its length was removed or it has trailers', async () => {
    const removed = await run((_req, res) => {
      res.removeHeader('content-length')
      res.end('abc')
    })
    expect(removed.exchange.sequence).toEqual(['start', 'write', 'end'])
    const trailers = await run((_req, res) => {
      res.addTrailers([['x-sum', '3']])
      res.end('abc')
    })
    expect(trailers.exchange.calls.at(-1)).toEqual({ call: 'end', trailers: [['x-sum', '3']] })
  })

  it('does not send Transfer-Encoding: the framing is not the app’s', async () => {
    const { exchange } = await run((_req, res) => {
      res.setHeader('transfer-encoding', 'chunked')
      res.end('abc')
    })
    expect(exchange.responseHeaders).toEqual([])
    expect(exchange.sequence).toEqual(['start', 'write', 'end'])
  })

  it('tells a HEAD the length it would have, and none if it does not know', async () => {
    const known = await run((_req, res) => res.end('Hello'), { method: 'HEAD' })
    expect(known.exchange.calls).toMatchObject([{ call: 'respond' }])
    expect(known.exchange.sent.length).toBe(5)
    const unknown = await run((_req, res) => res.end(), { method: 'HEAD' })
    expect(unknown.exchange.sequence).toEqual(['start', 'end'])
    const inPieces = await run(
      (_req, res) => {
        res.write('Hel')
        res.end('lo')
      },
      { method: 'HEAD' },
    )
    expect(inPieces.exchange.sequence).toEqual(['start', 'end'])
    expect(inPieces.exchange.responseHeaders).toEqual([])
  })

  it.each(['latin1', 'hex', 'base64', 'utf16le'] as const)('encodes %s', async (encoding) => {
    const text = encoding === 'hex' ? 'c3a9' : 'YWJj'
    const { exchange } = await run((_req, res) => res.end(text, encoding))
    expect(Buffer.from(exchange.sent)).toEqual(Buffer.from(text, encoding))
  })

  it('refuses a Content-Length that is not one, and 1xx as final status', async () => {
    const { res } = await open()
    res.setHeader('content-length', 'many')
    expect(() => res.writeHead(200)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    )
    res.removeHeader('content-length')
    expect(() => res.writeHead(101)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_INVALID_STATUS_CODE' }),
    )
    res.end()
  })

  it('encodes fields that change and fields that stay', async () => {
    const handle = nodeInterface((req, res) => {
      res.setHeader('Content-Type', req.url === '/a' ? 'text/plain' : 'text/html')
      res.setHeader('X-Custom', req.url ?? '')
      res.end()
    }, context())
    for (const target of ['/a', '/a', '/b', '/a']) {
      const exchange = new FakeExchange({ target })
      handle(exchange)
      expect(exchange.responseHeaders).toEqual([
        ['content-type', target === '/a' ? 'text/plain' : 'text/html'],
        ['x-custom', target],
      ])
    }
  })

  it('shows its head to middlewares', async () => {
    const { res } = await open()
    const inner = res as unknown as { _header: string | null; _implicitHeader(): void }
    expect(inner._header).toBeNull()
    res.setHeader('X-A', 'b')
    res.setHeader('etag', '"x"')
    inner._implicitHeader()
    expect(inner._header).toBe('HTTP/1.1 200 OK\r\nx-a: b\r\netag: "x"\r\n\r\n')
    res.end()
  })

  it('sends informational responses', async () => {
    const { exchange } = await run((_req, res) => {
      res.writeContinue()
      res.writeProcessing()
      res.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'], 'x-a': 'b' })
      res.writeEarlyHints({ link: [] })
      const newer = res as unknown as { writeInformation(status: number, fields?: object): boolean }
      newer.writeInformation(110, ['x-c', 'd'])
      for (const [status, code] of [
        [101, 'ERR_HTTP_INVALID_STATUS_CODE'],
        [200, 'ERR_OUT_OF_RANGE'],
      ] as const)
        expect(() => newer.writeInformation(status)).toThrow(expect.objectContaining({ code }))
      for (const link of ['no brackets', 1])
        expect(() => res.writeEarlyHints({ link: link as string })).toThrow(
          expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
        )
      res.end()
    })
    expect(exchange.calls).toMatchObject([
      { call: 'informational', status: 100 },
      { call: 'informational', status: 102 },
      {
        call: 'informational',
        status: 103,
        headers: [
          ['link', '</a.css>; rel=preload, </b.js>; rel=preload'],
          ['x-a', 'b'],
        ],
      },
      { call: 'informational', status: 110, headers: [['x-c', 'd']] },
      { call: 'respond', status: 200 },
    ])
  })
})

describe('back-pressure', () => {
  it('write returns false and drain follows', async () => {
    const { res, exchange } = await open({ highWater: 10 })
    const events: string[] = []
    res.on('drain', () => events.push('drain'))
    expect(res.write('12345')).toBe(true)
    expect(res.write('1234567890')).toBe(false)
    expect(res.writableNeedDrain).toBe(true)
    await tick()
    expect(events).toEqual([])
    exchange.drain()
    await tick()
    expect(events).toEqual(['drain'])
    expect(res.writableNeedDrain).toBe(false)
    res.end()
  })

  it('a pipe waits for a slow client', async () => {
    let produced = 0
    const source = new Readable({
      highWaterMark: 1024,
      read() {
        produced++
        this.push(produced <= 100 ? Buffer.alloc(1024) : null)
      },
    })
    const { exchange } = await run((_req, res) => source.pipe(res), { highWater: 4096 })
    for (let turn = 0; turn < 5; turn++) await tick()
    expect(produced).toBeLessThan(10)
    while (!exchange.finished) {
      exchange.drain()
      await tick()
    }
    expect(exchange.sent.length).toBe(100 * 1024)
  })

  it('a slow app holds the body back', async () => {
    const { req, exchange } = await open({ method: 'POST', open: true })
    let chunks = 0
    req.on('data', () => {
      chunks++
      req.pause()
    })
    for (let sent = 0; sent < 8; sent++) exchange.push(Buffer.alloc(65_536))
    await tick()
    expect(chunks).toBe(1)
    expect(req.readableLength).toBeLessThanOrEqual(2 * 65_536)
    req.resume()
    await tick()
    expect(chunks).toBe(2)
    exchange.abort()
  })

  it('end sends what is corked first', async () => {
    const { exchange } = await run((_req, res) => {
      res.cork()
      res.cork()
      res.write('c')
      res.end('d')
    })
    expect(exchange.text).toBe('cd')
    expect(exchange.complete).toBe(true)
  })

  it('corked writes are held, and drain follows when they were too many', async () => {
    const { res, exchange } = await open()
    const events: string[] = []
    res.on('drain', () => events.push('drain'))
    res.cork()
    expect(res.write('a')).toBe(true)
    expect(res.write(Buffer.alloc(70_000))).toBe(false)
    expect([res.writableCorked, res.writableLength]).toEqual([1, 70_001])
    expect(exchange.sequence).toEqual([])
    res.uncork()
    expect(exchange.sequence).toEqual(['start', 'write', 'write'])
    await tick()
    expect(events).toEqual(['drain'])
    res.end()
  })
})

describe('buffers', () => {
  it('a callback of write comes when the buffer is free', async () => {
    const { res, exchange } = await open({ keepLent: true })
    const buffer = new Uint8Array(100_000).fill(97)
    const events: string[] = []
    res.write(buffer, () => {
      events.push('free')
      buffer.fill(98)
    })
    res.end('', () => events.push('finish'))
    await tick()
    expect(events).toEqual([])
    expect(res.writableEnded).toBe(true)
    exchange.giveBack()
    await tick()
    expect(events).toEqual(['free', 'finish'])
    expect(exchange.sent.every((byte) => byte === 97)).toBe(true)
  })

  it('a callback of end may reuse the buffer', async () => {
    const buffer = new Uint8Array(100_000).fill(97)
    const { exchange } = await run((_req, res) => res.end(buffer, () => buffer.fill(98)), {
      keepLent: true,
    })
    exchange.giveBack()
    expect(exchange.sent.every((byte) => byte === 97)).toBe(true)
  })
})

describe('the request body', () => {
  it('has its trailers once it was read', async () => {
    const { req, exchange } = await open({ method: 'POST', open: true })
    exchange.push('abc')
    exchange.finishBody([
      ['x-sum', '3'],
      ['x-sum', '4'],
    ])
    expect(req.trailers).toEqual({})
    for await (const chunk of req) expect(String(chunk)).toBe('abc')
    expect(req.trailers).toEqual({ 'x-sum': '3, 4' })
    expect(req.rawTrailers).toEqual(['x-sum', '3', 'x-sum', '4'])
    expect(req.trailersDistinct).toEqual({ 'x-sum': ['3', '4'] })
  })

  it('that arrived is read to its end after an early answer', async () => {
    let text = ''
    const { logged } = await run(
      (req, res) => {
        req.on('data', (chunk) => {
          text += chunk
        })
        req.on('end', () => {
          text += '.'
        })
        res.end('accepted')
      },
      { method: 'POST', body: ['one', 'two'] },
    )
    await tick()
    expect(text).toBe('onetwo.')
    expect(logged).toEqual([])
  })

  it.each(['truncated', 'malformed', 'too-large', 'timed-out'] as const)(
    'that is %s is an error, never an end',
    async (fault) => {
      const { req, exchange } = await open({ method: 'POST', open: true })
      const outcome = new Promise((resolve) => finished(req, resolve))
      req.on('end', () => expect.unreachable())
      req.on('error', () => undefined)
      req.resume()
      exchange.push('abc')
      await tick()
      exchange.breakBody(fault)
      const error = await outcome
      expect(error).toBeInstanceOf(MonodonError)
      expect(exchange.error).toBe(error)
      expect([req.complete, req.aborted]).toEqual([false, true])
    },
  )

  it('that goes on after the answer is an error to its reader', async () => {
    const { req, res, exchange } = await open({ method: 'POST', open: true })
    const codes: unknown[] = []
    req.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code))
    req.on('end', () => codes.push('end'))
    req.on('data', () => undefined)
    exchange.push('abc')
    await tick()
    res.end('enough')
    await tick()
    expect(codes).toEqual(['MONODON_BODY_FINISHED'])
  })

  it('read only after the client has gone is an error', async () => {
    const { req, exchange } = await open({ method: 'POST', open: true })
    exchange.abort()
    await expect(req.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('giving up', () => {
  it('destroying the response fails the exchange', async () => {
    const error = new Error('enough')
    const { res, exchange } = await open()
    const events: string[] = []
    res.on('finish', () => events.push('finish')).on('close', () => events.push('close'))
    res.write('part')
    expect(res.destroy(error).destroy()).toBe(res)
    await tick()
    expect(exchange.sequence).toEqual(['start', 'write', 'fail'])
    expect(exchange.error).toBe(error)
    expect(res.errored).toBe(error)
    expect(events).toEqual(['close'])
  })

  it.each(['req', 'socket'] as const)('destroying the %s, too', async (which) => {
    const { req, res, exchange } = await open()
    const events: string[] = []
    req.on('aborted', () => events.push('aborted')).on('close', () => events.push('req close'))
    res.on('close', () => events.push('res close'))
    req.socket.on('close', () => events.push('socket close'))
    if (which === 'req') req.destroy()
    else req.socket.destroy()
    await tick()
    expect(exchange.error).toMatchObject({ code: 'MONODON_APP_CLOSED' })
    expect(events.sort()).toEqual(['aborted', 'req close', 'res close', 'socket close'])
  })

  it('the socket closes when the client leaves, not when the response ends', async () => {
    for (const leaves of [true, false]) {
      const { req, res, exchange } = await open()
      let closed = false
      req.socket.on('close', () => {
        closed = true
      })
      if (leaves) exchange.abort()
      else res.end()
      await tick()
      expect(closed).toBe(leaves)
      expect(req.socket.destroyed).toBe(leaves)
    }
  })

  it('the signal aborts when the client leaves, not when the response ends', async () => {
    for (const leaves of [true, false]) {
      const { req, res, exchange } = await open()
      const { signal } = req as unknown as { signal: AbortSignal }
      if (leaves) exchange.abort()
      else res.end()
      await tick()
      expect(signal.aborted).toBe(leaves)
    }
  })

  it('nothing happens when the client leaves a listener that never answers', async () => {
    const { exchange, logged, res, req } = await open()
    exchange.abort()
    await tick()
    expect(logged).toEqual([])
    expect([res.closed, res.destroyed, req.aborted]).toEqual([true, true, true])
    expect(res.write('x')).toBe(false)
    res.end()
  })

  it('writing to the socket is an error', async () => {
    const { req } = await open()
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      req.socket.on('error', resolve)
      req.socket.write('HTTP/1.1 200 OK\r\n\r\n')
    })
    expect(error.code).toBe('ERR_METHOD_NOT_IMPLEMENTED')
  })
})

describe('timeouts', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('are told to the response, or cut the connection', async () => {
    const heard = await open()
    let calls = 0
    heard.res.setTimeout(10, () => calls++)
    const unheard = await open()
    unheard.req.socket.setTimeout(10)
    vi.advanceTimersByTime(9)
    expect([calls, unheard.exchange.finished]).toEqual([0, false])
    vi.advanceTimersByTime(1)
    await unheard.exchange.over
    expect(calls).toBe(1)
    expect(heard.exchange.finished).toBe(false)
    expect(unheard.exchange.sequence).toEqual(['fail'])
    heard.res.end()
  })

  it('begin anew with each write and end with the response', async () => {
    const { res, req, exchange } = await open()
    let calls = 0
    req.setTimeout(60, () => calls++)
    for (let turn = 0; turn < 5; turn++) {
      vi.advanceTimersByTime(59)
      res.write('x')
    }
    expect(calls).toBe(0)
    res.end()
    vi.advanceTimersByTime(1000)
    await tick()
    expect(calls).toBe(0)
    expect(exchange.complete).toBe(true)
  })
})
