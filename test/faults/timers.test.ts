/** Four timers: the head, the idle connection, the request's body, the response. */
import { connect as connectH2 } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { Watcher } from '../support/apps/probe.ts'
import { Client, get } from '../support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const SHORT = 500
/** Where a client must be faster than the timer: a multiple of what it takes on a busy machine. */
const PATIENT = 2000
/** A timer may be late by its sweep and by a busy machine, but never early. The others take 60 s. */
const LATE = 30_000

/** Checks that the short timer ends `work`, which begins before the timer can. */
async function expectInTime(work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  expect(performance.now() - start).toBeGreaterThan(SHORT * 0.9)
  expect(performance.now() - start).toBeLessThan(LATE)
}

type Timer = 'headerTimeout' | 'keepAlive' | 'bodyTimeout' | 'sendTimeout'

/** A server on which only `timer` is short. */
function withShort(
  timer: Timer,
  ms = SHORT,
): {
  watcher: Watcher
  open(): Promise<Client>
  server: () => TestServer
} {
  const watcher = new Watcher()
  let server: TestServer
  beforeAll(async () => {
    server = await startServer(createFetchApp(watcher), {
      interface: 'fetch',
      headerTimeout: '60s',
      keepAlive: '60s',
      bodyTimeout: '60s',
      sendTimeout: '60s',
      [timer]: `${ms}ms`,
    })
  })
  beforeEach(() => watcher.reset())
  afterAll(() => server.close())
  return { watcher, open: () => Client.connect(server, ['GET']), server: () => server }
}

const head = (length: number) =>
  `POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`

describe('header-timeout', () => {
  const { open, watcher, server } = withShort('headerTimeout')

  test.each([
    ['the request line', 'GET / HT'],
    ['a field', 'GET / HTTP/1.1\r\nHost: loc'],
    ['the empty line', 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
  ])('a head that stops in %s gets 408', async (_, bytes) => {
    await expectInTime(async () => {
      const client = await open()
      await client.write(bytes)
      const answer = await client.response()
      expect(answer).toMatchObject({ status: 408, framing: 'length' })
      expect(answer.headers['connection']).toBe('close')
      expect(await client.closed()).toBe('closed')
    })
    expect(watcher.calls).toEqual([])
  })

  test('a connection on which nothing comes is closed, without a word', async () => {
    await expectInTime(async () => {
      const client = await open()
      expect(await client.closed()).toBe('closed')
      expect(client.waiting).toBe(0)
    })
  })

  test('an HTTP/2 connection without a request is closed', async () => {
    await expectInTime(async () => {
      const session = connectH2(`http://${server().host}:${server().port}`)
      session.on('error', () => undefined)
      await until('the end', () => session.closed || session.destroyed)
    })
  })

  test('a head that arrives drop by drop gets 408 all the same', async () => {
    await expectInTime(async () => {
      const client = await open()
      await client.write('GET / HTTP/1.1\r\nX-Slow: ')
      const drops = setInterval(() => void client.write('x'), 50)
      await client.response()
      clearInterval(drops)
      expect(await client.closed()).toBe('closed')
    })
  })

  test('a second head on the same connection has its own time', async () => {
    const client = await open()
    client.expect('GET')
    expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    await sleep(SHORT * 2)
    await expectInTime(async () => {
      await client.write('GET /')
      expect((await client.response()).status).toBe(408)
    })
    await client.closed()
  })

  test('does not count while the app works or the connection is idle', async () => {
    const client = await open()
    const slow = await client.request('GET', get(`/route/sleep?ms=${SHORT * 3}`))
    expect(slow.body.toString()).toBe('slept')
    await sleep(SHORT * 2)
    expect((await client.request('GET', get('/route/early'))).status).toBe(200)
    await client.leave()
  })
})

describe('keep-alive', () => {
  const { open, server } = withShort('keepAlive')

  test('an idle connection is closed, without a word', async () => {
    const client = await open()
    await expectInTime(async () => {
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
      expect(await client.closed()).toBe('closed')
    })
    expect(client.waiting).toBe(0)
  })

  test('does not count while the app works', async () => {
    const client = await open()
    const answer = await client.request('GET', get(`/route/sleep?ms=${SHORT * 3}`))
    expect(answer.body.toString()).toBe('slept')
    await client.leave()
  })

  test('an idle HTTP/2 connection is closed', async () => {
    const session = connectH2(`http://${server().host}:${server().port}`)
    session.on('error', () => undefined)
    await expectInTime(async () => {
      const stream = session.request({ ':path': '/route/early' })
      stream.resume()
      await new Promise((resolve) => stream.once('close', resolve))
      await until('the end', () => session.closed || session.destroyed)
    })
  })
})

describe('body-timeout', () => {
  const { open, watcher } = withShort('bodyTimeout')
  test.each([
    ['of a known length', head(10)],
    ['of chunks', 'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n'],
  ])('a body %s that stalls gets 408', async (_, start) => {
    const client = await open()
    await expectInTime(async () => {
      await client.write(`${start}hello`)
      expect((await client.response()).status).toBe(408)
    })
    expect(await client.closed()).toBe('closed')
    expect(watcher.completions).toBe(0)
  })

  test('does not count while the app works', async () => {
    const client = await open()
    const answer = await client.request('GET', get(`/route/sleep?ms=${SHORT * 3}`))
    expect(answer.status).toBe(200)
    await client.leave()
  })
})

describe('send-timeout', () => {
  const { open, watcher, server } = withShort('sendTimeout')

  test.each(['bytes?size=16000000', 'stream?chunks=1000&size=100000'])(
    'a client that stops reading /route/%s is cut off',
    async (route) => {
      const client = await open()
      client.socket.once('data', () => client.socket.pause())
      await expectInTime(async () => {
        await client.write(get(`/route/${route}`))
        await until('the beginning', () => client.socket.bytesRead > 0)
        await until('the end', () => server().count('connections') === 0)
      })
      await client.leave()
      await until('the app to be done', () => server().count('claimed') === 0)
    },
  )

  test('does not count while the app works', async () => {
    const client = await open()
    const answer = await client.request('GET', get(`/route/stream?chunks=2&gap=${SHORT * 2}`))
    expect(answer.body.length).toBe(2000)
    expect(watcher.notes).not.toContain('aborted')
    await client.leave()
  })
})

describe('in time again and again', () => {
  const STEP = PATIENT / 5

  describe('with keep-alive', () => {
    const { open } = withShort('keepAlive', PATIENT)

    test('a connection that asks stays', async () => {
      const client = await open()
      for (let round = 0; round < 7; round += 1) {
        expect((await client.request('GET', get('/route/early'))).status).toBe(200)
        await sleep(STEP)
      }
      await client.leave()
    })
  })

  describe('with body-timeout', () => {
    const { open } = withShort('bodyTimeout', PATIENT)

    test('a body that makes progress may take longer', async () => {
      const client = await open()
      await client.write(head(8))
      for (const byte of 'progress') {
        await sleep(STEP)
        await client.write(byte)
      }
      expect((await client.response()).status).toBe(200)
      await client.leave()
    })
  })

  describe('with send-timeout', () => {
    const { open } = withShort('sendTimeout', PATIENT)

    const PIECE = 4_000_000

    test('a client that reads a little now and then is served', async () => {
      const client = await open()
      let unpaused = 0
      client.socket.on('data', (bytes: Buffer) => {
        unpaused += bytes.length
        if (unpaused < PIECE) return
        unpaused = 0
        client.socket.pause()
        setTimeout(() => client.socket.resume(), STEP)
      })
      await client.write(get('/route/bytes?size=32000000'))
      expect((await client.response(30_000)).body.length).toBe(32_000_000)
      await client.leave()
    })
  })
})
