/** Packages that take connections over by `server.on('upgrade')`, unmodified, over real sockets. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from 'graphql-ws'
import { type Socket as IoClient, io } from 'socket.io-client'
import { describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { holdings, leaked } from '../support/leaks.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { parallel, until, within } from '../support/wait.ts'
import { OPCODE, SocketClient } from '../support/websocket-client.ts'
import { WORKER_CLASSES, withProgram } from './support/program.ts'

type Options = ConstructorParameters<typeof WebSocket>[2]

/** A client of ws that has connected, with what it has heard. */
class Chat {
  readonly socket: WebSocket
  readonly heard: string[] = []
  readonly closed: Promise<[code: number, reason: string]>

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.heard.push(String(data)))
    this.closed = new Promise((resolve) =>
      socket.on('close', (code, reason) => resolve([code, String(reason)])),
    )
  }

  static async open(
    { port }: { readonly port: number },
    path = '/',
    protocols: readonly string[] = [],
    options: Options = {},
  ): Promise<Chat> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], options)
    const chat = new Chat(socket)
    await within(10_000, 'a connection', () => once(socket, 'open'))
    return chat
  }

  async ask(data: string | Uint8Array): Promise<string> {
    const before = this.heard.length
    this.socket.send(data)
    await until('an answer', () => this.heard.length > before)
    return this.heard.at(-1)!
  }

  async close(): Promise<void> {
    this.socket.close()
    await this.closed
  }
}

const notes = (server: SpawnedServer): string[] =>
  [...server.output.matchAll(/^note: (.*)$/gm)].map(([, text]) => text!)

describe.each(WORKER_CLASSES)('in a %s', (workerClass) => {
  describe('ws', () => {
    test('echoes text and bytes of all sizes', async () => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const chat = await Chat.open(server, '/chat?x=1')
        expect(await chat.ask('who')).toBe('127.0.0.1 /chat?x=1')
        for (const size of [0, 1, 125, 126, 65_535, 65_536, 900_000])
          expect(await chat.ask(Buffer.alloc(size, 'b'))).toBe('b'.repeat(size))
        expect(await chat.ask('grüße')).toBe('grüße')
        await chat.close()
        await until('the end', () => notes(server).includes('closed 1005'))
      })
    })

    test('compresses, chooses a protocol, and refuses', async () => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const chat = await Chat.open(server, '/', ['other', 'chat'])
        expect(chat.socket.protocol).toBe('chat')
        expect(chat.socket.extensions).toContain('permessage-deflate')
        const text = 'compressible '.repeat(20_000)
        expect(await chat.ask(text)).toBe(text)
        await chat.close()
        const plain = await Chat.open(server, '/', [], { perMessageDeflate: false })
        expect(plain.socket.extensions).toBe('')
        expect(await plain.ask(text)).toBe(text)
        await plain.close()
        await expect(Chat.open(server, '/refused')).rejects.toThrow(
          'Unexpected server response: 401',
        )
        const response = await fetch(`http://127.0.0.1:${server.port}/`)
        expect(await response.text()).toBe('http')
      })
    })

    test('is spoken over HTTP/2 as over HTTP/1.1', async () => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const open = (path: string, fields = {}) =>
          SocketClient.open({ host: '127.0.0.1', port: server.port }, path, fields, 'HTTP/2')
        const polite = await open('/chat?x=1', { 'sec-websocket-protocol': 'other, chat' })
        expect(polite.fields.get('sec-websocket-protocol')).toEqual(['chat'])
        expect(polite.fields.has('sec-websocket-accept')).toBe(false)
        await polite.text('who')
        expect(await polite.said()).toBe('127.0.0.1 /chat?x=1')
        for (const size of [0, 1, 65_536, 900_000]) {
          await polite.send(OPCODE.binary, Buffer.alloc(size, 'b'))
          expect((await polite.message()).bytes.equals(Buffer.alloc(size, 'b'))).toBe(true)
        }
        expect(await polite.close(4000)).toEqual([4000, ''])
        await until('its code', () => notes(server).includes('closed 4000'))
        const rude = await open('/')
        await rude.text('hello')
        expect(await rude.said()).toBe('hello')
        rude.reset()
        await until('its end', () => notes(server).includes('closed 1006'))
        const cut = await open('/')
        await cut.text('terminate')
        await cut.ended()
        await expect(open('/refused')).rejects.toThrow('HTTP/2 401')
      })
    })

    test.each([
      ['close 1000', 1000, 'as asked'],
      ['close 4321', 4321, 'as asked'],
      ['terminate', 1006, ''],
    ])('closes by %s', async (order, code, reason) => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const chat = await Chat.open(server)
        chat.socket.send(order)
        expect(await chat.closed).toEqual([code, reason])
      })
    })

    test('hears of clients that leave, with and without a word, and that send too much', async () => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const polite = await Chat.open(server)
        polite.socket.close(4000)
        await until('its code', () => notes(server).includes('closed 4000'))
        const rude = await Chat.open(server)
        rude.socket.terminate()
        await until('its end', () => notes(server).includes('closed 1006'))
        const loud = await Chat.open(server)
        loud.socket.send(Buffer.alloc(1_100_000))
        expect((await loud.closed)[0]).toBe(1009)
        const reason = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
        await until('its reason', () => notes(server).includes(reason))
      })
    })

    test('that makes its own server', async () => {
      await withProgram('ws-alone.mjs', workerClass, async (server) => {
        const chat = await Chat.open(server)
        expect(await chat.ask('hello')).toBe('alone: hello')
        await chat.close()
      })
    })

    test('broadcasts to 1,000 clients, and leaves nothing behind', {
      timeout: 120_000,
    }, async () => {
      await withProgram('ws.mjs', workerClass, async (server) => {
        const before = holdings(server.pid)
        const chats: Chat[] = []
        await parallel(Array.from({ length: 1000 }), 20, async () => {
          chats.push(await Chat.open(server, '/', [], { perMessageDeflate: false }))
        })
        for (const round of ['first', 'second']) {
          chats[0]!.socket.send(`all ${round}`)
          const all = () => chats.every(({ heard }) => heard.at(-1) === round)
          await until(`all to hear the ${round}`, all, 30_000)
        }
        await Promise.all(chats.map((chat) => chat.close()))
        await until('nothing to be left', () => leaked(before, holdings(server.pid)).length === 0)
      })
    })

    test('goes on while its worker is replaced, and is closed with it', async () => {
      const flags = ['--graceful-timeout', '1s']
      await withProgram(
        'ws.mjs',
        workerClass,
        async (server) => {
          const chat = await Chat.open(server)
          server.child.kill('SIGHUP')
          await until('the successor', () => server.output.includes('Reloaded'))
          expect(await chat.ask('still here')).toBe('still here')
          const next = await Chat.open(server)
          expect((await chat.closed)[0]).toBe(1006)
          expect(await next.ask('the next')).toBe('the next')
          await next.close()
        },
        { flags },
      )
    })
  })

  test('Socket.IO goes from polling to WebSocket, and connects again', async () => {
    await withProgram('socket-io.mjs', workerClass, async (server) => {
      const client: IoClient = io(`http://127.0.0.1:${server.port}`, { reconnectionDelay: 10 })
      const upgraded = new Promise<void>((resolve) =>
        client.io.on('open', () => client.io.engine.once('upgrade', () => resolve())),
      )
      await within(10_000, 'the upgrade', () => upgraded)
      expect(await client.emitWithAck('hello', 'you')).toBe('hello you by websocket')
      expect(await client.emitWithAck('bytes', Buffer.alloc(100_000))).toBe(100_000)
      const other: IoClient = io(`http://127.0.0.1:${server.port}`, { transports: ['polling'] })
      expect(await other.emitWithAck('hello', 'me')).toBe('hello me by polling')
      const shouted = Promise.all([
        once(client as never, 'shouted'),
        once(other as never, 'shouted'),
      ])
      client.emit('shout', 'hey')
      expect(await shouted).toEqual([['hey'], ['hey']])
      const { id } = client
      client.emit('drop')
      await until('a new connection', () => client.connected && client.id !== id)
      expect(await client.emitWithAck('hello', 'again')).toMatch(/^hello again by/)
      other.disconnect()
      client.disconnect()
      await until('the server to hear', () => notes(server).length === 3)
    })
  })

  test('graphql-ws answers queries and subscriptions', async () => {
    await withProgram('graphql-ws.mjs', workerClass, async (server) => {
      const url = `ws://127.0.0.1:${server.port}/graphql`
      const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
      const results: unknown[] = []
      for await (const result of client.iterate({ query: '{ hello }' })) results.push(result)
      for await (const result of client.iterate({ query: 'subscription { count(to: 3) }' }))
        results.push(result)
      expect(results).toMatchObject([
        { data: { hello: 'hello' } },
        ...[1, 2, 3].map((count) => ({ data: { count } })),
      ])
      await client.dispose()
    })
  })

  test.each([
    ['fastify-websocket.mjs', '/chat?name=fastify', 'hi', 'fastify: hi'],
    ['hono-ws.mjs', '/chat?name=hono', 'hi', 'hono: hi'],
    [
      'nest-ws.mjs',
      '/chat',
      '{"event":"hello","data":"you"}',
      '{"event":"hello","data":"hello you"}',
    ],
  ])('%s', async (name, path, message, answer) => {
    await withProgram(name, workerClass, async (server) => {
      const chat = await Chat.open(server, path)
      expect(await chat.ask(message)).toBe(answer)
      await chat.close()
    })
  })

  test('http-proxy-middleware passes WebSockets on', async () => {
    const target = createServer((_req, res) => res.end('from the target'))
    const sockets = new WebSocketServer({ server: target })
    sockets.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`target: ${data}`))
      socket.on('close', () => target.emit('left'))
    })
    target.listen(0, '127.0.0.1')
    await once(target, 'listening')
    const env = { TARGET: `http://127.0.0.1:${(target.address() as AddressInfo).port}` }
    await withProgram(
      'proxy.mjs',
      workerClass,
      async (server) => {
        const response = await fetch(`http://127.0.0.1:${server.port}/`)
        expect(await response.text()).toBe('from the target')
        const chat = await Chat.open(server)
        expect(await chat.ask('hi')).toBe('target: hi')
        const large = 'x'.repeat(300_000)
        expect(await chat.ask(large)).toBe(`target: ${large}`)
        const left = once(target, 'left')
        await chat.close()
        await within(10_000, 'the target to hear', () => left)
      },
      { env },
    )
    target.closeAllConnections()
    target.close()
  })
})
