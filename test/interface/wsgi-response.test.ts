import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { LEND_BYTES } from '../../lib/bridge/layout.ts'
import { MonodonError } from '../../lib/errors.ts'
import type { Chunk, Environ, StartResponse, WSGIApplication } from '../../lib/interface/wsgi.ts'
import { logError } from '../../lib/log.ts'
import type { FakeExchange } from '../support/fake-exchange.ts'
import { answer, begin, ok, turn } from './wsgi-support.ts'

vi.mock('../../lib/log.ts', () => ({ logError: vi.fn(), log: vi.fn() }))

const HEAD = { method: 'HEAD' }
const codeOf = (exchange: FakeExchange) => (exchange.error as MonodonError | undefined)?.code

/** What was sent, as runs of a letter: `a3` is `aaa`. */
const runs = (exchange: FakeExchange) =>
  exchange.text.match(/(.)\1*/g)?.map((run) => `${run[0]}${run.length}`)

/** An app whose body is made by a generator. */
const generated =
  (
    body: (startResponse: StartResponse) => Iterable<Chunk> | AsyncIterable<Chunk>,
  ): WSGIApplication =>
  (_environ, startResponse) =>
    body(startResponse)

/** A body that counts how it is treated. */
function counted(chunks: Chunk[]) {
  const body = {
    asked: 0,
    closed: 0,
    [Symbol.iterator]: () => ({
      next: (): IteratorResult<Chunk> => {
        const value = chunks[body.asked]
        body.asked += 1
        return value === undefined ? { done: true, value: undefined } : { done: false, value }
      },
    }),
    close: () => {
      body.closed += 1
    },
  }
  return body
}

/** Lets no time pass for the server until it is disposed of. */
function stoppedClock(): Disposable {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
  return { [Symbol.dispose]: () => clock.mockRestore() }
}

describe('a whole body', () => {
  test.each<[string, () => Iterable<Chunk> | AsyncIterable<Chunk>]>([
    ['an array of a string', () => ['h\u00e9llo']],
    ['an array of bytes', () => [Buffer.from('h\u00e9llo')]],
    ['a string', () => 'h\u00e9llo'],
    ['a set', () => new Set(['h\u00e9llo'])],
    ['a closable array', () => Object.assign(['h\u00e9llo'], { close() {} })],
  ])('is sent at once: %s', async (_, body) => {
    // A slow moment between two steps of an iterator would give other requests their turn.
    using _clock = stoppedClock()
    const exchange = await answer((_environ, startResponse) => {
      startResponse('201 Created', [['X-Own', 'a']])
      return body()
    })
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.status).toBe(201)
    expect(exchange.responseHeaders).toEqual([['x-own', 'a']])
    expect(exchange.text).toBe('h\u00e9llo')
  })

  test('may be promised', async () => {
    const exchange = await answer(async (_environ, startResponse) => {
      await turn()
      ok(startResponse)
      return ['late']
    })
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.text).toBe('late')
  })

  test('is the window of any view', async () => {
    const { buffer } = new Uint8Array([0, 65, 66, 67, 68, 0])
    for (const view of [
      new DataView(buffer, 1, 4),
      new Uint16Array(buffer.slice(1, 5)),
      new Uint8Array(buffer, 1, 4),
      Buffer.from(buffer, 1, 4),
    ]) {
      const exchange = await answer((_environ, startResponse) => {
        ok(startResponse)
        return [view]
      })
      expect(exchange.text).toBe('ABCD')
    }
  })

  test.each<[string, Chunk[]]>([
    ['[]', []],
    ["['']", ['']],
    ['empty chunks', ['', '', new Uint8Array(0)]],
  ])('may be empty: %s', async (_, chunks) => {
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)
      return chunks
    })
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.sent.length).toBe(0)
  })

  test('of a synchronous generator with one chunk is sent at once, with what it yielded', async () => {
    using _clock = stoppedClock()
    const memory = Buffer.from('one')
    const exchange = await answer(
      generated(function* (startResponse) {
        ok(startResponse)
        yield memory
        memory.write('two')
      }),
    )
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.text).toBe('one')
  })

  test('does not mix up heads of several apps and requests', async () => {
    for (let round = 0; round < 40; round += 1) {
      const fields: [string, string][] = [['X-Round', String(round % 13)]]
      const exchange = await answer((_environ, startResponse) => {
        startResponse(round % 2 ? '200 OK' : '404 Not Found', fields)
        fields[0] = ['X-Round', 'changed']
        return ['x']
      })
      expect(exchange.status).toBe(round % 2 ? 200 : 404)
      expect(exchange.responseHeaders).toEqual([['x-round', String(round % 13)]])
    }
  })
})

describe('a streamed body', () => {
  test.each([true, false])('goes out chunk by chunk (synchronous: %s)', async (isSync) => {
    const exchange = await answer(
      isSync
        ? generated(function* (startResponse) {
            ok(startResponse)
            yield ''
            yield 'a'
            yield 'b'
          })
        : generated(async function* (startResponse) {
            ok(startResponse)
            yield ''
            yield 'a'
            yield 'b'
          }),
    )
    expect(exchange.sequence).toEqual(['start', 'write', 'write', 'end'])
    expect(exchange.text).toBe('ab')
  })

  test('of an asynchronous generator does not wait for the second chunk', async () => {
    let resume = () => {}
    const exchange = begin(
      generated(async function* (startResponse) {
        ok(startResponse)
        yield 'first'
        await new Promise<void>((resolve) => {
          resume = resolve
        })
      }),
    )
    await turn()
    expect(exchange.sequence).toEqual(['start', 'write'])
    resume()
    await exchange.over
    expect(exchange.complete).toBe(true)
  })

  test('waits for a slow client', async () => {
    let asked = 0
    const exchange = begin(
      generated(function* (startResponse) {
        ok(startResponse)
        for (; asked < 10; asked += 1) yield 'x'.repeat(1000)
      }),
      { highWater: 2500 },
    )
    await turn()
    expect(asked).toBe(2)
    exchange.drain()
    await turn()
    expect(asked).toBe(5)
    while (!exchange.finished) {
      exchange.drain()
      await turn()
    }
    expect(exchange.sent.length).toBe(10_000)
  })

  test('asks for the next chunk when a lent one was written', async () => {
    const memory = Buffer.alloc(LEND_BYTES, 'a')
    const exchange = begin(
      generated(function* (startResponse) {
        ok(startResponse)
        yield memory
        memory.fill('b')
        yield memory
      }),
      { keepLent: true },
    )
    await turn()
    expect(exchange.sequence).toEqual(['start', 'write'])
    exchange.giveBack()
    await turn()
    exchange.giveBack()
    await exchange.over
    expect(runs(exchange)).toEqual([`a${LEND_BYTES}`, `b${LEND_BYTES}`])
  })

  test('is closed only when the last lent chunk was written', async () => {
    const memory = Buffer.alloc(LEND_BYTES, 'a')
    const body = Object.assign([memory], { close: () => void memory.fill('z') })
    const exchange = begin(
      (_environ, startResponse) => {
        ok(startResponse)
        return body
      },
      { keepLent: true },
    )
    await turn()
    exchange.giveBack()
    await turn()
    expect(runs(exchange)).toEqual([`a${LEND_BYTES}`])
    expect(memory[0]).toBe('z'.charCodeAt(0))
  })

  test.each<[string, WSGIApplication]>([
    [
      'synchronous',
      generated(function* (startResponse) {
        ok(startResponse)
        for (;;) yield 'x'
      }),
    ],
    [
      'asynchronous without waiting',
      generated(async function* (startResponse) {
        ok(startResponse)
        for (;;) yield 'x'
      }),
    ],
    [
      'synchronous, of empty chunks',
      generated(function* (startResponse) {
        ok(startResponse)
        for (;;) yield ''
      }),
    ],
  ])('without an end leaves other requests their turn: %s', async (_, app) => {
    const exchange = begin(app)
    await sleep(20)
    exchange.abort()
    await turn()
    expect(exchange.finished).toBe(true)
  })
})

describe('HEAD, 204 and 304', () => {
  test('HEAD gives the length of a body that is one chunk', async () => {
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)
      return ['abc']
    }, HEAD)
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.text).toBe('abc')
  })

  test('HEAD asks for at most the first chunk, and closes', async () => {
    const body = counted(['a', 'b', 'c'])
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)
      return body
    }, HEAD)
    expect(exchange.sequence).toEqual(['start', 'end'])
    expect(body).toMatchObject({ asked: 1, closed: 1 })
  })

  test('HEAD keeps a declared length that no body follows', async () => {
    const exchange = await answer((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '9']])
      return []
    }, HEAD)
    expect(exchange.sequence).toEqual(['respond'])
    expect(exchange.responseHeader('content-length')).toEqual(['9'])
  })

  test('HEAD sends nothing that was given to write', async () => {
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)('abc')
      return []
    }, HEAD)
    expect(exchange.sent.length).toBe(0)
    expect(exchange.complete).toBe(true)
  })

  test.each(['204 No Content', '304 Not Modified'])('%s has no body', async (status) => {
    for (const chunks of [['x'], ['x', 'y'], []]) {
      const exchange = await answer((_environ, startResponse) => {
        startResponse(status, [['ETag', '"1"']])
        return chunks
      })
      expect(exchange.complete).toBe(true)
      expect(exchange.sent.length).toBe(0)
    }
  })

  test('204 loses a content-length', async () => {
    const exchange = await answer((_environ, startResponse) => {
      startResponse('204 No Content', [['Content-Length', '0']])
      return []
    })
    expect(exchange.responseHeaders).toEqual([])
  })
})

describe('Content-Length', () => {
  const declared =
    (length: number, body: Iterable<Chunk>): WSGIApplication =>
    (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', String(length)]])
      return body
    }

  test('counts bytes, not characters', async () => {
    for (const body of [['\u20ac'], ['\u20ac', '']]) {
      const exchange = await answer(declared(3, body))
      expect(exchange.complete).toBe(true)
      expect(exchange.text).toBe('\u20ac')
    }
  })

  test.each([[['abcdef']], [['ab', 'cdef']], [['abcdef', 'g']]])(
    'cuts %j and logs it once',
    async (body) => {
      vi.mocked(logError).mockClear()
      const exchange = await answer(declared(4, body))
      expect(exchange.complete).toBe(true)
      expect(exchange.text).toBe('abcd')
      const logged = vi.mocked(logError).mock.calls
      expect(logged).toHaveLength(1)
      expect(logged[0]).toMatchObject([
        { code: 'MONODON_CONTENT_LENGTH_MISMATCH' },
        { method: 'GET', target: '/' },
      ])
    },
  )

  test('may change while the rest of the head stays', async () => {
    for (const length of ['1', '2', '3', '2', 'x']) {
      const exchange = await answer((_environ, startResponse) => {
        startResponse('200 OK', [
          ['X-First', 'a'],
          ['Content-Length', length],
          ['X-Last', 'b'],
        ])
        return ['a'.repeat(Number(length) || 0)]
      })
      if (length === 'x') expect(codeOf(exchange)).toBe('MONODON_APP_BAD_LENGTH')
      else expect(exchange.responseHeader('content-length')).toEqual([length])
      if (length !== 'x') expect(exchange.responseHeaders).toHaveLength(3)
    }
  })

  test('asks for nothing more once all was sent', async () => {
    const body = counted(['ab', 'cd', 'ef'])
    const exchange = await answer(declared(4, body))
    expect(exchange.text).toBe('abcd')
    expect(body).toMatchObject({ asked: 2, closed: 1 })
  })

  test.each([[['abc']], [[]]])('that is not reached by %j at all is a 500', async (body) => {
    const exchange = await answer(declared(4, body))
    expect(exchange.sequence).toEqual(['fail'])
    expect(codeOf(exchange)).toBe('MONODON_CONTENT_LENGTH_MISMATCH')
  })

  test('that is not reached by a stream is a cut', async () => {
    const exchange = await answer(declared(4, ['a', 'b']))
    expect(exchange.sequence).toEqual(['start', 'write', 'write', 'fail'])
  })

  test.each([
    [[['Content-Length', 'x']]],
    [[['Content-Length', '-1']]],
    [[['Content-Length', '1e3']]],
    [
      [
        ['Content-Length', '1'],
        ['content-length', '1'],
      ],
    ],
  ])('must be one number: %j', async (fields) => {
    const exchange = await answer((_environ, startResponse) => {
      startResponse('200 OK', fields as [string, string][])
      return ['x']
    })
    expect(codeOf(exchange)).toBe('MONODON_APP_BAD_LENGTH')
  })
})

describe('startResponse', () => {
  const started =
    (...args: unknown[]): WSGIApplication =>
    (_environ, startResponse) => {
      Reflect.apply(startResponse, undefined, args)
      return ['x']
    }

  test.each([
    ['MONODON_APP_BAD_STATUS', '200', []],
    ['MONODON_APP_BAD_STATUS', 'OK', []],
    ['MONODON_APP_BAD_STATUS', 200, []],
    ['MONODON_APP_BAD_STATUS', '100 Continue', []],
    ['MONODON_APP_BAD_STATUS', '200 OK\r\nX: y', []],
    ['MONODON_APP_BAD_STATUS', '200 \u20ac', []],
    ['MONODON_APP_BAD_HEADERS', '200 OK', undefined],
    ['MONODON_APP_BAD_HEADERS', '200 OK', { 'content-type': 'x' }],
    ['MONODON_APP_BAD_HEADERS', '200 OK', [['a']]],
    ['MONODON_APP_BAD_HEADERS', '200 OK', [['a', 1]]],
    ['MONODON_APP_BAD_HEADERS', '200 OK', ['a: b']],
    ['MONODON_BAD_HEADER', '200 OK', [['a b', 'c']]],
    ['MONODON_BAD_HEADER', '200 OK', [['a', 'b\r\nc: d']]],
    ['MONODON_BAD_HEADER', '200 OK', [['a', 'b\0']]],
    ['MONODON_BAD_HEADER', '200 OK', [['a', '\u20ac']]],
    ['MONODON_APP_HOP_BY_HOP', '200 OK', [['Transfer-Encoding', 'chunked']]],
    ['MONODON_APP_HOP_BY_HOP', '200 OK', [['Connection', 'close']]],
    ['MONODON_APP_HOP_BY_HOP', '200 OK', [['KEEP-ALIVE', '5']]],
    ['MONODON_APP_HOP_BY_HOP', '200 OK', [['Upgrade', 'h2c']]],
  ])('throws %s for %j, %j', async (code, ...args) => {
    const exchange = await answer(started(...args))
    expect(exchange.sequence).toEqual(['fail'])
    expect(codeOf(exchange)).toBe(code)
  })

  test('keeps several fields of one name, and latin1 values', async () => {
    const fields: [string, string][] = [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=\u00e9'],
    ]
    const exchange = await answer(started('299 Own Reason', fields))
    expect(exchange.status).toBe(299)
    expect(exchange.responseHeaders).toEqual(fields)
  })

  test('twice needs excInfo', async () => {
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)
      ok(startResponse)
      return ['x']
    })
    expect(codeOf(exchange)).toBe('MONODON_APP_STARTED_TWICE')
  })

  test('with excInfo replaces a head that was not sent', async () => {
    const exchange = await answer(
      generated(function* (startResponse) {
        startResponse('200 OK', [['X-Old', '1']])
        yield ''
        startResponse('503 Busy', [['X-New', '1']], new Error('busy'))
        yield 'sorry'
      }),
    )
    expect(exchange.status).toBe(503)
    expect(exchange.responseHeaders).toEqual([['x-new', '1']])
    expect(exchange.text).toBe('sorry')
  })

  test('with excInfo throws it when the head was sent, and the response is cut', async () => {
    const error = new Error('too late')
    for (const prelude of [['a'], ['a', 'b']]) {
      const exchange = await answer(
        generated(function* (startResponse) {
          ok(startResponse)
          yield* prelude
          startResponse('500 Error', [], error)
        }),
      )
      expect(exchange.status).toBe(200)
      expect(exchange.sequence.at(-1)).toBe('fail')
      expect(exchange.text).toBe(prelude.join(''))
      expect(exchange.error).toBe(error)
    }
  })

  test('may come as late as before the first chunk', async () => {
    const exchange = await answer(
      generated(async function* (startResponse) {
        yield ''
        await turn()
        ok(startResponse)
        yield 'x'
      }),
    )
    expect(exchange.text).toBe('x')
  })

  test.each<[string, WSGIApplication]>([
    ['a chunk', () => ['x']],
    ['an empty body', () => []],
    ['a stream', () => ['x', 'y']],
    ['a stream that ends', generated(function* () {})],
  ])('must be called before %s', async (_, app) => {
    const exchange = await answer(app)
    expect(exchange.sequence).toEqual(['fail'])
    expect(codeOf(exchange)).toBe('MONODON_APP_NOT_STARTED')
  })
})

describe('write', () => {
  test('sends at once, before the returned body', async () => {
    const exchange = await answer((_environ, startResponse) => {
      const write = ok(startResponse)
      write('a')
      write(Buffer.from('b'))
      return ['c']
    })
    expect(exchange.sequence).toEqual(['start', 'write', 'write', 'write', 'end'])
    expect(exchange.text).toBe('abc')
  })

  test('keeps its place among yielded chunks', async () => {
    const exchange = await answer(
      generated(function* (startResponse) {
        const write = ok(startResponse)
        yield 'a'
        write('b')
        yield 'c'
      }),
    )
    expect(exchange.text).toBe('abc')
  })

  test('copies what would be lent', async () => {
    const memory = Buffer.alloc(LEND_BYTES, 'a')
    const exchange = begin(
      (_environ, startResponse) => {
        ok(startResponse)(memory)
        memory.fill('b')
        return []
      },
      { keepLent: true },
    )
    exchange.giveBack()
    await exchange.over
    expect(runs(exchange)).toEqual([`a${LEND_BYTES}`])
  })

  test('gives a promise when the client is slow', async () => {
    let written = 0
    const exchange = begin(
      async (_environ, startResponse) => {
        const write = ok(startResponse)
        for (; written < 4; written += 1) await write('x'.repeat(100))
        return []
      },
      { highWater: 150 },
    )
    await turn()
    expect(written).toBe(1)
    exchange.drain()
    await turn()
    expect(written).toBe(3)
    exchange.drain()
    await exchange.over
    expect(exchange.sent.length).toBe(400)
  })

  test('throws after the end', async () => {
    let write: ReturnType<StartResponse> | undefined
    await answer((_environ, startResponse) => {
      write = ok(startResponse)
      return ['x']
    })
    expect(() => write?.('late')).toThrow(MonodonError)
  })
})

describe('what the app does wrong', () => {
  const boom = new Error('boom')

  test.each<[string, WSGIApplication, string[]]>([
    [
      'throws',
      () => {
        throw boom
      },
      ['fail'],
    ],
    ['rejects', () => Promise.reject(boom), ['fail']],
    [
      'throws after startResponse',
      (_environ, startResponse) => {
        ok(startResponse)
        throw boom
      },
      ['fail'],
    ],
    [
      'throws before the first chunk',
      generated(function* (startResponse) {
        ok(startResponse)
        if (boom) throw boom
        yield 'x'
      }),
      ['fail'],
    ],
    [
      'throws after the first chunk',
      generated(function* (startResponse) {
        ok(startResponse)
        yield 'x'
        throw boom
      }),
      ['start', 'write', 'fail'],
    ],
    [
      'rejects after the first chunk',
      generated(async function* (startResponse) {
        ok(startResponse)
        yield 'x'
        throw boom
      }),
      ['start', 'write', 'fail'],
    ],
    [
      'throws after write',
      (_environ, startResponse) => {
        ok(startResponse)('x')
        throw boom
      },
      ['start', 'write', 'fail'],
    ],
  ])('is seen by the client: %s', async (_, app, sequence) => {
    const exchange = await answer(app)
    expect(exchange.sequence).toEqual(sequence)
    expect(exchange.error).toBe(boom)
  })

  test.each([undefined, null, 7, {}, Buffer.from('x'), () => {}, { [Symbol.iterator]: 1 }])(
    'returns no body: %s',
    async (body) => {
      const exchange = await answer(((_environ: unknown, startResponse: StartResponse) => {
        ok(startResponse)
        return body
      }) as unknown as WSGIApplication)
      expect(codeOf(exchange)).toBe('MONODON_APP_BAD_BODY')
    },
  )

  test.each([[[7]], [['a', null]], [[{}, 'b']], [[new ArrayBuffer(1)]]])(
    'gives no chunk: %j',
    async (body) => {
      const exchange = await answer((_environ, startResponse) => {
        ok(startResponse)
        return body as unknown as Chunk[]
      })
      expect(codeOf(exchange)).toBe('MONODON_APP_BAD_CHUNK')
    },
  )
})

describe('close', () => {
  const chunkCounts = [0, 1, 2]

  test.each(chunkCounts)('is called once after %i chunks', async (count) => {
    const body = counted(['a', 'b'].slice(0, count))
    await answer((_environ, startResponse) => {
      ok(startResponse)
      return body
    })
    expect(body.closed).toBe(1)
  })

  test('is called once when the app has failed', async () => {
    const body = counted([7 as unknown as Chunk])
    const exchange = await answer((_environ, startResponse) => {
      ok(startResponse)
      return body
    })
    expect(exchange.sequence).toEqual(['fail'])
    expect(body.closed).toBe(1)
  })

  test('takes precedence over return, which a body without it has called', async () => {
    for (const hasClose of [true, false]) {
      const calls: string[] = []
      const iterator = {
        next: () => ({ done: calls.push('next') > 1, value: 'x' }) as IteratorResult<Chunk>,
        return: () => ({ done: true as const, value: calls.push('return') }),
      }
      const close = { close: () => void calls.push('close') }
      await answer((_environ, startResponse) => {
        ok(startResponse)
        return Object.assign({ [Symbol.iterator]: () => iterator }, hasClose ? close : {})
      })
      expect(calls).toEqual(['next', 'next', hasClose ? 'close' : 'return'])
    }
  })

  test('is awaited by the worker, and its error reaches the log and not the client', async () => {
    const pending: Promise<unknown>[] = []
    let isClosed = false
    const body = Object.assign(['x'], {
      close: async () => {
        await turn()
        isClosed = true
        throw new Error('close failed')
      },
    })
    const exchange = begin(
      (_environ, startResponse) => {
        ok(startResponse)
        return body
      },
      {},
      pending,
    )
    await exchange.over
    expect(exchange.complete).toBe(true)
    expect(pending).toHaveLength(1)
    await expect(pending[0]).rejects.toThrow('close failed')
    expect(isClosed).toBe(true)
  })

  test('ends a generator that was not read to its end', async () => {
    let isClosed = false
    await answer(
      generated(function* (startResponse) {
        try {
          ok(startResponse)
          yield 'a'
          yield 'b'
        } finally {
          isClosed = true
        }
      }),
      HEAD,
    )
    expect(isClosed).toBe(true)
  })
})

describe('a client that leaves', () => {
  test('stops the body and closes it once, though the next chunk never comes', async () => {
    const body = {
      closed: 0,
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
      close: () => {
        body.closed += 1
      },
    }
    const exchange = begin((_environ, startResponse) => {
      ok(startResponse)
      return body
    })
    await turn()
    exchange.abort()
    await turn()
    expect(body.closed).toBe(1)
  })

  test('stops a body that waits for room', async () => {
    const body = counted(['a'.repeat(100), 'b', 'c'])
    const exchange = begin(
      (_environ, startResponse) => {
        ok(startResponse)
        return Object.assign(body, { [Symbol.iterator]: body[Symbol.iterator] })
      },
      { highWater: 10 },
    )
    await turn()
    const asked = body.asked
    exchange.abort()
    await turn()
    expect(body).toMatchObject({ asked, closed: 1 })
  })

  test('before the app has returned, closes what it returns then', async () => {
    const body = counted(['a'])
    let resolve = (_: Iterable<Chunk>) => {}
    const exchange = begin((_environ, startResponse) => {
      ok(startResponse)
      return new Promise<Iterable<Chunk>>((settle) => {
        resolve = settle
      })
    })
    exchange.abort()
    resolve(body)
    await turn()
    expect(body).toMatchObject({ asked: 0, closed: 1 })
  })

  test('aborts the signal; the end of a response does not', async () => {
    let signal: AbortSignal | undefined
    const app: WSGIApplication = async (environ, startResponse) => {
      signal = environ['monodon.signal']
      ok(startResponse)
      await turn()
      return ['x']
    }
    const left = begin(app)
    left.abort()
    expect(signal?.aborted).toBe(true)
    await answer(app)
    expect(signal?.aborted).toBe(false)
  })

  test('has left already when the signal is asked for', () => {
    let environ: Environ | undefined
    const exchange = begin((given) => {
      environ = given
      return new Promise(() => {})
    })
    exchange.abort()
    expect(environ?.['monodon.signal'].aborted).toBe(true)
  })
})

describe('early hints', () => {
  const link: [string, string][] = [['Link', '</a.css>; rel=preload']]

  test('go out as 103 until the head is sent', async () => {
    const hinted = await answer((environ, startResponse) => {
      environ['wsgi.early_hints'](link)
      const write = ok(startResponse)
      write('a')
      environ['wsgi.early_hints'](link)
      return []
    })
    expect(hinted.sequence).toEqual(['informational', 'start', 'write', 'end'])
    expect(hinted.calls[0]).toMatchObject({
      status: 103,
      headers: [['link', '</a.css>; rel=preload']],
    })
  })

  test('are checked', async () => {
    const exchange = await answer((environ) => {
      environ['wsgi.early_hints']([['Connection', 'close']])
      return []
    })
    expect(codeOf(exchange)).toBe('MONODON_APP_HOP_BY_HOP')
  })
})
