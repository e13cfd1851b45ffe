import { describe, expect, test, vi } from 'vitest'
import {
  type Environ,
  type InputStream,
  type StartResponse,
  validate,
  type WSGIApplication,
} from '../../lib/interface/wsgi.ts'
import { answer } from './wsgi-support.ts'

const TYPE: [string, string][] = [['Content-Type', 'text/plain']]

describe('validate', () => {
  test('changes nothing for an app and a server that keep the rules', async () => {
    const app: WSGIApplication = async (environ, startResponse) => {
      const input = environ['wsgi.input']
      const parts = [await input.read(1), await input.readline(), ...(await input.readlines())]
      for await (const rest of input) parts.push(rest)
      startResponse('200 OK', TYPE)('<')
      return [Buffer.concat(parts), '>']
    }
    const checked = validate(app)
    expect(checked.length).toBe(2)
    const exchange = await answer(checked, { method: 'POST', body: 'ab\nc\nd' })
    expect(exchange.error).toBeUndefined()
    expect(exchange.text).toBe('<ab\nc\nd>')
  })

  test.each<[string, (startResponse: StartResponse) => Iterable<string> | AsyncIterable<string>]>([
    ['array', () => ['a']],
    [
      'generator',
      function* () {
        yield 'a'
      },
    ],
    [
      'asynchronous generator',
      async function* () {
        yield 'a'
      },
    ],
  ])('passes and closes a body: %s', async (_, body) => {
    const close = vi.fn()
    const exchange = await answer(
      validate((_environ, startResponse) => {
        startResponse('200 OK', TYPE)
        return Object.assign(body(startResponse), { close })
      }),
    )
    expect(exchange.text).toBe('a')
    expect(close).toHaveBeenCalledOnce()
  })

  const starts = (...args: unknown[]): WSGIApplication => {
    return (_environ, startResponse) => {
      Reflect.apply(startResponse, undefined, args)
      return ['x']
    }
  }
  const returns = (body: unknown): WSGIApplication => {
    return ((_environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', TYPE)
      return body
    }) as WSGIApplication
  }

  test.each<[string, WSGIApplication]>([
    ['a status that is no string', starts(200, TYPE)],
    ['a status that is not a code and a reason', starts('200', TYPE)],
    ['headers that are no array', starts('200 OK', {})],
    ['a header that is no pair', starts('200 OK', [['a']])],
    ['a header name that is no string', starts('200 OK', [[1, 'a']])],
    ['a value of a that is no string', starts('200 OK', [['a', 1]])],
    ['Status header', starts('200 OK', [['Status', '200']])],
    ['bad header name', starts('200 OK', [['a:', 'b']])],
    ['bad header name', starts('200 OK', [['a_', 'b']])],
    ['control or non-latin1', starts('200 OK', [['a', 'b\n']])],
    ['no Content-Type', starts('200 OK', [])],
    ['a Content-Type with 204', starts('204 None', TYPE)],
    ['startResponse with 4 arguments', starts('200 OK', TYPE, null, 1)],
    [
      'again without excInfo',
      (_environ, startResponse) => {
        startResponse('200 OK', TYPE)
        startResponse('200 OK', TYPE)
        return []
      },
    ],
    [
      'wrote 7',
      (_environ, startResponse) => {
        Reflect.apply(startResponse('200 OK', TYPE), undefined, [7])
        return []
      },
    ],
    ['returned undefined', returns(undefined)],
    ['put it into an array', returns('text')],
    ['put it into an array', returns(Buffer.from('text'))],
    ['not an iterable', returns({})],
    ['yielded 7', returns([7])],
    ['without having called startResponse', () => []],
    ['before it called startResponse', () => ['x']],
    [
      'called read of wsgi.input with',
      async (environ, startResponse) => {
        await environ['wsgi.input'].read('1' as unknown as number)
        startResponse('200 OK', TYPE)
        return []
      },
    ],
    [
      'to wsgi.errors',
      (environ) => {
        Reflect.apply(environ['wsgi.errors'].write, undefined, [7])
        return []
      },
    ],
  ])('blames the app: %s', async (message, app) => {
    const exchange = await answer(validate(app))
    expect(exchange.error).toMatchObject({
      code: 'MONODON_APP_NOT_WSGI',
      message: expect.stringMatching(/: the app /),
    })
    expect(String(exchange.error)).toContain(message)
  })

  test.each<[string, (environ: Environ) => void]>([
    ['REQUEST_METHOD', (environ) => Reflect.deleteProperty(environ, 'REQUEST_METHOD')],
    ['HTTP_CONTENT_TYPE', (environ) => Object.assign(environ, { HTTP_CONTENT_TYPE: 'a' })],
    ['HTTP_X', (environ) => Object.assign(environ, { HTTP_X: 1 })],
    ['wsgi.version', (environ) => Object.assign(environ, { 'wsgi.version': [2, 0] })],
    ['url_scheme', (environ) => Object.assign(environ, { 'wsgi.url_scheme': 'ftp' })],
    ['multithread', (environ) => Object.assign(environ, { 'wsgi.multithread': 1 })],
    ['without readline', (environ) => Reflect.set(environ['wsgi.input'], 'readline', undefined)],
    ['without leading /', (environ) => Object.assign(environ, { PATH_INFO: 'a' })],
    ['belongs to PATH_INFO', (environ) => Object.assign(environ, { SCRIPT_NAME: '/' })],
    ['neither', (environ) => Object.assign(environ, { PATH_INFO: '' })],
    ['no digits', (environ) => Object.assign(environ, { CONTENT_LENGTH: 'a' })],
    [
      'more bytes',
      (environ) => {
        const read: InputStream['read'] = () => Promise.resolve(new Uint8Array(9))
        Reflect.set(environ['wsgi.input'], 'read', read)
      },
    ],
  ])('blames the server: %s', async (message, spoil) => {
    const checked = validate(async (environ, startResponse) => {
      await environ['wsgi.input'].read(2)
      startResponse('200 OK', TYPE)
      return []
    })
    const exchange = await answer((environ, startResponse) => {
      spoil(environ)
      return checked(environ, startResponse)
    })
    expect(String(exchange.error)).toMatch(/: the server /)
    expect(String(exchange.error)).toContain(message)
  })

  test('refuses what is not a function', () => {
    expect(() => Reflect.apply(validate, undefined, [{}])).toThrow('is not a function')
  })
})
