/** Preambles of the PROXY protocol, good and bad: each costs nobody but who sends it, and fools no app. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServeOptions, TestServer } from '../support/server.ts'
import { type PreambleCase, preambles } from './preambles.ts'
import { type Seen, startSeen } from './seen.ts'

/** What a connection may take to say who it is, where it is to be late, and less than it takes then. */
const PATIENCE = '1s'
const EARLY_MS = 900
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

const cases = preambles()
const isLate = ({ expect }: PreambleCase) => expect.kind === 'late'
const whole = cases.filter((one) => !isLate(one))

/** What came of a connection. */
interface Outcome {
  /** All that the server has sent. */
  readonly said: string
  /** The port of the client. */
  readonly port: number
  /** Milliseconds until the server had closed it. */
  readonly took: number
}

/** Sends bytes, and hears what the server says until it closes the connection. */
async function talk({ host, port }: TestServer, bytes: Uint8Array | string): Promise<Outcome> {
  const socket = connect({ host, port, allowHalfOpen: true })
  await once(socket, 'connect')
  const local = socket.localPort!
  const before = performance.now()
  let said = ''
  socket.on('data', (data) => {
    said += data.toString('latin1')
  })
  // What it has not read when it closes a connection, it resets.
  socket.on('error', () => {})
  const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve))
  socket.write(bytes)
  await ended
  const took = performance.now() - before
  socket.destroy()
  return { said, port: local, took }
}

const statusOf = ({ said }: Outcome) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(said)?.[1] ?? 0)

/** Sends a preamble with a request behind it. */
function ask(server: TestServer, { bytes }: PreambleCase): Promise<Outcome> {
  return talk(server, Buffer.concat([bytes, Buffer.from(REQUEST)]))
}

/** The same byte by byte; gives what is answered. */
async function sendSlowly({ host, port }: TestServer, { bytes }: PreambleCase): Promise<string> {
  const socket = connect({ host, port, noDelay: true })
  for (const byte of bytes) {
    socket.write(Buffer.of(byte))
    await new Promise(setImmediate)
  }
  socket.end(REQUEST)
  let said = ''
  for await (const data of socket) said += String(data)
  return said
}

/** A server for the tests of a suite; its end finds that nothing is left of all the connections. */
function serving(options: ServeOptions): () => TestServer {
  let server: TestServer
  beforeAll(async () => {
    const { headerTimeout = '10m' } = options
    // What is wrong with clients is told as a warning.
    server = await startSeen('fetch', { ...options, headerTimeout })
  })
  afterAll(() => server.close())
  return () => server
}

describe.each(['required', 'optional'] as const)('from a proxy that is believed, %s', (mode) => {
  const server = serving({ proxyProtocol: mode })

  test.concurrent.each(whole)('$expect.kind: $why', async (one) => {
    const outcome = await ask(server(), one)
    const wanted = one.expect
    if (wanted.kind === 'client' || wanted.kind === 'own') {
      expect(statusOf(outcome)).toBe(200)
      const { address, port, scheme } = JSON.parse(outcome.said.split('\r\n\r\n')[1]!) as Seen
      const own = { kind: 'own', address: '127.0.0.1', port: outcome.port, scheme: 'http' }
      expect({ kind: wanted.kind, address, port, scheme }).toEqual(
        wanted.kind === 'own' ? own : wanted,
      )
    } else if (wanted.kind === 'answer' || (wanted.kind === 'http' && mode === 'optional')) {
      expect(statusOf(outcome)).toBe(wanted.status)
    } else {
      expect(outcome.said).toBe('')
    }
  })
})

describe.each([
  ['is off', { proxyProtocol: 'off' }],
  ['is believed from others', { proxyProtocol: 'optional', proxyAllowIps: ['10.0.0.1'] }],
] as const)('where the protocol %s', (_, options) => {
  const server = serving({ ...options })

  test.concurrent.each(whole)('it is HTTP: $why', async (one) => {
    const wanted = one.expect
    expect(statusOf(await ask(server(), one))).toBe(wanted.kind === 'http' ? wanted.status : 400)
  })
})

describe('from a stranger where one has to come', () => {
  const server = serving({ proxyProtocol: 'required', proxyAllowIps: ['10.0.0.1'] })

  test('nothing is answered', async () => {
    const outcomes = await Promise.all(cases.map((one) => ask(server(), one)))
    expect(outcomes.map(({ said }) => said)).toEqual(cases.map(() => ''))
  })
})

describe('one that does not end', () => {
  const server = serving({ proxyProtocol: 'required', headerTimeout: PATIENCE })

  test('is closed when its time is over, and not before', async () => {
    const late = cases.filter(isLate)
    const outcomes = await Promise.all(late.map(({ bytes }) => talk(server(), bytes)))
    for (const [at, { said, took }] of outcomes.entries()) {
      expect(said, late[at]!.why).toBe('')
      expect(took, late[at]!.why).toBeGreaterThan(EARLY_MS)
    }
  })

  test('may end in time, byte by byte', async () => {
    const good = cases.filter((one) => one.expect.kind === 'client' && one.bytes.length < 60)
    const answers = await Promise.all(good.map((one) => sendSlowly(server(), one)))
    expect(answers.filter((said) => said.startsWith('HTTP/1.1 200 '))).toHaveLength(good.length)
  })
})
