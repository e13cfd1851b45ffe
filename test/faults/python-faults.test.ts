/** What a Python app does wrong: the documented answer, one entry in the log, and the next request is served. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { type Holdings, holdings, leaked } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'

/** Route, code in the log, and what else the entry must say. */
type Fault = readonly [route: string, code: string, says: string]

/** Before a byte of the response was sent: the client gets 500. */
const BEFORE_THE_HEAD: readonly Fault[] = [
  ['throw', 'APP_THREW', 'AppFailure: secret: thrown'],
  ['throw-started', 'APP_THREW', 'AppFailure: secret: thrown after start_response'],
  ['first-chunk', 'APP_THREW', 'AppFailure: secret: no first chunk'],
  ['exits', 'APP_THREW', 'SystemExit: secret: exited'],
  ['interrupts', 'APP_THREW', 'KeyboardInterrupt: secret: interrupted'],
  ['twice', 'APP_STARTED_TWICE', ''],
  ['no-start', 'APP_NOT_STARTED', ''],
  ['not-a-body', 'APP_BAD_BODY', '7'],
  ['none', 'APP_BAD_BODY', 'None'],
  ['text-chunk', 'APP_BAD_CHUNK', "'text, not bytes'"],
  ['short', 'CONTENT_LENGTH_MISMATCH', '10'],
  ['bad-field', 'BAD_HEADER', ''],
  ['hop', 'APP_HOP_BY_HOP', ''],
  ['bad-head?what=status-int', 'APP_BAD_STATUS', ''],
  ['bad-head?what=status-bytes', 'APP_BAD_STATUS', ''],
  ['bad-head?what=status-word', 'APP_BAD_STATUS', ''],
  ['bad-head?what=status-short', 'APP_BAD_STATUS', ''],
  ['bad-head?what=status-1xx', 'APP_BAD_STATUS', ''],
  ['bad-head?what=status-lf', 'APP_BAD_STATUS', ''],
  ['bad-head?what=headers-dict', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=headers-none', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=headers-list-item', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=name-int', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=value-int', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=value-bytes', 'APP_BAD_HEADERS', ''],
  ['bad-head?what=name-space', 'BAD_HEADER', ''],
  ['bad-head?what=name-empty', 'BAD_HEADER', ''],
  ['bad-head?what=value-lf', 'BAD_HEADER', ''],
  ['bad-head?what=value-nul', 'BAD_HEADER', ''],
  ['bad-head?what=value-euro', 'BAD_HEADER', ''],
  ['bad-head?what=length-word', 'APP_BAD_LENGTH', ''],
  ['bad-head?what=length-negative', 'APP_BAD_LENGTH', ''],
]

/** After it: the connection is cut, so that the client sees it. */
const AFTER_THE_HEAD: readonly Fault[] = [
  ['break', 'APP_THREW', 'AppFailure: secret: broke off'],
  ['exits-begun', 'APP_THREW', 'SystemExit: secret: exited'],
  ['text-chunk-later', 'APP_BAD_CHUNK', "'text, not bytes'"],
  ['length?declared=10&sent=5', 'CONTENT_LENGTH_MISMATCH', '10'],
]

describePython.each([1, 8])('a Python app with %i threads', (threads) => {
  let server: SpawnedServer
  let before: Holdings
  let worker: number
  let workerBefore: Holdings
  beforeAll(async () => {
    server = await SpawnedServer.conformance('python', ['--threads', String(threads)])
    await parallel(Array(64).keys(), 16, nextIsServed) // all of its threads run
    before = server.holdings
    expect(server.workers).toHaveLength(1)
    worker = server.workers[0]!
    workerBefore = holdings(worker)
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })
  // All of these are faults of a request: the worker outlives them.
  afterEach(async () => {
    await server.released(before)
    expect(server.workers).toEqual([worker])
    await until('the worker to hold no more than before', () => {
      return leaked(workerBefore, holdings(worker)).length === 0
    })
  })

  async function nextIsServed(): Promise<void> {
    expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
  }

  /** Runs `fault` and gives the entries that it leaves in the log. */
  async function logged(fault: () => Promise<void>): Promise<string[]> {
    const count = server.entries('ERROR').length
    await fault()
    await until('an entry in the log', () => server.entries('ERROR').length > count)
    await nextIsServed()
    return server.entries('ERROR').slice(count)
  }

  function checkEntry(entries: string[], [route, code, says]: Fault): void {
    expect(entries).toHaveLength(1)
    const [entry] = entries
    expect(entry).toContain(`MONODON_${code} GET /route/${route}: `)
    expect(entry).toMatch(/\(.*blame: app; to do: .+\)/)
    expect(entry).toContain(says)
  }

  test.each(BEFORE_THE_HEAD)('that fails with "%s" gets 500', async (route, code, says) => {
    const entries = await logged(async () => {
      const client = await Client.connect(server)
      const answer = await client.request('GET', get(`/route/${route}`))
      expect(answer).toMatchObject({ status: 500, framing: 'length' })
      expect(answer.body.toString()).not.toMatch(/secret|AppFailure|Traceback|\.py/)
      expect(answer.fields.map(([name]) => name.toLowerCase())).not.toContain('x-split')
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
      await client.leave()
    })
    checkEntry(entries, [route, code, says])
  })

  test.each(AFTER_THE_HEAD)('that fails with "%s" is cut', async (route, code, says) => {
    const entries = await logged(async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get(`/route/${route}`))
      await expect(client.response()).rejects.toThrow(/ended/)
    })
    checkEntry(entries, [route, code, says])
  })

  test.each([
    ['throw', 'throw'],
    ['break', 'breaking'],
    ['break-in-close', 'close'],
  ])('that fails with "%s" has its traceback in the log, in one entry', async (route, place) => {
    const entries = await logged(async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get(`/route/${route}`))
      await client.response().catch(() => undefined)
      await client.leave()
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toContain('Traceback (most recent call last):')
    expect(entries[0]).toMatch(new RegExp(`File ".*faults\\.py", line \\d+, in ${place}\\b`))
    // Nothing of the entry stands outside of it: further lines are indented.
    expect(entries[0]!.trimEnd().split('\n').slice(1)).toSatisfy((lines: string[]) =>
      lines.every((line) => line.startsWith('    ')),
    )
  })

  test('that fails in close() has its answer sent', async () => {
    const entries = await logged(async () => {
      expect((await fetchOnce(server, '/route/break-in-close')).body.toString()).toBe('whole')
    })
    checkEntry(entries, ['break-in-close', 'APP_THREW', 'AppFailure: secret: close failed'])
  })

  test.each(['long', 'length?declared=5&sent=10'])(
    'that sends more than it announced (%s) harms no other response',
    async (route) => {
      const entries = await logged(async () => {
        const client = await Client.connect(server, ['GET', 'GET'])
        await client.write(get(`/route/${route}`) + get('/route/early'))
        const answer = await client.response().catch(() => undefined)
        if (answer?.status === 200) expect(answer.body.toString()).toBe('xxxxx')
        const next = await client.response().catch(() => undefined)
        if (next !== undefined) expect(next.body.toString()).toBe('early')
        await client.leave()
      })
      checkEntry(entries, [route, 'CONTENT_LENGTH_MISMATCH', ''])
    },
  )

  test('may replace its head before it is sent', async () => {
    const answer = await fetchOnce(server, '/route/replaced')
    expect(answer.status).toBe(503)
    expect(answer.reason).toBe('Sorry')
    expect(answer.body.toString()).toBe('sorry')
  })

  test('has what it writes to wsgi.errors in the log', async () => {
    expect((await fetchOnce(server, '/route/errors')).body.toString()).toBe('logged')
    await until('the line', () => server.output.includes('one line\n'))
    await until('the other', () => server.output.includes('café and euro €\n'))
  })

  test('does not hear of a client that leaves its upload as of a fault', async () => {
    const count = server.entries('ERROR').length
    for (const how of ['leave', 'reset'] as const) {
      const client = await Client.connect(server, ['POST'])
      await client.write('POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nten bytes.')
      await client[how]()
      await nextIsServed()
    }
    expect(server.entries('ERROR')).toHaveLength(count)
  })

  test('that fails under load fails for those requests only', async () => {
    const count = server.entries('ERROR').length
    const lanes = Array.from({ length: 20 }, async (_, index) => {
      const client = await Client.connect(server)
      for (let round = 0; round < 10; round += 1) {
        const route = (index + round) % 2 === 0 ? 'throw' : 'early'
        const answer = await client.request('GET', get(`/route/${route}`))
        expect(answer.status).toBe(route === 'throw' ? 500 : 200)
      }
      await client.leave()
    })
    await Promise.all(lanes)
    await until('the log', () => server.entries('ERROR').length >= count + 100)
    expect(server.entries('ERROR')).toHaveLength(count + 100)
  })
})

describePython('a Python app with --dev', () => {
  let server: SpawnedServer
  beforeEach(async () => {
    server = await SpawnedServer.conformance('python', ['--dev'])
  })
  afterEach(async () => {
    expect(await server.stop()).toBe(0)
  })

  test('shows its traceback to the client', async () => {
    const answer = await fetchOnce(server, '/route/throw')
    expect(answer.status).toBe(500)
    expect(answer.headers['content-type']).toMatch(/^text\/plain/)
    expect(answer.body.toString()).toContain('AppFailure: secret: thrown')
  })
})
