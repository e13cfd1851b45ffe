/** What a response looks like on the wire, the same for every interface. */
import { setImmediate as tick } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HINT, pattern, text } from '../support/apps/probe.ts'
import { Client, fetchOnce, get, post } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import type { TestServer } from '../support/server.ts'
import type { Subject } from '../support/subject.ts'
import { parallel, until } from '../support/wait.ts'

const MIB = 1_048_576

export function routeSuite({ title, watcher, atOnce, start }: Subject): void {
  let server: TestServer
  const open = (...methods: string[]): Promise<Client> => Client.connect(server, methods)

  describe(`responses of a ${title} app`, () => {
    beforeAll(async () => {
      server = await start()
    })
    afterAll(() => server.close())

    describe('a body that is known at once', () => {
      test('has a Content-Length and keeps the connection', async () => {
        const client = await open()
        for (let round = 0; round < 3; round += 1) {
          const answer = await client.request('GET', get('/route/bytes?size=10'))
          expect(answer).toMatchObject({ status: 200, framing: 'length', version: 'HTTP/1.1' })
          expect(answer.body).toEqual(Buffer.from(pattern(10)))
          expect(answer.headers['connection']).not.toBe('close')
        }
        await client.leave()
      })

      test.each([0, 1, 16_383, 16_384, 65_536, MIB, 5 * MIB + 3])(
        '%i bytes arrive',
        async (size) => {
          const answer = await fetchOnce(server, `/route/bytes?size=${size}`)
          expect(answer.headers['content-length']).toBe(String(size))
          expect(answer.body.equals(pattern(size))).toBe(true)
        },
      )

      test.each([0, 1, 100, 5461, 70_000, MIB])(
        'a string of %i characters arrives',
        async (size) => {
          const answer = await fetchOnce(server, `/route/text?size=${size}`)
          expect(answer.headers['content-type']?.toLowerCase()).toBe('text/plain;charset=utf-8')
          expect(answer.body.equals(Buffer.from(text(size)))).toBe(true)
        },
      )

      test('may be empty', async () => {
        const answer = await fetchOnce(server, '/route/empty')
        expect(answer).toMatchObject({ status: 200, framing: 'length' })
        expect(answer.headers['content-length']).toBe('0')
      })

      test('is many at once, each whole', async () => {
        await parallel(Array(64).keys(), 16, async (index) => {
          const size = 1000 * index
          const answer = await fetchOnce(server, `/route/bytes?size=${size}`)
          expect(answer.body.equals(pattern(size))).toBe(true)
        })
      })
    })

    describe('a body that is streamed', () => {
      test('is chunked', async () => {
        const answer = await fetchOnce(server, '/route/stream?chunks=4&size=1000&gap=5')
        expect(answer).toMatchObject({ status: 200, framing: 'chunked' })
        expect(answer.headers['content-length']).toBeUndefined()
        expect(answer.body.toString()).toBe('abcd'.replace(/./g, (letter) => letter.repeat(1000)))
      })

      test('arrives while the app still works', async () => {
        const client = await open('GET')
        // It has no end: whatever comes, the app still works.
        await client.write(get('/route/endless'))
        await until('the first chunk', () => client.bodyBytes > 0)
        await client.leave()
      })

      test('of large chunks is whole', async () => {
        const answer = await fetchOnce(server, '/route/stream?chunks=26&size=100000')
        expect(answer.body.length).toBe(2_600_000)
        for (let index = 0; index < 26; index += 1)
          expect(answer.body[index * 100_000 + 99_999]).toBe(97 + index)
      })

      test('of nothing ends', async () => {
        const answer = await fetchOnce(server, '/route/stream?chunks=0')
        expect(answer).toMatchObject({ status: 200 })
        expect(answer.body.length).toBe(0)
      })

      test('to an HTTP/1.0 client ends with the connection', async () => {
        const client = await open('GET')
        await client.write('GET /route/stream?chunks=4&size=1000&gap=5 HTTP/1.0\r\n\r\n')
        expect(await client.closed()).toBe('closed')
        const answer = await client.response()
        expect(answer).toMatchObject({ status: 200, framing: 'close' })
        expect(answer.body.length).toBe(4000)
      })

      test('to an HTTP/1.0 client that would keep the connection ends with it too', async () => {
        const client = await open('GET')
        await client.write('GET /route/stream?gap=5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
        expect(await client.closed()).toBe('closed')
        expect(await client.response()).toMatchObject({ status: 200, framing: 'close' })
      })

      test('keeps to its declared length', async () => {
        const answer = await fetchOnce(server, '/route/length?declared=5&sent=5')
        expect(answer).toMatchObject({ status: 200, framing: 'length' })
        expect(answer.body.toString()).toBe('xxxxx')
      })
    })

    describe('early hints', () => {
      test('come before the response', async () => {
        const client = await open()
        const answer = await client.request('GET', get('/route/hints?times=3'))
        expect(answer.body.toString()).toBe('hinted')
        expect(client.interims.map(({ status }) => status)).toEqual([103, 103, 103])
        expect(client.interims.map(({ headers }) => headers['link'])).toEqual([HINT, HINT, HINT])
        await client.leave()
      })

      test('are not for HTTP/1.0', async () => {
        const client = await open('GET')
        await client.write('GET /route/hints HTTP/1.0\r\n\r\n')
        expect((await client.response()).body.toString()).toBe('hinted')
        expect(client.interims).toEqual([])
        await client.closed()
      })
    })

    describe('without a body', () => {
      test.each([204, 304])('%i has none, and the next answer follows', async (status) => {
        const client = await open()
        const answer = await client.request('GET', get(`/route/status?code=${status}`))
        expect(answer).toMatchObject({ status, framing: 'none' })
        expect((await client.request('GET', get('/route/early'))).body.toString()).toBe('early')
        await client.leave()
      })

      test.each([
        'bytes?size=10',
        'bytes?size=1000000',
        'text?size=10',
        'stream',
        'early',
        'empty',
      ])('HEAD /route/%s has none, and the next answer follows', async (route) => {
        const client = await open()
        const head = get(`/route/${route}`).replace('GET', 'HEAD')
        expect(await client.request('HEAD', head)).toMatchObject({ status: 200, framing: 'none' })
        expect((await client.request('GET', get('/route/early'))).body.toString()).toBe('early')
        await client.leave()
      })

      test.each([201, 202, 400, 404, 418, 500, 503, 599])(
        '%i may have an empty one',
        async (status) => {
          const answer = await fetchOnce(server, `/route/status?code=${status}`)
          expect(answer).toMatchObject({ status })
          expect(answer.body.length).toBe(0)
        },
      )
    })

    describe('fields', () => {
      test('keep their lines, their octets, and the app has the last word on Server', async () => {
        const answer = await fetchOnce(server, '/route/fields')
        expect(lines(answer, 'set-cookie')).toEqual([
          'a=1; Path=/',
          'b=2; Expires=Thu, 01 Jan 2032 00:00:00 GMT',
        ])
        expect(answer.headers['x-latin']).toBe('caf\xe9')
        expect(lines(answer, 'server')).toEqual(['mine'])
        expect(lines(answer, 'date')).toHaveLength(1)
      })

      test('that would break the framing do not', async () => {
        const client = await open()
        const answer = await client.request('GET', get('/route/hop'))
        expect([200, 500]).toContain(answer.status)
        if (answer.status === 200) expect(answer.body.toString()).toBe('hop')
        expect((await client.request('GET', get('/route/early'))).status).toBe(200)
        await client.leave()
      })

      test('Date is about now', async () => {
        const before = Date.now()
        const answer = await fetchOnce(server, '/route/early')
        const date = Date.parse(answer.headers['date']!)
        // It has no fraction, and is renewed now and then.
        expect(date).toBeGreaterThan(before - 3000)
        expect(date).toBeLessThanOrEqual(Date.now())
      })
    })

    describe('a request body', () => {
      test('streams through', async () => {
        const client = await open()
        const body = Buffer.from(pattern(300_000)).toString('latin1')
        const answer = await client.request('POST', post('/route/echo', body))
        expect(answer.body.toString('latin1') === body).toBe(true)
        await client.leave()
      })

      test('of chunks streams through as it comes', async () => {
        const client = await open('POST')
        await client.write(
          'POST /route/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
        )
        for (let sent = 1; sent <= 5; sent += 1) {
          await client.write(`3e8\r\n${'x'.repeat(1000)}\r\n`)
          await until('the echo', () => client.bodyBytes >= 1000 * sent)
        }
        await client.write('0\r\n\r\n')
        expect((await client.response()).body.length).toBe(5000)
        await client.leave()
      })

      test('that nobody reads does not hold back the answer', async () => {
        const client = await open('POST')
        await client.write(
          'POST /route/early HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n',
        )
        await client.write(Buffer.alloc(100_000))
        expect((await client.response()).body.toString()).toBe('early')
        await client.leave()
      })

      test('that nobody reads is not taken for the next request', async () => {
        const client = await open('POST', 'GET')
        const inner = get('/smuggled')
        await client.write(post('/route/early', inner) + get('/route/early', 'Connection: close'))
        expect((await client.response()).body.toString()).toBe('early')
        await client.closed()
        if (client.waiting > 0) expect((await client.response()).body.toString()).toBe('early')
        expect(watcher.calls).not.toContain('GET /smuggled')
      })

      test.each([
        ['of chunks', 'Transfer-Encoding: chunked', '2\r\nok\r\n0\r\n\r\n'],
        ['of a known length', 'Content-Length: 12', 'hello world!'],
      ])('%s that arrives together with its answer holds nobody up', async (_, field, body) => {
        const head = `POST /route/early HTTP/1.1\r\nHost: localhost\r\n${field}\r\n\r\n`
        const after = get('/route/early', 'Connection: close')
        await parallel(Array(300).keys(), 16, async (index) => {
          const client = await open('POST', 'GET')
          const cut = index % body.length
          await client.write(head + body.slice(0, cut))
          await tick()
          await client.write(body.slice(cut) + after)
          expect((await client.response()).body.toString()).toBe('early')
          await client.closed()
        })
        expect((await fetchOnce(server, '/route/early')).status).toBe(200)
      })

      test('is asked for with 100 when the client waits', async () => {
        const client = await open('POST')
        const head = post('/p', '', 'Expect: 100-continue').replace('Length: 0', 'Length: 5')
        await client.write(head)
        await until('100 Continue', () => client.interims.length === 1)
        expect(client.interims[0]).toMatchObject({ status: 100, framing: 'none' })
        await client.write('hello')
        const answer = await client.response()
        expect((JSON.parse(answer.body.toString()) as { body: string }).body).toBe('hello')
        await client.leave()
      })

      test('that nobody reads is not asked for', async () => {
        const client = await open('POST')
        const fields = 'Expect: 100-continue\r\nContent-Length: 5'
        await client.write(`POST /route/early HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\n`)
        expect((await client.response()).body.toString()).toBe('early')
        expect(client.interims).toEqual([])
        await client.leave()
      })
    })

    test('answers keep the order of requests, however long each takes', async () => {
      const client = await open('GET', 'GET', 'GET')
      await client.write(
        get('/route/sleep?ms=100') + get('/route/early') + get('/route/text?size=1'),
      )
      const bodies = []
      for (let index = 0; index < 3; index += 1)
        bodies.push((await client.response()).body.toString())
      expect(bodies).toEqual(['slept', 'early', 'a'])
      await client.leave()
    })

    test('a client that has closed its half still gets its answer', async () => {
      const client = await open('GET')
      // The server waits for 500 ms, of which a busy machine may need most.
      await client.write(get('/route/sleep?ms=20'))
      client.end()
      expect((await client.response()).body.toString()).toBe('slept')
      expect(await client.closed()).toBe('closed')
    })

    // An app that runs one request at a time holds up the others: that is what it is.
    if (atOnce > 1)
      test('one connection does not wait for another', async () => {
        const slow = await open('GET')
        await slow.write(get('/route/gate'))
        await until('the gate', () => watcher.count('at the gate') > 0)
        expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
        watcher.open()
        expect((await slow.response()).body.toString()).toBe('open')
        await slow.leave()
      })
  })
}

function lines(answer: WireResponse, name: string): string[] {
  return answer.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
}
