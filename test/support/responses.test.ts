/** The parser that the suites trust must refuse what a server may not send. */
import { describe, expect, test } from 'vitest'
import { ResponseParser, type WireResponse } from './responses.ts'

function parse(bytes: string, methods: string[], step = bytes.length): WireResponse[] {
  const responses: WireResponse[] = []
  const parser = new ResponseParser(methods, (response) => responses.push(response))
  for (let at = 0; at < bytes.length; at += step)
    parser.push(Buffer.from(bytes.slice(at, at + step), 'latin1'))
  parser.finish()
  return responses
}

const GOOD =
  'HTTP/1.1 100 Continue\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: \xe4\r\n\r\nhello' +
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' +
  'HTTP/1.1 204 No Content\r\n\r\n' +
  'HTTP/1.1 200 OK\r\n\r\nuntil the end'

test.each([1, 2, 7, 10_000])('responses are read %i bytes at a time', (step) => {
  const responses = parse(GOOD, ['GET', 'POST', 'HEAD', 'GET', 'GET'], step)
  expect(responses.map((response) => response.status)).toEqual([100, 200, 200, 200, 204, 200])
  expect(responses.map((response) => response.body.toString())).toEqual([
    '',
    'hello',
    'abc',
    '',
    '',
    'until the end',
  ])
  expect(responses[1]!.headers['x']).toBe('\xe4')
  expect(responses[2]!.trailers).toEqual([['T', 'v']])
  expect(responses.map((response) => response.framing)).toEqual([
    'none',
    'length',
    'chunked',
    'none',
    'none',
    'close',
  ])
})

describe('refused', () => {
  test.each([
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['no space after the status', 'HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n'],
    ['a version in lower case', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a space before a colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['a control character', 'HTTP/1.1 200 OK\r\nX: a\x01\r\nContent-Length: 0\r\n\r\n'],
    ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'],
    [
      'a length and a coding',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
    ['a length in a 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'],
    [
      'a chunk size that is no number',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
    ],
    [
      'a chunk that is too long',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    ],
    ['a body that is too short', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'],
    ['a body that is too long', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!'],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
    ['a body after HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'HEAD'],
    [
      'a response that nobody asked for',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    ],
    ['two dates', 'HTTP/1.1 200 OK\r\nDate: a\r\nDate: a\r\nContent-Length: 0\r\n\r\n'],
  ])('%s', (_, bytes, method = 'GET') => {
    expect(() => parse(bytes, [method])).toThrow()
    expect(() => parse(bytes, [method], 1)).toThrow()
  })
})
