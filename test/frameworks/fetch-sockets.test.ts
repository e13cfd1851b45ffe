/** WebSockets of fetch apps, met by clients that people use: ws, and the standard's of undici. */
import { once } from 'node:events'
import { WebSocket as StandardWebSocket } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { fetchOnce } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { app, heard } from './fetch-sockets-app.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer(app, { interface: 'fetch', websocketCompression: true })
})
afterAll(() => server.close())

const url = (path: string): string => `ws://${server.host}:${server.port}${path}`

/** What a client of ws hears. */
function listen(client: WebSocket): { next(): Promise<string> } {
  const messages: string[] = []
  client.on('message', (data) => messages.push(String(data)))
  return {
    next: async () => {
      await until('a message', () => messages.length > 0)
      return messages.shift()!
    },
  }
}

describe.each([true, false])('ws (perMessageDeflate %s)', (perMessageDeflate) => {
  test.each(['/hono', '/guarded?key=right', '/h3'])('talks to %s', async (path) => {
    const client = new WebSocket(url(path), { perMessageDeflate })
    const { next } = listen(client)
    await once(client, 'open')
    expect(client.extensions).toBe(perMessageDeflate ? 'permessage-deflate' : '')
    if (path !== '/h3') expect(await next()).toBe(`welcome to ${path.split('?')[0]}`)
    for (const text of ['short', 'compressible '.repeat(10_000), 'x'.repeat(1_000_000), '']) {
      client.send(text)
      expect((await next()) === text).toBe(true)
    }
    client.ping()
    await once(client, 'pong')
    client.close(4001, 'enough')
    const [code, reason] = (await once(client, 'close')) as [number, Buffer]
    expect([code, String(reason)]).toEqual([4001, 'enough'])
  })
})

test('the client of the standard talks to Hono', async () => {
  const client = new StandardWebSocket(url('/hono'))
  client.binaryType = 'arraybuffer'
  const messages: unknown[] = []
  client.onmessage = ({ data }) => messages.push(data)
  await new Promise((resolve) => {
    client.onopen = resolve
  })
  await until('the welcome', () => messages.length === 1)
  client.send(new Uint8Array([1, 2, 3]))
  client.send('raw')
  client.send('bye')
  const { code, reason, wasClean } = await new Promise<CloseEvent>((resolve) => {
    client.onclose = (event) => resolve(event as unknown as CloseEvent)
  })
  expect(messages).toEqual(['welcome to /hono', new Uint8Array([1, 2, 3]).buffer, 'true'])
  expect({ code, reason, wasClean }).toEqual({ code: 4000, reason: 'as you say', wasClean: true })
  await until('the app to hear it', () => heard.some((one) => /^hono 4000 .*true$/.test(one)))
})

test('Hono answers what is no WebSocket, and guards what is', async () => {
  expect((await fetchOnce(server, '/both')).body.toString()).toBe('no WebSocket')
  const client = new WebSocket(url('/guarded'))
  client.on('error', () => undefined)
  const [, response] = (await once(client, 'unexpected-response')) as [
    unknown,
    { statusCode: number },
  ]
  expect(response.statusCode).toBe(401)
  client.terminate()
})

test('a handler of Hono whose promise is rejected ends nothing', async () => {
  const client = new WebSocket(url('/failing'))
  await once(client, 'open')
  client.send('a')
  client.ping()
  await once(client, 'pong')
  client.close()
  await once(client, 'close')
  expect((await fetchOnce(server, '/both')).status).toBe(200)
})

test('a client that is terminated is heard of', async () => {
  heard.length = 0
  const client = new WebSocket(url('/hono'))
  await once(client, 'open')
  client.terminate()
  await until('the app to hear it', () => heard.includes('hono 1006  false'))
})
