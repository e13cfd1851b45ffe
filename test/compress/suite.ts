/** Compression, the same for every interface. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { streamChunk, text } from '../support/apps/probe.ts'
import { Client, get } from '../support/client.ts'
import type { TestServer } from '../support/server.ts'
import type { Subject } from '../support/subject.ts'
import { until } from '../support/wait.ts'
import { type Ask, CODINGS, decode, http1, http2, LiveDecoder, type Protocol } from './support.ts'

const PROTOCOLS = [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const

export function compressSuite({ kind, title, watcher, start }: Subject): void {
  describe(`compression of a ${title} app`, () => {
    let server: TestServer
    beforeAll(async () => {
      server = await start({ compress: CODINGS })
    })
    afterAll(() => server.close())

    describe.each(PROTOCOLS)('over %s', (_, open) => {
      let protocol: Protocol
      let ask: Ask
      beforeAll(async () => {
        protocol = await open(server)
        ask = protocol.ask
      })
      afterAll(() => protocol.close())

      describe.each(CODINGS)('by %s', (coding) => {
        const accepts = { 'accept-encoding': coding }

        test.each([600, 1500, 9000, 70_000, 300_000])('a body of %i characters', async (size) => {
          const { status, headers, body } = await ask(`/route/text?size=${size}`, accepts)
          expect(status).toBe(200)
          expect(headers['content-encoding']).toBe(coding)
          expect(headers['vary']).toBe('Accept-Encoding')
          expect(headers['content-type']).toBe('text/plain;charset=UTF-8')
          const plain = Buffer.from(text(size))
          expect(body.length).toBeLessThan(plain.length / 2)
          if ('content-length' in headers)
            expect(headers['content-length']).toBe(String(body.length))
          expect(decode(coding, body).equals(plain)).toBe(true)
        })

        test.each([
          [5, 10],
          [300, 1000],
          [3, 200_000],
        ])('a body in %i pieces of %i bytes', async (count, size) => {
          const path = `/route/stream?chunks=${count}&size=${size}`
          const { headers, body } = await ask(path, accepts)
          const pieces = Array.from({ length: count }, (_, index) => streamChunk(index, size))
          // What is small and all there at once may go as it is.
          if (count * size > 1024) expect(headers['content-encoding']).toBe(coding)
          const plain = decode(headers['content-encoding'], body)
          expect(plain.equals(Buffer.concat(pieces))).toBe(true)
        })

        test('an app that fails in the middle is no whole answer', async () => {
          await expect(ask('/route/break', accepts)).rejects.toThrow()
        })
      })

      test('a body below the least size stays as it is, and varies', async () => {
        const { headers, body } = await ask('/route/text?size=100', { 'accept-encoding': 'gzip' })
        expect(headers).not.toHaveProperty('content-encoding')
        expect(headers['vary']).toBe('Accept-Encoding')
        expect(body.toString()).toBe(text(100))
      })

      test('a client that takes no coding gets the body as it is', async () => {
        const { headers, body } = await ask('/route/text?size=9000')
        expect(headers).not.toHaveProperty('content-encoding')
        expect(headers['vary']).toBe('Accept-Encoding')
        expect(body.toString()).toBe(text(9000))
      })

      if (kind !== 'python')
        test('HEAD has the fields of GET', async () => {
          const path = '/route/text?size=9000'
          const accepts = { 'accept-encoding': 'br' }
          const [get, head] = [await ask(path, accepts), await ask(path, accepts, 'HEAD')]
          expect(head.body.length).toBe(0)
          for (const name of ['content-encoding', 'vary', 'content-type'])
            expect(head.headers[name]).toBe(get.headers[name])
          expect(head.headers).not.toHaveProperty('content-length')
        })

      if (kind === 'node')
        test('trailers are kept', async () => {
          const answer = await ask('/route/trailers', { 'accept-encoding': 'gzip' })
          expect(answer.trailers['x-sum']).toBe('abc')
          expect(decode(answer.headers['content-encoding'], answer.body).toString()).toBe('body')
        })
    })

    if (kind !== 'python')
      test.each(CODINGS)(
        'an event is with the client as soon as it was written: %s',
        async (coding) => {
          watcher.reset()
          const client = await Client.connect(server, ['GET'])
          const decoder = new LiveDecoder(coding)
          client.socket.removeAllListeners('data')
          dechunk(client, (bytes) => decoder.push(bytes))
          await client.write(get('/route/events', `Accept-Encoding: ${coding}`))
          let expected = 'data: 0\n\n'
          await until('the first event', () => decoder.text === expected)
          for (let number = 1; number < 4; number++) {
            await until('the app to wait', () => watcher.count('at the gate') === number)
            watcher.open()
            expected += `data: ${number}\n\n`
            await until(`event ${number}`, () => decoder.text === expected)
          }
          await client.leave()
          await until('the app to notice', () => watcher.count('gone') === 1)
        },
      )

    test('a client that leaves in the middle ends the stream', async () => {
      watcher.reset()
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/endless', 'Accept-Encoding: gzip'))
      await until('the beginning', () => client.socket.bytesRead > 200)
      await client.reset()
      await until('the app to notice', () => watcher.count('closed') === 1)
    })
  })
}

/** Gives the data of the chunks of a response (RFC 9112 section 7.1) as they arrive. */
function dechunk(client: Client, take: (bytes: Buffer) => void): void {
  let pending = Buffer.alloc(0)
  let isInBody = false
  client.socket.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes])
    if (!isInBody) {
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return
      isInBody = true
      pending = pending.subarray(end + 4)
    }
    for (;;) {
      const end = pending.indexOf('\r\n')
      const size = end < 0 ? Number.NaN : Number.parseInt(pending.toString('latin1', 0, end), 16)
      if (!(size > 0) || pending.length < end + 2 + size + 2) return
      take(pending.subarray(end + 2, end + 2 + size))
      pending = pending.subarray(end + 2 + size + 2)
    }
  })
}
