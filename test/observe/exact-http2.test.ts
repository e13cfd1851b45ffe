/** Figures of HTTP/2, and of requests over TLS, compared with what clients have counted themselves. */

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RequestLife, Snapshot } from '../../lib/observe/snapshot.ts'
import { request as control } from '../control/ctl.ts'
import { Certificates } from '../support/certificates.ts'
import { FLAG, FRAME, frame, H2Connection, headers, statusOf } from '../support/h2-frames.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'
import { head } from './counting.ts'
import { figures, sumOf } from './figures.ts'

const APP = `
const ways = {
  '/sleep': () => new Promise((wake) => setTimeout(wake, 300)),
  '/hold': () => new Promise(() => {}),
  '/throw': () => { throw new Error('on purpose') },
  '/exit': () => process.exit(7),
}
// One piece, and later the end by itself.
const stream = () => {
  const pieces = ['x'.repeat(200_000)]
  return new ReadableStream({
    async pull(controller) {
      if (pieces.length > 0) return controller.enqueue(new TextEncoder().encode(pieces.pop()))
      await new Promise((wake) => setTimeout(wake, 50))
      controller.close()
    },
  })
}
export default async (request) => {
  const { pathname } = new URL(request.url)
  await ways[pathname]?.()
  const status = pathname === '/missing' ? 404 : 200
  if (pathname === '/stream') return new Response(stream())
  const body = request.method === 'POST' ? await request.text() : 'x'.repeat(pathname === '/large' ? 1e6 : 1000)
  return new Response(body, { status })
}
`
/** Bytes that a client takes unless it says that it takes more (RFC 9113 section 6.9.2). */
const WINDOW = 65_535

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-exact-'))
  writeFileSync(join(folder, 'app.mjs'), APP)
})

afterAll(() => rmSync(folder, { recursive: true }))

async function start(name: string, ...flags: string[]) {
  const server = await SpawnedServer.start(
    'app.mjs',
    [
      ...['--metrics-bind', `unix:${name}.m`, '--control-socket', `${name}.c`, '--workers', '2'],
      ...['--io-threads', '2', '--slow-request', '200ms', ...flags],
    ],
    {},
    folder,
  )
  return {
    server,
    figures: () => figures(join(folder, `${name}.m`)),
    snapshot: async () =>
      (await control(join(folder, `${name}.c`), { command: 'snapshot' })).result as Snapshot,
  }
}

/** One connection, whose requests are counted. */
class Counting {
  /** Seconds that all requests have taken. */
  waited = 0
  readonly statuses: Record<string, number> = {}
  private readonly connection: H2Connection
  private next = 1

  constructor(connection: H2Connection) {
    this.connection = connection
  }

  static async connect(server: SpawnedServer): Promise<Counting> {
    const connection = await H2Connection.connect(server)
    // All that a server says of itself has come with that.
    await connection.find(({ type, flags }) => type === FRAME.settings && flags === FLAG.ack)
    return new Counting(connection)
  }

  get bytes(): [written: number, read: number] {
    const { bytesWritten, bytesRead } = this.connection.socket
    return [bytesWritten, bytesRead]
  }

  begin(method: string, path: string, body?: string, ...fields: [string, string][]): number {
    const stream = this.next
    this.next += 2
    const pseudo: [string, string][] = [
      [':method', method],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', path],
    ]
    this.connection.write(headers(stream, [...pseudo, ...fields], body !== undefined))
    if (body !== undefined)
      this.connection.write(frame(FRAME.data, FLAG.endStream, stream, Buffer.from(body)))
    return stream
  }

  /** Resolves when the answer has ended. */
  async ask(method: string, path: string, body?: string, ...fields: [string, string][]) {
    const begun = performance.now()
    const stream = this.begin(method, path, body, ...fields)
    const own = (type: number) => (sent: { type: number; stream: number }) =>
      sent.stream === stream && sent.type === type
    const answer = await this.connection.find(own(FRAME.headers))
    await this.hasEnded(stream)
    this.waited += (performance.now() - begun) / 1000
    this.add(`${Math.floor(statusOf(answer!) / 100)}xx`)
  }

  /** Resolves when a response has ended. */
  async hasEnded(stream: number): Promise<void> {
    await this.connection.find(
      ({ stream: of, flags, type }) =>
        of === stream &&
        (type === FRAME.reset || (type <= FRAME.headers && (flags & FLAG.endStream) !== 0)),
    )
  }

  /** Takes more bytes of a stream, or of the connection if that is 0. */
  grant(stream: number, bytes: number): void {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(bytes)
    this.connection.write(frame(FRAME.windowUpdate, 0, stream, size))
  }

  /** Takes back a request, which has got this far. */
  reset(stream: number, status: string): void {
    this.connection.write(frame(FRAME.reset, 0, stream, Buffer.of(0, 0, 0, 8)))
    this.add(status)
  }

  add(status: string): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1
  }

  /** Bytes of bodies that have come. */
  get received(): number {
    const data = this.connection.frames.filter(({ type }) => type === FRAME.data)
    return data.reduce((sum, { payload }) => sum + payload.length, 0)
  }

  /** Leaves in peace: all that was sent is read. */
  async end(): Promise<void> {
    this.connection.socket.end()
    if (!this.connection.isOver) await once(this.connection.socket, 'close')
  }

  leave(): Promise<void> {
    return this.connection.leave()
  }
}

test('figures of HTTP/2 agree with what the client has counted', async () => {
  const { server, figures, snapshot } = await start(
    'h2',
    ...['--request-timeout', '1500ms', '--limit-request-body', '1kb', '--http', '2'],
  )
  const holdings = server.holdings
  const isHeld = (target: string) => async () =>
    (await snapshot()).inFlight.some((now) => now.target === target && now.worker !== null)
  const many = await Counting.connect(server)
  const asked = (count: number, ...request: Parameters<Counting['ask']>) =>
    Array.from({ length: count }, () => many.ask(...request))
  await Promise.all([
    ...asked(20, 'GET', '/'),
    ...asked(4, 'HEAD', '/'),
    ...asked(5, 'POST', '/', 'hello', ['content-length', '5']),
    ...asked(2, 'PURGE', '/'),
    ...asked(3, 'GET', '/missing'),
    ...asked(2, 'GET', '/throw'),
    ...asked(4, 'GET', '/sleep'),
    ...asked(1, 'POST', '/', 'x'.repeat(2000), ['content-length', '2000']),
  ])
  // Whose client takes it back, before an answer and amid one; who leaves; who waits for too long; who
  // meets the end of a worker.
  const taken = many.begin('GET', '/hold?1')
  await until('it to be held', isHeld('/hold?1'))
  many.reset(taken, 'none')
  const leaver = await Counting.connect(server)
  leaver.begin('GET', '/hold?2')
  await until('it to be held', isHeld('/hold?2'))
  leaver.add('none')
  await leaver.leave()
  const large = await Counting.connect(server)
  const cut = large.begin('GET', '/large')
  await until('the window to be full', () => large.received === WINDOW)
  large.reset(cut, '2xx')
  await many.ask('GET', '/hold')
  await many.ask('GET', '/exit')
  await large.end()
  await many.end()
  await until('all connections to be gone', async () => (await snapshot()).connections === 0)

  const all = await figures()
  const total = (...labels: string[]) => sumOf(all, 'monodon_http_requests_total', ...labels)
  const statuses = { ...many.statuses, none: 2, '2xx': many.statuses['2xx']! + 1 }
  const counted = Object.keys(statuses).map((status) => [status, total(`status="${status}"`)])
  expect(Object.fromEntries(counted)).toEqual(statuses)
  expect(many.statuses).toEqual({ '2xx': 35, '4xx': 4, '5xx': 4, none: 1 })
  expect(total()).toBe(46)
  const methods = ['GET', 'HEAD', 'POST', 'OTHER'].map((method) => total(`method="${method}"`))
  expect(methods).toEqual([34, 4, 6, 2])
  const figure = (name: string) => all.get(`monodon_${name}`)!
  const connections = [many, leaver, large]
  const bytes = (at: 0 | 1) => connections.reduce((sum, { bytes }) => sum + bytes[at], 0)
  expect([figure('received_bytes_total'), figure('sent_bytes_total')]).toEqual([bytes(0), bytes(1)])
  expect(figure('connections_accepted_total')).toBe(3)
  const limit = (name: string) => figure(`limits_hit_total{limit="${name}"}`)
  expect([limit('limit-request-body'), limit('request-timeout')]).toEqual([1, 1])
  const step = (name: string) =>
    ['count', 'sum'].map((of) => figure(`http_request_${name}_seconds_${of}`)) as [number, number]
  // All but the one with too large a body, which no worker has taken; two had no answer.
  expect([step('queue')[0], step('app')[0], step('send')[0]]).toEqual([45, 43, 44])
  expect(step('app')[1]).toBeGreaterThanOrEqual(4 * 0.3 + 1.4)
  await server.released(holdings)

  const { lives } = await snapshot()
  const outcomes = (outcome: string) => lives.filter((life) => life.outcome === outcome)
  expect(['failed', 'aborted', 'slow'].map((outcome) => outcomes(outcome).length)).toEqual([
    4, 3, 4,
  ])
  const aborted = outcomes('aborted').find(({ target }) => target === '/large')
  expect(aborted).toMatchObject({
    status: 200,
    bytes: WINDOW,
    protocol: 'HTTP/2',
  } satisfies Partial<RequestLife>)
  expect(await server.stop()).toBe(0)
})

test('a response that the client takes back has not been sent, whatever waited behind it', async () => {
  const { server, snapshot, figures } = await start('h2-reset')
  const holdings = server.holdings
  const client = await Counting.connect(server)
  const stream = client.begin('GET', '/stream')
  await until('the window to be full', () => client.received === WINDOW)
  // The worker has ended it: all of it is with the connection.
  await until('it to be on its way', async () => {
    const { claimed, responsesSending } = await snapshot()
    return claimed === 0 && responsesSending === 1
  })
  client.reset(stream, '2xx')
  await until('it to be over', async () => (await snapshot()).lives.length === 1)
  const { lives, responsesSending } = await snapshot()
  expect(lives[0]).toMatchObject({ outcome: 'aborted', status: 200, bytes: WINDOW })
  expect(responsesSending).toBe(0)
  // And one whose end the client has taken: it is whole.
  const whole = client.begin('GET', '/stream')
  for (const of of [0, whole]) client.grant(of, 400_000)
  await client.hasEnded(whole)
  await until('it to be over', async () => {
    const total = sumOf(await figures(), 'monodon_http_requests_total', 'status="2xx"')
    return total === 2
  })
  const aborted = (await snapshot()).lives.filter(({ outcome }) => outcome === 'aborted')
  expect(aborted.length).toBe(1)
  await client.end()
  await server.released(holdings)
  expect(await server.stop()).toBe(0)
})

test('figures of requests over TLS are of what is inside of it', async () => {
  const certificates = new Certificates()
  const { certfile, keyfile } = certificates.issue('server', { names: ['IP:127.0.0.1'] })
  const { server, figures } = await start('tls', ...['--certfile', certfile, '--keyfile', keyfile])
  let [written, read] = [0, 0]
  const ask = async (bytes: string) => {
    const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: certificates.ca })
    socket.on('data', (data: Buffer) => {
      read += data.length
    })
    socket.write(bytes)
    written += bytes.length
    await within(PATIENCE_MS, 'an answer', () => once(socket, 'close'))
  }
  for (const path of ['/', '/missing', '/throw', '/large', '/large']) await ask(head('GET', path))
  await ask(`${head('POST', '/', 'Content-Length: 500\r\n')}${'y'.repeat(500)}`)
  const all = await figures()
  const figure = (name: string) => all.get(`monodon_${name}`)!
  expect([figure('received_bytes_total'), figure('sent_bytes_total')]).toEqual([written, read])
  expect(figure('tls_handshakes_total{result="completed"}')).toBe(6)
  const statuses = ['2xx', '4xx', '5xx'].map((status) =>
    sumOf(all, 'monodon_http_requests_total', `status="${status}"`),
  )
  expect(statuses).toEqual([4, 1, 1])
  expect(await server.stop()).toBe(0)
  certificates.remove()
})
