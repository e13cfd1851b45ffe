/** The fetch interface over real connections: what depends on when the client sends or leaves. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Response as FastResponse, type FetchInfo } from 'monodon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Address, Client, fetchOnce, get, post } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const LIMIT = 100_000
type Route = (request: Request) => Response | Promise<Response>

/** Errors that bodies of requests were rejected with, and signals of requests, in order. */
const errors: unknown[] = []
const signals: AbortSignal[] = []
let upstream: string

const reading: Record<string, (request: Request) => Promise<unknown>> = {
  text: (request) => request.text(),
  json: (request) => request.json(),
  arrayBuffer: (request) => request.arrayBuffer(),
  blob: (request) => request.blob(),
  formData: (request) => request.formData(),
  clone: (request) => request.clone().text(),
  copy: (request) => new Request(request).text(),
  moved: ({ url, method, body }) =>
    new Request(url, { method, body, duplex: 'half' } as RequestInit).text(),
  reader: (request) => drain(request.body!.getReader()),
  byob: (request) => {
    const reader = request.body!.getReader({ mode: 'byob' })
    return drain({ read: () => reader.read(new Uint8Array(1000)) })
  },
  iterator: async (request) => {
    let bytes = 0
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>)
      bytes += chunk.length
    return bytes
  },
}

async function drain(reader: { read(): Promise<{ done: boolean; value?: unknown }> }) {
  while (!(await reader.read()).done);
}

const routes: Record<string, Route> = {
  async read(request) {
    const how = new URL(request.url).searchParams.get('how')!
    await reading[how]!(request).catch((error: unknown) => {
      errors.push(error)
      throw error
    })
    return new FastResponse(`read by ${how}`)
  },
  signal({ signal }) {
    signals.push(signal, AbortSignal.any([signal, new AbortController().signal]))
    return new FastResponse('done')
  },
  proxy: (request) => fetch(new Request(upstream, request)),
  'proxy-get': ({ signal }) => fetch(`${upstream}/waits`, { signal }),
}

const app = (request: Request) => {
  const name = new URL(request.url).pathname.slice(1)
  return routes[name]!(request)
}

let server: TestServer
beforeAll(async () => {
  server = await startServer(app, {
    limitRequestBody: LIMIT,
    interface: 'fetch',
    logLevel: 'critical',
  })
})
afterAll(() => server.close())

const ways = Object.keys(reading)
/** What `formData` and `json` need to get so far. */
const FORM = 'Content-Type: application/x-www-form-urlencoded'

describe('a body', () => {
  test.each(ways)('that comes in pieces is read by %s', async (how) => {
    const client = await Client.connect(server, ['POST'])
    const bytes = post(`/read?how=${how}`, '[1234567]', FORM)
    await client.write(bytes.slice(0, -4))
    await until('the app', () => server.count('claimed') === 1)
    await client.write(bytes.slice(-4))
    expect((await client.response()).body.toString()).toBe(`read by ${how}`)
    await client.leave()
  })

  test.each(ways)('that breaks off rejects %s with an error that says so', async (how) => {
    errors.length = 0
    const client = await Client.connect(server, ['POST'])
    await client.write(post(`/read?how=${how}`, 'half of it', FORM).slice(0, -5))
    await until('the app', () => server.count('claimed') === 1)
    await client.leave()
    await until('the error', () => errors.length === 1)
    expect(errors[0]).toMatchObject({
      name: 'MonodonError',
      code: expect.stringMatching(/^MONODON_BODY_(TRUNCATED|ABORTED)$/),
      blame: 'client',
    })
  })

  test.each(ways)('that is too large rejects %s, and the client gets 413', async (how) => {
    errors.length = 0
    const client = await Client.connect(server, ['POST'])
    // In chunks, so that only reading shows it.
    const fields = `Host: a\r\nTransfer-Encoding: chunked\r\n${FORM}`
    const size = LIMIT + 1
    await client.write(
      `POST /read?how=${how} HTTP/1.1\r\n${fields}\r\n\r\n${size.toString(16)}\r\n`,
    )
    await client.write('x'.repeat(size))
    expect((await client.response()).status).toBe(413)
    // The client may hear of it before the app does.
    await until('the error', () => errors.length === 1)
    expect(errors).toMatchObject([{ code: 'MONODON_BODY_TOO_LARGE' }])
    await client.leave()
  })
})

describe('the signal', () => {
  test('does not abort once the response is complete, however the client leaves', async () => {
    signals.length = 0
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/signal'))
    expect((await client.response()).body.toString()).toBe('done')
    await client.reset()
    await until('the connection to be gone', () => server.count('connections') === 0)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
  })
})

describe('a proxy that passes the request to fetch', () => {
  const seen: string[] = []
  let leftEarly = 0
  const target = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) leftEarly++
    })
    if (request.url === '/waits') {
      response.write('begun')
      return
    }
    seen.push(`${request.method} ${request.headers['x-a']}`)
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.writeHead(201, 'Made Up')
    request.pipe(response)
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    upstream = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
  })
  afterAll(() => {
    target.closeAllConnections()
    target.close()
  })

  test('sends the body on as it comes, and the answer back', async () => {
    const client = await Client.connect(server, ['POST'])
    const bytes = post('/proxy', 'first second', 'X-A: 1')
    await client.write(bytes.slice(0, -6))
    await until('the upstream', () => seen.length === 1)
    await until('the first part of the answer', () => client.bodyBytes === 6)
    await client.write(bytes.slice(-6))
    const answer = await client.response()
    expect([answer.status, answer.reason]).toEqual([201, 'Made Up'])
    expect(answer.fields.filter(([name]) => name === 'set-cookie').length).toBe(2)
    expect([seen, answer.body.toString()]).toEqual([['POST 1'], 'first second'])
    await client.leave()
  })

  test('ends the other connection when the client leaves', async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/proxy-get'))
    await until('the answer to begin', () => client.bodyBytes > 0)
    await client.leave()
    await until('the upstream to notice', () => leftEarly === 1)
  })
})

function refuses(address: Address): Promise<boolean> {
  return Client.connect(address).then(
    async (client) => {
      await client.leave()
      return false
    },
    () => true,
  )
}

describe('waitUntil', () => {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-fetch-'))
  const log = join(folder, 'errors')
  afterAll(() => rmSync(folder, { recursive: true }))

  test('outlives the response, is waited for at the end, and its rejection is logged', async () => {
    const events: string[] = []
    let finish!: () => void
    const waiting = new Promise<void>((resolve) => (finish = resolve))
    const background = await startServer(
      (_request: Request, info: FetchInfo) => {
        info.waitUntil(waiting.then(() => events.push('finished')))
        info.waitUntil(Promise.reject(new Error('in the background')))
        // biome-ignore lint/suspicious/noThenProperty: promises of other libraries are objects like this
        info.waitUntil({ then: (resolve: () => void) => resolve() } as PromiseLike<never>)
        return new FastResponse('answered')
      },
      { interface: 'fetch', errorLogfile: log },
    )
    expect((await fetchOnce(background, '/')).body.toString()).toBe('answered')
    const closed = background.serving.close().then(() => events.push('closed'))
    await until('the server to take no more', () => refuses(background))
    expect(events).toEqual([])
    finish()
    await closed
    expect(events).toEqual(['finished', 'closed'])
    // The log stays open until the next server has another.
    await (await startServer(app, { interface: 'fetch' })).close()
    await background.released()
    expect(readFileSync(log, 'utf8')).toContain('Error: in the background')
  })
})
