// What a hello of Express, Koa and Fastify costs the JavaScript thread on node:http and on monodon,
// as microseconds of processor time per request, and requests/s. Rounds take turns: compare the
// ratios of one run. Run: npm run build:ts && node bench/micro/frameworks.mjs [express koa fastify]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { threadTimes } from '../proc.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 7)
const REQUESTS = 20_000
const CONNECTIONS = 64
const REQUEST =
  'GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n'
const HERE = fileURLToPath(import.meta.url)

const frameworks = createRequire(new URL('../../test/frameworks/package.json', import.meta.url))

const APPS = {
  bare: () => (_req, res) => {
    res.setHeader('content-type', 'text/plain')
    res.end('Hello')
  },
  express() {
    const app = frameworks('express')()
    app.get('/hello', (_req, res) => res.type('text').send('Hello'))
    return app
  },
  koa() {
    const app = new (frameworks('koa'))()
    app.use((ctx) => {
      ctx.body = 'Hello'
    })
    return app
  },
  fastify() {
    const app = frameworks('fastify')()
    app.get('/hello', (_request, reply) => reply.type('text/plain').send('Hello'))
    return app
  },
}

async function listenOnNode(app) {
  if (app.routing !== undefined) {
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server.address().port
  }
  const server = createServer(typeof app === 'function' ? app : app.callback()).listen(0)
  await once(server, 'listening')
  return server.address().port
}

async function listenOnMonodon(app) {
  const dist = process.env.MONODON_DIST ?? new URL('../../dist/', import.meta.url)
  const { serve } = await import(new URL('./index.js', dist))
  return (await serve(app, { bind: '127.0.0.1:0', interface: 'node' })).address.port
}

async function server(name, kind) {
  const app = APPS[name]()
  process.send(await (kind === 'node:http' ? listenOnNode(app) : listenOnMonodon(app)))
}

/** Sends requests, one at a time on each connection, and tells how long they took. */
function load() {
  process.on('message', ({ port, requests }) => {
    let left = requests
    let open = CONNECTIONS
    const from = performance.now()
    for (let at = 0; at < CONNECTIONS; at++) {
      const socket = connect(port, '127.0.0.1')
      const next = () => {
        if (left-- > 0) socket.write(REQUEST)
        else socket.destroy()
      }
      socket.on('connect', next)
      socket.on('data', next)
      socket.on('close', () => {
        if (--open === 0) process.send(performance.now() - from)
      })
    }
  })
}

function mainTime(pid) {
  let sum = 0
  for (const { time, js } of threadTimes(pid, 'main').values()) if (js) sum += time
  return sum
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

async function measure(client, { child, port }) {
  const before = mainTime(child.pid)
  client.send({ port, requests: REQUESTS })
  const [ms] = await once(client, 'message')
  return { us: (mainTime(child.pid) - before) / REQUESTS / 1000, rate: (REQUESTS / ms) * 1000 }
}

async function start(name, kind) {
  const child = fork(HERE, ['server', name, kind])
  const [port] = await once(child, 'message')
  return { child, port }
}

async function compare(name, client) {
  const kinds = ['node:http', 'monodon']
  const servers = await Promise.all(kinds.map((kind) => start(name, kind)))
  const rounds = []
  for (let round = -2; round < ROUNDS; round++) {
    const figures = []
    for (const one of servers) figures.push(await measure(client, one))
    if (round >= 0) rounds.push(figures)
  }
  for (const { child } of servers) child.kill()
  const of = (figure) => median(rounds.map(figure)).toFixed(2)
  console.log(
    `${name.padEnd(8)} us/request ${of(([a]) => a.us)} -> ${of(([, b]) => b.us)}: ` +
      `${of(([a, b]) => b.us / a.us)} of node:http; requests/s ${of(([a, b]) => b.rate / a.rate)} times`,
  )
}

const [role, ...rest] = process.argv.slice(2)
if (role === 'server') await server(...rest)
else if (role === 'load') load()
else {
  const client = fork(HERE, ['load'])
  for (const name of role === undefined ? Object.keys(APPS) : [role, ...rest])
    await compare(name, client)
  client.kill()
}
