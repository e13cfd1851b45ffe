/** HTTP/2 with prior knowledge, the same for every interface. */
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HINT, pattern, type Seen } from '../support/apps/probe.ts'
import { FLAG, FRAME, frame, H2Connection, headers, statusOf } from '../support/h2-frames.ts'
import type { TestServer } from '../support/server.ts'
import type { Subject } from '../support/subject.ts'
import { until, within } from '../support/wait.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

type Fields = readonly (readonly [string, string])[]

const REQUEST: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'localhost'],
  [':path', '/route/early'],
]

/** The code of RFC 9113 section 7. */
const CANCEL = Buffer.of(0, 0, 0, 8)

function sessionWith({ host, port, ca }: TestServer): ClientHttp2Session {
  return ca === undefined
    ? connect(`http://${host}:${port}`)
    : connect(`https://${host}:${port}`, { ca })
}

export function h2Suite({ kind, watcher, atOnce, start }: Subject): void {
  const isBlocking = kind === 'python'
  let server: TestServer
  let session: ClientHttp2Session
  beforeAll(async () => {
    server = await start({ limitRequestBody: 1_000_000 })
    session = sessionWith(server)
  })
  afterAll(async () => {
    session.destroy()
    await server.close()
  })

  describe('HTTP/2', () => {
    test('a request is seen as it was sent', async () => {
      const body = Buffer.from(pattern(100))
      const answer = await request(
        session,
        { ':method': 'POST', ':path': '/a%20b?x=1', 'x-a': 'caf\xe9', cookie: ['a=1', 'b=2'] },
        body,
      )
      const seen = JSON.parse(answer.body.toString()) as Seen
      expect(answer.status).toBe(200)
      expect(answer.headers['server']).toBe('monodon')
      expect(seen.method).toBe('POST')
      expect(seen.target.endsWith('/a%20b?x=1')).toBe(true)
      expect(seen.body).toBe(body.toString('latin1'))
      expect(seen.headers).toMatchObject({
        host: `${server.host}:${server.port}`,
        cookie: 'a=1; b=2',
      })
      if (kind !== 'fetch') expect(seen.version).toBe('2.0')
    })

    test.each([0, 1, 16_384, 65_536, 3_000_001])('%i bytes arrive', async (size) => {
      const answer = await request(session, { ':path': `/route/bytes?size=${size}` })
      // RFC 9113 section 8.1: END_STREAM on the head says as much as a length of 0.
      if (size > 0) expect(answer.headers['content-length']).toBe(String(size))
      expect(answer.body.equals(pattern(size))).toBe(true)
    })

    test('a streamed body is whole and has no hop-by-hop fields', async () => {
      const answer = await request(session, { ':path': '/route/stream?chunks=26&size=50000' })
      expect(answer.body.length).toBe(1_300_000)
      expect(answer.headers['transfer-encoding']).toBeUndefined()
      expect(answer.headers.connection).toBeUndefined()
    })

    test('a large request body streams through', async () => {
      const body = Buffer.from(pattern(900_000))
      const answer = await request(session, { ':method': 'POST', ':path': '/route/echo' }, body)
      expect(answer.body.equals(body)).toBe(true)
    })

    test('early hints come before the response', async () => {
      const hints: IncomingHttpHeaders[] = []
      const stream = session.request({ ':path': '/route/hints?times=3' })
      stream.on('headers', (fields: IncomingHttpHeaders) => hints.push(fields))
      let body = ''
      for await (const piece of stream) body += piece
      expect(body).toBe('hinted')
      expect(hints.map((fields) => [fields[':status'], fields['link']])).toEqual(
        Array.from({ length: 3 }, () => [103, HINT]),
      )
    })

    test('a client that waits to be told to go on is told once the app reads', async () => {
      const fields = { ':method': 'POST', ':path': '/route/echo', expect: '100-continue' }
      const stream = session.request(fields)
      await new Promise((resolve) => stream.once('continue', resolve))
      stream.end('after all')
      let body = ''
      for await (const piece of stream) body += piece
      expect(body).toBe('after all')
    })

    test('a body that the client cancels is not a whole one', async () => {
      watcher.reset()
      const connection = await H2Connection.connect(server)
      const fields: Fields = [[':method', 'POST'], ...REQUEST.slice(1, 3), [':path', '/p']]
      connection.write(headers(1, fields, true), frame(FRAME.data, 0, 1, Buffer.from('begun')))
      await until('the app', () => watcher.calls.length === 1)
      connection.write(frame(FRAME.reset, 0, 1, CANCEL))
      await until('the server to forget it', () => server.count('claimed') === 0)
      expect(watcher.completions).toBe(0)
      await connection.leave()
    })

    test('HEAD, 204 and 304 have no body', async () => {
      for (const [method, path, status] of [
        ['HEAD', '/route/bytes?size=10', 200],
        ['GET', '/route/status?code=204', 204],
        ['GET', '/route/status?code=304', 304],
      ] as const) {
        const answer = await request(session, { ':method': method, ':path': path })
        expect(answer).toMatchObject({ status })
        expect(answer.body.length).toBe(0)
      }
    })

    test('several Set-Cookie lines stay apart', async () => {
      const answer = await request(session, { ':path': '/route/fields' })
      expect(answer.headers['set-cookie']).toHaveLength(2)
    })

    if (atOnce > 1)
      test('streams do not wait for one another', async () => {
        const slow = request(session, { ':path': '/route/gate' })
        await until('the gate', () => watcher.count('at the gate') === 1)
        const answers = await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            request(session, { ':path': `/route/bytes?size=${index}` }),
          ),
        )
        expect(answers.map((answer) => answer.body.length)).toEqual([...Array(100).keys()])
        watcher.open()
        expect((await slow).body.toString()).toBe('open')
      })

    test('1,000 streams over one connection are all answered', async () => {
      const answers = await Promise.all(
        Array.from({ length: 1000 }, () => request(session, { ':path': '/route/early' })),
      )
      expect(answers.every((answer) => answer.body.toString() === 'early')).toBe(true)
    })

    test('a body over the limit gets 413, also without a length', async () => {
      const declared = await request(
        session,
        { ':method': 'POST', ':path': '/p', 'content-length': '1000001' },
        Buffer.alloc(1_000_001),
      )
      expect(declared.status).toBe(413)
      const streamed = await request(
        session,
        { ':method': 'POST', ':path': '/p' },
        Buffer.alloc(1_000_001),
      )
      expect(streamed.status).toBe(413)
    })

    test('a stream that the client resets ends for the app, the others go on', async () => {
      watcher.reset()
      // An app that waits has a signal; one that blocks learns it when it goes on.
      const { path, sign } = isBlocking
        ? { path: '/route/endless', sign: 'closed' }
        : { path: '/route/never', sign: 'aborted' }
      const stream = session.request({ ':path': path })
      stream.on('error', () => undefined)
      await until('the app', () => watcher.calls.length === 1)
      stream.close(constants.NGHTTP2_CANCEL)
      await until('the app to hear of it', () => watcher.count(sign) > 0)
      expect((await request(session, { ':path': '/route/early' })).status).toBe(200)
    })

    test('a response that breaks off resets its stream only', async () => {
      await expect(request(session, { ':path': '/route/break' })).rejects.toThrow()
      expect((await request(session, { ':path': '/route/early' })).status).toBe(200)
    })

    test('a flood of resets ends the connection, not the server', async () => {
      const connection = await H2Connection.connect(server)
      const target = isBlocking ? '/route/early' : '/route/never'
      const path: Fields = [...REQUEST.slice(0, 3), [':path', target]]
      for (let stream = 1; stream < 20_000 && !connection.socket.destroyed; stream += 2) {
        connection.write(headers(stream, path), frame(FRAME.reset, 0, stream, CANCEL))
        if (stream % 1000 === 1) await new Promise(setImmediate)
      }
      await connection.find(({ type }) => type === FRAME.goaway, 5000).catch(() => undefined)
      await connection.leave()
      expect((await request(session, { ':path': '/route/early' })).status).toBe(200)
    })
  })

  describe('malformed HTTP/2', () => {
    test.each(MALFORMED)('%s', async (_, fields) => {
      watcher.reset()
      const connection = await H2Connection.connect(server)
      connection.write(headers(1, fields))
      const found = await connection.find((received) => isAnswer(received))
      if (found?.type === FRAME.headers) expect(statusOf(found)).toBeOneOf([400, 405, 417, 501])
      expect(watcher.calls).toEqual([])
      await connection.leave()
    })

    test('DATA that differs from Content-Length', async () => {
      watcher.reset()
      const connection = await H2Connection.connect(server)
      const fields: Fields = [
        [':method', 'POST'],
        ...REQUEST.slice(1, 3),
        [':path', '/p'],
        ['content-length', '10'],
      ]
      connection.write(
        headers(1, fields, true),
        frame(FRAME.data, FLAG.endStream, 1, Buffer.from('hello')),
      )
      const found = await connection.find((received) => isAnswer(received))
      if (found?.type === FRAME.headers) expect(statusOf(found)).toBe(400)
      expect(watcher.completions).toBe(0)
      await connection.leave()
    })

    test('a header list over the limits', async () => {
      watcher.reset()
      const connection = await H2Connection.connect(server)
      const many: Fields = Array.from({ length: 150 }, (_, index) => [`x-${index}`, 'v'] as const)
      connection.write(headers(1, [...REQUEST, ...many]))
      const found = await connection.find((received) => isAnswer(received))
      if (found?.type === FRAME.headers) expect(statusOf(found)).toBe(431)
      expect(watcher.calls).toEqual([])
      await connection.leave()
    })

    test('a frame where none may be', async () => {
      const connection = await H2Connection.connect(server)
      connection.write(frame(FRAME.data, FLAG.endStream, 1, Buffer.from('no stream')))
      const found = await connection.find((received) => isAnswer(received))
      expect([FRAME.goaway, FRAME.reset, undefined]).toContain(found?.type)
      await connection.leave()
      expect((await request(session, { ':path': '/route/early' })).status).toBe(200)
    })
  })
}

/** RFC 9113 sections 8.2 and 8.3; RFC 9110 section 7.2. */
const MALFORMED: readonly (readonly [string, Fields])[] = [
  ['no :path', without(':path')],
  ['no :method', without(':method')],
  ['no :scheme', without(':scheme')],
  ['neither :authority nor Host', without(':authority')],
  ['an empty :path', replaced(':path', '')],
  ['a :path without a slash', replaced(':path', 'route/early')],
  ['a :path with a space', replaced(':path', '/route/early HTTP/1.1')],
  ['an asterisk for GET', replaced(':path', '*')],
  ['two :path', [...REQUEST, [':path', '/other']]],
  ['two :authority', [...REQUEST, [':authority', 'other']]],
  ['an unknown pseudo-field', [...REQUEST, [':protocol', 'websocket']]],
  ['a pseudo-field of responses', [...REQUEST, [':status', '200']]],
  ['a pseudo-field after a field', [['accept', '*/*'], ...REQUEST]],
  ['a name in upper case', [...REQUEST, ['X-A', 'b']]],
  ['a name that is no token', [...REQUEST, ['x a', 'b']]],
  ['an empty name', [...REQUEST, ['', 'b']]],
  ['CR LF in a value', [...REQUEST, ['x-a', 'b\r\nx-c: d']]],
  ['LF in a value', [...REQUEST, ['x-a', 'b\nc']]],
  ['NUL in a value', [...REQUEST, ['x-a', 'b\0c']]],
  ['Connection', [...REQUEST, ['connection', 'keep-alive']]],
  ['Transfer-Encoding', [...REQUEST, ['transfer-encoding', 'chunked']]],
  ['Upgrade', [...REQUEST, ['upgrade', 'websocket']]],
  ['TE other than trailers', [...REQUEST, ['te', 'gzip']]],
  ['a method that is no token', replaced(':method', 'G T')],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'localhost:80'],
    ],
  ],
  ['an :authority with a slash', replaced(':authority', 'localhost/path')],
  ['an :authority with user information', replaced(':authority', 'user@localhost')],
  ['an :authority with a space', replaced(':authority', 'local host')],
  ['an :authority with letters as port', replaced(':authority', 'localhost:http')],
  ['an :authority that is a list', replaced(':authority', 'localhost,other')],
  ['an :authority with a question mark', replaced(':authority', 'localhost?q')],
  ['a Host that differs from :authority', [...REQUEST, ['host', 'other']]],
  ['a hostile Host alone', [...without(':authority'), ['host', 'local host/@']]],
  ['two Hosts', [...REQUEST, ['host', 'localhost'], ['host', 'localhost']]],
  ['a Content-Length that is no number', [...REQUEST, ['content-length', 'x']]],
  ['two Content-Lengths', [...REQUEST, ['content-length', '0'], ['content-length', '5']]],
  ['a Content-Length without a body', [...REQUEST, ['content-length', '5']]],
  ['an unknown expectation', [...REQUEST, ['expect', 'magic']]],
]

function without(name: string): Fields {
  return REQUEST.filter(([key]) => key !== name)
}

function replaced(name: string, value: string): Fields {
  return REQUEST.map(([key, old]) => [key, key === name ? value : old] as const)
}

/** What ends stream 1 or the connection. */
function isAnswer(received: { type: number; stream: number }): boolean {
  if (received.type === FRAME.goaway) return true
  return received.stream === 1 && (received.type === FRAME.headers || received.type === FRAME.reset)
}

/** One request over a session; rejects when its stream is reset. */
function request(
  session: ClientHttp2Session,
  fields: Record<string, string | string[]>,
  body?: Uint8Array,
): Promise<Answer> {
  return within(
    20_000,
    `${fields[':path']} over HTTP/2`,
    () =>
      new Promise((resolve, reject) => {
        const stream = session.request(fields, { endStream: body === undefined })
        const pieces: Buffer[] = []
        let head: IncomingHttpHeaders = {}
        let trailers: IncomingHttpHeaders = {}
        stream.on('response', (received) => {
          head = received
        })
        stream.on('trailers', (received) => {
          trailers = received
        })
        stream.on('data', (piece: Buffer) => pieces.push(piece))
        stream.on('error', reject)
        stream.on('close', () => {
          // A refusal may come with a reset of the upload: the answer counts (RFC 9113 section 8.1).
          const status = Number(head[':status'])
          if (stream.rstCode > 0 && !(status >= 400)) reject(new Error(`reset: ${stream.rstCode}`))
          else resolve({ status, headers: head, body: Buffer.concat(pieces), trailers })
        })
        if (body !== undefined) stream.end(body)
      }),
  )
}
