// The node interface alone: CPU per request of small listeners over an exchange that drops what it
// is given, beside `node:http` over loopback. Run: npm run build:ts && node bench/micro/node.mjs
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

const { nodeInterface } = await import(
  new URL(
    './interface/node.js',
    process.env.MONODON_DIST ?? new URL('../../dist/', import.meta.url),
  )
)

const context = { serverName: '', serverPort: '', multiprocess: false, waitUntil() {} }
const FIELDS = [
  ['host', '127.0.0.1:8000'],
  ['user-agent', 'bench'],
  ['accept', '*/*'],
]

/** An exchange of a GET; answers are dropped. */
class Sink {
  method = 'GET'
  target = '/'
  httpVersion = '1.1'
  scheme = 'http'
  remoteAddress = '127.0.0.1'
  remotePort = 1
  headerCount = FIELDS.length
  contentLength = 0
  aborted = false
  onAbort = undefined
  started = false
  finished = false
  forEachHeader(visit) {
    for (const [name, value] of FIELDS) visit(name, value, 0)
  }
  respond() {
    this.started = this.finished = true
  }
  start() {
    this.started = true
  }
  write() {
    return true
  }
  released() {}
  end() {
    this.finished = true
  }
  fail(error) {
    throw error
  }
}

const listeners = {
  hello(_req, res) {
    res.setHeader('content-type', 'text/plain')
    res.end('Hello')
  },
  writeHead(_req, res) {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': '5' })
    res.end('Hello')
  },
  headers(req, res) {
    res.setHeader('content-type', 'text/plain')
    res.end(req.headers.host)
  },
  listening(req, res) {
    req.on('close', noop)
    res.on('finish', noop)
    res.setHeader('content-type', 'text/plain')
    res.end('Hello')
  },
}
function noop() {}

/** Batches as the bridge makes them: up to 64 requests, then the tick queue. */
async function measure(listener, requests) {
  const handle = nodeInterface(listener, context)
  for (let done = 0; done < requests; done += 64) {
    for (let at = 0; at < 64; at++) handle(new Sink())
    await new Promise(setImmediate)
  }
}

async function interfaceCosts() {
  for (const [name, listener] of Object.entries(listeners)) {
    await measure(listener, 200_000)
    const rounds = []
    for (let round = 0; round < 5; round++) {
      const before = process.cpuUsage()
      await measure(listener, 400_000)
      const { user, system } = process.cpuUsage(before)
      rounds.push(((user + system) * 1000) / 400_000)
    }
    rounds.sort((a, b) => a - b)
    console.log(`${name.padEnd(10)} ${rounds[2].toFixed(0).padStart(7)} ns/request`)
  }
}

/** `node:http` needs its socket: so this includes it, as the server's users pay for it too. */
async function nodeHttpCost() {
  const server = createServer(listeners.hello).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = spawn(process.execPath, [fileURLToPath(import.meta.url), 'load'], {
    env: { ...process.env, PORT: String(server.address().port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  let requests = 0
  server.on('request', () => requests++)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const [before, from] = [process.cpuUsage(), requests]
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const { user, system } = process.cpuUsage(before)
  const each = ((user + system) * 1000) / (requests - from)
  console.log(`node:http  ${each.toFixed(0).padStart(7)} ns/request (hello, with its sockets)`)
  client.kill()
  server.closeAllConnections()
  server.close()
}

/** 32 connections, one request at a time on each. */
function load(port) {
  for (let at = 0; at < 32; at++) {
    const socket = connect(port, '127.0.0.1')
    const ask = () => socket.write('GET / HTTP/1.1\r\nhost: 127.0.0.1:8000\r\naccept: */*\r\n\r\n')
    socket.on('connect', ask)
    socket.on('data', ask)
    socket.on('error', () => process.exit())
  }
}

if (process.argv[2] === 'load') load(Number(process.env.PORT))
else {
  await interfaceCosts()
  await nodeHttpCost()
}
