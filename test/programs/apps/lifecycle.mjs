// Closes, listens and counts as it is asked to, and prints what happens.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'

const note = (text) => console.log(`note: ${text}`)
const held = []
const ROUTES = {
  '/hold': (res) => held.push(res),
  '/count': (res) => server.getConnections((error, count) => res.end(`${error} ${count}`)),
  '/cut': (_res) => {
    for (const other of held) other.on('close', () => note('closed a response'))
    server.closeAllConnections()
  },
  '/close': (res) => {
    server.close((error) => note(`closed ${error} ${server.listening} ${server.address()}`))
    note(`closing ${server.listening}`)
    res.end('closing')
    // No request can tell it any more.
    const timer = setInterval(() => {
      if (!existsSync(process.argv[2])) return
      clearInterval(timer)
      for (const other of held.splice(0)) other.end('released')
    }, 10)
  },
  '/again': (res) => {
    server.close(() => {
      note('closed')
      server.listen(3001, () => note(`again ${server.listening} ${server.address().port > 0}`))
    })
    res.end('closing')
  },
  '/twice': (res) => {
    try {
      server.listen(3001)
    } catch (error) {
      res.end(error.code)
    }
  },
  '/dispose': async (res) => {
    res.end('disposing')
    await server[Symbol.asyncDispose]()
    note('disposed')
    server.close((error) => note(error.code))
  },
  '/unref': (res) => res.end(String(server.unref() === server && server.ref() === server)),
  '/idle': (res) => {
    server.closeIdleConnections()
    res.end('idle')
  },
  '/settings': (res) => {
    server.timeout = 1
    server.keepAliveTimeout = 1
    server.headersTimeout = 1
    server.requestTimeout = 1
    server.maxHeadersCount = 1
    server.maxRequestsPerSocket = 1
    server.setTimeout(1, () => note('timeout'))
    setTimeout(() => res.end(`${server.timeout} ${server.keepAliveTimeout}`), 20)
  },
}
const server = createServer((req, res) => ROUTES[req.url](res))
server.on('close', () => note('close'))
server.on('connection', () => note('connection'))
server.listen(3000)
