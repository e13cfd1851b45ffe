import { createApp } from './apps/koa.ts'
import { COMMON, commonBut } from './cases/common.ts'
import { type Cases, differentialSuite, differing } from './support/differential.ts'
import { get, head, inTurn, post } from './support/talks.ts'

const own: Cases = {
  'routing and params': {
    'content negotiation': inTurn(
      get('/formats', { Accept: 'application/json', 'Accept-Encoding': 'gzip, br;q=0.5' }),
      get('/formats', { Accept: 'image/png' }),
    ),
    'what it knows of the client': get('/who', { 'X-Forwarded-For': '1.2.3.4' }),
    'a reason of its own': get('/reason'),
    'without Koa answering': get('/bypassed'),
  },
  aborts: {
    // Without a reset, whose error Koa tells one tick earlier than all else.
    'in the middle of the answer':
      COMMON['server-sent events']['the first at once, and the end of the client is noticed'],
    'in the middle of the body': differing(
      ['no error of the socket'],
      COMMON.aborts['in the middle of the body'],
    ),
  },
  'other bodies': {
    text: post('/text', 'text/plain', 'some text'),
    'piped back': post('/echo', 'application/octet-stream', 'one two three'),
    'piped back, large': post('/echo', 'application/octet-stream', 'abcdefgh'.repeat(40_000)),
    'not read': post('/unread', 'application/octet-stream', 'ignored'),
  },
  'static files': {
    download: differing(['a length instead of chunks'], get('/download')),
    bytes: get('/bytes'),
    'a Blob': get('/blob'),
    'a Response': get('/response'),
    null: get('/null'),
  },
  streaming: {
    'a web stream': get('/web-stream'),
  },
  HEAD: {
    'of a download': head('/download'),
    'of a web stream': head('/web-stream'),
  },
  errors: {
    exposed: get('/errors/exposed'),
    'of an assertion': get('/errors/asserted'),
    'of a file that is not there': differing(['a 500 instead of nothing'], async (peer) => {
      await peer.send('GET', '/errors/no-file')
      await peer.answerIfAny()
      await peer.noted("error: ENOENT: no such file or directory, open '/none'")
    }),
  },
}

differentialSuite(
  'Koa',
  createApp,
  commonBut('multipart bodies', 'other bodies', 'compression'),
  own,
)
