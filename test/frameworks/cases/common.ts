/**
 * What every framework can do, by routes that each app has in its own way. Which answer is right is
 * for `node:http` to say.
 */
import { gzipSync } from 'node:zlib'
import { type Cases, differing } from '../support/differential.ts'
import { ask, cookiesOf, get, head, inTurn, MULTIPART, multipart, post } from '../support/talks.ts'

const JSON_TYPE = 'application/json'
const FORM = 'application/x-www-form-urlencoded'

export const COMMON = {
  'routing and params': {
    'a param and a query': get('/users/42?sort=name&tag=a&tag=b'),
    'a param with escapes': get('/users/a%20b%2Fc%C3%A9'),
    'a param that is not UTF-8': get('/users/%E0%A4%A'),
    'a wildcard': get('/files/a/b/c.txt'),
    'other methods': inTurn(ask('PUT', '/users/1'), ask('DELETE', '/users/1')),
    'a method that the route has not': ask('PATCH', '/users/1'),
    'a path that is not there': get('/nowhere'),
    'a trailing slash': get('/users/42/'),
    'a target with a host': get('http://app.test/users/42?a=b'),
    OPTIONS: ask('OPTIONS', '/users/42'),
  },
  'JSON bodies': {
    'an object': post('/json', JSON_TYPE, '{"a":[1,"é"],"b":null}'),
    'with a charset': post('/json', `${JSON_TYPE}; charset=utf-8`, '{"a":1}'),
    empty: post('/json', JSON_TYPE, ''),
    malformed: post('/json', JSON_TYPE, '{"a":'),
    'over the limit': post('/json', JSON_TYPE, JSON.stringify('x'.repeat(200_000))),
    'of another type': post('/json', 'text/csv', 'a,b'),
    'in chunks': async (peer) => {
      const headers = { 'Content-Type': JSON_TYPE, 'Transfer-Encoding': 'chunked' }
      await peer.send('POST', '/json', { headers })
      for (const part of ['{"a"', ':1', '}', '']) await peer.chunk(part)
      await peer.answer()
    },
    compressed: post('/json', JSON_TYPE, gzipSync('{"a":1}'), { 'Content-Encoding': 'gzip' }),
  },
  'urlencoded bodies': {
    fields: post('/form', FORM, 'a=1&b=two+words&c=%C3%A9&a=2'),
    empty: post('/form', FORM, ''),
    'nested fields': post('/form', FORM, 'user[name]=x&user[tags][]=1&user[tags][]=2'),
  },
  'multipart bodies': {
    'fields and a file': post(
      '/upload',
      MULTIPART,
      multipart(
        { name: 'title', content: 'a title' },
        { name: 'file', content: 'contents é', filename: 'a.txt', type: 'text/plain' },
      ),
    ),
    'a file of many pieces': post(
      '/upload',
      MULTIPART,
      multipart({ name: 'file', content: 'x'.repeat(180_000), filename: 'x.bin' }),
    ),
    'a file over the limit': post(
      '/upload',
      MULTIPART,
      multipart({ name: 'file', content: 'x'.repeat(250_000), filename: 'x.bin' }),
    ),
    'without an end': post('/upload', MULTIPART, multipart().replace(/--\r\n$/, '\r\n')),
    'without a boundary': post('/upload', 'multipart/form-data', multipart()),
  },
  'other bodies': {
    'piped back': post('/echo', 'text/plain', 'one two three'),
    'piped back, large': post('/echo', 'text/plain', 'abcdefgh'.repeat(40_000)),
    'not read': post('/unread', 'text/plain', 'ignored'),
    none: ask('POST', '/echo'),
  },
  '100-continue': {
    'to a body that is read': async (peer) => {
      const headers = { 'Content-Type': JSON_TYPE, 'Content-Length': '7', Expect: '100-continue' }
      await peer.send('POST', '/json', { headers })
      await peer.interim()
      await peer.client.write('{"a":1}')
      await peer.answer()
    },
  },
  'static files': {
    'a file': get('/static/hello.txt'),
    'bytes with a type': get('/static/image.png'),
    'an index': get('/static/'),
    'an index below': get('/static/folder/'),
    'a folder without its slash': get('/static/folder'),
    'none of the name': get('/static/none.txt'),
    'a dotfile': get('/static/.hidden'),
    'a way out': get('/static/..%2f..%2fpackage.json'),
    'another method': ask('POST', '/static/hello.txt'),
    'a large file': get('/large/package-lock.json'),
  },
  ranges: {
    'the first bytes': get('/static/hello.txt', { Range: 'bytes=0-4' }),
    'from a byte on': get('/static/hello.txt', { Range: 'bytes=10-' }),
    'the last bytes': get('/static/hello.txt', { Range: 'bytes=-6' }),
    several: get('/static/hello.txt', { Range: 'bytes=0-1,4-5' }),
    'beyond the end': get('/static/hello.txt', { Range: 'bytes=1000-' }),
    malformed: get('/static/hello.txt', { Range: 'bytes=x-y' }),
    'of a large file': get('/large/package-lock.json', { Range: 'bytes=1000-120000' }),
    'if it is the same': async (peer) => {
      const { headers } = await peer.ask('GET', '/static/hello.txt')
      const range = { Range: 'bytes=0-4', 'If-Range': headers.etag ?? headers['last-modified']! }
      await peer.ask('GET', '/static/hello.txt', { headers: range })
    },
    'if it was another': get('/static/hello.txt', { Range: 'bytes=0-4', 'If-Range': '"other"' }),
  },
  'conditional requests': {
    'the same file by its tag': async (peer) => {
      const { headers } = await peer.ask('GET', '/static/hello.txt')
      const tag = { 'If-None-Match': headers.etag ?? '*' }
      await peer.ask('GET', '/static/hello.txt', { headers: tag })
    },
    'the same file by its date': async (peer) => {
      const { headers } = await peer.ask('GET', '/static/hello.txt')
      const since = { 'If-Modified-Since': headers['last-modified']! }
      await peer.ask('GET', '/static/hello.txt', { headers: since })
    },
    'another tag': get('/static/hello.txt', { 'If-None-Match': '"other"' }),
    'a tag that must match': get('/static/hello.txt', { 'If-Match': '"other"' }),
    'a page made on demand': async (peer) => {
      const { headers } = await peer.ask('GET', '/page')
      const tag = { 'If-None-Match': headers.etag ?? '"none"' }
      await peer.ask('GET', '/page', { headers: tag })
      await peer.ask('HEAD', '/page', { headers: tag })
    },
  },
  streaming: {
    'several writes': get('/stream'),
    'a pipeline': async (peer) => {
      await peer.ask('GET', '/pipeline')
      await peer.noted('pipeline: done')
    },
    'more than the client takes at once': get('/much'),
    'over HTTP/1.0': differing(['the version of HTTP/1.0'], async (peer) => {
      peer.client.expect('GET')
      await peer.client.write('GET /stream HTTP/1.0\r\nHost: app.test\r\n\r\n')
      await peer.answer()
    }),
  },
  'server-sent events': {
    'the first at once, and the end of the client is noticed': async (peer) => {
      await peer.send('GET', '/events', { headers: { Accept: 'text/event-stream' } })
      await peer.part('data: first\n\n'.length)
      await peer.leave()
      await peer.noted('events: close')
    },
  },
  compression: {
    gzip: get('/text', { 'Accept-Encoding': 'gzip' }),
    'the best that is offered': get('/text', { 'Accept-Encoding': 'gzip, deflate, br' }),
    deflate: get('/text', { 'Accept-Encoding': 'deflate' }),
    none: get('/text', { 'Accept-Encoding': 'identity' }),
    'nothing that is known': get('/text', { 'Accept-Encoding': 'zz' }),
    'too small': get('/page', { 'Accept-Encoding': 'gzip' }),
    'a stream': get('/text-stream', { 'Accept-Encoding': 'gzip' }),
    HEAD: head('/text', { 'Accept-Encoding': 'gzip' }),
  },
  cookies: {
    'several set': get('/cookies/set'),
    read: get('/cookies', { Cookie: 'a=1; b=two%20words; a=3' }),
    'in several lines': get('/cookies', { Cookie: 'a=1' }),
    cleared: get('/cookies/clear', { Cookie: 'a=1' }),
    signed: async (peer) => {
      const answer = await peer.ask('GET', '/cookies/signed')
      const Cookie = cookiesOf(answer)
      await peer.ask('GET', '/cookies/signed', { headers: { Cookie } })
      await peer.ask('GET', '/cookies/signed', { headers: { Cookie: `${Cookie}x` } })
    },
  },
  redirects: {
    found: get('/redirect/found'),
    moved: get('/redirect/moved'),
    'with escapes': get('/redirect/escaped'),
    back: get('/redirect/back', { Referer: 'http://app.test/from' }),
    'as a browser asks': get('/redirect/found', { Accept: 'text/html' }),
  },
  HEAD: {
    'of a page': head('/page'),
    'of a file': head('/static/hello.txt'),
    'of a stream': head('/stream'),
    'of a missing page': head('/nowhere'),
    'and GET after it': inTurn(head('/page'), get('/page')),
  },
  errors: {
    thrown: get('/errors/thrown'),
    'as a rejection': get('/errors/rejected'),
    'with a status': get('/errors/teapot'),
    'not an Error': get('/errors/string'),
    'a status alone': get('/errors/status'),
  },
  'errors after the head': {
    thrown: async (peer) => {
      const headers = { 'Transfer-Encoding': 'chunked' }
      await peer.send('POST', '/errors/late', { headers })
      await peer.part('begun'.length)
      await peer.chunk('go on')
      await peer.cut()
    },
  },
  'early hints': {
    'before the page': get('/hints'),
  },
  aborts: {
    'before the answer': async (peer) => {
      await peer.send('GET', '/wait')
      await peer.noted('wait: called')
      await peer.leave()
      await peer.noted('wait: close')
    },
    'in the middle of the answer': async (peer) => {
      await peer.send('GET', '/events')
      await peer.part('data: first\n\n'.length)
      await peer.client.reset()
      await peer.noted('events: close')
    },
    'in the middle of the body': async (peer) => {
      const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': '100' }
      await peer.send('POST', '/abort', { headers })
      await peer.client.write('some of it')
      await peer.noted('abort: data')
      await peer.leave()
      await peer.noted('abort: close')
    },
  },
  timeouts: {
    'of the response': get('/timeout'),
  },
  'the request and response objects': {
    'what the app sees of a GET': get('/seen?a=b', { 'X-A': '1', 'x-b': '2', Accept: 'text/html' }),
    'what the app sees of a POST': post('/seen', 'text/plain', 'abc'),
  },
} as const satisfies Cases

type CommonFeature = keyof typeof COMMON

/** The cases of some features. */
export function common(...features: readonly CommonFeature[]): Cases {
  return Object.fromEntries(features.map((feature) => [feature, COMMON[feature]]))
}

/** The cases of all features but some. */
export function commonBut(...features: readonly CommonFeature[]): Cases {
  const all = Object.keys(COMMON) as CommonFeature[]
  return common(...all.filter((feature) => !features.includes(feature)))
}
