/** What code in a worker hears of its requests (`node:diagnostics_channel`). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { SocketClient } from '../support/websocket-client.ts'

const KINDS = ['thread', 'process']

describe.each(KINDS)('in a worker %s', (kind) => {
  let server: SpawnedServer
  const watcher = new FileWatcher()
  beforeAll(async () => {
    const flags = ['--interface', 'fetch', '--worker-class', kind]
    server = await SpawnedServer.start('test/support/apps/diagnostics.ts:app', flags, watcher.env)
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
    watcher.remove()
  })

  const published = () => watcher.notes.filter((note) => note.startsWith('#'))

  /** What is told of the next request, once it has ended, without its number. */
  async function told(request: () => Promise<unknown>): Promise<string[]> {
    const before = published().length
    await request()
    const notes = () => published().slice(before)
    await until('its end', () => notes().some((note) => / end /.test(note)))
    const numbers = new Set(notes().map((note) => note.split(' ')[0]))
    expect(numbers.size, 'one object for all events').toBe(1)
    return notes().map((note) => note.replace(/^#\d+ /, ''))
  }

  async function get(path: string): Promise<string> {
    const client = await Client.connect(server, ['GET'])
    client.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n`)
    const { body } = await client.response().finally(() => client.socket.destroy())
    return body.toString()
  }

  const line = (event: string, path: string, outcome: string) =>
    `${event} GET ${path} 1.1 127.0.0.1 b ${outcome} 1`

  test('a request begins, is answered and ends', async () => {
    expect(await told(() => get('/stored'))).toEqual([
      line('start', '/stored', '- - false'),
      line('response', '/stored', '200 - false'),
      line('end', '/stored', '200 - false'),
    ])
  })

  test('the app runs within the stores that are bound to the start', async () => {
    expect(await get('/stored?1')).toBe('/stored?1')
    const later = get('/later?2')
    await until('the gate', () => watcher.notes.at(-1) === 'at the gate')
    watcher.open()
    expect(await later).toBe('/later?2')
  })

  test('a response that is streamed ends when the app has given all of it', async () => {
    const notes = await told(async () => expect((await get('/stream')).length).toBe(200_000))
    expect(notes).toEqual([
      line('start', '/stream', '- - false'),
      line('response', '/stream', '200 - false'),
      line('end', '/stream', '200 - false'),
    ])
  })

  test('an app that throws is told of, and what its client gets', async () => {
    expect(await told(() => get('/throw'))).toEqual([
      line('start', '/throw', '- - false'),
      line('error', '/throw', '- broken false'),
      line('response', '/throw', '500 broken false'),
      line('end', '/throw', '500 broken false'),
    ])
  })

  test('a client that leaves ends its request, without a status', async () => {
    const notes = await told(async () => {
      const client = await Client.connect(server, ['GET'])
      client.socket.write('GET /later HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n')
      await until('the gate', () => watcher.notes.at(-1) === 'at the gate')
      client.socket.destroy()
    })
    expect(notes).toEqual([line('start', '/later', '- - false'), line('end', '/later', '- - true')])
    // Whoever stood at the gate goes.
    watcher.open()
  })

  test('a WebSocket is one request until it ends', async () => {
    const before = published().length
    const client = await SocketClient.open(server, '/socket')
    await client.text('a')
    expect(await client.said()).toBe('a')
    const events = () =>
      published()
        .slice(before)
        .map((note) => note.split(' ')[1])
    expect(events()).toEqual(['start', 'response'])
    expect(published().at(-1)).toContain(' GET /socket 1.1 127.0.0.1 - 101 - false')
    await client.close()
    await until('its end', () => events().length === 3)
    expect(events()).toEqual(['start', 'response', 'end'])
  })
})
