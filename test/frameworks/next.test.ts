import { expect } from 'vitest'
import { until } from '../support/wait.ts'
import { createApp } from './apps/next.ts'
import { type Cases, differentialSuite, differing, type Talk } from './support/differential.ts'
import { ask, get, head, inTurn, MULTIPART, multipart, post } from './support/talks.ts'

const LENGTH = ['a length instead of chunks'] as const
const JSON_TYPE = 'application/json'

/** Asks once in vain: the first to ask for an image has it made. */
const whenMade =
  (target: string, headers: Record<string, string>): Talk =>
  async (peer) => {
    await peer.ask('GET', target, { headers })
    await until('the image to be kept', async () => {
      const answer = await peer.ask('GET', target, { headers })
      return answer.headers['x-nextjs-cache'] === 'HIT'
    })
    peer.forget()
    await peer.ask('GET', target, { headers })
  }

const cases: Cases = {
  pages: {
    'made at build time': get('/'),
    'made on demand': get('/users/42?a=b&a=c', { 'Accept-Language': 'en', Cookie: 'theme=dark' }),
    'that is not there': get('/nowhere'),
    'that the page denies': get('/users/nobody'),
    'that throws': get('/broken'),
    rewritten: get('/rewritten/7'),
    'for the client’s router': differing(LENGTH, get('/users/42?_rsc=1', { RSC: '1' })),
    'refused by the proxy': get('/refused'),
    'streamed around Suspense': async (peer) => {
      await peer.send('GET', '/slow')
      await until('the fallback', () => String(peer.client.partial?.body).includes('Loading'))
      expect(String(peer.client.partial?.body)).not.toContain('Arrived')
      await fetch(`http://127.0.0.1:${peer.port}/api/release`)
      expect(String((await peer.answer()).body)).toContain('Arrived')
    },
  },
  'routing and params': {
    'a route handler': get('/api/echo?a=1&a=2', { Accept: 'text/plain' }),
    'a method that is not there': differing(LENGTH, ask('PUT', '/api/echo')),
    DELETE: ask('DELETE', '/api/echo'),
    OPTIONS: ask('OPTIONS', '/api/echo'),
  },
  'JSON bodies': {
    'an object': post('/api/echo', JSON_TYPE, '{"a":[1,"é"]}'),
    malformed: differing(LENGTH, post('/api/echo', JSON_TYPE, '{"a":')),
  },
  'urlencoded bodies': {
    fields: post('/api/echo', 'application/x-www-form-urlencoded', 'a=1&b=two+words'),
  },
  'multipart bodies': {
    'fields and a file': post(
      '/api/echo',
      MULTIPART,
      multipart(
        { name: 'title', content: 'a title' },
        { name: 'file', content: 'contents é', filename: 'a.txt', type: 'text/plain' },
      ),
    ),
  },
  'other bodies': {
    'sent back': post('/api/echo', 'application/octet-stream', 'one two three'),
    'sent back, large': post('/api/echo', 'application/octet-stream', 'x'.repeat(300_000)),
  },
  'static files': {
    'a public file': get('/hello.txt'),
    'a script of the build': async (peer) => {
      const page = await peer.ask('GET', '/')
      const [script] = /\/_next\/static\/[^"]+\.js/.exec(String(page.body)) ?? []
      expect(script).toBeDefined()
      await peer.ask('GET', script!)
    },
  },
  ranges: {
    'of a public file': get('/hello.txt', { Range: 'bytes=3-9' }),
    'beyond its end': get('/hello.txt', { Range: 'bytes=1000-' }),
  },
  'conditional requests': {
    'a page by its tag': async (peer) => {
      const { headers } = await peer.ask('GET', '/')
      await peer.ask('GET', '/', { headers: { 'If-None-Match': headers.etag! } })
    },
    'a file by its tag': async (peer) => {
      const { headers } = await peer.ask('GET', '/hello.txt')
      await peer.ask('GET', '/hello.txt', { headers: { 'If-None-Match': headers.etag! } })
    },
  },
  streaming: {
    'a route handler': get('/api/stream'),
  },
  'server-sent events': {
    'the first at once, and the end of the client is noticed': async (peer) => {
      await peer.send('GET', '/api/events')
      await peer.part('data: first\n\n'.length)
      await peer.leave()
      await peer.noted('signal: abort')
      await peer.noted('events: close')
    },
  },
  compression: {
    'a page': get('/', { 'Accept-Encoding': 'gzip' }),
    'a stream': get('/api/stream', { 'Accept-Encoding': 'gzip' }),
  },
  cookies: {
    'set and deleted': get('/api/cookies', { Cookie: 'c=3; d=4' }),
  },
  redirects: {
    'of the configuration': differing(LENGTH, get('/old?a=b')),
    'of a slash': differing(LENGTH, get('/users/42/')),
  },
  HEAD: {
    'of a page': inTurn(head('/'), head('/users/42')),
    'of a file': head('/image.png'),
  },
  errors: {
    'of a route handler': differing(LENGTH, get('/api/broken')),
    'a path that is malformed': get('/%'),
  },
  images: {
    'a public file': get('/image.png'),
    'made smaller': whenMade('/_next/image?url=%2Fimage.png&w=32&q=75', { Accept: 'image/webp' }),
    'of a width that is not allowed': differing(
      LENGTH,
      get('/_next/image?url=%2Fimage.png&w=33&q=75'),
    ),
    'in a page': get('/picture'),
  },
}

differentialSuite('Next', createApp, cases)
