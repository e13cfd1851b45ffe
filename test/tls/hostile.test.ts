/** Records that no good client sends: each costs the client that sends it, and nobody else. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Certificates } from '../support/certificates.ts'
import { type Address, Client, fetchOnce, get } from '../support/client.ts'
import type { Holdings } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, within } from '../support/wait.ts'
import { type HostileFile, hostileFiles } from './hostile-files.ts'

/** What a client may take for its handshake and between requests, where it is to be late. */
const PATIENCE_MS = 1500

const certificates = new Certificates()
const { certfile, keyfile } = certificates.issue('server', { names: ['DNS:localhost'] })
afterAll(() => certificates.remove())

const files = hostileFiles()
const isLate = ({ expect }: HostileFile) => expect.kind === 'late'

/** A server for the tests of a suite, with a client that it serves all the while; its end checks both. */
function serving(patience: string): () => Address {
  let server: SpawnedServer
  let address: Address
  let before: Holdings
  let isOver = false
  let served: Promise<number>
  beforeAll(async () => {
    const times = ['--header-timeout', patience, '--keep-alive', patience]
    const flags = ['--certfile', certfile, '--keyfile', keyfile, '--io-threads', '1', ...times]
    server = await SpawnedServer.conformance('fetch', flags)
    address = { host: server.host, port: server.port, ca: certificates.ca }
    await fetchOnce(address, '/route/early')
    before = server.holdings
    served = serveAllTheWhile(address, () => isOver)
  })
  afterAll(async () => {
    isOver = true
    expect(await served).toBeGreaterThan(0)
    await server.released(before)
    expect(server.entries('ERROR')).toEqual([])
    expect(server.entries('CRITICAL')).toEqual([])
    expect(await server.stop()).toBe(0)
  })
  return () => address
}

/** One connection with a request after the other on it, each of which has to be answered. */
async function serveAllTheWhile(address: Address, isOver: () => boolean): Promise<number> {
  const client = await Client.connect(address)
  let served = 0
  while (!isOver()) {
    expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    served += 1
  }
  await client.leave()
  return served
}

describe('are refused at once', () => {
  const address = serving('10m')

  test.concurrent.each(files.filter((file) => !isLate(file)))('$name: $why', async (file) => {
    const { said } = await attack(address(), file)
    const wanted = file.expect
    if (wanted.kind === 'alert') expect(wanted.codes).toContain(alertOf(said))
    if (wanted.kind === 'answer') expect(said.toString()).toMatch(`HTTP/1.1 ${wanted.status} `)
    else expect(said.toString('latin1')).not.toContain('HTTP/1.1')
    expect((await fetchOnce(address(), '/route/early')).status).toBe(200)
  })

  test('hellos with bytes changed by chance', async () => {
    const hello = files.find(({ name }) => name === 'hello-whole-end')!
    await parallel(changed(hello.bytes, 300), 10, async (bytes) => {
      await attack(address(), { ...hello, bytes })
    })
    expect((await fetchOnce(address(), '/route/early')).status).toBe(200)
  })
})

describe('a new handshake within a connection (renegotiation, TLS 1.2)', () => {
  const address = serving('10m')

  test('is refused', async () => {
    const socket = connect(address())
    const session = await establish(socket, 'TLSv1.2', certificates.ca)
    const refused = once(session, 'error') as Promise<[NodeJS.ErrnoException]>
    session.renegotiate({}, () => undefined)
    expect((await refused)[0].code).toBe('ERR_SSL_NO_RENEGOTIATION')
    socket.destroy()
  })
})

describe('are waited for no longer than a good client', () => {
  const address = serving(`${PATIENCE_MS}ms`)

  test.concurrent.each(files.filter(isLate))('$name: $why', async (file) => {
    const { said, lasted } = await attack(address(), file)
    expect(said.toString('latin1')).not.toContain('HTTP/1.1')
    // The server's clock may have begun at an earlier byte of the client's than the last.
    expect(lasted).toBeGreaterThanOrEqual(PATIENCE_MS - 50)
  })
})

interface Outcome {
  /** What the server has said since: in plain text, or as it is on the wire. */
  readonly said: Buffer
  /** Milliseconds until it has closed the connection. */
  readonly lasted: number
}

/** Sends the bytes of a file and waits until the server closes the connection. */
async function attack({ host, port, ca }: Address, file: HostileFile): Promise<Outcome> {
  const { name, bytes, after, end } = file
  const socket = connect({ host, port, allowHalfOpen: true })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // A server that has closed resets what comes then.
  socket.on('error', () => undefined)
  socket.on('end', () => socket.destroy())
  await once(socket, 'connect')
  if (after !== undefined) await establish(socket, after, ca!)
  const said: Buffer[] = []
  socket.on('data', (piece) => said.push(piece as Buffer))
  const began = performance.now()
  socket.write(bytes)
  if (end) socket.end()
  await within(60_000, `the server to close (${name})`, () => closed)
  return { said: Buffer.concat(said), lasted: performance.now() - began }
}

/** Shakes hands and has one request answered; the socket can still be written to beneath. */
async function establish(
  socket: Socket,
  version: 'TLSv1.2' | 'TLSv1.3',
  ca: string,
): Promise<TLSSocket> {
  const below = new Duplex({
    read: () => undefined,
    write: (bytes, _, done) => void socket.write(bytes as Buffer, done),
  })
  socket.on('data', (bytes) => below.push(bytes))
  const session = connectTls({
    ...{ socket: below, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] },
    ...{ minVersion: version, maxVersion: version },
  })
  // An alert by which the server refuses what comes later.
  session.on('error', () => undefined)
  await once(session, 'secureConnect')
  session.write(get('/route/early'))
  const [answer] = (await once(session, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
  return session
}

/** The number of the alert with which a plain conversation ends (RFC 8446 section 6). */
function alertOf(said: Buffer): number | undefined {
  const [kind, , , , length, level, code] = said.subarray(-7)
  return kind === 21 && length === 2 && level === 2 ? code : undefined
}

/** So many copies with one to eight bytes changed, the same ones each time. */
function* changed(bytes: Buffer, count: number): Generator<Buffer> {
  let state = 1
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  for (let made = 0; made < count; made += 1) {
    const copy = Buffer.from(bytes)
    for (let left = 1 + random(8); left > 0; left -= 1) copy[random(copy.length)] = random(256)
    yield copy
  }
}
