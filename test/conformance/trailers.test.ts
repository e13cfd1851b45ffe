/** Trailers over HTTP/1.1 (RFC 9110 section 6.5), which the node interface alone has, both ways. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import { SpawnedServer } from '../support/spawned.ts'

const CHUNKED = 'Transfer-Encoding: chunked'

describe.each([
  ['a thread', []],
  ['a process', ['--worker-class', 'process']],
] as const)('in %s', (_, flags) => {
  let server: SpawnedServer
  beforeAll(async () => {
    server = await SpawnedServer.conformance('node', flags)
  })
  afterAll(async () => {
    expect(server.entries('ERROR')).toEqual([])
    expect(await server.stop()).toBe(0)
  })

  async function answerTo(
    fields: readonly string[],
    body = '',
    line = 'POST /route/trailers-both-ways HTTP/1.1',
  ): Promise<WireResponse> {
    const client = await Client.connect(server)
    client.expect(line.split(' ')[0]!)
    await client.write([line, 'Host: a', ...fields, '', body].join('\r\n'))
    const response = await client.response()
    if (!line.endsWith('1.0'))
      expect(await client.request('GET', NEXT)).toMatchObject({ status: 200 })
    await client.leave()
    return response
  }

  test('those of a request are there when its body was read', async () => {
    const body = '3\r\nabc\r\n0\r\nX-Sum: 3\r\nx-sum: 4\r\nX-Empty:\r\n\r\n'
    const { body: text } = await answerTo([CHUNKED, 'Trailer: X-Sum'], body)
    expect(text.toString()).toBe('abc ["x-sum","3","x-sum","4","x-empty",""] end')
  })

  test('fields that frame or route a message are none', async () => {
    const body = '1\r\na\r\n0\r\nContent-Length: 9\r\nHost: b\r\nTransfer-Encoding: x\r\n\r\n'
    const { status, body: text } = await answerTo([CHUNKED], body)
    // What the app is told of them changes nothing: the next request is answered.
    expect(status).toBe(200)
    expect(text.toString()).toMatch(/^a \[.*\] end$/)
  })

  test('a request of one piece has none', async () => {
    const { body } = await answerTo(['Content-Length: 3'], 'abc')
    expect(body.toString()).toBe('abc [] end')
  })

  test('those of a response go to clients that ask for them, as far as Trailer names them', async () => {
    const response = await answerTo(['TE: trailers', 'Content-Length: 1'], 'a')
    expect(response.framing).toBe('chunked')
    expect(response.headers['trailer']).toBe('X-Sum, X-Late')
    expect(lower(response.trailers)).toEqual([
      ['x-sum', '42'],
      ['x-late', 'a'],
      ['x-late', 'b'],
    ])
    expect(response.body.toString()).toBe('a [] end')
  })

  test('clients that do not ask for them get none', async () => {
    for (const fields of [[], ['TE: gzip']]) {
      const response = await answerTo([...fields, 'Content-Length: 1'], 'a')
      expect(response.framing).toBe('chunked')
      expect(response.trailers).toEqual([])
      expect(response.body.toString()).toBe('a [] end')
    }
  })

  test('HTTP/1.0 has none', async () => {
    const line = 'POST /route/trailers-both-ways HTTP/1.0'
    const response = await answerTo(['TE: trailers', 'Content-Length: 1'], 'a', line)
    expect(response.framing).toBe('close')
    expect(response.trailers).toEqual([])
    expect(response.body.toString()).toBe('a [] end')
  })
})

const NEXT = 'GET /route/early HTTP/1.1\r\nHost: a\r\n\r\n'

function lower(fields: WireResponse['trailers']): [name: string, value: string][] {
  return fields.map(([name, value]) => [name.toLowerCase(), value])
}
