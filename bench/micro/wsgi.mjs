/**
 * What the wsgi interface costs, without bridge, network and app: CPU time per request over an
 * exchange in memory. `node bench/micro/wsgi.mjs [--json]` after `npm run build:ts`.
 *
 * "exchange" is the cost of the fake exchange alone; subtract it from the others.
 */
import { HEADER_CODES } from '../../dist/bridge/layout.js'
import { wsgi } from '../../dist/interface/wsgi.js'

const REQUESTS = 200_000
const ROUNDS = 7

const BROWSER = [
  ['host', 'example.com'],
  ['connection', 'keep-alive'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['accept-language', 'en-US,en;q=0.5'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['cookie', 'session=0123456789abcdef'],
  ['cache-control', 'max-age=0'],
].map(([name, value]) => ({ name, value, code: HEADER_CODES.get(name) ?? 0 }))
const LOAD = BROWSER.slice(0, 3)
const CUSTOM = [
  ...BROWSER,
  { name: 'x-tenant', value: 'a', code: 0 },
  { name: 'x-trace', value: 'b', code: 0 },
]

class MemoryExchange {
  method = 'GET'
  target = '/hello?name=world'
  httpVersion = '1.1'
  scheme = 'http'
  remoteAddress = '127.0.0.1'
  remotePort = 50123
  contentLength = 0
  aborted = false
  onAbort = undefined
  started = false
  finished = false
  status = 0
  constructor(fields) {
    this.fields = fields
    this.headerCount = fields.length
  }
  forEachHeader(visit) {
    for (const field of this.fields) visit(field.name, field.value, field.code)
  }
  respond(status) {
    this.status = status
    this.finished = true
  }
  start(status) {
    this.status = status
    this.started = true
  }
  write() {
    return true
  }
  drained() {
    return Promise.resolve()
  }
  released() {
    return undefined
  }
  end() {
    this.finished = true
  }
  fail(error) {
    throw error
  }
}

const context = {
  serverName: '127.0.0.1',
  serverPort: '8000',
  multiprocess: false,
  waitUntil: () => {},
}
const BODY = new TextEncoder().encode('Hello, World!')
const HEADERS = [['Content-Type', 'text/plain']]

const sync = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']])
  return ['Hello, World!']
}
const CASES = {
  exchange: [BROWSER, undefined],
  'string, 3 fields': [LOAD, sync],
  'string, 8 fields': [BROWSER, sync],
  'string, 10 fields, 2 custom': [CUSTOM, sync],
  'bytes, constant headers': [
    BROWSER,
    (_environ, startResponse) => {
      startResponse('200 OK', HEADERS)
      return [BODY]
    },
  ],
  'own content-length, changing': [
    BROWSER,
    (() => {
      let length = 0
      return (_environ, startResponse) => {
        length = (length + 1) % 1000
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['Content-Length', String(length + 13)],
        ])
        return ['Hello, World!'.padEnd(length + 13)]
      }
    })(),
  ],
  'generator of one chunk': [
    BROWSER,
    function* (_environ, startResponse) {
      startResponse('200 OK', HEADERS)
      yield 'Hello, World!'
    },
  ],
  'async function': [BROWSER, async (environ, startResponse) => sync(environ, startResponse)],
  'signal touched': [
    BROWSER,
    (environ, startResponse) =>
      environ['monodon.signal'].aborted ? [] : sync(environ, startResponse),
  ],
}

/** A batch at a time, as the bridge does, so that promises settle in between. */
async function run(handle, fields) {
  const before = process.cpuUsage()
  for (let done = 0; done < REQUESTS; done += 64) {
    for (let at = 0; at < 64; at += 1) {
      const exchange = new MemoryExchange(fields)
      if (handle === undefined) exchange.respond(200)
      else handle(exchange)
    }
    await null
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / REQUESTS
}

const results = {}
for (const [name, [fields, app]] of Object.entries(CASES)) {
  const handle = app && wsgi(app, context)
  const rounds = []
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await run(handle, fields))
  results[name] = Math.round(rounds.slice(2).sort((a, b) => a - b)[Math.floor((ROUNDS - 2) / 2)])
}
if (process.argv.includes('--json'))
  console.log(JSON.stringify({ unit: 'ns CPU per request', results }))
else for (const [name, ns] of Object.entries(results)) console.log(`${name.padEnd(32)}${ns} ns`)
