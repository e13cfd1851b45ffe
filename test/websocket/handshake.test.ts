/** The opening handshake (RFC 6455 section 4.2): what is accepted, what is refused, and how. */
import { once } from 'node:events'
import {
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { FRAME, H2Connection, headers, statusOf } from '../support/h2-frames.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import {
  connectForSockets,
  KEY,
  type OfferFields,
  offer,
  SocketClient,
} from '../support/websocket-client.ts'
import { APP } from './subjects.ts'

let server: SpawnedServer
beforeAll(async () => {
  server = await SpawnedServer.start(APP, ['--interface', 'fetch', '--log-level', 'info'])
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})

/** Entries that name an error. */
const faults = (): string[] => server.output.match(/MONODON_[A-Z_]+.*/g) ?? []

/** Runs `step`, and gives the one entry that it leaves in the log. */
async function logged(step: () => Promise<void>): Promise<string> {
  const before = faults().length
  await step()
  await until('an entry in the log', () => faults().length > before)
  const client = await Client.connect(server)
  expect((await client.request('GET', get('/early'))).body.toString()).toBe('early')
  await client.leave()
  expect(faults().slice(before)).toHaveLength(1)
  return faults().at(-1)!
}

describe('an offer is accepted', () => {
  const accepted: Record<string, OfferFields> = {
    'as browsers make it': { connection: 'keep-alive, Upgrade', origin: 'http://localhost' },
    'in any case': { connection: 'UPGRADE', upgrade: 'WebSocket' },
    'among other protocols': { upgrade: 'h2c, websocket' },
    'in several lines': { connection: ['keep-alive', 'upgrade'] },
    'with a length of none': { 'content-length': '0' },
  }
  test.each(Object.entries(accepted))('%s', async (_, fields) => {
    const client = await SocketClient.open(server, '/echo', fields)
    await client.text('hello')
    expect(await client.said()).toBe('hello')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('with further fields and a protocol', async () => {
    const fields = { 'sec-websocket-protocol': 'one, two' }
    const client = await SocketClient.open(server, '/fields?protocol=two', fields)
    expect(client.fields.get('x-a')).toEqual(['b'])
    expect(client.fields.get('set-cookie')).toEqual(['c=1', 'd=2'])
    expect(client.fields.get('sec-websocket-protocol')).toEqual(['two'])
    expect(client.fields.get('server')).toEqual(['monodon'])
    expect(client.fields.has('content-length')).toBe(false)
    expect(client.fields.has('transfer-encoding')).toBe(false)
    await client.text('?')
    expect(await client.said()).toBe('two|ws://localhost/fields?protocol=two')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('without a protocol, though some were offered', async () => {
    const fields = { 'sec-websocket-protocol': 'one' }
    const client = await SocketClient.open(server, '/fields', fields)
    expect(client.fields.has('sec-websocket-protocol')).toBe(false)
    expect(await client.close()).toEqual([1000, ''])
  })

  test('with fields that were added to the response', async () => {
    const client = await SocketClient.open(server, '/cookie')
    expect(client.fields.get('set-cookie')).toEqual(['late=1'])
    expect(await client.close()).toEqual([1000, ''])
  })

  test('behind an answer on the same connection', async () => {
    const client = await Client.connect(server)
    expect((await client.request('GET', get('/early'))).status).toBe(200)
    await client.write(offer('/echo'))
    await until('the answer', () => client.interims.length === 1)
    expect(client.interims[0]).toMatchObject({ status: 101 })
    await client.leave()
  })
})

describe('an offer is refused', () => {
  const UPGRADE = 'MONODON_WEBSOCKET_EXPECTED'
  const BAD_KEY = 'MONODON_WEBSOCKET_KEY'
  const refused: Record<
    string,
    [status: number, code: string, fields: OfferFields, line?: string]
  > = {
    'without a key': [400, BAD_KEY, { 'sec-websocket-key': undefined }],
    'with two keys': [400, BAD_KEY, { 'sec-websocket-key': [KEY, KEY] }],
    'with a short key': [400, BAD_KEY, { 'sec-websocket-key': 'dGhlIHNhbXBsZQ==' }],
    'with a key that is no base64': [400, BAD_KEY, { 'sec-websocket-key': '*'.repeat(24) }],
    'of version 8': [426, UPGRADE, { 'sec-websocket-version': '8' }],
    'without a version': [426, UPGRADE, { 'sec-websocket-version': undefined }],
    'with two versions': [426, UPGRADE, { 'sec-websocket-version': ['13', '8'] }],
    'without Upgrade': [426, UPGRADE, { upgrade: undefined }],
    'for another protocol': [426, UPGRADE, { upgrade: 'h2c' }],
    'without Connection': [426, UPGRADE, { connection: undefined }],
    'with another Connection': [426, UPGRADE, { connection: 'keep-alive' }],
    'by POST': [426, UPGRADE, { 'content-length': '0' }, 'POST /echo HTTP/1.1'],
    'by HTTP/1.0': [426, UPGRADE, {}, 'GET /echo HTTP/1.0'],
  }
  test.each(Object.entries(refused))('%s', async (_, [status, code, fields, line]) => {
    const entry = await logged(async () => {
      const client = await Client.connect(server)
      const answer = await client.request('GET', offer('/echo', fields, line))
      expect(answer.status).toBe(status)
      if (status === 426) {
        // RFC 9110 section 15.5.22, RFC 6455 section 4.4.
        expect(answer.headers['upgrade']).toBe('websocket')
        expect(answer.headers['sec-websocket-version']).toBe('13')
      }
      if (line?.endsWith('1.0') !== true && answer.headers['connection'] !== 'close')
        expect((await client.request('GET', get('/early'))).status).toBe(200)
      await client.leave()
    })
    expect(entry).toContain(code)
  })

  test('with a body', async () => {
    const entry = await logged(async () => {
      const client = await Client.connect(server)
      const answer = await client.request('GET', `${offer('/echo', { 'content-length': '4' })}body`)
      expect(answer.status).toBe(426)
      expect((await client.request('GET', get('/early'))).status).toBe(200)
      await client.leave()
    })
    expect(entry).toContain(UPGRADE)
  })

  test('for a protocol that the client has not offered', async () => {
    const entry = await logged(async () => {
      const refusal = SocketClient.open(server, '/fields?protocol=three', {
        'sec-websocket-protocol': 'one, two',
      })
      await expect(refusal).rejects.toThrow(/^HTTP\/1.1 500 /)
    })
    expect(entry).toContain('MONODON_APP_THREW GET /fields')
    expect(entry).toContain('"three"')
  })

  test('as the app says', async () => {
    const refusal = SocketClient.open(server, '/other')
    await expect(refusal).rejects.toThrow(/^HTTP\/1.1 403 /)
  })

  test('when the app throws', async () => {
    const entry = await logged(async () => {
      await expect(SocketClient.open(server, '/throws')).rejects.toThrow(/^HTTP\/1.1 500 /)
    })
    expect(entry).toContain('after the upgrade')
  })

  test('when its response was used before', async () => {
    const client = await SocketClient.open(server, '/again')
    const entry = await logged(async () => {
      await expect(SocketClient.open(server, '/again')).rejects.toThrow(/^HTTP\/1.1 500 /)
    })
    expect(entry).toContain('MONODON_RESPONSE_USED')
    expect(await client.close()).toEqual([1000, ''])
  })
})

describe('over HTTP/2', () => {
  test('an offer cannot be made by Upgrade (RFC 9113 section 8.2.2)', async () => {
    const connection = await H2Connection.connect(server)
    const fields = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'localhost'],
      [':path', '/echo'],
      ['connection', 'upgrade'],
      ['upgrade', 'websocket'],
    ] as const
    connection.write(headers(1, fields))
    const reset = await connection.find(({ type, stream }) => type === FRAME.reset && stream === 1)
    // PROTOCOL_ERROR.
    expect(reset?.payload.readUInt32BE()).toBe(1)
    connection.write(headers(3, [...fields.slice(0, 3), [':path', '/early']]))
    const answer = await connection.find(
      ({ type, stream }) => type === FRAME.headers && stream === 3,
    )
    expect(statusOf(answer!)).toBe(200)
    await connection.leave()
  })

  test('extended CONNECT opens a WebSocket, with further fields and a protocol', async () => {
    const fields = { 'sec-websocket-protocol': 'one, two' }
    const client = await SocketClient.open(server, '/fields?protocol=two', fields, 'HTTP/2')
    expect(client.fields.get('x-a')).toEqual(['b'])
    expect(client.fields.get('set-cookie')).toEqual(['c=1', 'd=2'])
    expect(client.fields.get('sec-websocket-protocol')).toEqual(['two'])
    expect(client.fields.get('server')).toEqual(['monodon'])
    // RFC 8441 section 5 has none of it, RFC 9110 section 9.3.6 no length.
    for (const name of ['sec-websocket-accept', 'upgrade', 'connection', 'content-length'])
      expect(client.fields.has(name)).toBe(false)
    await client.text('?')
    expect(await client.said()).toBe('two|ws://localhost/fields?protocol=two')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('sockets and requests share a connection, and one that is reset costs no other', async () => {
    const session = await connectForSockets(server)
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => SocketClient.openOn(session, '/echo')),
    )
    for (const client of clients.splice(0, 10)) client.reset()
    await Promise.all(
      clients.map(async (client, at) => {
        await client.text(`I am ${at}`)
        expect(await client.said()).toBe(`I am ${at}`)
        expect(await client.close(4000, 'done')).toEqual([4000, 'done'])
      }),
    )
    const stream = session.request({ ':path': '/early' })
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('early')
    session.destroy()
  })

  /** Sends an extended CONNECT, and gives the answer. */
  async function answerTo(fields: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
    const session = await connectForSockets(server)
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':authority': 'localhost',
      ':path': '/echo',
      'sec-websocket-version': '13',
      ...fields,
    })
    const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    stream.resume()
    await once(stream, 'end')
    session.destroy()
    return answer
  }

  const NOT_SPOKEN = 'MONODON_BAD_REQUEST'
  const refused: Record<string, [status: number, code: string, fields: OutgoingHttpHeaders]> = {
    'for another protocol': [501, NOT_SPOKEN, { ':protocol': 'connect-udp' }],
    'for no protocol, as by clients of proxies': [
      501,
      NOT_SPOKEN,
      { ':protocol': undefined, ':scheme': undefined, ':path': undefined },
    ],
    'of version 8': [426, 'MONODON_WEBSOCKET_EXPECTED', { 'sec-websocket-version': '8' }],
    'without a version': [
      426,
      'MONODON_WEBSOCKET_EXPECTED',
      { 'sec-websocket-version': undefined },
    ],
    'when the app throws': [500, 'after the upgrade', { ':path': '/throws' }],
  }
  test.each(Object.entries(refused))('CONNECT is refused %s', async (_, [status, code, fields]) => {
    const entry = await logged(async () => {
      const answer = await answerTo(fields)
      expect(answer[':status']).toBe(status)
      if (status === 426) expect(answer['sec-websocket-version']).toBe('13')
    })
    expect(entry).toContain(code)
  })

  test('CONNECT is answered as the app says, but success is for WebSockets', async () => {
    expect((await answerTo({ ':path': '/other' }))[':status']).toBe(403)
    expect((await answerTo({ ':path': '/nowhere' }))[':status']).toBe(404)
    // RFC 8441 section 5: 2xx would say that the WebSocket is open.
    expect((await answerTo({ ':path': '/early' }))[':status']).toBe(501)
  })

  test('upgradeWebSocket says 426', async () => {
    const session = connectHttp2(`http://${server.host}:${server.port}`)
    const entry = await logged(async () => {
      const stream = session.request({ ':path': '/echo' })
      const status = await new Promise((resolve) => {
        stream.on('response', (fields) => resolve(fields[':status']))
      })
      expect(status).toBe(426)
      stream.close()
    })
    expect(entry).toContain('MONODON_WEBSOCKET_EXPECTED')
    session.destroy()
  })
})
