/** What of an answer decides whether it is compressed, and what changes with it. */

import express from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Ask, CODINGS, decode, http1 } from './support.ts'

interface Wanted {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const TEXT = 'All work and no play makes Jack a dull boy.\n'.repeat(100)
/** What no coding makes smaller. */
const NOISE = Buffer.from(crypto.getRandomValues(new Uint8Array(2000)))
const GZIP = { 'accept-encoding': 'gzip' }

/** Answers as the query says. */
function asWanted(request: Request): Response {
  const query = new URL(request.url).searchParams.get('answer') ?? '{}'
  const { status = 200, headers = {}, body = TEXT } = JSON.parse(query) as Wanted
  const fields = { 'content-type': 'text/plain', ...headers }
  const content = body === 'noise' ? NOISE : body
  return new Response(status === 204 ? null : content, { status, headers: fields })
}

const path = (wanted: Wanted = {}): string =>
  `/?answer=${encodeURIComponent(JSON.stringify(wanted))}`

describe('an answer', () => {
  let server: TestServer
  let ask: Ask
  beforeAll(async () => {
    server = await startServer(asWanted, { interface: 'fetch', compress: CODINGS })
    ask = (await http1(server)).ask
  })
  afterAll(() => server.close())

  test.each([
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip;q=1.0, br;q=0.9', 'gzip'],
    ['br;q=0.5, *;q=0.1', 'br'],
    ['zstd;q=0, *', 'br'],
    ['x-gzip', 'gzip'],
    ['*;q=0, gzip', 'gzip'],
    ['deflate', undefined],
    ['gzip;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['gzip;q=nan', undefined],
    ['', undefined],
  ])('to Accept-Encoding: %s is coded by %s', async (accepts, coding) => {
    const { headers, body } = await ask(path(), { 'accept-encoding': accepts })
    expect(headers['content-encoding']).toBe(coding)
    expect(headers['vary']).toBe('Accept-Encoding')
    expect(decode(coding, body).toString()).toBe(TEXT)
  })

  test.each([
    'application/json',
    'application/problem+json; charset=utf-8',
    'image/svg+xml',
    'TEXT/HTML',
    'application/wasm',
    'text/event-stream',
  ])('of the type %s is compressed', async (type) => {
    const { headers } = await ask(path({ headers: { 'content-type': type } }), GZIP)
    expect(headers['content-encoding']).toBe('gzip')
  })

  test.each<[string, Wanted]>([
    ['of a type that is compressed already', { headers: { 'content-type': 'image/png' } }],
    ['without a type', { headers: { 'content-type': '' } }],
    ['that the app has compressed', { headers: { 'content-encoding': 'br' } }],
    ['that the app wants as it is', { headers: { 'content-encoding': 'identity' } }],
    ['that nobody may transform', { headers: { 'cache-control': 'max-age=1, no-transform' } }],
    ['whose bytes are vouched for', { headers: { 'content-digest': 'sha-256=:AA==:' } }],
    ['with the status 204', { status: 204 }],
  ])('%s is left alone', async (_, wanted) => {
    const { headers, body, status } = await ask(path(wanted), GZIP)
    expect(status).toBe(wanted.status ?? 200)
    expect(headers['content-encoding']).toBe(wanted.headers?.['content-encoding'])
    expect(headers).not.toHaveProperty('vary')
    expect(body.toString()).toBe(status === 204 ? '' : TEXT)
  })

  test('that is a part is left alone, and varies as the whole does', async () => {
    const fields = { etag: '"strong"', 'content-range': 'bytes 0-4399/9000' }
    const { headers, body, status } = await ask(path({ status: 206, headers: fields }), GZIP)
    expect(status).toBe(206)
    expect(headers).not.toHaveProperty('content-encoding')
    expect(headers).toMatchObject({ etag: '"strong"', vary: 'Accept-Encoding' })
    expect(body.toString()).toBe(TEXT)
  })

  test.each([404, 500])('with the status %i is compressed', async (status) => {
    const { headers, body } = await ask(path({ status }), GZIP)
    expect(decode(headers['content-encoding'], body).toString()).toBe(TEXT)
  })

  test('says nothing any more of the bytes that were', async () => {
    const fields = { etag: '"strong"', 'accept-ranges': 'bytes', vary: 'Origin' }
    const { headers, body } = await ask(path({ headers: fields }), GZIP)
    expect(headers['etag']).toBe('W/"strong"')
    expect(headers['vary']).toBe('Origin, Accept-Encoding')
    expect(headers).not.toHaveProperty('accept-ranges')
    expect(headers['content-length']).toBe(String(body.length))
  })

  test('that is not compressed keeps its strong ETag', async () => {
    const fields = { etag: '"strong"', 'accept-ranges': 'bytes' }
    const { headers } = await ask(path({ headers: fields }))
    expect(headers).toMatchObject({
      etag: '"strong"',
      'accept-ranges': 'bytes',
      vary: 'Accept-Encoding',
    })
  })

  test('that varies already is not told so twice', async () => {
    for (const vary of ['accept-encoding, Cookie', '*']) {
      const { headers } = await ask(path({ headers: { vary } }), GZIP)
      expect(headers['vary']).toBe(vary)
    }
  })

  test('that would get no smaller stays as it is', async () => {
    const { headers, body } = await ask(path({ body: 'noise' }), GZIP)
    expect(headers).not.toHaveProperty('content-encoding')
    expect(headers['vary']).toBe('Accept-Encoding')
    expect(body.equals(NOISE)).toBe(true)
  })

  test('to a client that refuses it as it is gets compressed, however small', async () => {
    const refuses = { 'accept-encoding': 'gzip, identity;q=0' }
    const { headers, body } = await ask(path({ body: 'small' }), refuses)
    expect(decode(headers['content-encoding'], body).toString()).toBe('small')
    expect(headers['content-encoding']).toBe('gzip')
    // None of ours is left to it.
    const none = await ask(path(), { 'accept-encoding': 'identity;q=0' })
    expect(none.headers).not.toHaveProperty('content-encoding')
    expect(none.body.toString()).toBe(TEXT)
  })

  test('to HTTP/1.0 stays as it is', async () => {
    const client = await Client.connect(server)
    const answer = await client.request(
      'GET',
      `GET ${path()} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n`,
    )
    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect(answer.headers['vary']).toBe('Accept-Encoding')
    expect(answer.body.toString()).toBe(TEXT)
    await client.leave()
  })

  test('to HEAD says what the one to GET says', async () => {
    for (const fields of [GZIP, {}, { 'accept-encoding': 'zstd' }]) {
      const wanted = path({ headers: { etag: '"a"' } })
      const [full, head] = [await ask(wanted, fields), await ask(wanted, fields, 'HEAD')]
      for (const name of ['content-encoding', 'vary', 'etag'])
        expect(head.headers[name]).toBe(full.headers[name])
      expect(head.body.length).toBe(0)
      // A length that only compressing would tell is left out (RFC 9110 section 8.6).
      if ('content-encoding' in head.headers)
        expect(head.headers).not.toHaveProperty('content-length')
      else expect(head.headers['content-length']).toBe(String(TEXT.length))
    }
  })

  test('leaves the connection fit for the next request', async () => {
    const client = await Client.connect(server)
    for (const size of [10, 2000, 200_000, 10]) {
      const body = 'x'.repeat(size)
      const wanted = size > 10_000 ? path() : path({ body })
      const answer = await client.request('GET', get(wanted, 'Accept-Encoding: br'))
      const plain = decode(answer.headers['content-encoding'], answer.body).toString()
      expect(plain).toBe(size > 10_000 ? TEXT : body)
    }
    await client.leave()
  })
})

test('a client of Express finds its answer again by the ETag that was made weak', async () => {
  const app = express()
  app.set('etag', 'strong')
  app.get('/', (_, res) => void res.json({ text: TEXT }))
  const server = await startServer(app, { interface: 'node', compress: ['br'] })
  const { ask } = await http1(server)
  const fields = { 'accept-encoding': 'br' }
  const first = await ask('/', fields)
  expect(first.headers['etag']).toMatch(/^W\/"/)
  expect(JSON.parse(decode('br', first.body).toString())).toEqual({ text: TEXT })
  const again = await ask('/', { ...fields, 'if-none-match': first.headers['etag']! })
  expect(again.status).toBe(304)
  expect(again.headers['etag']).toBe(first.headers['etag'])
  expect(again.headers['vary']).toBe('Accept-Encoding')
  // Who has it uncompressed has the strong one.
  const plain = await ask('/')
  expect(plain.headers['etag']).toMatch(/^"/)
  const same = await ask('/', { 'if-none-match': plain.headers['etag']! })
  expect([same.status, same.headers['etag']]).toEqual([304, plain.headers['etag']])
  await server.close()
})

test('nothing is compressed unless it is asked for', async () => {
  const server = await startServer(asWanted, { interface: 'fetch' })
  const { headers, body } = await (await http1(server)).ask(path(), GZIP)
  expect(headers).not.toHaveProperty('content-encoding')
  expect(headers).not.toHaveProperty('vary')
  expect(body.toString()).toBe(TEXT)
  await server.close()
})
