/** `Server-Timing`: what the tools of browsers show of a request's way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { request as request1 } from 'node:http'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environ, StartResponse } from 'monodon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describePython, requirePython } from '../support/python.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'

/** What the apps take before they answer, in milliseconds. */
const WORK_MS = 40
const work = () => new Promise((wake) => setTimeout(wake, WORK_MS))
const OWN = 'db;dur=1.5;desc="a, b"'

const APPS = {
  fetch: async () => {
    await work()
    return new Response('done', { headers: { 'server-timing': OWN } })
  },
  wsgi: async (_environ: Environ, startResponse: StartResponse) => {
    await work()
    startResponse('200 OK', [['Server-Timing', OWN]])
    return ['done']
  },
  // What is streamed, and has not ended when its head is sent.
  streamed: async () => {
    await work()
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode('done'))
        await work()
        controller.close()
      },
    })
    return new Response(body, { headers: { 'server-timing': OWN } })
  },
  node: async (_request: unknown, response: ServerResponse) => {
    await work()
    response.setHeader('server-timing', OWN)
    response.end('done')
  },
}
const PYTHON = `
import time
def app(environ, start_response):
    time.sleep(${WORK_MS / 1000})
    start_response('200 OK', [('Server-Timing', '${OWN}')])
    return [b'done']
`

/** The field as a client of HTTP/1.1 gets it, its lines joined. */
function overHttp1({ host, port }: TestServer, path = '/'): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const request = request1({ host, port, path, agent: false }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.headers['server-timing'] as string | undefined))
    })
    request.once('error', reject).end()
  })
}

function overHttp2({ host, port }: TestServer): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${host}:${port}`)
    session.once('error', reject)
    const stream = session.request({ ':path': '/' })
    let field: string | undefined
    stream.once('response', (head) => {
      field = head['server-timing'] as string | undefined
    })
    stream.once('close', () => session.close(() => resolve(field)))
    stream.resume()
  })
}

/** The metrics of a field, by name, as https://www.w3.org/TR/server-timing/ parts them. */
function metrics(field: string | undefined): Map<string, number> {
  const found = (field ?? '').matchAll(/(\w+);dur=(\d+(?:\.\d+)?)/g)
  return new Map([...found].map(([, name, duration]) => [name!, Number(duration)]))
}

/** Checks a field that the app has begun. */
function expectTimes(field: string | undefined): void {
  expect(field?.startsWith(OWN)).toBe(true)
  const times = metrics(field)
  expect([...times.keys()]).toEqual(['db', 'queue', 'app'])
  expect(times.get('queue')).toBeGreaterThanOrEqual(0)
  // Timers of Node may be a millisecond early.
  expect(times.get('app')).toBeGreaterThanOrEqual(WORK_MS - 2)
}

async function serving(
  app: unknown,
  options: ServeOptions,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(app, options)
  await use(server).finally(() => server.close())
}

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-timing-'))
  writeFileSync(join(folder, 'pytimed.py'), PYTHON)
  writeFileSync(join(folder, 'page.txt'), 'a file')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(['fetch', 'wsgi', 'node'] as const)('server-timing: %s', (kind) => {
  test('tells the times behind what the app tells of itself', () =>
    serving(APPS[kind], { interface: kind, serverTiming: true }, async (server) => {
      expectTimes(await overHttp1(server))
      expectTimes(await overHttp2(server))
    }))
})

describePython('server-timing: Python', () => {
  test('tells the times behind what the app tells of itself', () =>
    serving(
      `${folder}/pytimed.py:app`,
      { interface: 'python', python: requirePython(), serverTiming: true },
      async (server) => {
        expectTimes(await overHttp1(server))
        expectTimes(await overHttp2(server))
      },
    ))
})

describe('server-timing', () => {
  test('is there of responses that are streamed, too', () =>
    serving(APPS.streamed, { interface: 'fetch', serverTiming: true }, async (server) => {
      expectTimes(await overHttp1(server))
      expectTimes(await overHttp2(server))
    }))

  test('is not there unless it is asked for', () =>
    serving(APPS.fetch, { interface: 'fetch' }, async (server) => {
      expect(await overHttp1(server)).toBe(OWN)
    }))

  test('is not there where no worker took the request', () => {
    const options = { serverTiming: true, static: [`/files=${folder}`], healthPath: '/health' }
    return serving(APPS.fetch, { interface: 'fetch', ...options }, async (server) => {
      expect(await overHttp1(server, '/files/page.txt')).toBeUndefined()
      expect(await overHttp1(server, '/health/live')).toBeUndefined()
      expectTimes(await overHttp1(server))
    })
  })
})
