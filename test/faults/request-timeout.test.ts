/** `--request-timeout` answers for an app that takes too long, and keeps its worker. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import type { Holdings } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const TIMEOUT_MS = 1000

const FETCH = `import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
let kept = 0
export default async (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/never') {
    request.signal.addEventListener('abort', () => writeFileSync('aborted', request.signal.reason.name))
    await new Promise(() => {})
  }
  if (pathname === '/upload') return new Response(String((await request.text()).length))
  if (pathname === '/unread') await new Promise(() => {})
  if (pathname === '/stream') return new Response(new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode('begun '))
      await sleep(${2.5 * TIMEOUT_MS})
      controller.enqueue(new TextEncoder().encode('ended'))
      controller.close()
    },
  }))
  return new Response(String(++kept))
}`
const NODE = `import { writeFileSync } from 'node:fs'
let kept = 0
export default (req, res) => {
  if (!req.url.startsWith('/never')) return res.end(String(++kept))
  res.on('close', () => writeFileSync('aborted', 'close ' + res.writableFinished))
}`
const PYTHON = `import time
kept = 0
def app(environ, start_response):
    global kept
    if environ['PATH_INFO'] == '/never':
        time.sleep(${(2.5 * TIMEOUT_MS) / 1000})
        try:
            start_response('200 OK', [])(b'late')
        except Exception as error:
            open('aborted', 'w').write(type(error).__name__)
            raise
        return []
    kept += 1
    start_response('200 OK', [])
    return [str(kept).encode()]`

let folder: string
let server: SpawnedServer
let before: Holdings

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-request-timeout-'))
})
afterEach(async () => {
  if (server.running) await server.released(before)
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

async function start(source: string, ...flags: string[]): Promise<void> {
  const isPython = source === PYTHON
  writeFileSync(join(folder, isPython ? 'app.py' : 'app.mjs'), source)
  const all = ['--request-timeout', `${TIMEOUT_MS}ms`, ...flags]
  server = isPython
    ? await SpawnedServer.python('app:app', all, {}, folder)
    : await SpawnedServer.start('app.mjs', all, {}, folder)
  expect(await text('/')).toBe('1')
  before = server.holdings
}

const text = async (path: string): Promise<string> =>
  (await fetchOnce(server, path)).body.toString()
const aborted = (): string | undefined => {
  const file = join(folder, 'aborted')
  return existsSync(file) ? readFileSync(file, 'utf8') || undefined : undefined
}

/** The client gets 504 on a connection that lives on; the log names the request; the worker is kept. */
async function expectTimeout(): Promise<void> {
  const client = await Client.connect(server)
  const begin = performance.now()
  const answer = await client.request('GET', get('/never?a=1'))
  expect(answer).toMatchObject({ status: 504, framing: 'length' })
  expect(performance.now() - begin).toBeGreaterThanOrEqual(TIMEOUT_MS)
  // The same worker, which counts on.
  expect((await client.request('GET', get('/'))).body.toString()).toBe('2')
  await client.leave()
  const faults = () => server.entries('ERROR').filter((e) => e.includes('MONODON_REQUEST_TIMEOUT'))
  await until('the log', () => faults().length > 0)
  expect(faults()).toHaveLength(1)
  expect(faults()[0]).toMatch(/GET \S*\/never\?a=1, held for \d+\.\d s by worker 1/)
}

describe.each([
  ['in a thread', FETCH, [], 'AbortError'],
  ['in a process', FETCH, ['--worker-class', 'process'], 'AbortError'],
  ['of node', NODE, ['--interface', 'node'], 'close false'],
])('a worker %s', (_, source, flags, seen) => {
  test('is kept, and its app hears that the request is over', async () => {
    await start(source, ...flags)
    await expectTimeout()
    await until('the app to hear of it', () => aborted() !== undefined)
    expect(aborted()).toBe(seen)
  })
})

describePython('a worker in Python', () => {
  test('with threads is kept, and its app hears of it when it writes', async () => {
    await start(PYTHON, '--threads', '2')
    await expectTimeout()
    await until('the app to hear of it', () => aborted() !== undefined)
  })

  test('with one thread is kept', async () => {
    await start(PYTHON)
    await expectTimeout()
  })
})

describe.each([
  ['a thread', []],
  ['a process', ['--worker-class', 'process']],
])('in %s, the time ends', (_, flags) => {
  test('with the head of a response', async () => {
    await start(FETCH, ...flags)
    expect(await text('/stream')).toBe('begun ended')
    expect(server.entries('ERROR')).toEqual([])
  })

  test('not while the client is to send the rest of its body', async () => {
    await start(FETCH, ...flags)
    const client = await Client.connect(server, ['POST'])
    await client.write('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
    await sleep(2.5 * TIMEOUT_MS)
    await client.write('world')
    expect((await client.response()).body.toString()).toBe('10')
    await client.leave()
    expect(server.entries('ERROR')).toEqual([])
  })

  test('though a client would send more that the app does not read', async () => {
    await start(FETCH, ...flags)
    const client = await Client.connect(server, ['POST'])
    await client.write('POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
    expect((await client.response()).status).toBe(504)
    await client.leave()
  })
})

test('nobody who leaves is counted', async () => {
  await start(FETCH)
  const client = await Client.connect(server, ['GET'])
  await client.write(get('/never'))
  await client.leave()
  await until('the app to hear of it', () => aborted() !== undefined)
  await sleep(1.5 * TIMEOUT_MS)
  expect(server.entries('ERROR')).toEqual([])
})
