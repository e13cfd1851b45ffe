/** Every example that is a package starts with its one command, and does what its README says. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Client, fetchOnce, get, post } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { OPCODE, SocketClient } from '../support/websocket-client.ts'
import { describeExample, EXAMPLES, Example } from './example.ts'

const JSON_TYPE = 'Content-Type: application/json'

const json = ({ body }: WireResponse): unknown => JSON.parse(body.toString())

/** Sends JSON, on a connection of its own. */
async function send(server: SpawnedServer, target: string, body: unknown): Promise<WireResponse> {
  const client = await Client.connect(server)
  const text = JSON.stringify(body)
  const answer = await client.request('POST', post(target, text, JSON_TYPE, 'Connection: close'))
  await client.leave()
  return answer
}

describeExample('hono', (server) => {
  test('keeps notes', async () => {
    expect(await send(server(), '/notes', { text: 'buy milk' })).toMatchObject({ status: 201 })
    expect(json(await fetchOnce(server(), '/notes/1'))).toEqual({ id: 1, text: 'buy milk' })
    expect(await send(server(), '/notes', {})).toMatchObject({ status: 400 })
    expect(await fetchOnce(server(), '/notes/2')).toMatchObject({ status: 404 })
  })
})

describeExample('express', (server) => {
  test('greets, echoes, and answers what is no JSON', async () => {
    expect(json(await fetchOnce(server(), '/hello/you'))).toEqual({
      hello: 'you',
      from: '127.0.0.1',
    })
    expect(json(await send(server(), '/echo', { a: 1 }))).toEqual({ youSent: { a: 1 } })
    const client = await Client.connect(server())
    const answer = await client.request('POST', post('/echo', '{', JSON_TYPE))
    expect(answer.status).toBe(400)
    await client.leave()
  })
})

describeExample('fastify', (server) => {
  test('is served as the program that it is, and checks by its schema', async () => {
    expect(server().output).toContain('it listens on port 3000')
    expect(json(await send(server(), '/sum', { a: 1, b: 2 }))).toEqual({ sum: 3 })
    expect(await send(server(), '/sum', { a: 1 })).toMatchObject({ status: 400 })
  })
})

describeExample('nest', (server) => {
  test('injects its service', async () => {
    const tom = { name: 'Tom', age: 3 }
    expect(await send(server(), '/cats', tom)).toMatchObject({ status: 201 })
    expect(json(await fetchOnce(server(), '/cats'))).toEqual([tom])
    expect(await send(server(), '/cats', { name: 'Tom' })).toMatchObject({ status: 400 })
  })
})

describeExample('static-site', (server) => {
  test('sends files, the page for paths without one, and asks the app for the rest', async () => {
    const style = await fetchOnce(server(), '/assets/style.css')
    expect(style).toMatchObject({ status: 200 })
    expect(style.headers['content-type']).toMatch(/^text\/css/)
    expect(style.headers).toHaveProperty('etag')
    const client = await Client.connect(server(), ['GET', 'GET'])
    const page = await client.request('GET', get('/some/page', 'Accept: text/html'))
    expect(page.body.toString()).toContain('<h1>A static site</h1>')
    await client.leave()
    expect(json(await fetchOnce(server(), '/api/time'))).toHaveProperty('time')
    expect(await fetchOnce(server(), '/nothing')).toMatchObject({ status: 404 })
  })
})

describeExample('websocket-chat', (server) => {
  const next = async (client: SocketClient) => (await client.frame()).payload.toString()

  test('passes each message on to everybody', async () => {
    expect((await fetchOnce(server(), '/')).body.toString()).toContain('new WebSocket(url)')
    const ann = await SocketClient.open(server(), '/chat?name=Ann')
    expect(await next(ann)).toBe('Ann has come; 1 here')
    const bob = await SocketClient.open(server(), '/chat?name=Bob')
    expect([await next(ann), await next(bob)]).toEqual(Array(2).fill('Bob has come; 2 here'))
    await bob.text('hello')
    expect([await next(ann), await next(bob)]).toEqual(Array(2).fill('Bob: hello'))
    await bob.send(OPCODE.close)
    expect(await next(ann)).toBe('Bob has gone')
    for (const client of [ann, bob]) client.reset()
  })

  test('is for its own page only', async () => {
    const client = await Client.connect(server())
    const answer = await client.request('GET', get('/chat', 'Origin: https://elsewhere.example'))
    expect(answer.status).toBe(403)
    await client.leave()
  })
})

describeExample('sse', (server) => {
  test('sends events as they come', async () => {
    const { headers, body } = await fetchOnce(server(), '/events?count=2&ms=1')
    expect(headers['content-type']).toBe('text/event-stream')
    const events = body.toString().split('\n\n').filter(Boolean)
    expect(events.map((event) => event.split('\n').slice(0, 2))).toEqual([
      ['id: 1', 'event: tick'],
      ['id: 2', 'event: tick'],
    ])
  })

  test('makes a download while it is sent', async () => {
    const { body } = await fetchOnce(server(), '/squares.csv?rows=1000')
    const lines = body.toString().trimEnd().split('\n')
    expect(lines).toHaveLength(1001)
    expect(lines.at(-1)).toBe('1000,1000000')
  })
})

describeExample('tls', (server, example) => {
  const port = () => /https:\/\/127\.0\.0\.1:(\d+)/.exec(server().output)![1]

  test('speaks HTTP/2 to who trusts its certificate', async () => {
    const ca = readFileSync(example.scratch.path('cert.pem'))
    const session = connectHttp2(`https://localhost:${port()}`, { ca })
    const request = session.request({ ':path': '/' })
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    await once(request, 'end')
    expect(JSON.parse(text)).toMatchObject({ protocol: 'TLSv1.3', alpnProtocol: 'h2' })
    session.close()
    await once(session, 'close')
  })

  test('redirects what comes without TLS', async () => {
    const answer = await fetchOnce(server(), '/page')
    expect(answer.status).toBe(308)
    expect(answer.headers['location']).toMatch(/^https:\/\/localhost:\d+\/page$/)
  })
})

describe('examples/embedded', () => {
  test('its tests pass', () => {
    const example = new Example('embedded')
    try {
      expect(example.run('test')).toMatch(/^\S fail 0$/m)
    } finally {
      example.scratch.remove()
    }
  })
})

/** Those that have no package: a file for each interface, and Python, which has a test of its own. */
const FILES: Readonly<Record<string, readonly [flags: string[], target: string, body: string]>> = {
  'hello.ts': [[], '/', 'Hello from monodon!\n'],
  'fetch.ts': [[], '/you', 'Hello, /you!\n'],
  'wsgi.ts': [[], '/you', 'Hello, /you!\n'],
  'node.ts': [['--interface', 'node'], '/you', 'Hello, /you!\n'],
  'server.js': [[], '/you', 'Hello from /you\n'],
}

describe('examples in a file', () => {
  test.each(Object.entries(FILES))('%s', async (file, [flags, target, body]) => {
    const server = await SpawnedServer.start(join('examples', file), flags)
    expect((await fetchOnce(server, target)).body.toString()).toBe(body)
    expect(await server.stop()).toBe(0)
  })
})

test('every example is tested, and told of on the page of examples', () => {
  const page = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
  const source = readFileSync(fileURLToPath(import.meta.url), 'utf8')
  const names = readdirSync(EXAMPLES).filter((name) => !/^\.|\.md$|node_modules/.test(name))
  for (const name of names) {
    expect(page).toContain(`[${name}](${name})`)
    if (!['flask', 'django'].includes(name)) expect(source).toContain(`'${name}'`)
  }
  expect(names.length).toBeGreaterThan(12)
})
