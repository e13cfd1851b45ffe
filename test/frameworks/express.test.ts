import { createApp } from './apps/express.ts'
import { commonBut } from './cases/common.ts'
import type { Cases } from './support/differential.ts'
import { differentialSuite } from './support/differential.ts'
import { ask, get, head, inTurn, post } from './support/talks.ts'

const own: Cases = {
  'routing and params': {
    'an app below another': get('/mounted/url?a=b'),
    'content negotiation': inTurn(
      get('/formats', { Accept: 'application/json' }),
      get('/formats', { Accept: 'text/html;q=0.5, text/plain' }),
      get('/formats', { Accept: 'image/png' }),
    ),
    'what it knows of the client': get('/who', {
      'X-Requested-With': 'XMLHttpRequest',
      'X-Forwarded-For': '1.2.3.4',
    }),
    'fields that grow': get('/vary'),
    'links and JSONP': get('/links?callback=f'),
  },
  'other bodies': {
    text: post('/text', 'text/plain', 'some text'),
    raw: post('/raw', 'application/octet-stream', Buffer.from([0, 1, 254, 255])),
    'a charset that is not known': post('/text', 'text/plain; charset=zz', 'x'),
  },
  'static files': {
    sendFile: get('/file'),
    'sendFile of none': get('/no-file'),
    download: get('/download'),
    'at the root': get('/hello.txt'),
    bytes: get('/bytes'),
  },
  'conditional requests': {
    'sendFile by its tag': get('/file', { 'If-None-Match': '*' }),
  },
  HEAD: {
    'of sendFile': head('/file'),
    'of a redirect': head('/redirect/found'),
  },
  errors: {
    'told by a handler of the app': get('/errors/told'),
    'as a browser asks': get('/errors/thrown', { Accept: 'text/html' }),
    'in the body parser': ask('POST', '/json', {
      headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'zz' },
      body: '{}',
    }),
  },
}

differentialSuite('Express', createApp, commonBut('compression'), own)
