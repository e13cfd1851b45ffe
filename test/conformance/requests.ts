/** The files of `test/requests` against a server: the same for every interface. */
import { setImmediate as tick } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Observer } from '../support/apps/probe.ts'
import { Client, get } from '../support/client.ts'
import {
  type ExpectedRequest,
  type InvalidFile,
  invalidFiles,
  type ValidFile,
  validFiles,
} from '../support/request-files.ts'
import type { WireResponse } from '../support/responses.ts'
import type { AppKind, TestServer } from '../support/server.ts'
import type { Subject } from '../support/subject.ts'
import { parallel, until } from '../support/wait.ts'
import { compareSeen } from './seen.ts'

/** Small limits, so that the files can be small. */
const LIMITS = {
  limitRequestLine: 256,
  limitRequestFieldSize: 256,
  limitRequestFields: 16,
  limitRequestBody: 256,
}

const AFTER = get('/after', 'Connection: close')
const SMUGGLED = get('/smuggled')
/** Connections at a time. While one waits between two pieces, the others are served. */
const WIDTH = 48
/** Cuts of a file that is too long to be cut at every point. */
const LONG = 2048
const LONG_CUTS = 128

type Pieces = readonly Buffer[]

/**
 * Runs every file whole, byte by byte and cut at every point against the app.
 *
 * @param mostCuts points at which a file is cut, at most
 */
export function requestSuite(
  { kind, watcher, start }: Subject,
  mostCuts = Number.POSITIVE_INFINITY,
): void {
  let server: TestServer
  beforeAll(async () => {
    server = await start(LIMITS)
  })
  afterAll(async () => {
    await server.close()
    expect(watcher.calls.filter((call) => call.includes('smuggled'))).toEqual([])
  })

  describe('valid requests', () => {
    for (const file of validFiles())
      test(file.name, async () => {
        const bytes = file.closes ? file.bytes : Buffer.concat([file.bytes, Buffer.from(AFTER)])
        await parallel(waysToSend(bytes, file.bytes.length, mostCuts), WIDTH, (pieces) =>
          sendValid(server, kind, file, pieces),
        )
      })
  })

  describe('invalid requests', () => {
    for (const file of invalidFiles())
      test(file.name, async () => {
        await until('an idle server', () => server.count('claimed') + server.count('queued') === 0)
        watcher.reset()
        const bytes = file.end ? file.bytes : Buffer.concat([file.bytes, Buffer.from(SMUGGLED)])
        let sent = 0
        await parallel(waysToSend(bytes, file.bytes.length, mostCuts), WIDTH, async (pieces) => {
          await sendInvalid(server, file, pieces)
          sent += 1
        })
        checkCalls(watcher, file, sent)
      })
  })
}

/** Whole; byte by byte; cut in two at every point of the file's own `length` bytes, or at `mostCuts` of them. */
function* waysToSend(bytes: Buffer, length: number, mostCuts: number): Generator<Pieces> {
  yield [bytes]
  if (length <= LONG) yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const step = length / Math.min(mostCuts, length <= LONG ? length : LONG_CUTS)
  for (let cut = 1; cut <= length && cut < bytes.length; cut += step)
    yield [bytes.subarray(0, Math.floor(cut)), bytes.subarray(Math.floor(cut))]
}

/** Each piece is in the kernel before the next one follows. */
async function send(client: Client, pieces: Pieces): Promise<void> {
  for (const piece of pieces) {
    if (client.socket.destroyed || client.socket.readableEnded) return
    await client.write(piece)
    await tick()
  }
}

async function sendValid(
  server: TestServer,
  kind: AppKind,
  file: ValidFile,
  pieces: Pieces,
): Promise<void> {
  const methods = file.requests.map((request) => request.method)
  const client = await Client.connect(server, [...methods, 'GET'])
  const failed = explain(file, pieces)
  try {
    const sending = send(client, pieces)
    for (const expected of file.requests)
      checkAnswer(await client.response(), expected, kind, server)
    if (!file.closes) expect(seenTarget(await client.response())).toMatch(/\/after$/)
    await sending
    expect(await client.closed()).toBe('closed')
    expect(client.waiting).toBe(0)
    if (file.noInterim) expect(client.interims).toEqual([])
  } catch (error) {
    throw failed(error)
  } finally {
    client.socket.destroy()
  }
}

function checkAnswer(
  answer: WireResponse,
  expected: ExpectedRequest,
  kind: AppKind,
  { ca }: TestServer,
): void {
  const scheme = ca === undefined ? 'http' : 'https'
  expect(answer.status).toBe(200)
  checkServerFields(answer)
  if (expected.method === 'HEAD') {
    expect(answer.headers['x-seen']).toMatch(/^HEAD /)
    // `node:http` leaves the length of an answer to HEAD to the app.
    if (kind !== 'node') expect(Number(answer.headers['content-length'])).toBeGreaterThan(0)
  } else compareSeen(JSON.parse(answer.body.toString()), expected, kind, scheme)
}

function seenTarget(answer: WireResponse): string {
  return (JSON.parse(answer.body.toString()) as { target: string }).target
}

async function sendInvalid(server: TestServer, file: InvalidFile, pieces: Pieces): Promise<void> {
  const before = file.before ?? 0
  const client = await Client.connect(server, Array(before + 1).fill('GET'))
  const failed = explain(file, pieces)
  try {
    const sending = send(client, pieces)
    if (file.end) void sending.then(() => client.end())
    for (let index = 0; index < before; index += 1)
      expect((await client.response()).status).toBe(200)
    await checkRefusal(client, file)
    await sending
    expect(await client.closed()).toBe('closed')
    expect(client.waiting).toBe(0)
    if (file.noInterim) expect(client.interims).toEqual([])
  } catch (error) {
    throw failed(error)
  } finally {
    client.socket.destroy()
  }
}

async function checkRefusal(client: Client, file: InvalidFile): Promise<void> {
  const answer = await client.response().catch((error: Error) => {
    if (file.mayJustClose && /ended before/.test(error.message)) return undefined
    throw error
  })
  if (answer === undefined) return
  expect([file.status].flat()).toContain(answer.status)
  expect(answer.headers['connection']?.toLowerCase()).toBe('close')
  expect(answer.framing).toBe('length')
  checkServerFields(answer)
}

/** RFC 9110 section 6.6.1: an origin server with a clock sends Date. */
function checkServerFields(answer: WireResponse): void {
  expect(answer.headers['date']).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
  expect(answer.headers['server']).toBe('monodon')
}

/** The app saw what came before the fault and nothing of what came after it. */
function checkCalls(watcher: Observer, file: InvalidFile, sent: number): void {
  const before = (file.before ?? 0) * sent
  expect(watcher.calls.filter((call) => call.includes('smuggled'))).toEqual([])
  expect(watcher.completions).toBe(before)
  expect(watcher.calls.length).toBeGreaterThanOrEqual(before)
  expect(watcher.calls.length).toBeLessThanOrEqual(before + (file.called ? sent : 0))
}

/** Adds to a failure which file was sent how, and why it should have passed. */
function explain(file: ValidFile | InvalidFile, pieces: Pieces): (error: unknown) => Error {
  return (error) => {
    const how =
      pieces.length === 1
        ? 'whole'
        : pieces.length === 2
          ? `cut after byte ${pieces[0]!.length}`
          : 'byte by byte'
    const detail = error instanceof Error ? error.message : String(error)
    return new Error(`${file.name}, sent ${how}: ${detail} (${file.why})`)
  }
}
