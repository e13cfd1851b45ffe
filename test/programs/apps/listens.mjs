// Listens by the signature that its argument names, and answers with what happened in which order.
import { createServer } from 'node:http'

const order = []
const seen = (name) => () => order.push(`${name} ${server.listening}`)
const server = createServer((_req, res) =>
  res.end(JSON.stringify({ order, address: server.address() })),
)
const callback = seen('callback')
const SIGNATURES = {
  nothing: () => server.listen(),
  callback: () => server.listen(callback),
  port: () => server.listen(3000),
  text: () => server.listen('3000', callback),
  host: () => server.listen(3000, 'localhost', callback),
  backlog: () => server.listen(3000, '127.0.0.1', 17, callback),
  options: () => server.listen({ port: 3000, host: '127.0.0.1', backlog: 17 }, callback),
  signal: () => server.listen({ port: 3000, signal: new AbortController().signal }, callback),
  path: () => server.listen('/nowhere/program.sock', callback),
  modes: () => server.listen({ path: '/nowhere/program.sock', readableAll: true }, callback),
  descriptor: () => server.listen({ fd: 99 }, callback),
  wrong: () => server.listen({ port: 70_000 }),
}
server.once('listening', seen('listening'))
SIGNATURES[process.argv[2]]()
seen('returned')()
