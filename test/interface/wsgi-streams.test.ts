import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { MonodonError } from '../../lib/errors.ts'
import type { Environ, FileLike, FileWrapper, InputStream } from '../../lib/interface/wsgi.ts'
import { log, logError } from '../../lib/log.ts'
import type { FakeExchange, FakeOptions } from '../support/fake-exchange.ts'
import { answer, begin, ok, turn } from './wsgi-support.ts'

vi.mock('../../lib/log.ts', () => ({ logError: vi.fn(), log: vi.fn() }))
beforeEach(() => void vi.clearAllMocks())

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

/** The environ of a request that is not answered until `exchange` is told so. */
function pendingRequest(options: FakeOptions): { environ: Environ; exchange: FakeExchange } {
  let environ: Environ | undefined
  const exchange = begin(
    (given) => {
      environ = given
      return new Promise(() => {})
    },
    { method: 'POST', ...options },
  )
  return { environ: environ!, exchange }
}

const inputOf = (options: FakeOptions): InputStream => pendingRequest(options).environ['wsgi.input']

const code = (wanted: string) => expect.objectContaining({ code: wanted })

describe('wsgi.input', () => {
  test('is not touched for an app that does not read', async () => {
    const exchange = await answer(
      (_environ, startResponse) => {
        ok(startResponse)
        return ['x']
      },
      { method: 'POST', body: 'abc' },
    )
    expect(exchange.bodyTouched).toBe(false)
  })

  test.each([undefined, -1])('read(%s) gives all bytes', async (size) => {
    const input = inputOf({ body: ['ab', 'c', 'def'] })
    expect(text(await input.read(size))).toBe('abcdef')
    expect(await input.read(size)).toHaveLength(0)
    expect(await input.read(5)).toHaveLength(0)
  })

  test('read(n) gives n bytes, across chunks, fewer only at the end', async () => {
    const input = inputOf({ body: ['ab', 'c', 'defgh'] })
    expect(text(await input.read(1))).toBe('a')
    expect(text(await input.read(3))).toBe('bcd')
    expect(await input.read(0)).toHaveLength(0)
    expect(text(await input.read(9))).toBe('efgh')
  })

  test('read waits for bytes that have not arrived', async () => {
    const { environ, exchange } = pendingRequest({ open: true })
    const read = environ['wsgi.input'].read()
    exchange.push('a')
    await turn()
    exchange.push('b')
    exchange.finishBody()
    expect(text(await read)).toBe('ab')
  })

  test('readline gives a line with its end, or up to its limit', async () => {
    const input = inputOf({ body: ['one\ntw', 'o\n', '\nlong line\nlast'] })
    const lines = [
      await input.readline(),
      await input.readline(),
      await input.readline(),
      await input.readline(4),
      await input.readline(5),
      await input.readline(9),
      await input.readline(),
      await input.readline(),
    ]
    expect(lines.map(text)).toEqual(['one\n', 'two\n', '\n', 'long', ' line', '\n', 'last', ''])
  })

  test('readlines gives lines, to the end or until the hint', async () => {
    expect((await inputOf({ body: 'a\nb\nc' }).readlines()).map(text)).toEqual(['a\n', 'b\n', 'c'])
    const input = inputOf({ body: 'a\nb\nc\nd' })
    expect((await input.readlines(3)).map(text)).toEqual(['a\n', 'b\n'])
    expect((await input.readlines(0)).map(text)).toEqual(['c\n', 'd'])
  })

  test('is an iterable of the bytes as they arrive, which may stop and go on', async () => {
    const input = inputOf({ body: ['ab', 'cd', 'ef'] })
    const seen: string[] = []
    await input.read(1)
    for await (const chunk of input) if (seen.push(text(chunk)) === 2) break
    expect(seen).toEqual(['b', 'cd'])
    expect(text(await input.read())).toBe('ef')
  })

  test('serves reads made at once in order', async () => {
    const { environ, exchange } = pendingRequest({ open: true })
    const input = environ['wsgi.input']
    const reads = Promise.all([input.read(2), input.readline(), input.readlines(), input.read()])
    for (const chunk of ['a', 'bc', '\nd\n', 'e']) {
      exchange.push(chunk)
      await turn()
    }
    exchange.finishBody()
    const [first, second, third, fourth] = await reads
    expect([first, second, ...third, fourth].map(text)).toEqual(['ab', 'c\n', 'd\n', 'e', ''])
  })

  test('rejects when the body breaks off, also what was asked for after that', async () => {
    const { environ, exchange } = pendingRequest({ open: true, body: 'abc' })
    const input = environ['wsgi.input']
    const reads = [input.read(), input.readline()]
    await turn()
    exchange.breakBody('truncated')
    for (const read of reads) await expect(read).rejects.toEqual(code('MONODON_BODY_TRUNCATED'))
  })

  test('rejects after the client has left, whatever is buffered', async () => {
    const { environ, exchange } = pendingRequest({ open: true, body: 'abc' })
    const input = environ['wsgi.input']
    await input.read(1)
    const pending = input.read(9)
    await turn()
    exchange.abort()
    await expect(pending).rejects.toEqual(code('MONODON_BODY_ABORTED'))
    await expect(input.read(1)).rejects.toEqual(code('MONODON_BODY_ABORTED'))
  })

  test('rejects after the response has ended, whatever is buffered', async () => {
    let input: InputStream | undefined
    await answer(
      async (environ, startResponse) => {
        input = environ['wsgi.input']
        await input.read(1)
        ok(startResponse)
        return ['x']
      },
      { method: 'POST', body: 'abc' },
    )
    await expect(input?.read(1)).rejects.toEqual(code('MONODON_BODY_FINISHED'))
    await expect(input?.readlines()).rejects.toEqual(code('MONODON_BODY_FINISHED'))
  })

  test('rejects a size that is no number of bytes', async () => {
    await expect(inputOf({ body: 'abc' }).read(1.5)).rejects.toThrow(TypeError)
  })
})

describe('wsgi.errors', () => {
  const errors = () => inputAndErrors()['wsgi.errors']
  const inputAndErrors = () => pendingRequest({}).environ
  const entries = () => vi.mocked(log).mock.calls

  test('logs each line as an entry', () => {
    errors().write('one\ntwo\n')
    errors().writelines(['thr', 'ee\n'])
    expect(entries()).toEqual([
      ['error', 'one'],
      ['error', 'two'],
      ['error', 'three'],
    ])
  })

  test('logs a line without an end on flush, and soon without one', async () => {
    errors().write('half')
    expect(entries()).toEqual([])
    errors().flush()
    errors().flush()
    expect(entries()).toEqual([['error', 'half']])
    errors().write('rest')
    await turn()
    expect(entries()).toEqual([
      ['error', 'half'],
      ['error', 'rest'],
    ])
  })

  test('takes nothing but strings', () => {
    expect(() => Reflect.apply(errors().write, errors(), [7])).toThrow(TypeError)
  })
})

describe('wsgi.file_wrapper', () => {
  let folder: string
  let path: string
  const content = Buffer.alloc(200_000, 'abcdefghij')
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'monodon-'))
    path = join(folder, 'file')
    await writeFile(path, content)
  })
  afterAll(() => rm(folder, { recursive: true }))

  type File = Parameters<FileWrapper>[0]
  const serveFile = (file: File, blockSize?: number, headers: [string, string][] = []) =>
    answer((environ, startResponse) => {
      ok(startResponse, ...headers)
      return environ['wsgi.file_wrapper'](file, blockSize)
    })
  const descriptors = async () => (await readdir('/dev/fd')).length

  test.each<[string, () => File]>([
    ['a path', () => path],
    ['a URL', () => pathToFileURL(path)],
    ['a stream', () => Readable.from([content.subarray(0, 5), content.subarray(5)])],
  ])('sends %s', async (_, file) => {
    const exchange = await serveFile(file())
    expect(exchange.complete).toBe(true)
    expect(content.equals(exchange.sent)).toBe(true)
  })

  test('sends a FileHandle from where it stands, and closes it', async () => {
    const handle = await open(path)
    await handle.read(Buffer.alloc(100_000), 0, 100_000)
    const exchange = await serveFile(handle, 1000)
    expect(content.subarray(100_000).equals(exchange.sent)).toBe(true)
    expect(exchange.sequence.filter((call) => call === 'write')).toHaveLength(100)
    expect(handle.fd).toBe(-1)
  })

  test('sends a file-like object in blocks, and closes it', async () => {
    const chunks = ['ab', Buffer.from('cd'), '']
    const sizes: number[] = []
    const close = vi.fn()
    const file: FileLike = {
      read: (size) => {
        sizes.push(size)
        return chunks.shift()
      },
      close,
    }
    const exchange = await serveFile(file, 2)
    expect(exchange.text).toBe('abcd')
    expect(sizes).toEqual([2, 2, 2])
    expect(close).toHaveBeenCalledOnce()
  })

  test('sends no more than Content-Length, without a complaint', async () => {
    const exchange = await serveFile(path, 1000, [['Content-Length', '1500']])
    expect(exchange.complete).toBe(true)
    expect(content.subarray(0, 1500).equals(exchange.sent)).toBe(true)
    expect(logError).not.toHaveBeenCalled()
  })

  test('uses one buffer, which no lent block shows', async () => {
    const exchange = begin(
      (environ, startResponse) => {
        ok(startResponse)
        return environ['wsgi.file_wrapper'](path)
      },
      { keepLent: true },
    )
    while (!exchange.finished) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      exchange.giveBack()
    }
    expect(content.equals(exchange.sent)).toBe(true)
  })

  test('fails with 500 when there is no such file', async () => {
    const exchange = await serveFile(join(folder, 'none'))
    expect(exchange.sequence).toEqual(['fail'])
    expect(exchange.error).toMatchObject({ code: 'ENOENT' })
  })

  test.each([0, 1, 2])('leaves no file open when the client leaves (%i)', async (turns) => {
    const before = await descriptors()
    const pending: Promise<unknown>[] = []
    const exchange = begin(
      (environ, startResponse) => {
        ok(startResponse)
        return environ['wsgi.file_wrapper'](path, 10)
      },
      { highWater: 5 },
      pending,
    )
    for (let count = 0; count < turns; count += 1) await turn()
    exchange.abort()
    await turn()
    await Promise.all(pending)
    expect(await descriptors()).toBe(before)
  })

  test.each([[undefined], [7], [{}], [null]])('refuses %j', async (file) => {
    const exchange = await serveFile(file as unknown as File)
    expect(exchange.error).toBeInstanceOf(TypeError)
    expect(exchange.error).not.toBeInstanceOf(MonodonError)
  })
})
