/** What Nest does on each of its platforms. */
import { type Cases, differing } from '../support/differential.ts'
import { get, head, inTurn, post, preflight } from '../support/talks.ts'
import { commonBut } from './common.ts'

const JSON_TYPE = 'application/json'

const own: Cases = {
  'routing and params': {
    'what handlers return': inTurn(get('/number'), get('/later'), get('/observed')),
  },
  HEAD: {
    'of a route of its own': head('/only-head'),
  },
  errors: {
    'of a filter': get('/errors/filtered'),
    'with a description': get('/errors/bad'),
  },
  'server-sent events': {
    'by @Sse': async (peer) => {
      await peer.send('GET', '/sse')
      await peer.part('\nid: 1\ndata: first\n\nevent: named\nid: 7\ndata: {"a":1}\n\n'.length)
      await peer.leave()
    },
  },
  'guards, pipes, interceptors and filters': {
    'a guard that opens': get('/guarded/guard', { 'X-Key': 'open' }),
    'a guard that does not': get('/guarded/guard'),
    'an interceptor': get('/guarded/intercepted'),
    'a pipe': get('/guarded/piped/42'),
    'a pipe that refuses': get('/guarded/piped/x'),
    'a pipe of the app': inTurn(
      post('/guarded/checked', JSON_TYPE, '{"name":"x"}'),
      post('/guarded/checked', JSON_TYPE, '{}'),
    ),
  },
  'security headers and CORS': {
    'a request from elsewhere': get('/page', { Origin: 'http://other.test' }),
    'a preflight': differing(['no length in a 204'], preflight('/page')),
  },
}

export const NEST: readonly Cases[] = [
  commonBut('other bodies', 'compression', 'cookies', 'errors after the head', 'aborts'),
  own,
]
