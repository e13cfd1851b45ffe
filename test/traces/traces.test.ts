/** Whole servers that export to a collector, which decodes what comes with a library of its own. */

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environ, StartResponse } from 'monodon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Certificates } from '../support/certificates.ts'
import { Client } from '../support/client.ts'
import { describePython, requirePython } from '../support/python.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Collector, type Trace } from './collector.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const SAMPLED = `00-${TRACE}-${PARENT}-01`

/** Each tells what it has got of the client's trace, and waits 20 ms before. */
const wait = () => new Promise((wake) => setTimeout(wake, 20))
const told = (parent: unknown, state: unknown) => JSON.stringify([parent ?? null, state ?? null])
const APPS = {
  fetch: async (request: Request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/throw') throw new Error('on purpose')
    if (pathname === '/hold') await new Promise(() => {})
    if (pathname === '/broken') return new Response(broken())
    await wait()
    const { headers } = request
    return new Response(told(headers.get('traceparent'), headers.get('tracestate')))
  },
  wsgi: async (environ: Environ, startResponse: StartResponse) => {
    await wait()
    startResponse('200 OK', [])
    return [told(environ.HTTP_TRACEPARENT, environ.HTTP_TRACESTATE)]
  },
  node: async (request: IncomingMessage, response: ServerResponse) => {
    await wait()
    response.end(told(request.headers.traceparent, request.headers.tracestate))
  },
}
const PYTHON = `
import json, time
def app(environ, start_response):
    time.sleep(0.02)
    start_response('200 OK', [])
    told = [environ.get('HTTP_TRACEPARENT'), environ.get('HTTP_TRACESTATE')]
    return [json.dumps(told).encode()]
`
const MODULE = `
export default (request) => new Response(request.headers.get('traceparent') ?? 'none')
`

/** A body that breaks off once its beginning has been sent. */
function broken(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('begun'))
      setTimeout(() => controller.error(new Error('on purpose')), 200)
    },
  })
}

let folder: string
let collector: Collector

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-traces-'))
  writeFileSync(join(folder, 'pytraced.py'), PYTHON)
  writeFileSync(join(folder, 'app.mjs'), MODULE)
  writeFileSync(join(folder, 'page.txt'), 'a file')
  collector = await Collector.start()
})
afterAll(async () => {
  await collector.close()
  rmSync(folder, { recursive: true })
})

type Fields = readonly (readonly [name: string, value: string])[]

/** What the app has got of the trace: `traceparent` and `tracestate`. */
async function ask(
  server: TestServer | SpawnedServer,
  path: string,
  fields: Fields = [],
): Promise<{ status: number; body: string }> {
  const client = await Client.connect(server, ['GET'])
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  client.socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.example:81\r\n${lines}\r\n`)
  const response = client.response().finally(() => client.socket.destroy())
  const { status, body } = await response
  return { status, body: body.toString() }
}

async function asked(server: TestServer, path: string, fields: Fields = []): Promise<string[]> {
  return JSON.parse((await ask(server, path, fields)).body)
}

async function serving(
  app: unknown,
  options: ServeOptions,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(app, { otlpEndpoint: collector.url, ...options })
  await use(server).finally(() => server.close())
}

/** Checks that a trace's spans lie in each other, and follow each other. */
function expectOrder({ server, children }: Trace): void {
  const [queue, app, send] = ['queue', 'app', 'send'].map((name) => children.get(name)!)
  expect(children.size).toBe(3)
  for (const child of children.values()) expect(child.traceId).toBe(server.traceId)
  expect(queue!.start).toBe(server.start)
  expect(app!.start).toBe(queue!.end)
  expect(send!.start).toBe(app!.end)
  expect(send!.end).toBe(server.end)
  // Timers of Node may be a millisecond early.
  expect(app!.end - app!.start).toBeGreaterThan(18_000_000n)
  const now = BigInt(Date.now()) * 1_000_000n
  expect(server.end).toBeLessThanOrEqual(now + 1_000_000_000n)
  expect(server.start).toBeGreaterThan(now - 600_000_000_000n)
}

/** The app has to see a context that continues this trace below the span of the server. */
function expectContext(parent: string | undefined, { server }: Trace, flags = '01'): void {
  expect(parent).toBe(`00-${server.traceId}-${server.spanId}-${flags}`)
}

/** A server with the app of one kind: its traces, and what the app has seen of them. */
async function expectTraced(server: TestServer, kind: string): Promise<void> {
  const path = `/${kind}`
  const state = 'vendor=1,other=2'
  const fields = [
    ['traceparent', SAMPLED],
    ['tracestate', state],
  ] as const
  const [parent, passed] = await asked(server, path, fields)
  const trace = await collector.trace(path)
  expectOrder(trace)
  expectContext(parent, trace)
  expect(passed).toBe(state)
  expect(trace.server).toMatchObject({ traceId: TRACE, parentId: PARENT, state, flags: 0x301 })

  const [begun, none] = await asked(server, `${path}/new`)
  const fresh = await collector.trace(`${path}/new`)
  expectContext(begun, fresh)
  expect(none).toBeNull()
  expect(fresh.server.parentId).toBe('')
  expect(fresh.server.traceId).not.toBe(TRACE)
}

describe.each(['fetch', 'wsgi', 'node'] as const)('traces: %s', (kind) => {
  test('a request is a span of its trace, below which are those of the app', () =>
    serving(APPS[kind], { interface: kind }, (server) => expectTraced(server, kind)))

  test('without an endpoint headers are as they came', () =>
    serving(APPS[kind], { interface: kind, otlpEndpoint: undefined }, async (server) => {
      const fields = [
        ['traceparent', 'anything'],
        ['tracestate', 'x=y'],
      ] as const
      expect(await asked(server, '/plain', fields)).toEqual(['anything', 'x=y'])
      expect(await asked(server, '/plain')).toEqual([null, null])
    }))
})

describePython('traces: Python', () => {
  test('a request is a span of its trace, below which are those of the app', () =>
    serving(
      `${folder}/pytraced.py:app`,
      { interface: 'python', python: requirePython() },
      (server) => expectTraced(server, 'python'),
    ))
})

describe('spans', () => {
  const options = {
    interface: 'fetch',
    otlpServiceName: 'shop',
    otlpHeaders: 'authorization=Basic%20c2VjcmV0,x-tenant=a',
    otlpResourceAttributes: 'deployment.environment.name=test,service.name=other',
  } as const

  test('tell of request, response, client and service by the conventions', () =>
    serving(APPS.fetch, options, async (server) => {
      const fields = [['User-Agent', 'tester/1']] as const
      const { body } = await ask(server, '/told?a=1&token=secret', fields)
      const { server: span, children } = await collector.trace('/told')
      expect(span).toMatchObject({ name: 'GET', kind: 2, status: 0 })
      expect(span.attributes).toEqual({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'http.response.body.size': body.length,
        'url.scheme': 'http',
        'url.path': '/told',
        'url.query': 'a=1&token=***',
        'network.protocol.version': '1.1',
        'network.peer.address': '127.0.0.1',
        'network.peer.port': expect.any(Number),
        'client.address': '127.0.0.1',
        'server.address': 'shop.example',
        'server.port': 81,
        'user_agent.original': 'tester/1',
      })
      expect(children.get('app')!.attributes).toEqual({ 'monodon.worker': expect.any(Number) })
      expect(span.resource).toMatchObject({
        'service.name': 'shop',
        'deployment.environment.name': 'test',
        'telemetry.sdk.name': 'monodon',
        'process.pid': process.pid,
      })
      const { path, headers } = collector.received.at(-1)!
      expect(path).toBe('/v1/traces')
      expect(headers).toMatchObject({
        authorization: 'Basic c2VjcmV0',
        'x-tenant': 'a',
        'content-type': 'application/x-protobuf',
      })
    }))

  test('tell of proxies that are believed whom they speak for', () =>
    serving(APPS.fetch, { ...options, forwardedHeaders: 'x-forwarded' }, async (server) => {
      await ask(server, '/forwarded', [
        ['X-Forwarded-For', '203.0.113.7'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'www.example'],
      ])
      const { attributes } = (await collector.trace('/forwarded')).server
      expect(attributes).toMatchObject({
        'client.address': '203.0.113.7',
        'network.peer.address': '127.0.0.1',
        'url.scheme': 'https',
        'server.address': 'www.example',
      })
    }))

  test('are of HTTP/2, too', () =>
    serving(APPS.fetch, options, async (server) => {
      const session = connect(`http://${server.host}:${server.port}`)
      const stream = session.request({ ':path': '/h2', traceparent: SAMPLED })
      stream.resume()
      await once(stream, 'close')
      session.close()
      const trace = await collector.trace('/h2')
      expectOrder(trace)
      expect(trace.server).toMatchObject({ traceId: TRACE, parentId: PARENT })
      expect(trace.server.attributes).toMatchObject({
        'network.protocol.version': '2',
        'server.address': '127.0.0.1',
        'server.port': server.port,
      })
    }))

  test('are errors where the server failed, broke off, or lost its client', () =>
    serving(APPS.fetch, options, async (server) => {
      expect((await ask(server, '/throw')).status).toBe(500)
      const thrown = await collector.trace('/throw')
      expect(thrown.server).toMatchObject({ status: 2, attributes: { 'error.type': '500' } })
      expect(thrown.children.get('app')!.status).toBe(2)

      await ask(server, '/broken').catch(() => {})
      const cut = await collector.trace('/broken')
      expect(cut.server).toMatchObject({ status: 2 })
      expect(cut.server.attributes).toMatchObject({
        'error.type': 'response_incomplete',
        'http.response.status_code': 200,
      })
      expect(cut.children.get('send')!.status).toBe(2)
      expect(cut.children.get('app')!.status).toBe(0)

      const client = await Client.connect(server, ['GET'])
      client.socket.write('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the app to have it', () => server.count('claimed') === 1)
      client.socket.destroy()
      const left = await collector.trace('/hold')
      expect(left.server).toMatchObject({ status: 2 })
      expect(left.server.attributes['error.type']).toBe('client_disconnected')
      expect(left.server.attributes['http.response.status_code']).toBeUndefined()
      expect([...left.children.keys()].sort()).toEqual(['app', 'queue'])
    }))

  test('of what the server answers by itself have neither queue nor app', () =>
    serving(APPS.fetch, { ...options, static: [`/files=${folder}`] }, async (server) => {
      expect((await ask(server, '/files/page.txt')).body).toBe('a file')
      const { children } = await collector.trace('/files/page.txt')
      expect([...children.keys()]).toEqual(['send'])
    }))

  test('are not of probes', () =>
    // Of one thread, whose spans come in order.
    serving(APPS.fetch, { ...options, healthPath: '/health', ioThreads: 1 }, async (server) => {
      for (const path of ['/health/live', '/health', '/health/live', '/health/not'])
        await ask(server, path)
      await collector.trace('/health/not')
      const paths = collector.spans.map(({ attributes }) => String(attributes['url.path'] ?? ''))
      expect(paths.filter((path) => path.startsWith('/health'))).toEqual(['/health/not'])
    }))
})

describe('the client’s context', () => {
  test('is believed only if it is valid, and harms nobody', () =>
    serving(APPS.fetch, { interface: 'fetch' }, async (server) => {
      const hostile = [
        '',
        'x'.repeat(4000),
        SAMPLED.toUpperCase(),
        `${SAMPLED}-00`,
        `ff${SAMPLED.slice(2)}`,
        `00-${'0'.repeat(32)}-${PARENT}-01`,
        `00-${TRACE}-${'0'.repeat(16)}-01`,
        `00-${TRACE}-${PARENT}-0g`,
        `00-${TRACE}-${PARENT}-01, ${SAMPLED}`,
        '\u00ff\u00fe"<script>',
      ]
      const seen: string[][] = []
      for (const [index, value] of hostile.entries()) {
        const fields = [
          ['traceparent', value],
          ['tracestate', 'a=b'],
        ] as const
        seen.push(await asked(server, `/hostile/${index}`, fields))
      }
      for (const [index, [parent, state]] of seen.entries()) {
        const trace = await collector.trace(`/hostile/${index}`)
        expectContext(parent, trace)
        expect(trace.server).toMatchObject({ parentId: '', state: '' })
        expect(trace.server.traceId).not.toBe(TRACE)
        // It belongs to what was not believed.
        expect(state).toBeNull()
      }
      const twice = [
        ['traceparent', SAMPLED],
        ['Traceparent', SAMPLED],
      ] as const
      const [parent] = await asked(server, '/hostile/twice', twice)
      expectContext(parent, await collector.trace('/hostile/twice'))
      expect(parent).not.toContain(TRACE)
      // A later version is read as far as every version is the same.
      const later = [['traceparent', `cc${SAMPLED.slice(2)}-more`]] as const
      expect((await asked(server, '/later', later))[0]).toContain(`00-${TRACE}-`)
      expect((await collector.trace('/later')).server.parentId).toBe(PARENT)
    }))

  test('decides whether the request is exported', () =>
    serving(APPS.fetch, { interface: 'fetch', otlpSampleRatio: '0' }, async (server) => {
      const not = [['traceparent', SAMPLED.replace(/01$/, '00')]] as const
      const [parent] = await asked(server, '/sampled/not', not)
      expect(parent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
      expect(parent).not.toContain(PARENT)
      expect((await asked(server, '/sampled/new'))[0]).toMatch(/-00$/)
      await asked(server, '/sampled/yes', [['traceparent', SAMPLED]])
      await collector.trace('/sampled/yes')
      const exported = collector.spans.map(({ attributes }) => attributes['url.path'])
      expect(exported).not.toContain('/sampled/not')
      expect(exported).not.toContain('/sampled/new')
    }))

  test('does not decide with a sampler that heeds no parent', () =>
    serving(APPS.fetch, { interface: 'fetch', otlpSampler: 'always_off' }, async (server) => {
      const [parent] = await asked(server, '/off', [['traceparent', SAMPLED]])
      expect(parent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
    }))
})

describe('the collector', () => {
  const fetchApp = { interface: 'fetch' } as const

  test('gets what is left when the server ends', async () => {
    await serving(APPS.fetch, fetchApp, async (server) => {
      await ask(server, '/last')
    })
    await collector.trace('/last')
  })

  test('gets each span once where many come', async () => {
    const own = await Collector.start()
    // More than one batch of each thread.
    const count = 4000
    const options = { ...fetchApp, otlpEndpoint: own.url, ioThreads: 2 }
    await serving(
      () => new Response('ok'),
      options,
      async (server) => {
        const client = await Client.connect(server, Array(count).fill('GET'))
        client.socket.write('GET /many HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count))
        for (let number = 0; number < count; number += 1)
          expect((await client.response()).status).toBe(200)
        client.socket.destroy()
      },
    )
    for (const name of ['GET', 'queue', 'app', 'send'])
      expect(own.spans.filter((span) => span.name === name)).toHaveLength(count)
    expect(new Set(own.spans.map(({ spanId }) => spanId)).size).toBe(4 * count)
    expect(own.received.length).toBeGreaterThan(2)
    await own.close()
  })

  test('gets a batch again that it could not take', async () => {
    const own = await Collector.start()
    own.answer = (number) =>
      [{ status: 503, headers: { 'retry-after': '1' } }, { status: 429 }][number] ?? {}
    await serving(APPS.fetch, { ...fetchApp, otlpEndpoint: own.url }, async (server) => {
      await ask(server, '/again')
      await own.trace('/again')
      expect(own.received).toHaveLength(3)
      expect(own.spans.filter(({ name }) => name === 'GET')).toHaveLength(1)
    }).finally(() => own.close())
  })

  test('may speak TLS, and is checked', async () => {
    const certificates = new Certificates()
    const { certfile, keyfile } = certificates.issue('collector', { names: ['DNS:localhost'] })
    const tls = { cert: readFileSync(certfile), key: readFileSync(keyfile) }
    const own = await Collector.start(tls)
    const trusting = { ...fetchApp, otlpEndpoint: own.url, otlpCertificate: certificates.authority }
    await serving(APPS.fetch, trusting, async (server) => {
      await ask(server, '/tls')
      expectOrder(await own.trace('/tls'))
    })
    const before = own.received.length
    const stranger = new Certificates()
    const wary = { ...trusting, otlpCertificate: stranger.authority }
    await serving(APPS.fetch, wary, async (server) => {
      expect((await ask(server, '/strange')).status).toBe(200)
    })
    expect(own.received).toHaveLength(before)
    await own.close()
    certificates.remove()
    stranger.remove()
  })

  test('is told of by metrics and once by the log when it refuses or is not there', async () => {
    const own = await Collector.start()
    own.answer = (number) => (number < 2 ? { status: 400 } : { rejected: 1 })
    const server = await SpawnedServer.start(
      'app.mjs',
      ['--otlp-endpoint', own.url, '--metrics-bind', '127.0.0.1:0', '--otlp-headers', 'k=hidden'],
      {},
      folder,
    )
    const address = /metrics-bind: (http:\S+)/.exec(server.output)?.[1]
    const figure = async (text: string) => {
      const page = await (await fetch(address!)).text()
      const line = page.split('\n').find((entry) => entry.startsWith(`${text} `))
      return Number(line?.slice(text.length))
    }
    const rejected = 'monodon_spans_dropped_total{reason="rejected"}'
    for (const count of [4, 8, 9]) {
      await ask(server, '/refused')
      await until(`${count} spans to be refused`, async () => (await figure(rejected)) === count)
    }
    expect(await figure('monodon_spans_exported_total')).toBe(3)
    const logged = () => server.output.match(/MONODON_SPANS_NOT_EXPORTED/g) ?? []
    expect(logged()).toHaveLength(1)
    expect(server.output).toMatch(/refuses 4 spans: it answers 400/)

    await own.close()
    for (let count = 0; count < 3; count += 1)
      expect((await ask(server, '/alone')).status).toBe(200)
    await until('the log to tell of it', () => logged().length === 2)
    expect(server.output).toMatch(/takes no spans: nothing listens there/)
    expect(server.output).not.toContain('hidden')
    expect(await server.stop()).toBe(0)
    expect(logged()).toHaveLength(2)
  })

  test('holds up no request and no end where it never answers', async () => {
    const connections: Socket[] = []
    const hole = createServer((socket) => connections.push(socket.resume()))
    hole.listen(0, '127.0.0.1')
    await once(hole, 'listening')
    const { port } = hole.address() as { port: number }
    const options = { ...fetchApp, otlpEndpoint: `http://127.0.0.1:${port}` }
    await serving(APPS.fetch, options, async (server) => {
      await ask(server, '/hole')
      await until('the exporter to come', () => connections.length > 0)
      expect((await ask(server, '/hole')).status).toBe(200)
    })
    for (const socket of connections) socket.destroy()
    hole.close()
  })

  test('is named by an option that is understood', async () => {
    for (const [options, option] of [
      [{ otlpEndpoint: 'http://[' }, 'otlp-endpoint'],
      [{ otlpHeaders: 'hidden' }, 'otlp-headers'],
      [{ otlpSampler: 'jaeger_remote' }, 'otlp-sampler'],
      [{ otlpSampleRatio: '2' }, 'otlp-sample-ratio'],
    ] as const) {
      const serve = serving(APPS.fetch, { ...fetchApp, ...options }, async () => {})
      const error = await serve.catch((reason: Error) => reason)
      expect(String(error)).toContain(option)
      expect(String(error)).not.toContain('hidden')
    }
    // What the variables of OpenTelemetry say matters only where there is an endpoint.
    await serving(
      APPS.fetch,
      { ...fetchApp, otlpEndpoint: undefined, otlpSampler: 'jaeger_remote' },
      async (server) => {
        expect((await ask(server, '/')).status).toBe(200)
      },
    )
  })
})
