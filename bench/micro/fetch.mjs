/**
 * What the fetch interface costs per request, without a server: CPU time of calls to its handle over
 * an exchange in memory that only keeps what it is given. `node bench/micro/fetch.mjs [rounds]`
 */
import { Hono } from 'hono'
import { FastResponse, fetchInterface, installFastResponse } from '../../dist/interface/fetch.js'

const ROUNDS = Number(process.argv[2] ?? 5)
const REQUESTS = 50_000
const BATCH = 64
const HEADERS = [
  ['host', 'localhost:8000'],
  ['user-agent', 'bench'],
  ['accept', '*/*'],
]
const context = { serverName: 'localhost', serverPort: '8000', multiprocess: false, waitUntil() {} }

let answered = 0

class BenchExchange {
  method = 'GET'
  target = '/'
  httpVersion = '1.1'
  scheme = 'http'
  remoteAddress = '127.0.0.1'
  remotePort = 50_000
  headerCount = HEADERS.length
  contentLength = 0
  aborted = false
  onAbort = undefined
  started = false
  finished = false

  header(name) {
    for (const field of HEADERS) if (field[0] === name) return field[1]
    return undefined
  }

  forEachHeader(visit) {
    for (const [name, value] of HEADERS) visit(name, value, 0)
  }

  respond(status, block, body) {
    if (status !== 200 || body.length !== 13 || block.length < 10) throw new Error('wrong answer')
    this.finished = true
    answered++
  }

  fail(error) {
    throw error
  }
}

const PlatformResponse = globalThis.Response
const init = { headers: { 'content-type': 'text/plain' } }
const honoWithHeader = () => {
  const app = new Hono()
  app.get('/', (c) => c.body('Hello, World!', 200, { 'content-type': 'text/plain' }))
  return app
}

const cases = {
  'the loop alone': () => (exchange) => exchange.respond(200, 'content-type', 'Hello, World!'),
  'fast Response, sync': () =>
    fetchInterface(
      () => new FastResponse('Hello, World!', { headers: { 'content-type': 'text/plain' } }),
      context,
    ),
  'fast Response, async': () =>
    fetchInterface(
      async () => new FastResponse('Hello, World!', { headers: { 'content-type': 'text/plain' } }),
      context,
    ),
  'fast Response, sync, reads method, url and a header': () =>
    fetchInterface((request) => {
      if (
        request.method !== 'GET' ||
        request.url.length < 5 ||
        request.headers.get('accept') === null
      )
        throw new Error('wrong request')
      return new FastResponse('Hello, World!', init)
    }, context),
  'platform Response': () =>
    fetchInterface(
      () => new PlatformResponse('Hello, World!', { headers: { 'content-type': 'text/plain' } }),
      context,
    ),
  'only new Response (platform)': () => (exchange) => {
    new PlatformResponse('Hello, World!', { headers: { 'content-type': 'text/plain' } })
    exchange.respond(200, 'content-type', 'Hello, World!')
  },
  'Hono, platform Response': () => fetchInterface(honoWithHeader(), context),
  'Hono, installFastResponse()': () => {
    installFastResponse()
    return fetchInterface(honoWithHeader(), context)
  },
}

/** Nanoseconds of CPU per request. */
async function measure(handle, requests) {
  answered = 0
  const before = process.cpuUsage()
  for (let done = 0; done < requests; done += BATCH) {
    for (let i = 0; i < BATCH; i++) handle(new BenchExchange())
    while (answered < done + BATCH) await new Promise(setImmediate)
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / answered
}

const results = new Map()
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, make] of Object.entries(cases)) {
    const handle = make()
    await measure(handle, REQUESTS / 10)
    results.set(name, [...(results.get(name) ?? []), await measure(handle, REQUESTS)])
    globalThis.Response = PlatformResponse
  }
}

console.log(`node ${process.version}, ns of CPU per request, median of ${ROUNDS}`)
for (const [name, times] of results) {
  const median = times.sort((a, b) => a - b)[times.length >> 1]
  console.log(`${median.toFixed(0).padStart(7)}  ${name}`)
}
