import { createGzip } from 'node:zlib'
import { createApp } from './apps/express-middlewares.ts'
import { common } from './cases/common.ts'
import { type Cases, differentialSuite, differing, type Talk } from './support/differential.ts'
import type { Peer } from './support/peer.ts'
import { cookiesOf, get, head, inTurn, post, preflight } from './support/talks.ts'

const FORM = 'application/x-www-form-urlencoded'

/** Requests of one browser: each sends the cookies that came before. */
function browsing(...steps: [method: string, target: string, body?: string][]): Talk {
  return async (peer) => {
    let cookie = ''
    for (const step of steps) {
      const answer = await browse(peer, cookie, ...step)
      cookie = cookiesOf(answer) || cookie
    }
  }
}

function browse(peer: Peer, Cookie: string, method: string, target: string, body?: string) {
  const headers = { ...(body === undefined ? {} : { 'Content-Type': FORM }), Cookie }
  return peer.ask(method, target, body === undefined ? { headers } : { headers, body })
}

const LOGGED = { 'X-Logged': 'yes' }

/** Bytes of the gzip stream that has begun with `text` and was flushed. The first ten may come alone. */
async function bytesFlushed(text: string): Promise<number> {
  const stream = createGzip()
  stream.write(text)
  await new Promise<void>((resolve) => stream.flush(resolve))
  return (stream.read() as Buffer).length
}

/** The log line is written after the answer. */
function logged(line: string, talk: Talk): Talk {
  return async (peer) => {
    await talk(peer)
    await peer.noted(`morgan: ${line}`)
  }
}

const LOGIN = 'username=tobi&password=ferret'

const own: Cases = {
  compression: {
    'after writeHead': get('/raw-text', { 'Accept-Encoding': 'gzip' }),
    'not to be transformed': get('/no-transform', { 'Accept-Encoding': 'gzip' }),
    'a static file': get('/static/folder/', { 'Accept-Encoding': 'gzip' }),
    'of an error': get('/thrown', { 'Accept-Encoding': 'gzip' }),
  },
  ranges: {
    'of serve-static': get('/static/hello.txt', { Range: 'bytes=2-5', 'Accept-Encoding': 'gzip' }),
  },
  'static files': {
    'of serve-static': inTurn(get('/static/image.png'), get('/static/folder'), get('/static/none')),
  },
  'server-sent events': {
    'compressed and flushed': async (peer) => {
      await peer.send('GET', '/events', { headers: { 'Accept-Encoding': 'gzip' } })
      await peer.part(await bytesFlushed('data: first\n\n'))
      await peer.leave()
      await peer.noted('events: close')
    },
  },
  sessions: {
    'that count': browsing(['GET', '/session/count'], ['GET', '/session/count']),
    'of a stream': browsing(['GET', '/session/streamed'], ['GET', '/session/count']),
    'that nobody touches': get('/session/untouched'),
    'before a redirect': browsing(['GET', '/session/redirect'], ['GET', '/session/count']),
    'that end': differing(
      ['a length instead of chunks'],
      browsing(['GET', '/session/count'], ['GET', '/session/end'], ['GET', '/session/count']),
    ),
    'that begin anew': browsing(['GET', '/session/count'], ['GET', '/session/renew']),
    forged: get('/session/count', { Cookie: 'connect.sid=s%3Asession-0.forged' }),
    'and HEAD': head('/session/count'),
  },
  'security headers and CORS': {
    helmet: get('/page'),
    'a preflight': differing(['no length in a 204'], preflight('/page')),
    'a request from elsewhere': get('/page', { Origin: 'http://other.test' }),
  },
  logging: {
    'a page': logged('GET /page 200 1.1 127.0.0.1 - 14', get('/page', LOGGED)),
    'a page that is not there': logged(
      'GET /none?a=b 404 1.1 127.0.0.1 http://x.test/ 143',
      get('/none?a=b', { Referer: 'http://x.test/', ...LOGGED }),
    ),
    'a client that leaves': logged('GET /events 200 1.1 127.0.0.1 - -', async (peer) => {
      await peer.send('GET', '/events', { headers: LOGGED })
      await peer.part('data: first\n\n'.length)
      await peer.leave()
    }),
  },
  authentication: {
    'a login with passport-local': browsing(
      ['POST', '/auth/login', LOGIN],
      ['GET', '/auth/me'],
      ['POST', '/auth/logout'],
      ['GET', '/auth/me'],
    ),
    'a wrong password': browsing(['POST', '/auth/login', 'username=tobi&password=x']),
    'nobody has logged in': get('/auth/me'),
    'without a session': post(
      '/auth/token',
      'application/json',
      '{"username":"tobi","password":"ferret"}',
    ),
    'without a session, refused': differing(
      ['a length instead of chunks'],
      post('/auth/token', 'application/json', '{"username":"x"}'),
    ),
  },
  proxying: {
    'a GET': get('/proxy/a?b=c'),
    'a POST': post('/proxy/echo', 'text/plain', 'sent on'),
    'a large POST': post('/proxy/echo', 'text/plain', 'x'.repeat(300_000)),
    'a redirect': get('/proxy/moved'),
    'no content': get('/proxy/empty'),
    'a backend that is down': differing(['a length instead of chunks'], get('/proxy-to-none/a')),
  },
}

differentialSuite('Express middlewares', createApp, common('compression'), own)
