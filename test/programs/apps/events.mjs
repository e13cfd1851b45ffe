// Listeners of all kinds on one server.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, Server } from 'node:http'

// As tools that watch programs do.
const { emit } = Server.prototype
Server.prototype.emit = function (event, ...args) {
  if (event === 'request') args[0].traced = true
  return emit.call(this, event, ...args)
}

const storage = new AsyncLocalStorage()
const server = createServer()
server.on('request', (req) => {
  req.order = ['first']
})
server.listen(3000, () => {
  server.on('request', async (req, res) => {
    req.order.push('second')
    const { pathname } = new URL(req.url, 'http://localhost')
    if (pathname === '/throw') throw new RangeError('rejected')
    if (pathname === '/socket')
      res.end(String(req.socket.server === server && res.socket.server === server))
    else if (pathname === '/store') storage.run('stored', () => res.end(storage.getStore()))
    else res.end(JSON.stringify({ order: req.order, traced: req.traced }))
  })
})
server.prependListener('request', (req) => {
  if (req.url === '/throw-at-once') throw new RangeError('thrown')
  if (req.url === '/again') {
    req.url = '/store'
  }
})
server.on('clientError', () => console.log('note: clientError'))
server.on('checkExpectation', () => console.log('note: checkExpectation'))
if (process.argv[2] === 'continue')
  server.on('checkContinue', (req, res) => {
    if (req.headers['x-refuse']) {
      res.writeHead(413, { connection: 'close' })
      res.end('too much')
      return
    }
    res.writeContinue()
    req.setEncoding('utf8')
    let body = ''
    req.on('data', (text) => {
      body += text
    })
    req.on('end', () => res.end(`continued ${body}`))
  })
