/**
 * A large text goes to native code in the very buffer that the worker has written it to, and the worker
 * goes on in another one: nobody's answer may be written over while its client is slow.
 */

import { once } from 'node:events'
import { connect } from 'node:http2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

/** More than there are buffers, so that some answers are copied out of theirs. */
const STREAMS = 40
/** Beyond every text, in bytes. */
const WIDE_OPEN = 2 ** 30

/** 60,000 to 260,000 units of one to four bytes: some fit in a batch by their units, and not by their bytes. */
function textOf(number: number): string {
  return `${number}, é, €, 𝄞;`.repeat(4000 + (number % 5) * 4000)
}

let server: TestServer
beforeAll(async () => {
  const app = (request: Request) =>
    new Response(textOf(Number(new URL(request.url).pathname.slice(1))))
  server = await startServer(app, { interface: 'fetch' })
})
afterAll(() => server.close())

test('large texts of clients that are slow to read arrive as they were written', async () => {
  // No stream has a window: its answer waits in the server until the client gives it one.
  const settings = { initialWindowSize: 0 }
  const client = connect(`http://${server.host}:${server.port}`, { settings })
  await once(client, 'remoteSettings')
  const answers = Array.from({ length: STREAMS }, (_, number) => {
    const stream = client.request({ ':path': `/${number}` })
    stream.setEncoding('utf8')
    const headed = once(stream, 'response')
    const text = (async () => {
      let read = ''
      for await (const piece of stream) read += piece
      return read
    })()
    return { headed, text }
  })
  await Promise.all(answers.map(({ headed }) => headed))
  client.setLocalWindowSize(WIDE_OPEN)
  client.settings({ initialWindowSize: WIDE_OPEN })
  const texts = await Promise.all(answers.map(({ text }) => text))
  const wrong = texts.flatMap((text, number) => (text === textOf(number) ? [] : [number]))
  expect(wrong).toEqual([])
  client.close()
  await once(client, 'close')
})
