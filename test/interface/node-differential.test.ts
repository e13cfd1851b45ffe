import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { nodeInterface } from '../../lib/interface/node.ts'
import { FakeExchange } from '../support/fake-exchange.ts'
import { context } from '../support/node-context.ts'
import { type Case, cases } from './node-cases.ts'

interface Outcome {
  status: number | undefined
  headers: string[]
  body: string
  log: unknown[]
}

/** Fields that belong to the connection, which is native code's. */
const OF_THE_CONNECTION = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])

/** Time for events that follow the response. */
const SETTLE_MS = 50
/** Turns of the event loop for them: in each it looks at its sockets, however late it is. */
const SETTLE_TURNS = 5

/** Waits until nothing more is logged. */
async function settled(log: readonly unknown[]): Promise<void> {
  let before: number
  do {
    before = log.length
    await sleep(SETTLE_MS)
    for (let turn = 0; turn < SETTLE_TURNS; turn++) await immediate()
  } while (log.length > before)
}

function lines(fields: Iterable<readonly [string, string]>): string[] {
  const kept: string[] = []
  for (const [name, value] of fields)
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) kept.push(`${name.toLowerCase()}: ${value}`)
  return kept
}

// -- node:http

async function onNode(test: Case): Promise<Outcome> {
  const log: unknown[] = []
  let socket: Socket | undefined
  const server = createServer((req, res) =>
    test.listener(req, res, (entry) => {
      log.push(entry)
      if (test.leaves && entry === 'leave') setImmediate(() => socket?.destroy())
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let received = ''
  socket = connect(port, '127.0.0.1').setEncoding('latin1')
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => undefined)
  const over = new Promise((resolve) => socket?.once('close', resolve))
  socket.write(head(test), 'latin1')
  for (const chunk of test.body ?? []) {
    await sleep(2)
    const bytes = Buffer.from(chunk)
    socket.write(`${bytes.length.toString(16)}\r\n`)
    socket.write(bytes)
    socket.write('\r\n')
  }
  if (test.body !== undefined && !test.open) socket.write('0\r\n\r\n')
  await over
  await settled(log)
  server.closeAllConnections()
  server.close()
  return { ...parse(received, test.method === 'HEAD'), log }
}

function head(test: Case): string {
  let text = `${test.method ?? 'GET'} ${test.target ?? '/'} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
  if (test.body !== undefined) text += 'Transfer-Encoding: chunked\r\n'
  for (const [name, value] of test.headers ?? []) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

function parse(received: string, isHead: boolean): Omit<Outcome, 'log'> {
  const end = received.indexOf('\r\n\r\n')
  if (end === -1) return { status: undefined, headers: [], body: '' }
  const [statusLine = '', ...fieldLines] = received.slice(0, end).split('\r\n')
  const fields = fieldLines.map((line): [string, string] => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
  const raw = received.slice(end + 4)
  const chunked = fields.some(([name]) => name.toLowerCase() === 'transfer-encoding')
  const bytes = isHead ? '' : chunked ? dechunk(raw) : raw
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: lines(fields),
    body: Buffer.from(bytes, 'latin1').toString(),
  }
}

/** The chunks' bytes, and trailers as `name: value` lines behind a `|`. */
function dechunk(raw: string): string {
  let body = ''
  for (let at = 0; at < raw.length; ) {
    const eol = raw.indexOf('\r\n', at)
    const size = Number.parseInt(raw.slice(at, eol), 16)
    if (size === 0) {
      const trailers = raw.slice(eol + 2).trim()
      return trailers === '' ? body : `${body}|${trailers.toLowerCase()}`
    }
    body += raw.slice(eol + 2, eol + 2 + size)
    at = eol + 2 + size + 2
  }
  return body
}

// -- the node interface

async function onMonodon(test: Case): Promise<Outcome> {
  const log: unknown[] = []
  const chunks = test.body ?? []
  const exchange = new FakeExchange({
    method: test.method ?? 'GET',
    target: test.target ?? '/',
    headers: [
      ['host', 'x'],
      ['connection', 'close'],
      ...(test.body === undefined ? [] : [['transfer-encoding', 'chunked'] as const]),
      ...(test.headers ?? []),
    ],
    open: test.body !== undefined,
  })
  const handle = nodeInterface((req: IncomingMessage, res: ServerResponse) => {
    return test.listener(req, res, (entry) => {
      log.push(entry)
      if (test.leaves && entry === 'leave') setImmediate(() => exchange.abort())
    })
  }, context())
  handle(exchange)
  for (const chunk of chunks) {
    await sleep(2)
    exchange.push(chunk)
  }
  if (test.body !== undefined && !test.open) exchange.finishBody()
  await exchange.over
  await settled(log)
  return { ...given(exchange), log }
}

/** What the interface gave to native code. */
function given(exchange: FakeExchange): Omit<Outcome, 'log'> {
  const headers = lines(exchange.responseHeaders)
  let body = exchange.text
  const last = exchange.calls.at(-1)
  if (last?.call === 'end' && last.trailers.length > 0)
    body += `|${lines(last.trailers).join('\r\n').toLowerCase()}`
  return { status: exchange.status, headers, body: exchange.method === 'HEAD' ? '' : body }
}

/** Native code adds a Content-Length that equals the body's: not the interface's to give. */
function withoutAddedLength(expected: Outcome, actual: Outcome): Outcome {
  const added = `content-length: ${Buffer.byteLength(expected.body)}`
  if (actual.headers.includes(added)) return expected
  return { ...expected, headers: expected.headers.filter((line) => line !== added) }
}

describe('the node interface does what node:http does', () => {
  for (const test of cases)
    it.concurrent(test.name, async () => {
      const [expected, actual] = await Promise.all([onNode(test), onMonodon(test)])
      // A client that left got what had come by then.
      if (test.leaves) expect(actual.log).toEqual(expected.log)
      else expect(actual).toEqual(withoutAddedLength(expected, actual))
    })
})
