/** Clients that hold what they have got, slowly: all of them are closed in time, and nobody else waits. */
import { connect as connectH2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Certificates } from '../support/certificates.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { FLAG, FRAME, frame, headers, PREFACE } from '../support/h2-frames.ts'
import type { Holdings } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { hostileFiles } from '../tls/hostile-files.ts'

/** What most machines let one process open, less what the test and the server need themselves. */
const SLOW_CLIENTS = 2000

const SHORT = ['--header-timeout', '3s', '--body-timeout', '3s', '--send-timeout', '3s']
const H2_REQUEST = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'localhost'],
  [':path', '/route/stream?chunks=1000&size=10000'],
] as const

/** What a kind of client begins with, and what it goes on with now and then. */
interface Kind {
  readonly begin: Uint8Array | string
  readonly drip?: string
  readonly reads?: false
  /** It speaks to the address with TLS. */
  readonly isTls?: true
}

const HELLO = hostileFiles().find(({ name }) => name === 'hello-whole-silence')!.bytes

const KINDS: Record<string, Kind> = {
  'heads that come drop by drop (slowloris)': {
    begin: 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    drip: 'x',
  },
  'connections on which nothing comes': { begin: '' },
  'bodies that stop': {
    begin: 'POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbegun',
  },
  'bodies that come drop by drop': {
    begin: 'POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbegun',
    drip: 'x',
  },
  'chunks that come drop by drop': {
    begin: 'POST /p HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    drip: '1\r\nx\r\n',
  },
  'answers that are not read': {
    begin: get('/route/stream?chunks=1000&size=10000'),
    reads: false,
  },
  'half of the preface of HTTP/2': { begin: PREFACE.slice(0, 10) },
  'HTTP/2 without a request': {
    begin: Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0)]),
  },
  'heads of HTTP/2 without an end': {
    begin: Buffer.concat([
      Buffer.from(PREFACE),
      frame(FRAME.settings, 0, 0),
      frame(FRAME.headers, FLAG.endStream, 1, Buffer.from([0x82])),
    ]),
  },
  'answers of HTTP/2 for which there is no window': {
    begin: Buffer.concat([
      Buffer.from(PREFACE),
      // SETTINGS_INITIAL_WINDOW_SIZE is 0.
      frame(FRAME.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0)),
      headers(1, H2_REQUEST),
    ]),
  },
  'TLS on which nothing comes': { begin: '', isTls: true },
  'TLS handshakes that stop amid the hello': { begin: HELLO.subarray(0, 90), isTls: true },
  'TLS hellos that come drop by drop': { begin: HELLO.subarray(0, 60), drip: '\0', isTls: true },
  'TLS handshakes that stop after the hello': { begin: HELLO, isTls: true },
}

const certificates = new Certificates()
const { certfile, keyfile } = certificates.issue('server', { names: ['DNS:localhost'] })
afterAll(() => certificates.remove())
const TLS = ['--bind', 'https://127.0.0.1:0', '--certfile', certfile, '--keyfile', keyfile]

const FLAGS = [...TLS, ...SHORT, '--keep-alive', '3s', '--limit-upload-rate', '500']

describe('slow clients of every kind', () => {
  test(`${SLOW_CLIENTS} of them are closed in time, while another is served`, async () => {
    const server = await SpawnedServer.conformance('fetch', [...FLAGS, '--io-threads', '1'])
    const before = server.holdings
    const kinds = Object.values(KINDS)
    const slow = await open(server, SLOW_CLIENTS, (index) => kinds[index % kinds.length]!)

    // Served all the while on a connection of its own, and on new ones.
    let served = 0
    const client = await Client.connect(server)
    const left = () => slow.filter((socket) => !socket.closed).length
    await until(
      'all of them to be closed',
      async () => {
        expect((await client.request('GET', get('/route/early'))).status).toBe(200)
        expect((await fetchOnce(server, '/route/early')).status).toBe(200)
        served += 2
        return left() === 0
      },
      120_000,
    )
    expect(served).toBeGreaterThan(100)
    await client.leave()
    await server.released(before)
    expect(await server.stop()).toBe(0)
  })
})

describe('ten slow clients of one kind are closed in time', () => {
  let server: SpawnedServer
  let before: Holdings
  beforeAll(async () => {
    server = await SpawnedServer.conformance('fetch', FLAGS)
    before = server.holdings
  })
  afterAll(async () => {
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
    await server.released(before)
    expect(await server.stop()).toBe(0)
  })

  test.concurrent.each(Object.entries(KINDS))('%s', async (_, kind) => {
    const slow = await open(server, 10, () => kind)
    await until('all of them to be closed', () => slow.every((socket) => socket.closed), 60_000)
  })
})

describe('limit-upload-rate', () => {
  const body = 'POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n'

  test('a body below it gets 408, one above it goes on', async () => {
    const flags = ['--body-timeout', '1s', '--limit-upload-rate', '2kb']
    const server = await SpawnedServer.conformance('fetch', flags)
    const [slow, fast] = [
      await Client.connect(server, ['POST']),
      await Client.connect(server, ['POST']),
    ]
    await slow.write(body)
    await fast.write(body)
    const drops = setInterval(() => void slow.write('x'), 100)
    let sent = 0
    const pieces = setInterval(() => {
      const piece = Math.min(1000, 20_000 - sent)
      sent += piece
      void fast.write('y'.repeat(piece))
    }, 100)
    expect((await slow.response()).status).toBe(408)
    clearInterval(drops)
    expect((await fast.response()).status).toBe(200)
    clearInterval(pieces)
    await slow.leave()
    await fast.leave()
    await server.stop()
  })

  test('without it a body may come as slowly as it likes, if it comes', async () => {
    const server = await SpawnedServer.conformance('fetch', ['--body-timeout', '1s'])
    const client = await Client.connect(server, ['POST'])
    await client.write('POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n')
    const drops = setInterval(() => void client.write('x'), 150)
    expect((await client.response()).status).toBe(200)
    clearInterval(drops)
    await client.leave()
    await server.stop()
  })

  test('what the app leaves unread is not held against the client', async () => {
    const flags = ['--body-timeout', '1s', '--limit-upload-rate', '1mb']
    const server = await SpawnedServer.conformance('fetch', flags)
    const client = await Client.connect(server, ['POST'])
    await client.write(
      'POST /route/sink?delay=100 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n',
    )
    await client.write(Buffer.alloc(2_000_000))
    expect((await client.response()).status).toBe(200)
    await client.leave()
    await server.stop()
  })
})

describe('limit-connections-per-ip', () => {
  const flags = ['--limit-connections-per-ip', '3', '--forwarded-allow-ips', '10.0.0.1']

  test('further connections of a client are closed, until it has closed some', async () => {
    const server = await SpawnedServer.conformance('fetch', flags)
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(server)))
    for (const client of clients) {
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    }
    for (let index = 0; index < 20; index += 1) await turnedAway(server)
    expect(server.output.split('MONODON_TOO_MANY_CONNECTIONS').length - 1).toBe(1)
    for (const client of clients) {
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    }
    await clients[0]!.leave()
    await until('room for another one', () =>
      fetchOnce(server, '/route/early').then(
        (answer) => answer.status === 200,
        () => false,
      ),
    )
    for (const client of clients.slice(1)) await client.leave()
    await server.stop()
  })

  test('a proxy that is believed may have as many as it likes', async () => {
    const server = await SpawnedServer.conformance('fetch', flags.slice(0, 2))
    const clients = await Promise.all(Array.from({ length: 10 }, () => Client.connect(server)))
    for (const client of clients) {
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
      await client.leave()
    }
    await server.stop()
  })

  test('HTTP/2 needs one for all of its requests', async () => {
    const server = await SpawnedServer.conformance('fetch', flags)
    const session = connectH2(`http://127.0.0.1:${server.port}`)
    const answers = Array.from({ length: 50 }, () => {
      const stream = session.request({ ':path': '/route/early' })
      stream.resume()
      return new Promise((resolve) => stream.on('response', (head) => resolve(head[':status'])))
    })
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]))
    session.destroy()
    await server.stop()
  })
})

/** Opens slow clients, a hundred at a time; those that drip do so until they are closed. */
async function open(
  { host, port, output }: SpawnedServer,
  count: number,
  kindOf: (index: number) => Kind,
): Promise<Socket[]> {
  const tlsPort = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1])
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(100, count - sockets.length) }, (_, index) => {
      const { begin, drip, reads, isTls = false } = kindOf(sockets.length + index)
      const socket = connect({ host, port: isTls ? tlsPort : port })
      socket.on('error', () => undefined)
      if (reads === false) socket.pause()
      else socket.resume()
      socket.once('connect', () => {
        if (begin.length > 0) socket.write(begin)
        // A server that has answered waits for the client to close its side.
        socket.on('end', () => socket.destroy())
        const drops = setInterval(() => {
          if (drip !== undefined) socket.write(drip)
          // Nothing tells a client of a reset that does not read.
          else if (reads === false && socket.bytesWritten > 0) socket.write(' ')
        }, 500)
        socket.once('close', () => clearInterval(drops))
      })
      return socket
    })
    await Promise.all(
      batch.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    )
    sockets.push(...batch)
  }
  return sockets
}

/** Checks that a connection is closed as it comes. */
async function turnedAway({ host, port }: SpawnedServer): Promise<void> {
  const socket = connect({ host, port })
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  expect(socket.bytesRead).toBe(0)
}
