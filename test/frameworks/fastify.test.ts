import { gzipSync } from 'node:zlib'
import { createApp } from './apps/fastify.ts'
import { commonBut } from './cases/common.ts'
import { type Cases, differentialSuite, differing } from './support/differential.ts'
import { cookiesOf, get, head, inTurn, post } from './support/talks.ts'

const JSON_TYPE = 'application/json'

const own: Cases = {
  'routing and params': {
    'a param in a name': get('/picture.png'),
    'without Fastify answering': differing(['a length instead of chunks'], get('/hijacked')),
    'bytes, nothing and a Response': inTurn(get('/bytes'), get('/empty'), get('/response')),
    hooks: async (peer) => {
      await peer.ask('GET', '/hooks/plain')
      await peer.noted('onResponse 200')
    },
  },
  'JSON bodies': {
    'that a schema describes': inTurn(
      post('/checked', JSON_TYPE, '{"name":"x","age":"7"}'),
      post('/checked', JSON_TYPE, '{"age":7}'),
    ),
    'inflated by @fastify/compress': post('/inflated', JSON_TYPE, gzipSync('{"a":1}'), {
      'Content-Encoding': 'gzip',
    }),
  },
  'other bodies': {
    text: post('/text', 'text/plain', 'some text'),
  },
  'static files': {
    sendFile: get('/file'),
    download: get('/download'),
  },
  streaming: {
    'a web stream': get('/web-stream'),
    trailers: get('/trailers', { TE: 'trailers' }),
  },
  compression: {
    'of a file': get('/text-file', { 'Accept-Encoding': 'gzip' }),
  },
  sessions: {
    'of express-session': async (peer) => {
      const Cookie = cookiesOf(await peer.ask('GET', '/expressed'))
      await peer.ask('GET', '/expressed', { headers: { Cookie } })
    },
  },
  HEAD: {
    'of a download': head('/download'),
  },
  errors: {
    'in the hands of the app': get('/errors/handled'),
    'of a file that is not there': get('/errors/no-file'),
    'of a path that is too long': get(`/${'a'.repeat(200)}/%`),
  },
}

differentialSuite('Fastify', createApp, commonBut('urlencoded bodies', 'cookies'), own)
