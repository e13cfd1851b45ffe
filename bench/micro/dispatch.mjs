// What TypeScript spends on a request, from `take` to `submit`, for each interface: the real
// dispatch over a port that plays the same batch again and again. No sockets, no native code.
import { Dispatch } from '../../dist/bridge/dispatch.js'
import { encodeHeader } from '../../dist/bridge/header-block.js'
import { BATCH_BYTES, KIND, METHODS, OUTBOUND_BYTES, REQUEST } from '../../dist/bridge/layout.js'
import { Response } from '../../dist/index.js'
import { prepare } from '../../dist/worker/interfaces.js'

const ROUNDS = 15
const REQUESTS = 200_000
const BATCH = 64

const fields = { host: '127.0.0.1:8000', 'user-agent': 'bench/1.0', accept: '*/*' }

/** Writes one `request` record; gives where the next begins. */
function request(words, bytes, at, id) {
  const target = '/'
  const address = '127.0.0.1'
  const block = Object.entries(fields)
    .map(([name, value]) => encodeHeader(name, value))
    .join('')
  const text = address + target + block
  const word = at / 4
  const end = at + REQUEST.bytes * 4 + bytes.write(text, at + REQUEST.bytes * 4, 'latin1')
  const next = (end + 3) & ~3
  words[word] = next - at
  words[word + 1] = KIND.request | ((METHODS.indexOf('GET') | (11 << 8)) << 16)
  words[word + 2] = id
  words[word + REQUEST.targetAndFields] = target.length | (Object.keys(fields).length << 16)
  words[word + REQUEST.headerBytes] = block.length
  words[word + REQUEST.bodyBytes] = 0
  words[word + REQUEST.lengthLow] = 0
  words[word + REQUEST.lengthHigh] = 0
  words[word + REQUEST.peer] = 50000 | (address.length << 16)
  return next
}

/** A port that gives `REQUESTS` requests each time it is rung. */
function fakePort() {
  const inbound = new ArrayBuffer(BATCH_BYTES)
  const outbound = new ArrayBuffer(OUTBOUND_BYTES)
  const bytes = Buffer.from(inbound)
  const words = new Uint32Array(inbound)
  let at = 0
  for (let id = 0; id < BATCH; id++) at = request(words, bytes, at, id)
  const port = {
    index: 0,
    inbound,
    outbound: () => outbound,
    left: 0,
    answered: 0,
    take: (most) => {
      const count = Math.min(most, BATCH, port.left)
      port.left -= count
      return count
    },
    lends: true,
    submit: (_, records) => {
      port.answered += records
    },
    detach: () => {},
  }
  return port
}

async function measure(name, app, kind) {
  const port = fakePort()
  let ring
  const { handle } = prepare(app, kind, {
    serverName: 'localhost',
    serverPort: '80',
    multiprocess: false,
    waitUntil: () => {},
  })
  new Dispatch(
    (bell) => {
      ring = bell
      return port
    },
    handle,
    { dev: false },
  )
  const figures = []
  for (let round = 0; round < ROUNDS; round++) {
    port.left = REQUESTS
    port.answered = 0
    const before = process.cpuUsage()
    ring()
    while (port.answered < REQUESTS) await new Promise((resolve) => setImmediate(resolve))
    const { user, system } = process.cpuUsage(before)
    figures.push(((user + system) * 1000) / REQUESTS)
  }
  figures.sort((a, b) => a - b)
  console.log(
    `${name.padEnd(24)} best ${figures[0].toFixed(0).padStart(6)} ns  median ${figures[ROUNDS >> 1].toFixed(0).padStart(6)} ns`,
  )
}

const init = { headers: { 'content-type': 'text/plain' } }
const only = process.argv[2]
const cases = [
  ['fetch sync', () => new Response('Hello, World!', init), 'fetch'],
  [
    'fetch sync, url',
    (request) => new Response(request.url.length > 1 ? 'Hello, World!' : '', init),
    'fetch',
  ],
  ['fetch async', async () => new Response('Hello, World!', init), 'fetch'],
  [
    'wsgi',
    (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return ['Hello, World!']
    },
    'wsgi',
  ],
  [
    'node',
    (_req, res) => {
      res.setHeader('content-type', 'text/plain')
      res.end('Hello, World!')
    },
    'node',
  ],
]
for (const [name, app, kind] of cases)
  if (only === undefined || name === only) await measure(name, app, kind)
