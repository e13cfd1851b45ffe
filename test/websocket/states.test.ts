/** What an app may do with a socket in each of its states, and what it may do wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { closing, OPCODE, SocketClient } from '../support/websocket-client.ts'
import { APP } from './subjects.ts'

describe.each([
  ['a thread', [], 'HTTP/1.1'],
  ['a process', ['--worker-class', 'process'], 'HTTP/1.1'],
  ['a thread', [], 'HTTP/2'],
] as const)('an app in %s %j over %s', (_, flags, carrier) => {
  let server: SpawnedServer
  const watcher = new FileWatcher()
  beforeAll(async () => {
    const all = ['--interface', 'fetch', '--limit-websocket-backlog', '1mb', ...flags]
    server = await SpawnedServer.start(APP, all, watcher.env)
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
    watcher.remove()
  })

  const open = (target: string) => SocketClient.open(server, target, {}, carrier)
  const noted = (event: string) => until(event, () => watcher.notes.includes(event))

  test.each([
    // What is said, what becomes of it, and what the client gets.
    [[1000, 'fine'], 'fine', [1000, 'fine']],
    [[3000, ''], 'fine', [3000, '']],
    [[4999, 'x'.repeat(123)], 'fine', [4999, 'x'.repeat(123)]],
    [[1011, 'ours to say'], 'fine', [1011, 'ours to say']],
    [[], 'fine', [1005, '']],
    [[null, 'why'], 'fine', [1000, 'why']],
    [[1000, '\u00e9'.repeat(61)], 'fine', [1000, '\u00e9'.repeat(61)]],
    [[1000, '\u00e9'.repeat(62)], 'SyntaxError', undefined],
    [[4000, 'x'.repeat(124)], 'SyntaxError', undefined],
    [[1005, ''], 'InvalidAccessError', undefined],
    [[1006, ''], 'InvalidAccessError', undefined],
    [[1015, ''], 'InvalidAccessError', undefined],
    [[2999, ''], 'InvalidAccessError', undefined],
    [[5000, ''], 'InvalidAccessError', undefined],
    [[999, ''], 'InvalidAccessError', undefined],
    [[1000.5, ''], 'InvalidAccessError', undefined],
    [['1000', ''], 'InvalidAccessError', undefined],
  ])('closes with %j: %s', async (argument, outcome, answer) => {
    watcher.reset()
    const client = await open('/states')
    await client.text(JSON.stringify(argument))
    await noted(`close ${outcome}`)
    expect(watcher.notes[0]).toBe('connecting InvalidStateError')
    if (answer === undefined) {
      // It goes on.
      watcher.reset()
      await client.text('[4000, "at last"]')
      expect(await client.closeFrame()).toEqual([4000, 'at last'])
    } else {
      expect(await client.closeFrame()).toEqual(answer)
    }
    await client.send(OPCODE.text, 'nobody hears it')
    await client.send(OPCODE.ping, 'nor this')
    await client.send(OPCODE.close, closing(1000, 'bye'))
    await client.ended()
    await noted('close 1000 bye clean true')
    expect(watcher.notes.filter((note) => /^(closing|again|closed) /.test(note))).toEqual([
      'closing fine',
      'again fine',
      'closed fine',
      'closed fine',
    ])
  })

  test('may close before it opens', async () => {
    watcher.reset()
    const client = await open('/closes-first')
    expect(await client.closeFrame()).toEqual([4001, 'before it opens'])
    await client.send(OPCODE.close, closing(4001))
    await client.ended()
    await noted('close 4001 - clean true')
    expect(watcher.notes).toEqual(['close 4001 - clean true'])
  })

  test('may give up before it opens', async () => {
    watcher.reset()
    // The answer may be on its way before the connection is cut.
    const client = await open('/terminates-first').catch(() => undefined)
    await client?.ended()
    await noted('close 1006 - broken true')
  })

  test('cuts without a word', async () => {
    watcher.reset()
    const client = await open('/terminates')
    await client.text('now')
    await client.ended()
    await noted('close 1006 - broken true')
    // Events come behind what the app does.
    expect(watcher.notes.slice(1)).toEqual([
      'terminated 3',
      'error true',
      'close 1006 - broken true',
    ])
  })

  test('a client that never answers the close frame is left after a while', async () => {
    watcher.reset()
    const client = await open('/states')
    await client.text('[1000]')
    expect(await client.closeFrame()).toEqual([1000, ''])
    await client.ended()
    await noted('close 1006 - broken true')
  })

  test.each(['message', 'promise', 'listener', 'open', 'close'])(
    'that fails in "%s" has it in the log, and goes on',
    async (how) => {
      const before = server.entries('ERROR').length
      const client = await open(`/fault?how=${how}`)
      for (let round = 0; round < 2; round++) {
        await client.text('a')
        expect(await client.said()).toBe('a')
      }
      expect(await client.close()).toEqual([1000, ''])
      const faults = how === 'open' || how === 'close' ? 1 : 2
      await until('the log', () => server.entries('ERROR').length >= before + faults)
      const entries = server.entries('ERROR').slice(before)
      expect(entries).toHaveLength(faults)
      for (const entry of entries) {
        expect(entry).toContain(`MONODON_APP_THREW`)
        expect(entry).toContain(`fault of ${how}`)
      }
    },
  )

  test('sees how much waits for a slow client, and when nothing does', async () => {
    watcher.reset()
    const client = await open('/flood?size=50000&count=20')
    client.socket.pause()
    await client.text('go')
    await until('the flood', () => watcher.notes.some((note) => note.startsWith('buffered')))
    const buffered = Number(
      watcher.notes.find((note) => note.startsWith('buffered'))!.split(' ')[1],
    )
    expect(buffered).toBe(1_000_000)
    client.socket.resume()
    for (let i = 0; i < 20; i++) {
      const { bytes } = await client.message()
      expect(bytes.equals(Buffer.alloc(50_000, i))).toBe(true)
    }
    await noted('drained')
    expect(await client.close()).toEqual([1000, ''])
  })

  test('that sends more than may wait cuts the client', async () => {
    watcher.reset()
    const before = server.entries('ERROR').length
    const client = await open('/flood?size=100000&count=1000')
    client.socket.pause()
    await client.text('go')
    await noted('close 1006 - broken true')
    // The app's note and the log come by different ways.
    await until('the entry', () => server.entries('ERROR').length > before)
    const entries = server.entries('ERROR').slice(before)
    expect(entries).toHaveLength(1)
    expect(entries[0]).toContain('MONODON_WEBSOCKET_BACKLOG')
    expect(entries[0]).toMatch(/1\d{6} bytes wait for a client of ws:\/\/localhost\/flood/)
    await client.leave()
  })

  test('that is busy holds its clients back, and loses nothing', async () => {
    watcher.reset()
    const client = await open('/block')
    const other = await open('/echo')
    await client.text('block')
    await noted('at the gate')
    const piece = Buffer.alloc(50_000)
    let sent = 0
    const sending = (async () => {
      for (let i = 0; i < 600; i++) {
        await client.send(OPCODE.binary, piece)
        sent++
      }
    })()
    // 256 KiB, and what the kernels of both sides hold: far from the 30 MB that are to come.
    let seen = -1
    await until('the client to be held back', async () => {
      const before = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
      const isStill = sent === before && seen === sent
      seen = sent
      return isStill
    })
    expect(sent).toBeLessThan(600)
    watcher.open()
    await sending
    await client.text('count')
    expect(await client.said()).toBe('600')
    expect(await client.close()).toEqual([1000, ''])
    expect(await other.close()).toEqual([1000, ''])
    const http = await Client.connect(server)
    expect((await http.request('GET', get('/early'))).status).toBe(200)
    await http.leave()
  })
})

describe('pings', () => {
  let server: SpawnedServer
  const watcher = new FileWatcher()
  beforeAll(async () => {
    const flags = ['--interface', 'fetch', '--websocket-ping', '300ms', '--log-level', 'info']
    server = await SpawnedServer.start(APP, flags, watcher.env)
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
    watcher.remove()
  })

  test('go to a silent client, which is cut if it stays so', async () => {
    watcher.reset()
    const client = await SocketClient.open(server, '/echo')
    expect(await client.frame()).toMatchObject({ opcode: OPCODE.ping, isLast: true })
    await client.send(OPCODE.pong)
    expect(await client.frame()).toMatchObject({ opcode: OPCODE.ping })
    await client.ended()
    await until('the close', () => watcher.notes.includes('close 1006 - broken true'))
    await until('the log', () => server.output.includes('MONODON_WEBSOCKET_SILENT'))
    expect(server.output.match(/MONODON_WEBSOCKET_SILENT/g)).toHaveLength(1)
  })

  test('do not cut a client whose app is busy', async () => {
    watcher.reset()
    const client = await SocketClient.open(server, '/block')
    await client.text('block')
    await until('the gate', () => watcher.notes.includes('at the gate'))
    // More than the app has room for, so that pongs behind it are not read.
    void client.write(Buffer.alloc(0))
    for (let i = 0; i < 20; i++) void client.send(OPCODE.binary, Buffer.alloc(50_000))
    await new Promise((resolve) => setTimeout(resolve, 2000))
    watcher.open()
    await client.text('count')
    let frame = await client.frame()
    while (frame.opcode === OPCODE.ping) frame = await client.frame()
    expect(frame.payload.toString()).toBe('20')
    await client.leave()
  })
})
